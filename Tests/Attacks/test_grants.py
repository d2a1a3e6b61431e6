"""A22, A24: every way to a subscriber's data, in every state of the consent that it rests on, and of the client."""
import json
import time

import pytest
import requests

from forge import GRANT_CIBA, agreed, client_authentication, code_form, edited, given, offline_tokens, operator, post, told, withdrawn
from harness import IDENTIFIER, PPID, PURPOSE, TYPE, V03, Demo, refused

OTHER_PURPOSE = "dpv:Marketing"
# One subscriber each for what leaves traces; those of the other states get their consent anew before each test.
NOBODY_ASKED, SUBSCRIBER = "+33639980018", "+33639980011"


# What a consent may have become in the meantime.

def denied(demo, consent):
    answer = demo.authorize(SUBSCRIBER, prompt="consent").decide("deny")
    assert answer.result["error"] == "access_denied"


def everything_unticked(demo, consent):
    demo.authorize(SUBSCRIBER, prompt="consent").decide("allow", untick=("device-serial-number", "device-make-model"))


def expired(demo, consent):
    """No consent lasts for less than a day; so its end is moved."""
    edited(demo, "UPDATE consents SET expires_at = ? WHERE id = ?", int(time.time() * 1e6) - 1, consent)
    assert demo.json("consents", "show", consent)["status"] == "expired"


def objected(demo, consent):
    """No command objects for a subscriber; so the record is changed."""
    edited(demo, "UPDATE consents SET status = 'objected' WHERE id = ?", consent)


def for_another_purpose(demo, consent):
    withdrawn(demo, consent)
    agreed(demo, SUBSCRIBER, purpose=OTHER_PURPOSE)


def for_another_client(demo, consent):
    withdrawn(demo, consent)
    agreed(demo, SUBSCRIBER, "demo-limit")


def for_other_scopes(demo, consent):
    withdrawn(demo, consent)
    agreed(demo, SUBSCRIBER, scopes=(PPID,))


STATES = [withdrawn, denied, everything_unticked, expired, objected, for_another_purpose, for_another_client, for_other_scopes]


# Every way to a token; each begins while there is consent, and gives what ends it.

def code(demo):
    form = code_form(demo, SUBSCRIBER)
    return lambda: post(demo, "/token", form + client_authentication(demo))


def refresh(demo):
    token = offline_tokens(demo, SUBSCRIBER)["refresh_token"]
    return lambda: demo.token_request("demo-all", grant_type="refresh_token", refresh_token=token)


def ciba(demo):
    identifier = demo.backchannel(SUBSCRIBER).json()["auth_req_id"]
    return lambda: demo.poll(identifier)


def ciba_by_phone(demo):
    """Allowed on the phone, and then changed before the first poll."""
    withdrawn(demo, agreed(demo, SUBSCRIBER))
    identifier = demo.backchannel(SUBSCRIBER).json()["auth_req_id"]
    assert demo.phone(SUBSCRIBER).decide("allow").answer.status_code == 200
    return lambda: demo.poll(identifier)


def jwt_bearer(demo):
    return lambda: demo.jwt_bearer(f"tel:{SUBSCRIBER}")


GRANTS = [code, refresh, ciba, ciba_by_phone, jwt_bearer]
REFUSALS = {ciba: (400, "access_denied"), ciba_by_phone: (400, "access_denied")}


def named(function):
    return function.__name__


def consented(demo):
    """Full consent, whatever was before."""
    for row in operator(demo, "GET", "/consents?subject=tel:%2B" + SUBSCRIBER[1:]).json():
        if row["status"] == "granted":
            withdrawn(demo, row["id"])
    return agreed(demo, SUBSCRIBER)


@pytest.mark.parametrize("state", STATES, ids=named)
@pytest.mark.parametrize("grant", GRANTS, ids=named)
def test_a22_no_grant_outlives_the_consent_that_it_began_with(demo, grant, state):
    """Profile items 32, 39, 49 and 70: consent is asked for when the token is issued, not when the request was made."""
    consent = consented(demo)
    finish = grant(demo)
    state(demo, consent)
    answer = finish()
    assert (answer.status_code, told(answer)) == REFUSALS.get(grant, (400, "invalid_grant")), answer.text
    assert "token" not in answer.text.replace("refresh token", "")


def test_a22_a_restart_alone_ends_nothing(demo):
    """What the tests above see is the state of the consent, not that of the server."""
    consent = consented(demo)
    open_requests = [grant(demo) for grant in (code, refresh, ciba, jwt_bearer)]
    edited(demo, "UPDATE consents SET updated_at = updated_at WHERE id = ?", consent)
    assert [finish().status_code for finish in open_requests] == [200] * 4


