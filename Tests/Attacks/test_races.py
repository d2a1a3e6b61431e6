"""Races: of thirty that come at one moment with the same thing exactly one wins (A9, A12, A13, A45); of all before and after a
`kill -9` in the middle, at most one."""
import secrets, signal, threading

import pytest
import requests
from joserfc.jwk import ECKey

from forge import (ALICE, GRANT_CIBA, GRANT_JWT_BEARER, PURPOSE, TYPE, agreed, authorize_pairs, back, client_authentication, code_form, get,
                   offline_tokens, post, together)
from harness import Demo
from test_proofs import PLACES, at_gateway, at_token_endpoint, proof

MANY = 30


@pytest.fixture(scope="module")
def key():
    return ECKey.generate_key("P-256")


# Each makes one thing to be used, and gives what uses it, on a connection of its own; authentications are made before the start.

def token_use(demo, pairs):
    authentications = [client_authentication(demo) for _ in range(MANY + 1)]
    return lambda number: post(demo, "/token", pairs + authentications[number])


def has_token(answer):
    return answer.status_code == 200 and "access_token" in answer.json()


def a_code(demo, key):
    return token_use(demo, code_form(demo)), has_token


def a_refresh_token(demo, key):
    return token_use(demo, [("grant_type", "refresh_token"), ("refresh_token", offline_tokens(demo)["refresh_token"])]), has_token


def an_auth_req_id(demo, key):
    return token_use(demo, [("grant_type", GRANT_CIBA), ("auth_req_id", demo.backchannel().json()["auth_req_id"])]), has_token


def a_client_assertion(demo, key):
    pairs = [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}"), *client_authentication(demo)]
    return lambda number: post(demo, "/token", pairs), has_token


def a_bearer_assertion(demo, key):
    pairs = [("grant_type", GRANT_JWT_BEARER), ("assertion", demo.bearer_assertion(f"tel:{ALICE}"))]
    return lambda number: post(demo, "/token", pairs), has_token


def a_jti(demo, key):
    """The same jti in assertions that differ: each is signed anew."""
    jti = secrets.token_hex(12)
    texts = [demo.assertion("demo-all", jti=jti) for _ in range(MANY + 1)]
    return lambda number: demo.token_request("demo-all", texts[number], grant_type="client_credentials", scope=f"{PURPOSE} {TYPE}"), has_token


def a_proof_at_the_token_endpoint(demo, key):
    text = proof(key, PLACES["token"].claims(demo, ""))
    return lambda number: at_token_endpoint(demo, None, text), has_token


def a_pushed_request(demo, key):
    uri = post(demo, "/par", authorize_pairs(demo) + client_authentication(demo)).json()["request_uri"]
    return lambda number: get(demo, {"client_id": "demo-all", "request_uri": uri}), lambda answer: "code" in back(answer)


def a_consent_form(demo, key):
    page = demo.authorize(ALICE, prompt="consent")
    address, hidden, categories = page.form()
    data, cookies = [*hidden, *(("category", one) for one in categories), ("decision", "allow")], page.session.cookies.get_dict()
    return lambda number: requests.post(address, data=data, cookies=cookies, headers={"Origin": demo.issuer}, allow_redirects=False,
                                        timeout=10), lambda answer: "code" in back(answer)


def a_phones_form(demo, key):
    demo.withdraw(ALICE)
    demo.backchannel(ALICE)
    page = demo.phone(ALICE)
    address, hidden, categories = page.form()
    data = [*hidden, *(("category", one) for one in categories), ("decision", "allow")]
    return lambda number: requests.post(address, data=data, headers={"Origin": demo.issuer}, timeout=10), lambda answer: answer.status_code == 200


LASTING = [a_code, a_refresh_token, an_auth_req_id, a_client_assertion, a_bearer_assertion, a_jti, a_proof_at_the_token_endpoint, a_pushed_request,
           a_consent_form]


def named(function):
    return function.__name__


@pytest.mark.parametrize("thing", [*LASTING, a_phones_form], ids=named)
def test_of_thirty_that_come_at_once_with_the_same_thing_one_wins(demo, key, thing):
    agreed(demo)
    use, succeeds = thing(demo, key)
    answers = together(MANY, use)
    assert [succeeds(answer) for answer in answers].count(True) == 1
    assert all(answer.status_code < 500 for answer in answers)
    assert not succeeds(use(MANY)), "nor does one that comes later"


def test_a46_of_thirty_calls_with_one_proof_one_is_answered(demo, key):
    agreed(demo)
    token = at_token_endpoint(demo, None, proof(key, PLACES["token"].claims(demo, ""))).json()["access_token"]
    text = proof(key, PLACES["gateway"].claims(demo, token))
    assert sorted(answer.status_code for answer in together(MANY, lambda _: at_gateway(demo, token, text))) == [200] + [400] * (MANY - 1)


