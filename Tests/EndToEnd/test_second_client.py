"""The authorization server, by a second OpenID Connect library that shares no code with the first: idpyoidc, as it is, configured."""
from urllib.parse import parse_qsl, urlparse

import pytest
import requests
from cryptojwt.jwk.ec import ECKey, import_private_ec_key_from_file
from cryptojwt.key_bundle import KeyBundle
from cryptojwt.key_jar import KeyJar
from idpyoidc.client.oauth2.stand_alone_client import StandAloneClient

from harness import ALICE, BOB, IDENTIFIER, PURPOSE, TYPE, Visit

SERVICES = {name: {"class": f"idpyoidc.client.{module}"} for name, module in {
    "server_metadata": "oauth2.server_metadata.ServerMetadata", "provider_info": "oidc.provider_info_discovery.ProviderInfoDiscovery",
    "authorization": "oidc.authorization.Authorization", "accesstoken": "oidc.access_token.AccessToken",
    "refresh_token": "oidc.refresh_access_token.RefreshAccessToken",
    "client_credentials": "oauth2.client_credentials.CCAccessTokenRequest"}.items()}
# How each request authenticates. The library's own assertions live ten minutes; the profile allows five (item 66).
AUTHENTICATION = {"authn_method": "private_key_jwt", "algorithm": "ES256", "lifetime": 120}


def client(demo):
    """A relying party that knows its registration and the issuer."""
    registration = demo.clients["demo-all"]
    key = ECKey(kid=registration["kid"], use="sig", alg="ES256").load_key(
        import_private_ec_key_from_file(registration["private_key"]))
    bundle, keys = KeyBundle(), KeyJar()
    bundle.append(key)
    keys.add_kb("", bundle)
    return StandAloneClient(keyjar=keys, services=SERVICES, config={
        "client_id": "demo-all", "client_type": "oidc", "issuer": demo.issuer, "base_url": registration["redirect_uris"][0],
        "redirect_uris": registration["redirect_uris"][:1], "response_types_supported": ["code"],
        "client_authn_methods": ["private_key_jwt"], "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"], "id_token_signing_alg_values_supported": ["ES256"],
        "subject_types_supported": ["pairwise"],
        "add_ons": {"pkce": {"function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                             "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"}}}})


def ready(demo):
    """The same when it has found out the rest, from the document of RFC 8414; the first test says why not from the other."""
    party = client(demo)
    party.do_request("server_metadata")
    party.get_context().map_supported_to_preferred(info=party.get_context().provider_info)
    party.do_client_registration()
    return party


def answered(demo, party, number, scope):
    """Sends a person's browser where the library says; gives what the library makes of the answer."""
    browser = requests.Session()
    page = browser.get(party.init_authorization(req_args={"scope": scope}), headers={"x-network-msisdn": number}, timeout=5)
    answer = Visit(demo, browser, page, None, {"redirect_uri": demo.clients["demo-all"]["redirect_uris"][0]}).decide("allow").answer
    return party.finalize_auth(dict(parse_qsl(urlparse(answer.headers["location"]).query)))


def redeemed(party, answer):
    state = answer["state"]
    held = party.get_context().cstate.get_set(state, claim=["code", "redirect_uri"])
    return party.do_request("accesstoken", request_args=held | {"state": state, "grant_type": "authorization_code"}, state=state,
                            **AUTHENTICATION)


def test_it_takes_the_document_of_openid_connect_discovery(demo):
    assert client(demo).do_provider_info() == demo.issuer


def test_it_finds_everything_by_discovery(demo):
    party = ready(demo)
    assert party.get_context().provider_info["token_endpoint"] == demo.issuer + "/token"
    assert party.get_service("authorization").endpoint == demo.issuer + "/authorize"


def test_it_does_the_whole_code_flow_with_pkce_and_verifies_the_id_token(demo):
    party = ready(demo)
    answer = answered(demo, party, ALICE, ["openid", PURPOSE, IDENTIFIER])
    assert answer["code"] and answer["iss"] == demo.issuer, answer
    tokens = redeemed(party, answer)
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] <= 300, tokens
    # Verified by the library: signature, issuer, audience, times, and that the nonce is the one that it sent.
    claims = tokens["__verified_id_token"]
    assert (claims["iss"], claims["aud"]) == (demo.issuer, ["demo-all"]) and claims["amr"] == ["nba"]
    called = demo.call(tokens["access_token"])
    assert called.status_code == 200 and "imei" in called.json()


def test_it_refreshes(demo):
    party = ready(demo)
    answer = answered(demo, party, BOB, ["openid", "offline_access", PURPOSE, IDENTIFIER, TYPE])
    first = redeemed(party, answer)
    second = party.do_request("refresh_token", state=answer["state"], request_args={"grant_type": "refresh_token"}, **AUTHENTICATION)
    assert second["refresh_token"] != first["refresh_token"]
    assert demo.call(second["access_token"]).status_code == 200
    # Rotated in the library's own memory too: the next one works, the first is used up and ends them all.
    third = party.do_request("refresh_token", state=answer["state"], request_args={"grant_type": "refresh_token"}, **AUTHENTICATION)
    assert demo.call(third["access_token"]).status_code == 200
    again = party.do_request("refresh_token", request_args={"grant_type": "refresh_token", "refresh_token": first["refresh_token"]},
                             state=answer["state"], **AUTHENTICATION)
    assert again["error"] == "invalid_grant" and demo.call(third["access_token"]).status_code == 401


def test_it_asks_for_a_token_of_its_own(demo):
    tokens = ready(demo).do_request("client_credentials", request_args={"grant_type": "client_credentials", "scope": [PURPOSE, TYPE]},
                                     **AUTHENTICATION)
    assert tokens["access_token"] and "refresh_token" not in tokens


def test_its_own_assertions_live_too_long_for_the_profile(demo):
    tokens = ready(demo).do_request("client_credentials", request_args={"grant_type": "client_credentials", "scope": [PURPOSE, TYPE]},
                                     **{k: v for k, v in AUTHENTICATION.items() if k != "lifetime"})
    assert tokens["error"] == "invalid_client"
