"""A22, A24: what began under one registration of a client and ends under another (profile items 39, 48 and 77)."""
import pytest
from joserfc.jwk import ECKey

from forge import (ALICE, GRANT_CIBA, GRANT_JWT_BEARER, IDENTIFIER, PURPOSE, TYPE, agreed, authorize_pairs, back, client_authentication, code_form,
                   get, given, offline_tokens, operator, post, told)
from harness import refused

CLIENT, REDIRECT = "changing", "http://127.0.0.1:8090/callback"
OTHER_REDIRECT = "http://localhost:8090/callback"


@pytest.fixture
def register(demo):
    """Registers the client, or replaces its registration; begins with one that may do everything."""
    def replace(**changes):
        registration = {"client_id": CLIENT, "client_name": "Changing", "scope": f"openid offline_access {IDENTIFIER} {TYPE}", "purposes": [PURPOSE],
                        "two_legged_purposes": [PURPOSE],
                        "grant_types": demo.clients["demo-all"]["grant_types"], "redirect_uris": [REDIRECT], "jwt_bearer_tel": True,
                        "jwks": operator(demo, "GET", "/clients/demo-all").json()["jwks"]} | changes
        assert operator(demo, "POST", "/clients?replace=true", registration).status_code in (200, 201)
        demo.clients[CLIENT] = demo.clients["demo-all"] | {"client_id": CLIENT, "redirect_uris": registration["redirect_uris"]}
    replace()
    agreed(demo, client_id=CLIENT)
    return replace


def disable_and_enable(demo, register):
    for act in ("disable", "enable"):
        assert operator(demo, "POST", f"/clients/{CLIENT}/{act}").status_code == 200


def without_the_grants(demo, register):
    register(grant_types=["client_credentials"])


def without_the_purpose(demo, register):
    register(purposes=["dpv:Marketing"], two_legged_purposes=[])


def without_the_flow_for_the_purpose(demo, register):
    register(grant_type_rules=[{"purpose": PURPOSE, "grant_types": ["client_credentials"]}])


def without_the_scopes(demo, register):
    register(scope="openid")


def with_other_keys(demo, register):
    register(jwks={"keys": [ECKey.generate_key("P-256", {"kid": "other", "alg": "ES256", "use": "sig"}).as_dict(private=False)]})


CHANGES = [disable_and_enable, without_the_grants, without_the_purpose, without_the_flow_for_the_purpose, without_the_scopes, with_other_keys]


def named(function):
    return function.__name__


def code(demo):
    form = code_form(demo, client_id=CLIENT)
    return lambda: post(demo, "/token", form + client_authentication(demo, CLIENT))


def refresh(demo):
    token = offline_tokens(demo, client_id=CLIENT)["refresh_token"]
    return lambda: demo.token_request(CLIENT, grant_type="refresh_token", refresh_token=token)


def ciba(demo):
    identifier = demo.backchannel(client_id=CLIENT).json()["auth_req_id"]
    return lambda: demo.poll(identifier, CLIENT)


def page(demo):
    """Opened before; what it leads to is redeemed at once."""
    visit = demo.authorize(ALICE, client_id=CLIENT, prompt="consent")

    def finish():
        answer = visit.decide("allow")
        return answer.redeem() if answer.answer.is_redirect and "code" in answer.result else answer.answer
    return finish


@pytest.mark.parametrize("begin, change", [
    pytest.param(begin, change, id=f"{begin.__name__}-{change.__name__}")
    for begin in (code, refresh, ciba, page) for change in CHANGES if (begin, change) != (page, disable_and_enable)])
def test_a24_what_began_before_gives_no_token_that_the_client_may_not_have_any_more(demo, register, begin, change):
    """The page of a client that is enabled again may go on: the subscriber decides after that."""
    finish = begin(demo)
    change(demo, register)
    answer = finish()
    assert answer.status_code >= 400 and "access_token" not in answer.text, answer.text
    assert answer.status_code < 500


@pytest.mark.parametrize("change", CHANGES, ids=named)
def test_a24_every_token_of_before_is_dead(demo, register, change):
    tokens = [begin(demo)().json()["access_token"] for begin in (code, refresh, ciba)] + [demo.machine_token(TYPE, client_id=CLIENT)]
    for token in tokens[:3]:
        assert demo.call(token).status_code == 200
    change(demo, register)
    for token in tokens:
        refused(demo.call(token), 401, "UNAUTHENTICATED")


def test_a15_a_redirect_uri_that_was_taken_away_gets_no_answer_any_more(demo, register):
    """Of a page that was open, of a request that was pushed, of a code that was out."""
    register(redirect_uris=[REDIRECT, OTHER_REDIRECT])
    visit = demo.authorize(ALICE, client_id=CLIENT, prompt="consent")
    pushed = post(demo, "/par", list((dict(authorize_pairs(demo)) | {"client_id": CLIENT}).items()) + client_authentication(demo,
        CLIENT)).json()["request_uri"]
    redeem = code(demo)
    register(redirect_uris=[OTHER_REDIRECT])
    for answer in (visit.decide("allow").answer, get(demo, {"client_id": CLIENT, "request_uri": pushed})):
        assert answer.status_code >= 400 and "location" not in answer.headers
    assert told(redeem()) == "invalid_grant"


RULES = [{"purpose": PURPOSE, "grant_types": ["authorization_code"]}]


def test_a22_a_flow_that_was_not_agreed_for_the_purpose_is_refused(demo, register):
    """Profile item 77: allowed flows are a property of client, purpose and scopes together."""
    register(grant_type_rules=RULES)
    form = [("login_hint", f"tel:{ALICE}"), ("scope", f"{PURPOSE} {TYPE}")]
    for answer in (post(demo, "/bc-authorize", form + client_authentication(demo, CLIENT)), demo.jwt_bearer(client_id=CLIENT),
                   demo.client_credentials(f"{PURPOSE} {TYPE}", CLIENT)):
        assert (answer.status_code, told(answer)) == (400, "unauthorized_client"), answer.text
    assert "code" in back(get(demo, dict(authorize_pairs(demo)) | {"client_id": CLIENT}))
    register(grant_type_rules=[{"scope": IDENTIFIER, "grant_types": [GRANT_CIBA, GRANT_JWT_BEARER]}])
    assert back(get(demo, dict(authorize_pairs(demo)) | {"client_id": CLIENT}))["error"] == "unauthorized_client"
    assert "code" in back(get(demo, dict(authorize_pairs(demo)) | {"client_id": CLIENT, "scope": f"openid {PURPOSE} {TYPE}"}))


def test_a22_refreshing_is_a_flow_too(demo, register):
    """The rule for the purpose names authorization_code and not refresh_token."""
    register(grant_type_rules=RULES)
    answer = demo.grant(ALICE, client_id=CLIENT, scope=f"openid offline_access {PURPOSE} {IDENTIFIER} {TYPE}")
    given(answer.status_code == 200)
    token = answer.json().get("refresh_token")
    assert token is None or demo.token_request(CLIENT, grant_type="refresh_token", refresh_token=token).status_code == 400
