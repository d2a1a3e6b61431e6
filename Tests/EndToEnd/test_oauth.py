"""The authorization server, by a stock OAuth library and by hand."""
import time

import pytest
import requests
from authlib.integrations.requests_client import AssertionSession, OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from harness import ALICE, BOB, CAROL, IDENTIFIER, PURPOSE, TYPE, Visit, refused


def session(demo, client_id="demo-all", **options):
    client = demo.clients[client_id]
    oauth = OAuth2Session(client_id, ECKey.import_key(open(client["private_key"]).read()), token_endpoint_auth_method="private_key_jwt",
                          redirect_uri=client["redirect_uris"][0], code_challenge_method="S256", **options)
    # The profile allows an assertion 300 s of life; Authlib's own default is an hour.
    oauth.register_client_auth_method(PrivateKeyJWT(demo.issuer + "/token", claims={"exp": int(time.time()) + 120}, alg="ES256",
                                                    headers={"kid": client["kid"]}))
    return oauth


def test_authlib_does_the_whole_flow_unmodified(demo):
    metadata = requests.get(demo.description["discovery"], timeout=5).json()
    oauth = session(demo, scope=f"openid {PURPOSE} {IDENTIFIER}")
    verifier = "v" * 64
    address, state = oauth.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce="n-0S6")
    browser = requests.Session()
    page = browser.get(address, headers={"x-network-msisdn": ALICE}, timeout=5)
    answer = Visit(demo, browser, page, verifier, {"redirect_uri": oauth.redirect_uri}).decide("allow").answer
    token = oauth.fetch_token(metadata["token_endpoint"], authorization_response=answer.headers["location"], state=state,
                              code_verifier=verifier)
    assert token["token_type"] == "Bearer" and token["expires_in"] <= 300
    answer = oauth.post(demo.issuer + "/device-identifier/v0.3/retrieve-identifier", json={})
    assert answer.status_code == 200 and "imei" in answer.json()
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=5).json())
    claims = jwt.decode(token["id_token"], keys).claims
    assert claims["iss"] == demo.issuer and claims["aud"] == "demo-all" and claims["nonce"] == "n-0S6"


def test_authlib_does_client_credentials(demo):
    token = session(demo).fetch_token(demo.issuer + "/token", grant_type="client_credentials", scope=f"{PURPOSE} {TYPE}")
    assert token["access_token"]


def test_authlib_refreshes(demo):
    scope = f"openid offline_access {PURPOSE} {IDENTIFIER} {TYPE}"
    oauth, address = session(demo, scope=scope), demo.issuer + "/token"
    verifier = "v" * 64
    where, state = oauth.create_authorization_url(demo.issuer + "/authorize", code_verifier=verifier)
    browser = requests.Session()
    page = browser.get(where, headers={"x-network-msisdn": CAROL}, timeout=5)
    answer = Visit(demo, browser, page, verifier, {"redirect_uri": oauth.redirect_uri}).decide("allow").answer
    first = oauth.fetch_token(address, authorization_response=answer.headers["location"], state=state, code_verifier=verifier)
    second = session(demo, token=dict(first)).refresh_token(address)
    assert second["refresh_token"] != first["refresh_token"]
    assert demo.call(second["access_token"]).status_code == 200


def test_authlib_names_a_subscriber_in_an_assertion_of_its_own(demo):
    demo.token(ALICE)
    client, now = demo.clients["demo-all"], int(time.time())
    oauth = AssertionSession(demo.issuer + "/token", "demo-all", f"tel:{ALICE}", claims={"scope": f"{PURPOSE} {IDENTIFIER}"},
                             key=ECKey.import_key(open(client["private_key"]).read()), header={"alg": "ES256", "kid": client["kid"]},
                             issued_at=now, expires_at=now + 120)
    answer = oauth.post(demo.issuer + "/device-identifier/v0.3/retrieve-identifier", json={})
    assert answer.status_code == 200 and "imei" in answer.json()
    assert "refresh_token" not in oauth.token and oauth.token["expires_in"] <= 120


def test_the_access_token_is_a_jwt_that_says_nothing_of_the_subscriber(demo):
    keys = KeySet.import_key_set(requests.get(demo.issuer + "/jwks", timeout=5).json())
    tokens = [demo.token(ALICE), demo.token(ALICE), demo.token(ALICE, (TYPE,), "demo-few")]
    decoded = [jwt.decode(token, keys) for token in tokens]
    for token in decoded:
        assert token.header["typ"] == "at+jwt" and token.header["alg"] == "ES256"
        for claim in ("iss", "aud", "exp", "iat", "jti", "sub", "client_id", "scope"):
            assert claim in token.claims
        assert ALICE[1:] not in str(token.claims) and ALICE[4:] not in str(token.claims)
    assert decoded[0].claims["sub"] == decoded[1].claims["sub"] != decoded[2].claims["sub"]