def machine(demo):
    return demo.machine_token(IDENTIFIER)


@pytest.mark.parametrize("state", STATES, ids=named)
def test_a22_no_token_of_any_grant_reads_without_consent(demo, state):
    """A token that was issued in time is refused by the next call; a machine's own token too."""
    consent = consented(demo)
    tokens = {grant.__name__: grant(demo)().json()["access_token"] for grant in (code, refresh, ciba, jwt_bearer)}
    device = {"device": {"phoneNumber": SUBSCRIBER}}
    calls = {name: (token, None) for name, token in tokens.items()} | {"client_credentials": (machine(demo), device)}
    for token, body in calls.values():
        assert demo.call(token, body=body).status_code == 200
    state(demo, consent)
    for name, (token, body) in calls.items():
        answer = demo.call(token, body=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED"), (name, answer.text)
        assert "imei" not in answer.text
        assert demo.form("/introspect", "demo-all", token=token).json()["active"] is (name == "client_credentials"), name


@pytest.mark.parametrize("state", [*STATES, None], ids=lambda state: state.__name__ if state else "never_asked")
def test_a22_nothing_begins_without_consent_but_a_question(demo, state):
    """Profile items 19, 31 and 49: at the time of the request."""
    number = SUBSCRIBER if state else NOBODY_ASKED
    if state:
        state(demo, consented(demo))
    assert demo.authorize(number, prompt="none").result["error"] == "consent_required"
    page = demo.authorize(number)
    assert page.answer.status_code == 200 and page.form()[2], "the subscriber is asked"
    answer = demo.jwt_bearer(f"tel:{number}")
    assert (answer.status_code, told(answer)) == (400, "invalid_grant")
    answer = demo.backchannel(number)
    if answer.status_code != 403:
        poll = demo.poll(answer.json()["auth_req_id"])
        assert (poll.status_code, told(poll)) == (400, "authorization_pending")
        demo.phone(number).decide("deny")
    refused(demo.call(machine(demo), body={"device": {"phoneNumber": number}}), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("grant", GRANTS, ids=named)
def test_a22_what_was_narrowed_in_the_meantime_gives_a_narrower_token(demo, grant):
    consent = consented(demo)
    finish = grant(demo)
    page = demo.authorize(SUBSCRIBER, prompt="consent").decide("allow", untick=("device-serial-number",))
    assert "code" in page.result
    answer = finish()
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert IDENTIFIER not in body["scope"].split() and TYPE in body["scope"].split()
    assert demo.call(body["access_token"], V03 + "/retrieve-type").status_code == 200
    refused(demo.call(body["access_token"]), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("grant", [code, refresh, ciba, jwt_bearer], ids=named)
def test_a22_a_new_consent_is_no_consent_for_the_tokens_of_before(demo, grant):
    """Profile item 39: with the withdrawal, access and refresh token are not valid any more."""
    consent = consented(demo)
    token = grant(demo)().json()["access_token"]
    withdrawn(demo, consent)
    given(demo.call(token).status_code == 403)
    agreed(demo, SUBSCRIBER)
    assert demo.call(token).status_code in (401, 403)


@pytest.mark.parametrize("grant", [code, refresh, ciba], ids=named)
def test_a22_a_new_consent_is_no_consent_for_the_requests_of_before(demo, grant):
    consent = consented(demo)
    finish = grant(demo)
    withdrawn(demo, consent)
    agreed(demo, SUBSCRIBER)
    assert finish().status_code == 400


def test_a22_a_withdrawal_during_the_page_does_not_come_undone(demo):
    """The page was opened before, and answered after: what counts is the answer, and it is a new consent of its own."""
    consent = consented(demo)
    page = demo.authorize(SUBSCRIBER, prompt="consent")
    withdrawn(demo, consent)
    assert page.decide("deny").result["error"] == "access_denied"
    assert demo.authorize(SUBSCRIBER, prompt="none").result["error"] == "consent_required"


# The client.

@pytest.fixture(scope="module")
def narrow(demo, tmp_path_factory):
    """A client that is registered for client credentials and nothing else."""
    registration = {"client_id": "narrow", "client_name": "Narrow", "grant_types": ["client_credentials"], "scope": f"{IDENTIFIER} {TYPE}",
                    "purposes": [PURPOSE], "redirect_uris": ["http://127.0.0.1:8090/callback"], "jwt_bearer_tel": True,
                    "jwks": demo.json("clients", "show", "demo-all")["jwks"]}
    file = tmp_path_factory.mktemp("client") / "client.json"
    file.write_text(json.dumps(registration))
    demo.command("clients", "add", str(file))
    demo.clients["narrow"] = demo.clients["demo-all"] | {"client_id": "narrow"}
    yield "narrow"
    del demo.clients["narrow"]


def test_a22_a_client_has_the_grants_that_it_is_registered_for_and_no_other(demo, narrow):
    agreed(demo, SUBSCRIBER, narrow)
    tries = [demo.token_request(narrow, grant_type=kind, code="x", redirect_uri="http://127.0.0.1:8090/callback", refresh_token="x", auth_req_id="x")
             for kind in ("authorization_code", "refresh_token", GRANT_CIBA)]
    tries += [demo.jwt_bearer(f"tel:{SUBSCRIBER}", client_id=narrow), demo.backchannel(SUBSCRIBER, client_id=narrow),
              demo.form("/par", narrow, response_type="code", redirect_uri="http://127.0.0.1:8090/callback", scope=f"{PURPOSE} {TYPE}")]
    for answer in tries:
        assert (answer.status_code, told(answer)) == (400, "unauthorized_client"), answer.text
    assert demo.authorize(SUBSCRIBER, client_id=narrow).result["error"] == "unauthorized_client"
    # Nor has it a purpose for which it may go without the subscriber.
    answer = demo.client_credentials(f"{PURPOSE} {TYPE}", narrow)
    assert (answer.status_code, told(answer)) == (400, "invalid_scope")


def test_a24_a_disabled_client_has_nothing_left_on_any_connection_nor_when_it_is_enabled_again(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        agreed(demo, SUBSCRIBER)
        open_requests = [grant(demo) for grant in GRANTS if grant is not jwt_bearer]
        tokens = [grant(demo)().json()["access_token"] for grant in (code, refresh, ciba, jwt_bearer)] + [machine(demo)]
        page, device = demo.authorize(SUBSCRIBER, prompt="consent"), {"device": {"phoneNumber": SUBSCRIBER}}
        pushed = demo.form("/par", "demo-all", **{k: v for k, v in page.query.items() if k != "prompt"}).json()["request_uri"]
        connections = [requests.Session() for _ in range(4)]
        bodies = [None] * 4 + [device]
        for session in connections:
            for token, body in zip(tokens, bodies):
                assert demo.call(token, body=body, session=session).status_code == 200
        demo.command("clients", "disable", "demo-all")
        for session in connections:
            for token, body in zip(tokens, bodies):
                refused(demo.call(token, body=body, session=session), 401, "UNAUTHENTICATED")
        for finish in [*open_requests, lambda: demo.backchannel(SUBSCRIBER), lambda: demo.client_credentials(f"{PURPOSE} {TYPE}"),
                       lambda: demo.form("/introspect", "demo-all", token=tokens[0]), lambda: demo.form("/revoke", "demo-all", token=tokens[0])]:
            answer = finish()
            assert (answer.status_code, told(answer)) == (401, "invalid_client"), answer.text
        # Of an assertion that is the grant and the authentication at once, RFC 7523 section 3.1 speaks.
        answer = jwt_bearer(demo)()
        assert (answer.status_code, told(answer)) == (400, "invalid_grant"), answer.text
        for answer in (demo.authorize(SUBSCRIBER).answer, page.decide("allow").answer,
                       requests.get(demo.issuer + "/authorize", params={"client_id": "demo-all", "request_uri": pushed}, allow_redirects=False,
                                    timeout=5)):
            assert answer.status_code >= 400 and "location" not in answer.headers
        demo.command("clients", "enable", "demo-all")
        for token, body in zip(tokens, bodies):
            refused(demo.call(token, body=body), 401, "UNAUTHENTICATED")
    finally:
        demo.stop()


def test_a24_a_withdrawal_reaches_every_token_on_every_connection(demo):
    consent = consented(demo)
    tokens = [grant(demo)().json()["access_token"] for grant in (code, refresh, ciba, jwt_bearer)]
    connections = [requests.Session() for _ in range(6)]
    assert all(demo.call(token, session=session).status_code == 200 for session in connections for token in tokens)
    withdrawn(demo, consent)
    for session in connections:
        for token in tokens:
            refused(demo.call(token, session=session), 403, "PERMISSION_DENIED")
