"""Attacks on codes, refresh tokens and PKCE (A12, A13, A14), and on the answer that a client gets (A18)."""
import time

import pytest
import requests

from forge import (ALICE, PURPOSE, TYPE, agreed, authorize_pairs, back, b64, client_authentication, client_key, code_form, compact, edited, get,
                   object_claims, offline_tokens, post, told)
from harness import IDENTIFIER, PPID, V03, pkce, refused

TYPE_PATH = V03 + "/retrieve-type"


@pytest.fixture(scope="module", autouse=True)
def consent(demo):
    agreed(demo)
    agreed(demo, client_id="demo-few", scopes=(TYPE,))


def redeem(demo, form, client_id="demo-all", **changes):
    pairs = dict(form) | changes
    return post(demo, "/token", [(k, v) for k, v in pairs.items() if v is not None] + client_authentication(demo, client_id))


def is_refused(answer, code="invalid_grant"):
    assert (answer.status_code, told(answer)) == (400, code), answer.text
    return True


# A12: codes.

def test_a12_the_second_use_of_a_code_ends_all_that_came_of_the_first(demo):
    """Access token, refresh token, and the tokens of that."""
    form = code_form(demo, scope=f"openid offline_access {PURPOSE} {IDENTIFIER} {TYPE}")
    first = redeem(demo, form).json()
    second = demo.token_request("demo-all", grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert demo.call(second["access_token"]).status_code == 200
    is_refused(redeem(demo, form))
    for token in (first["access_token"], second["access_token"]):
        refused(demo.call(token), 401, "UNAUTHENTICATED")
    is_refused(demo.token_request("demo-all", grant_type="refresh_token", refresh_token=second["refresh_token"]))


@pytest.mark.parametrize("client_id", ["demo-few", "demo-limit"])
def test_a12_another_client_can_neither_redeem_a_code_nor_use_it_up(demo, client_id):
    form = code_form(demo)
    for _ in range(3):
        is_refused(redeem(demo, form, client_id))
    assert redeem(demo, form).status_code == 200


@pytest.mark.parametrize("changes, code", [
    ({"redirect_uri": "http://localhost:8090/callback"}, "invalid_grant"), ({"redirect_uri": "http://127.0.0.1:8090/callback/"}, "invalid_grant"),
    ({"redirect_uri": "http://127.0.0.1:8090/Callback"}, "invalid_grant"), ({"redirect_uri": "https://evil.example/"}, "invalid_grant"),
    ({"redirect_uri": None}, "invalid_request"), ({"redirect_uri": ""}, "invalid_request"), ({"code_verifier": None}, "invalid_grant"),
    ({"code_verifier": "A" * 43}, "invalid_grant")], ids=str)
def test_a12_a_code_that_was_tried_with_something_wrong_gives_nothing_more(demo, changes, code):
    """Who holds a stolen code has one try, and it ends the code; a request that is no request does not use it up."""
    form = code_form(demo)
    is_refused(redeem(demo, form, **changes), code)
    again = redeem(demo, form)
    assert again.status_code == 200 if code == "invalid_request" else is_refused(again)


def test_a12_a_code_that_is_not_one(demo):
    form = code_form(demo)
    code = dict(form)["code"]
    for made in (code[:-1], code + "A", code.swapcase(), code + " ", " " + code, code[::-1], "A" * 43, "A" * 5000, "'; DROP TABLE codes; --",
                 "é" * 20, "*", "%"):
        is_refused(redeem(demo, form, code=made))
    assert redeem(demo, form).status_code == 200


def test_a12_a_code_ends_with_its_minute(demo):
    form = code_form(demo)
    edited(demo, "UPDATE codes SET expires_at = ? WHERE used_at IS NULL", int(time.time() * 1e6) - 1)
    is_refused(redeem(demo, form))


# A13: refresh tokens.

def refresh(demo, token, client_id="demo-all", **form):
    return demo.token_request(client_id, grant_type="refresh_token", refresh_token=token, **form)


def test_a13_an_old_token_of_any_generation_ends_the_family(demo):
    for reused in range(3):
        first = offline_tokens(demo)
        chain, tokens = [first["refresh_token"]], [first["access_token"]]
        for _ in range(3):
            answer = refresh(demo, chain[-1]).json()
            chain.append(answer["refresh_token"])
            tokens.append(answer["access_token"])
        assert len(set(chain)) == 4
        is_refused(refresh(demo, chain[reused]))
        is_refused(refresh(demo, chain[-1]))
        for token in tokens:
            refused(demo.call(token), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("scope, code", [
    (f"{IDENTIFIER} {PPID}", "invalid_scope"), (PPID, "invalid_scope"), ("profile", "invalid_scope"), (f"dpv:Marketing {TYPE}", "invalid_scope"),
    (f"{PURPOSE} dpv:Marketing {TYPE}", "invalid_scope"), ("openid", "invalid_scope"), (PURPOSE, "invalid_scope"), ("*", "invalid_scope"),
    (f"{TYPE}  ", "invalid_scope"),
    (f"{TYPE}\t{PPID}", "invalid_scope"), (TYPE.upper(), "invalid_scope"), ("x " * 70 + TYPE, "invalid_scope")])
def test_a13_no_scope_is_added_by_a_refresh_nor_another_purpose(demo, scope, code):
    """A refusal does not use the token up."""
    token = offline_tokens(demo)["refresh_token"]
    is_refused(refresh(demo, token, scope=scope), code)
    assert refresh(demo, token).status_code == 200


def test_a13_a_narrowed_refresh_is_narrow_at_the_gateway(demo):
    """And a scope that was left out comes back only because the grant had it (RFC 6749 §6)."""
    first = offline_tokens(demo)
    narrow = refresh(demo, first["refresh_token"], scope=TYPE).json()
    assert demo.call(narrow["access_token"], TYPE_PATH).status_code == 200
    refused(demo.call(narrow["access_token"]), 403, "PERMISSION_DENIED")
    is_refused(refresh(demo, narrow["refresh_token"], scope=PPID), "invalid_scope")


def test_a13_another_clients_refresh_token_is_as_good_as_none_and_stays(demo):
    token = offline_tokens(demo)["refresh_token"]
    for client_id in ("demo-few", "demo-limit"):
        is_refused(refresh(demo, token, client_id))
        assert demo.form("/introspect", client_id, token=token).json() == {"active": False}
        assert demo.form("/revoke", client_id, token=token).status_code == 200
    assert refresh(demo, token).status_code == 200


def test_a13_a_refresh_token_that_is_not_one(demo):
    token = offline_tokens(demo)["refresh_token"]
    for made in (token[:-1], token + "A", token.swapcase(), token + " ", token[::-1], "A" * 43, "A" * 5000, "' OR 1=1 --", "é"):
        is_refused(refresh(demo, made))
    edited(demo, "UPDATE refresh_tokens SET expires_at = ? WHERE used_at IS NULL", int(time.time() * 1e6) - 1)
    is_refused(refresh(demo, token))


def test_a13_only_who_may_refresh_gets_a_refresh_token(demo):
    """Profile item 38: of code and CIBA alone."""
    scope = f"offline_access {PURPOSE} {TYPE}"
    assert "refresh_token" not in demo.jwt_bearer(scope=scope).json()
    assert "refresh_token" not in demo.client_credentials(scope).json()
    answer = demo.jwt_bearer(scope="openid " + scope)
    assert "id_token" not in answer.json() and "refresh_token" not in answer.json()


# A14: PKCE.

def authorized(demo, **changes):
    """What the authorization endpoint says to a request with something changed; None takes a parameter out."""
    pairs = dict(authorize_pairs(demo)) | changes
    return back(get(demo, [(k, v) for k, v in pairs.items() if v is not None]))


@pytest.mark.parametrize("changes", [
    {"code_challenge": None}, {"code_challenge_method": None}, {"code_challenge": None, "code_challenge_method": None},
    {"code_challenge_method": "plain"},
    {"code_challenge_method": "s256"}, {"code_challenge_method": "S512"}, {"code_challenge_method": "none"}, {"code_challenge_method": "S256 plain"},
    {"code_challenge": "A" * 42}, {"code_challenge": "A" * 44}, {"code_challenge": "A" * 42 + "="}, {"code_challenge": "A" * 42 + "+"},
    {"code_challenge": "a" * 128},
    {"code_challenge": ""}, {"code_challenge": " " * 43}], ids=str)
def test_a14_a_challenge_is_a_digest_and_is_there(demo, changes):
    result = authorized(demo, **changes)
    assert result["error"] == "invalid_request" and "code" not in result


@pytest.mark.parametrize("length, works", [(42, False), (43, True), (128, True), (129, False)])
def test_a14_a_verifier_has_43_to_128_characters(demo, length, works):
    """At the limit, one below and one above; the challenge is made from each, so that only its length is wrong."""
    import hashlib
    verifier = "v" * length
    form = code_form(demo, code_challenge=b64(hashlib.sha256(verifier.encode()).digest()))
    answer = redeem(demo, form, code_verifier=verifier)
    assert answer.status_code == 200 if works else is_refused(answer)


def test_a14_a_verifier_is_what_the_challenge_was_made_from(demo):
    for verifier in (lambda right, challenge: challenge, lambda right, challenge: right[:-1], lambda right, challenge: right + "A", lambda right,
                     challenge: right.swapcase(),
                     lambda right, challenge: " " + right, lambda right, challenge: right + "=", lambda right, challenge: "+" * 43, lambda right,
                     challenge: pkce()[0]):
        visit = demo.authorize(ALICE)
        is_refused(visit.redeem(code_verifier=verifier(visit.verifier, visit.query["code_challenge"])))


def test_a14_without_pkce_there_is_no_verifier_and_the_client_needs_state_and_nonce(demo, tmp_path):
    """A client whose registration says that it may go without (profile item 17): a verifier without a challenge is a downgrade."""
    import json
    registration = {"client_id": "no-pkce", "client_name": "No PKCE", "grant_types": ["authorization_code"], "scope": f"openid {IDENTIFIER} {TYPE}",
                    "purposes": [PURPOSE],
                    "redirect_uris": ["http://127.0.0.1:8090/callback"], "pkce": "optional", "jwks": demo.json("clients", "show", "demo-all")["jwks"]}
    file = tmp_path / "client.json"
    file.write_text(json.dumps(registration))
    demo.command("clients", "add", str(file))
    demo.clients["no-pkce"] = demo.clients["demo-all"] | {"client_id": "no-pkce"}
    agreed(demo, client_id="no-pkce")
    bare = {"code_challenge": None, "code_challenge_method": None, "client_id": "no-pkce"}
    for missing in ("state", "nonce"):
        assert authorized(demo, **bare, **{missing: None})["error"] == "invalid_request"
    assert authorized(demo, **bare | {"code_challenge_method": "S256"})["error"] == "invalid_request"
    assert authorized(demo, **bare | {"code_challenge": "A" * 43})["error"] == "invalid_request"
    form = {"grant_type": "authorization_code", "redirect_uri": "http://127.0.0.1:8090/callback"}
    is_refused(redeem(demo, form, "no-pkce", code=authorized(demo, **bare)["code"], code_verifier="v" * 43))
    assert redeem(demo, form, "no-pkce", code=authorized(demo, **bare)["code"]).status_code == 200
    # With a challenge, the verifier is wanted of this client too.
    _, challenge = pkce()
    code = authorized(demo, client_id="no-pkce", code_challenge=challenge)["code"]
    is_refused(redeem(demo, form, "no-pkce", code=code))


# A18: who answers, and to which request.

def test_a18_every_answer_says_who_gives_it_and_to_which_request(demo):
    """RFC 9207, and the state: in success, refusal, at once and from the page, of plain, pushed and signed requests."""
    state = "s-" + "x" * 40
    results = [authorized(demo, state=state), authorized(demo, state=state, scope="openid"), authorized(demo, state=state, response_type="token"),
               authorized(demo, state=state, prompt="none", scope=f"openid {PURPOSE} {PPID}"),
               demo.authorize(ALICE, prompt="consent", state=state).decide("deny").result,
               demo.authorize(ALICE, prompt="consent", state=state).decide("allow").result]
    pushed = post(demo, "/par",
                  [(k, state if k == "state" else v) for k, v in authorize_pairs(demo)] + client_authentication(demo)).json()["request_uri"]
    results.append(back(get(demo, {"client_id": "demo-all", "request_uri": pushed, "state": "forged"})))
    claims = object_claims(demo, demo.issuer + "/authorize", state=state)
    outer = {k: claims[k] for k in ("client_id", "response_type", "redirect_uri", "scope")}
    signed = compact({"alg": "ES256", "kid": demo.clients["demo-all"]["kid"]}, claims, client_key(demo))
    results.append(back(get(demo, outer | {"request": signed, "state": "forged"})))
    for result in results:
        assert (result["iss"], result["state"]) == (demo.issuer, state), result
    for name in ("openid-configuration", "oauth-authorization-server"):
        metadata = requests.get(f"{demo.issuer}/.well-known/{name}", timeout=5).json()
        assert metadata["issuer"] == demo.issuer and metadata["authorization_response_iss_parameter_supported"] is True


@pytest.mark.parametrize("state", ["a&code=forged&iss=https://evil.example", "a#code=forged", "%26code%3Dforged", "a b+c", "<script>", "\"'"])
def test_a18_a_state_cannot_add_a_parameter(demo, state):
    result = authorized(demo, state=state)
    assert result["state"] == state and result["iss"] == demo.issuer and "forged" not in result["code"]


@pytest.mark.parametrize("state", ["a\r\nLocation: https://evil.example", "a\nb", "é", "\u2028", "\x7f", "s" * 2049])
def test_a18_a_state_that_is_none_does_not_come_back(demo, state):
    result = authorized(demo, state=state)
    assert result["error"] == "invalid_request" and "state" not in result


@pytest.mark.parametrize("mode", ["fragment", "form_post", "query.jwt", "jwt", "web_message", "QUERY"])
def test_a18_no_other_way_back_is_taken(demo, mode):
    assert authorized(demo, response_mode=mode)["error"] == "invalid_request"


@pytest.mark.parametrize("kind", ["token", "id_token", "code token", "code id_token", "none", "CODE", "code ", " code", "code code"])
def test_a18_no_token_passes_through_the_browser(demo, kind):
    result = authorized(demo, response_type=kind)
    assert result["error"] == "unsupported_response_type" and "access_token" not in result and "code" not in result