def test_a_code_is_good_once_and_its_second_use_ends_the_token(demo):
    visit = demo.authorize(BOB)
    visit = visit.decide("allow") if visit.answer.status_code == 200 else visit
    first = visit.redeem()
    assert first.status_code == 200
    assert demo.call(first.json()["access_token"]).status_code == 200
    second = visit.redeem()
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    refused(demo.call(first.json()["access_token"]), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("changes", [{"code_verifier": "x" * 43}, {"redirect_uri": "http://localhost:8090/callback"}, {"code": "x"}])
def test_a_code_is_bound_to_its_request(demo, changes):
    demo.token(BOB)
    answer = demo.authorize(BOB).redeem(**changes)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("scope, error", [
    (f"{PURPOSE}", None), ("x:y", "invalid_scope"), (f"{PURPOSE} dpv:Marketing {TYPE}", "invalid_scope"),
    (f"dpv:NoSuchPurpose {TYPE}", "invalid_scope"), (TYPE, "invalid_scope"), (f"dpv:Marketing {TYPE}", "invalid_scope"),
    ("", "invalid_scope")])
def test_client_credentials_want_a_purpose_that_allows_them(demo, scope, error):
    answer = demo.client_credentials(scope)
    if error:
        assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("query, error", [
    ({"scope": f"openid {IDENTIFIER}"}, "invalid_scope"), ({"scope": f"openid {PURPOSE} dpv:Marketing {IDENTIFIER}"}, "invalid_scope"),
    ({"scope": f"openid {PURPOSE} no:such"}, "invalid_scope"), ({"response_type": "token"}, "unsupported_response_type"),
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"), ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"prompt": "none login"}, "invalid_request"), ({"request_uri": "https://example.com/x"}, "request_uri_not_supported")])
def test_a_wrong_authorization_request_goes_back_with_its_error(demo, query, error):
    result = demo.authorize(ALICE, **query).result
    assert result["error"] == error and result["iss"] == demo.issuer and "state" in result


@pytest.mark.parametrize("query", [{"redirect_uri": "https://evil.example/callback"}, {"client_id": "nobody"}, {"redirect_uri": None}])
def test_a_wrong_client_or_address_is_never_redirected(demo, query):
    parameters = {k: v for k, v in query.items() if k != "client_id"}
    answer = requests.get(demo.issuer + "/authorize", allow_redirects=False, timeout=5, params={
        k: v for k, v in ({"response_type": "code", "client_id": query.get("client_id", "demo-all"), "scope": f"{PURPOSE} {TYPE}",
                           "redirect_uri": demo.clients["demo-all"]["redirect_uris"][0]} | parameters).items() if v})
    assert answer.status_code == 400 and "location" not in answer.headers


def test_a_disabled_client_gets_nothing_and_its_tokens_die_at_once(demo):
    answer = demo.client_credentials(f"{PURPOSE} {TYPE}", "demo-disabled")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    token = demo.token(ALICE, (TYPE,), "demo-few")
    path = "/device-identifier/v0.3/retrieve-type"
    session = requests.Session()
    assert demo.call(token, path, session=session).status_code == 200
    demo.command("clients", "disable", "demo-few")
    refused(demo.call(token, path, session=session), 401, "UNAUTHENTICATED")
    demo.command("clients", "enable", "demo-few")


@pytest.mark.parametrize("changes", [
    {"aud": "https://other.example/token"}, {"exp": 1}, {"exp": int(time.time()) + 3600}, {"iss": "demo-few"}, {"sub": "demo-few"},
    {"jti": None}, {"aud": None}, {"iat": int(time.time()) + 600}])
def test_an_assertion_that_breaks_the_profile(demo, changes):
    answer = demo.token_request("demo-all", demo.assertion("demo-all", **changes), grant_type="client_credentials",
                                scope=f"{PURPOSE} {TYPE}")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_keys_rotate_without_ending_a_token(demo):
    token = demo.token(ALICE)
    before = {key["kid"] for key in requests.get(demo.issuer + "/jwks", timeout=5).json()["keys"]}
    demo.command("keys", "rotate")
    after = {key["kid"] for key in requests.get(demo.issuer + "/jwks", timeout=5).json()["keys"]}
    assert before < after and len(after) == len(before) + 2
    assert demo.call(token).status_code == 200
    assert demo.call(demo.token(ALICE)).status_code == 200