def test_a45_opposite_decisions_at_once_are_one_decision(demo):
    """Half allow, half deny; what the one winner said is what holds."""
    for _ in range(5):
        demo.withdraw(ALICE)
        identifier = demo.backchannel(ALICE).json()["auth_req_id"]
        page = demo.phone(ALICE)
        address, hidden, categories = page.form()
        forms = [[*hidden, ("decision", "deny")], [*hidden, *(("category", one) for one in categories), ("decision", "allow")]]
        answers = together(10, lambda number: requests.post(address, data=forms[number % 2], headers={"Origin": demo.issuer}, timeout=10))
        winners = [number for number, answer in enumerate(answers) if answer.status_code == 200]
        assert len(winners) == 1
        assert demo.poll(identifier).status_code == (200 if winners[0] % 2 else 400)


def test_a24_a_withdrawal_among_thirty_refreshes_and_calls_ends_them_all(demo):
    """Whoever was faster: afterwards nothing of the grant is good."""
    consent = agreed(demo)
    families = [offline_tokens(demo) for _ in range(MANY)]
    authentications = [client_authentication(demo) for _ in range(MANY)]

    def act(number):
        if number == MANY // 2:
            demo.command("consents", "revoke", consent)
            return None
        return post(demo, "/token", [("grant_type", "refresh_token"), ("refresh_token", families[number]["refresh_token"])] + authentications[number])
    answers = together(MANY, act)
    issued = [answer.json() for answer in answers if answer is not None and answer.status_code == 200]
    for tokens in families + issued:
        assert demo.call(tokens["access_token"]).status_code in (401, 403)
        assert demo.token_request("demo-all", grant_type="refresh_token", refresh_token=tokens["refresh_token"]).status_code == 400


def test_a13_thirty_refreshes_of_one_token_leave_no_family_behind(demo):
    """The losers' reuse ends what the winner got: one of them was a thief."""
    agreed(demo)
    use, succeeds = a_refresh_token(demo, None)
    winner = next(answer for answer in together(MANY, use) if succeeds(answer)).json()
    assert demo.call(winner["access_token"]).status_code == 401
    assert demo.token_request("demo-all", grant_type="refresh_token", refresh_token=winner["refresh_token"]).status_code == 400


# kill -9 in the middle.

@pytest.fixture(scope="module")
def mortal(tmp_path_factory):
    demo = Demo(tmp_path_factory.mktemp("mortal")).start()
    yield demo
    demo.stop()


@pytest.mark.parametrize("answered", [0, 5])
@pytest.mark.parametrize("thing", LASTING, ids=named)
def test_a9_across_a_kill_in_the_middle_at_most_one_wins(mortal, key, thing, answered):
    """Killed as soon as so many have an answer; then all try again. What was answered is never given a second time."""
    demo = mortal
    agreed(demo)
    use, succeeds = thing(demo, key)
    enough, count = threading.Semaphore(0), MANY

    def act(number):
        try:
            return use(number)
        finally:
            enough.release()
    killer = threading.Thread(target=lambda: ([enough.acquire() for _ in range(answered)], demo.process.kill()))
    killer.start()
    answers = together(count, act)
    killer.join()
    demo.process.wait()
    demo.start()
    won = sum(succeeds(answer) for answer in answers if answer is not None)
    won += sum(succeeds(answer) for answer in [use(number) for number in range(5)] + [use(MANY)])
    assert won <= 1
    # And the server is well.
    assert demo.json("audit", "verify")["ok"] is True
    assert demo.client_credentials(f"{PURPOSE} {TYPE}").status_code == 200


def test_a12_a_code_used_before_the_kill_is_known_as_used_after_it(mortal):
    demo = mortal
    agreed(demo)
    form = code_form(demo)
    token = post(demo, "/token", form + client_authentication(demo)).json()["access_token"]
    demo.stop(signal.SIGKILL)
    demo.start()
    assert demo.call(token).status_code == 200
    assert post(demo, "/token", form + client_authentication(demo)).status_code == 400
    assert demo.call(token).status_code == 401


def test_a24_a_withdrawal_that_was_acknowledged_survives_a_kill(mortal):
    demo = mortal
    consent = agreed(demo)
    tokens = offline_tokens(demo)
    demo.command("consents", "revoke", consent)
    demo.stop(signal.SIGKILL)
    demo.start()
    assert demo.call(tokens["access_token"]).status_code == 403
    assert demo.token_request("demo-all", grant_type="refresh_token", refresh_token=tokens["refresh_token"]).status_code == 400
    demo.command("clients", "disable", "demo-all")
    demo.stop(signal.SIGKILL)
    demo.start()
    assert demo.call(tokens["access_token"]).status_code == 401
    assert demo.client_credentials(f"{PURPOSE} {TYPE}").status_code == 401
