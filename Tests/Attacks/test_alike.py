"""A37, A44: who is registered, who is a subscriber and who has agreed to what is not to be found out: the answers are one answer."""
import time

import pytest
from joserfc.jwk import ECKey

from forge import (JWT_BEARER, PURPOSE, TYPE, agreed, authorize_pairs, client_authentication, client_key, code_form, compact, edited, get,
                   offline_tokens, post, times, unsigned)
from harness import BOB, CAROL, DAVE, IDENTIFIER, PPID, V03

CHANGING = {"date", "x-correlator"}


def seen(answer):
    """All that a client sees of an answer, but for what differs each time."""
    return answer.status_code, len(answer.content), answer.content, tuple(sorted((k.lower(), v) for k, v in answer.headers.items()
        if k.lower() not in CHANGING))


def one_answer(answers):
    first, *rest = [seen(answer) for answer in answers]
    for number, other in enumerate(rest, 1):
        assert other == first, f"answer {number} tells more"
    return answers[0]


# Clients.

@pytest.mark.parametrize("path", ["/token", "/par", "/bc-authorize", "/introspect", "/revoke"])
def test_a44_an_unknown_client_a_disabled_one_and_a_wrong_key_answer_alike(demo, path):
    own, key = ECKey.generate_key("P-256"), client_key(demo)
    kid = demo.clients["demo-all"]["kid"]
    claims = lambda client: times(iss=client, sub=client, aud=demo.issuer + path)
    good = compact({"alg": "ES256", "kid": kid}, claims("demo-all"), key)
    texts = [compact({"alg": "ES256", "kid": kid}, claims("nobody"), key), compact({"alg": "ES256", "kid": kid}, claims("demo-all"), own),
             compact({"alg": "ES256", "kid": "x"}, claims("demo-all"), own), compact({"alg": "ES256"}, claims("demo-all"), own),
             compact({"alg": "ES256", "kid": "x"}, claims("nobody"), own),
             compact({"alg": "ES256", "kid": kid}, claims("demo-few"), key), demo.assertion("demo-disabled"),
             unsigned({"alg": "none"}, claims("demo-all")), unsigned({"alg": "none"}, claims("nobody")),
             good[:-8] + "AAAAAAAA", compact({"alg": "ES256", "kid": kid}, claims("x" * 200), key),
             compact({"alg": "ES256", "kid": kid}, claims("nobody é"), key), "x.y.z", "x"]
    form = [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}"), ("token", "x")]
    answers = [post(demo, path, form + [("client_assertion_type", JWT_BEARER), ("client_assertion", text)]) for text in texts]
    assert one_answer(answers).status_code == 401


def test_a44_a_page_does_not_say_whether_a_client_is_disabled_or_none(demo):
    changed = lambda client: dict(authorize_pairs(demo)) | {"client_id": client}
    assert one_answer([get(demo, changed("nobody")), get(demo, changed("demo-disabled")),
                       get(demo, changed("demo-allx"))]).status_code == 400


# Subscribers.

NEVER_ASKED, NOT_OURS, NOWHERE = "+33639980017", "+12025550123", "+33639980090"


@pytest.fixture(scope="module")
def states(demo):
    """Numbers that differ in what became of their consent, and in whether they are subscribers at all."""
    demo.command("consents", "revoke", agreed(demo, BOB))
    agreed(demo, CAROL, purpose="dpv:Marketing")
    agreed(demo, DAVE, "demo-limit")
    numbers = {"withdrawn": BOB, "another purpose": CAROL, "another client": DAVE, "never asked": NEVER_ASKED, "of nobody": NOWHERE,
               "of another country": NOT_OURS,
               "denied": "+33639980013", "expired": "+33639980014", "objected": "+33639980016", "other scopes": "+33639980012"}
    demo.authorize(numbers["denied"]).decide("deny")
    agreed(demo, numbers["other scopes"], scopes=(PPID,))
    consents = [agreed(demo, numbers[state]) for state in ("expired", "objected")]
    edited(demo, "UPDATE consents SET expires_at = ? WHERE id = ?", int(time.time() * 1e6) - 1, consents[0])
    edited(demo, "UPDATE consents SET status = 'objected' WHERE id = ?", consents[1])
    return numbers


def test_a44_a_bearer_assertion_tells_nothing_of_its_subject(demo, states):
    """Profile item 49: one `invalid_grant` for all."""
    assert one_answer([demo.jwt_bearer(f"tel:{number}") for number in states.values()]).status_code == 400


@pytest.mark.parametrize("path, scope", [("/retrieve-identifier", IDENTIFIER), ("/retrieve-type", TYPE), ("/retrieve-ppid", PPID)])
def test_a44_a_machines_call_tells_nothing_of_whom_it_asks_about(demo, states, path, scope):
    token = demo.machine_token(scope)
    asked = [number for state, number in states.items() if not (scope == PPID and state == "other scopes")]
    answers = [demo.call(token, V03 + path, {"device": {"phoneNumber": number}}) for number in asked]
    assert one_answer(answers).status_code == 403


def test_a44_a_backchannel_request_tells_no_more_than_that_somebody_is_asked(demo, states):
    """The profile has `unknown_user_id` for who is none; here whoever is named may be one."""
    answers = [demo.backchannel(number) for state, number in states.items() if state not in ("of nobody", "of another country")]
    bodies = [(answer.status_code, len(answer.content), sorted(answer.json())) for answer in answers]
    assert bodies.count(bodies[0]) == len(bodies) and bodies[0][0] == 200


def test_a44_without_a_page_the_client_learns_that_consent_is_required_and_not_why(demo, states):
    results = [demo.authorize(number, prompt="none", state="s").answer for state, number in states.items()
               if state not in ("of nobody", "of another country")]
    assert "error=consent_required" in one_answer(results).headers["location"]


# What was issued.

@pytest.fixture(scope="module")
def consent(demo):
    agreed(demo)


def test_a44_a_code_that_is_not_good_is_not_good(demo, consent):
    """Unknown, another client's, used, expired, with the wrong verifier or address."""
    used, foreign, other = code_form(demo), code_form(demo), code_form(demo)
    assert post(demo, "/token", used + client_authentication(demo)).status_code == 200
    agreed(demo, client_id="demo-few", scopes=(TYPE,))
    answers = [post(demo, "/token", used + client_authentication(demo)), post(demo, "/token", foreign + client_authentication(demo, "demo-few")),
               *(post(demo, "/token", list((dict(form) | changes).items()) + client_authentication(demo)) for form, changes in (
                   (other, {"code_verifier": "v" * 43}), (other, {}), (foreign, {"redirect_uri": "http://localhost:8090/callback"}),
                   (other, {"code": "A" * 43}), (other, {"code": "x"})))]
    expired = code_form(demo)
    edited(demo, "UPDATE codes SET expires_at = ? WHERE used_at IS NULL", int(time.time() * 1e6) - 1)
    answers.append(post(demo, "/token", expired + client_authentication(demo)))
    assert one_answer(answers).status_code == 400


def test_a44_a_refresh_token_that_is_not_good_is_not_good(demo, consent):
    token, used = offline_tokens(demo)["refresh_token"], offline_tokens(demo)["refresh_token"]
    send = lambda text, client="demo-all": demo.token_request(client, grant_type="refresh_token", refresh_token=text)
    assert send(used).status_code == 200
    one_answer([send(used), send(token, "demo-limit"), send("A" * 43), send("x"), send(offline_tokens(demo)["access_token"])])


def test_a44_an_auth_req_id_that_is_not_good_is_not_good(demo, consent):
    mine, redeemed = demo.backchannel().json()["auth_req_id"], demo.backchannel().json()["auth_req_id"]
    assert demo.poll(redeemed).status_code == 200
    one_answer([demo.poll(mine, "demo-limit"), demo.poll(redeemed), demo.poll("A" * 43), demo.poll("x")])


def test_a44_introspection_and_revocation_say_the_same_of_every_token_that_is_not_the_clients(demo, consent):
    tokens = offline_tokens(demo)
    ended = offline_tokens(demo)
    demo.form("/revoke", "demo-all", token=ended["refresh_token"])
    texts = [("demo-few", tokens["access_token"]), ("demo-few", tokens["refresh_token"]), ("demo-all", ended["access_token"]),
             ("demo-all", ended["refresh_token"]), ("demo-all", tokens["id_token"]),
             ("demo-all", "x.y.z"), ("demo-all", "x"), ("demo-all", "A" * 43), ("demo-all", tokens["access_token"][:-6] + "AAAAAA")]
    assert one_answer([demo.form("/introspect", client, token=text) for client, text in texts]).json() == {"active": False}
    assert one_answer([demo.form("/revoke", client, token=text) for client, text in texts]).status_code == 200


def test_a44_a_token_that_is_not_good_is_not_good_whatever_the_reason(demo, consent):
    """At the gateway: malformed, forged, ended, of another kind, none."""
    tokens, ended = offline_tokens(demo), offline_tokens(demo)
    demo.form("/revoke", "demo-all", token=ended["refresh_token"])
    good = tokens["access_token"]
    answers = [demo.call(text) for text in (ended["access_token"], tokens["id_token"], tokens["refresh_token"], good[:-6] + "AAAAAA", good + "x", "x",
                                            "x.y.z", demo.assertion("demo-all"))]
    assert one_answer(answers).status_code == 401


def test_a44_a_pushed_reference_that_is_not_good_is_not_good(demo, consent):
    push = lambda: post(demo, "/par", authorize_pairs(demo) + client_authentication(demo)).json()["request_uri"]
    used, fresh, expired = push(), push(), push()
    ask = lambda uri, client="demo-all": get(demo, {"client_id": client, "request_uri": uri})
    assert ask(used).status_code == 302
    answers = [ask(used), ask(fresh, "demo-few"), ask(fresh[:-1] + "!"), ask("urn:ietf:params:oauth:request_uri:x")]
    edited(demo, "UPDATE pushed_requests SET expires_at = ?", int(time.time() * 1e6) - 1)
    assert one_answer([*answers, ask(expired)]).status_code == 400
