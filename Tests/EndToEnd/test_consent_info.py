"""The Consent Info API: how it stands with scopes and a purpose, and the address at which a subscriber changes that."""
import concurrent.futures
import json
import os
import time
from urllib.parse import parse_qs, urljoin, urlparse

import pytest
import requests

from harness import BOB, IDENTIFIER, PPID, PURPOSE, SPECIFICATIONS, TYPE, V03, Visit, refused

RETRIEVE = "/consent-info/v0.2/retrieve"
SCOPE = "consent-info:retrieve"
SERVICE = "dpv:ServiceProvision"
SPECIFICATION = os.path.join(SPECIFICATIONS, "consent-info.yaml")
NUMBERS = (f"+336399810{i:02}" for i in range(10, 99))


@pytest.fixture
def number():
    """A subscriber whom nobody has asked anything."""
    return next(NUMBERS)


@pytest.fixture(scope="module")
def validate():
    """Checks an answer against CAMARA's document, where it is at hand."""
    if not os.path.isfile(SPECIFICATION):
        return lambda answer: None
    import yaml
    from test_specifications import validate as against
    document = yaml.safe_load(open(SPECIFICATION))
    return lambda answer: against(document, "/retrieve", answer)


@pytest.fixture
def ask(demo, validate):
    """Asks, as an application with a 2-legged token does; the answer is one that CAMARA's document describes."""
    tokens = {}

    def ask(number, scopes=(IDENTIFIER, TYPE), purpose=PURPOSE, capture=False, callback=None, client="demo-all", token=None):
        if not token:
            if client not in tokens:
                answer = demo.client_credentials(SCOPE, client)
                assert answer.status_code == 200, answer.text
                tokens[client] = answer.json()["access_token"]
            token = tokens[client]
        body = {"scopes": list(scopes), "purpose": purpose, "requestCaptureUrl": capture}
        if number:
            body["phoneNumber"] = number
        if callback:
            body["callbackUrl"] = callback
        answer = demo.call(token, RETRIEVE, body)
        validate(answer)
        return answer

    return ask


def status(answer):
    """Scope to status, of an answer of success."""
    assert answer.status_code == 200, answer.text
    return {scope: "VALID" if item["statusValidForProcessing"] else item["statusReason"]
            for item in answer.json()["statusInfo"] for scope in item["scopes"]}


def callback(demo, client="demo-all"):
    return demo.clients[client]["redirect_uris"][0]


def visit(demo, address, number, session=None):
    """A browser on the subscriber's line opens the address and goes as far as our own pages lead."""
    session = session or requests.Session()
    headers = {"x-network-msisdn": number} if number else {}
    answer = session.get(address, headers=headers, allow_redirects=False, timeout=10)
    while answer.is_redirect and urljoin(answer.url, answer.headers["location"]).startswith(demo.issuer + "/"):
        answer = session.get(urljoin(answer.url, answer.headers["location"]), headers=headers, allow_redirects=False, timeout=10)
    return Visit(demo, session, answer, None, None)


def returned(answer, to):
    """What the client is told, and nothing else stands in the address."""
    assert answer.status_code in (302, 303), answer.text
    location = answer.headers["location"]
    assert location.startswith(to), location
    found = {name: values[0] for name, values in parse_qs(urlparse(location).query, keep_blank_values=True).items()}
    assert set(found) <= {"capture_result", "state"}
    return found


# Status and reason


def test_never_asked_is_pending_and_an_unknown_number_says_the_same(ask, number):
    known = ask(number)
    assert known.json() == {"statusInfo": [
        {"scopes": [IDENTIFIER, TYPE], "purpose": PURPOSE, "statusValidForProcessing": False, "statusReason": "PENDING"}]}
    assert ask("+819012345678").json() == known.json()


def test_a_granted_scope_is_valid_until_its_end(demo, ask, number):
    demo.grant(number, (TYPE,))
    item, = ask(number, (TYPE,)).json()["statusInfo"]
    assert item["statusValidForProcessing"] is True and "statusReason" not in item
    assert item["expirationDate"] > time.strftime("%Y-%m-%dT", time.gmtime(time.time() + 360 * 86400))
    assert "captureUrl" not in ask(number, (TYPE,), capture=True).json()


def test_scopes_with_different_status_are_told_apart(demo, ask, number):
    demo.grant(number, (TYPE,))
    answer = ask(number)
    assert status(answer) == {IDENTIFIER: "PENDING", TYPE: "VALID"}
    assert len(answer.json()["statusInfo"]) == 2


def test_what_is_about_nobody_is_valid_without_consent_and_another_api_is_an_item_of_its_own(ask, number):
    answer = ask(number, (SCOPE, TYPE))
    assert status(answer) == {SCOPE: "VALID", TYPE: "PENDING"}


def test_refused_is_denied_and_gets_no_address(demo, ask, number):
    demo.authorize(number).decide("deny")
    answer = ask(number, capture=True)
    assert status(answer) == {IDENTIFIER: "DENIED", TYPE: "DENIED"}
    assert "captureUrl" not in answer.json()


def test_what_was_not_on_the_refused_page_is_pending(demo, ask, number):
    demo.authorize(number, (IDENTIFIER,)).decide("deny")
    assert status(ask(number)) == {IDENTIFIER: "DENIED", TYPE: "PENDING"}


def test_unticked_is_denied(demo, ask, number):
    demo.grant(number, untick=("device-serial-number",))
    assert status(ask(number)) == {IDENTIFIER: "DENIED", TYPE: "VALID"}


def test_withdrawn_is_denied_and_gets_no_address(demo, ask, number):
    demo.grant(number)
    demo.withdraw(number)
    answer = ask(number, capture=True)
    assert status(answer) == {IDENTIFIER: "DENIED", TYPE: "DENIED"}
    assert "captureUrl" not in answer.json()


def test_an_objection_is_objected_and_gets_no_address(demo, ask, number):
    demo.command("consents", "object", "--client", "demo-all", "--subject", f"tel:{number}", "--purpose", PURPOSE,
                 "--reason", "phone call")
    answer = ask(number, capture=True)
    assert status(answer) == {IDENTIFIER: "OBJECTED", TYPE: "OBJECTED"}
    assert "captureUrl" not in answer.json()


def test_each_client_and_each_purpose_stands_for_itself(demo, ask, number):
    demo.grant(number)
    assert status(ask(number, purpose=SERVICE)) == {IDENTIFIER: "PENDING", TYPE: "PENDING"}
    assert status(ask(number, client="demo-limit")) == {IDENTIFIER: "PENDING", TYPE: "PENDING"}


def test_an_open_address_or_backchannel_question_is_requested(demo, ask):
    number = "+33639980004"
    assert status(ask(number, (TYPE,), capture=True)) == {TYPE: "PENDING"}
    assert status(ask(number)) == {IDENTIFIER: "PENDING", TYPE: "REQUESTED"}
    assert demo.backchannel(number, (IDENTIFIER,)).status_code == 200
    assert status(ask(number)) == {IDENTIFIER: "REQUESTED", TYPE: "REQUESTED"}
    assert "captureUrl" in ask(number, capture=True).json()


# The address


def test_agreeing_at_the_address_opens_the_api(demo, ask, number):
    first = ask(number, capture=True, callback=callback(demo))
    page = visit(demo, first.json()["captureUrl"] + "&state=a%20b%2Bc%26d", number)
    assert page.answer.status_code == 200 and "Aurora Insurance" in page.answer.text
    assert "form-action 'self' http://127.0.0.1:8090" in page.answer.headers["content-security-policy"]
    answer = page.decide("allow").answer
    assert returned(answer, callback(demo)) == {"capture_result": "granted", "state": "a b+c&d"}
    assert answer.headers["location"].endswith("&state=a%20b%2Bc%26d"), "not a character of it has changed"
    assert status(ask(number)) == {IDENTIFIER: "VALID", TYPE: "VALID"}
    token = demo.machine_token(IDENTIFIER)
    assert demo.call(token, V03 + "/retrieve-identifier", {"device": {"phoneNumber": number}}).status_code != 403
    record, = demo.json("consents", "list", "--subject", f"tel:{number}")
    event = demo.json("consents", "show", record["id"])["events"][-1]
    assert (event["event"], event["flow"], event["actor"]) == ("granted", "capture", "subscriber")
    assert event["text_digest"] and event["page_version"]


def test_a_part_is_partial_grant_and_exactly_that_part_holds(demo, ask, number):
    page = visit(demo, ask(number, capture=True, callback=callback(demo)).json()["captureUrl"], number)
    answer = page.decide("allow", untick=("device-serial-number",)).answer
    assert returned(answer, callback(demo)) == {"capture_result": "partial_grant"}
    assert status(ask(number)) == {IDENTIFIER: "DENIED", TYPE: "VALID"}


@pytest.mark.parametrize("decision, untick", [("deny", ()), ("allow", ("device-serial-number", "device-make-model"))])
def test_nothing_agreed_to_is_denied(demo, ask, number, decision, untick):
    page = visit(demo, ask(number, capture=True, callback=callback(demo)).json()["captureUrl"] + "&state=", number)
    assert returned(page.decide(decision, untick).answer, callback(demo)) == {"capture_result": "denied", "state": ""}
    assert status(ask(number)) == {IDENTIFIER: "DENIED", TYPE: "DENIED"}


def test_without_a_callback_there_is_a_page_at_the_end(demo, ask, number):
    page = visit(demo, ask(number, capture=True).json()["captureUrl"], number)
    answer = page.decide("allow").answer
    assert answer.status_code == 200 and "You can close this page" in answer.text
    assert status(ask(number)) == {IDENTIFIER: "VALID", TYPE: "VALID"}


def test_only_what_wants_an_answer_is_asked(demo, ask, number):
    demo.grant(number, (TYPE,))
    page = visit(demo, ask(number, capture=True).json()["captureUrl"], number)
    page.decide("allow")
    assert status(ask(number)) == {IDENTIFIER: "VALID", TYPE: "VALID"}


def test_what_was_agreed_to_elsewhere_meanwhile_is_not_asked_again(demo, ask, number):
    address = ask(number, capture=True, callback=callback(demo)).json()["captureUrl"]
    demo.grant(number)
    assert returned(visit(demo, address, number).answer, callback(demo)) == {"capture_result": "granted"}


def test_an_address_works_once(demo, ask, number):
    address = ask(number, capture=True, callback=callback(demo)).json()["captureUrl"]
    page = visit(demo, address, number)
    page.decide("deny")
    for again in (page.decide("allow").answer, visit(demo, address, number).answer,
                  visit(demo, address, number, page.session).answer):
        assert again.status_code == 409 and "location" not in again.headers
    assert status(ask(number)) == {IDENTIFIER: "DENIED", TYPE: "DENIED"}


def test_of_many_decisions_in_many_tabs_one_counts(demo, ask, number):
    address = ask(number, capture=True, callback=callback(demo)).json()["captureUrl"]
    session = requests.Session()
    visit(demo, address, number, session)
    pages = [visit(demo, address, number, session) for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda page: page.decide("allow").answer.status_code, pages))
    assert sorted(answers) == [302] + [409] * 5


def test_somebody_elses_address_shows_nothing(demo, ask, number):
    address = ask(number, capture=True, callback=callback(demo)).json()["captureUrl"]
    answer = visit(demo, address, BOB).answer
    assert answer.status_code == 403 and "location" not in answer.headers and "Aurora" not in answer.text
    assert "set-cookie" not in answer.headers
    assert visit(demo, address, number).answer.status_code == 200


def test_a_second_browser_of_the_subscriber_cannot_take_over(demo, ask, number):
    address = ask(number, capture=True, callback=callback(demo)).json()["captureUrl"]
    first = visit(demo, address, number)
    assert visit(demo, address, number).answer.status_code == 400
    stolen = first.decide("allow", session=requests.Session()).answer
    assert stolen.status_code == 400 and "location" not in stolen.headers
    assert returned(first.decide("allow").answer, callback(demo)) == {"capture_result": "granted"}


def test_a_browser_that_is_not_recognised_says_who_it_is(demo, ask):
    address = ask("+33639980003", capture=True, callback=callback(demo)).json()["captureUrl"]
    page = visit(demo, address, None)
    assert page.answer.status_code == 200 and page.answer.url.startswith(demo.issuer + "/subscriber")
    action, hidden, _ = page.form()

    def choose(sim):
        return page.session.post(action, data=hidden + [("subscriber", sim)], headers={"Origin": demo.issuer}, timeout=10)

    other = choose("+33639980002")
    assert other.status_code == 403 and "Aurora" not in other.text
    mine = Visit(demo, page.session, choose("+33639980003"), None, None)
    assert mine.answer.status_code == 200 and "Aurora" in mine.answer.text
    assert returned(mine.decide("deny").answer, callback(demo)) == {"capture_result": "denied"}


@pytest.mark.parametrize("change", [
    lambda address: address[:-1] + ("A" if address[-1] != "A" else "B"), lambda address: address + "x",
    lambda address: address + "&capture=x", lambda address: address + "&state=a&state=b", lambda address: address + "&state=&state=b",
    lambda address: address + "&state=" + "a" * 2049])
def test_a_changed_address_is_a_page(demo, ask, number, change):
    address = ask(number, capture=True, callback=callback(demo)).json()["captureUrl"]
    answer = visit(demo, change(address), number).answer
    assert answer.status_code == 400 and "location" not in answer.headers


def test_an_address_is_not_opened_in_a_frame_or_ahead_of_a_click(demo, ask, number):
    address = ask(number, capture=True).json()["captureUrl"]
    for headers in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Purpose": "prefetch"}):
        answer = requests.get(address, headers=headers | {"x-network-msisdn": number}, allow_redirects=False, timeout=10)
        assert answer.status_code == 403


# Refusals


def test_a_client_asks_about_what_it_is_registered_for(demo, ask, number):
    code = "CONSENT_INFO.NOT_ALLOWED_SCOPES_PURPOSE"
    for arguments in ({"scopes": ["sim-swap:no-such-scope"]}, {"scopes": [TYPE, "no such scope"]}, {"scopes": ["openid"]},
                      {"scopes": [PURPOSE]}, {"purpose": "dpv:NoSuchPurpose"}):
        refused(ask(number, **arguments), 403, code)
    refused(ask(number, purpose=SERVICE, client="demo-limit"), 403, code)


CALLBACKS = ["https://evil.example/", "javascript:alert(1)", "data:text/html,x", "http://127.0.0.1:8090/callback/",
             "http://127.0.0.1:8090/callback?x=1", "http://127.0.0.1:8090/callback#x", "http://127.0.0.1:8090@evil.example/callback",
             "HTTP://127.0.0.1:8090/callback", "myapp:back"]


@pytest.mark.parametrize("address", CALLBACKS)
@pytest.mark.parametrize("capture", [True, False])
def test_a_callback_that_is_not_registered_is_refused(ask, number, address, capture):
    refused(ask(number, capture=capture, callback=address), 403, "CONSENT_INFO.INVALID_CALLBACK_URL")


def test_a_callback_may_be_registered_without_being_a_redirect_uri(demo, ask, number, tmp_path):
    client = demo.json("clients", "show", "demo-all")
    for bad in ("javascript:alert(1)", "http://app.example/back", "myapp:back"):
        file = tmp_path / "client.json"
        file.write_text(json.dumps(client | {"client_id": "bad", "callback_uris": [bad]}))
        result = demo.command("clients", "add", str(file), check=False)
        assert result.returncode != 0 and "callback_uri" in result.stderr
    added = {key: value for key, value in client.items() if key not in ("enabled",)} | {
        "client_id": "app", "callback_uris": ["com.example.app:/consent?x=1"]}
    file = tmp_path / "client.json"
    file.write_text(json.dumps(added))
    demo.command("clients", "add", str(file))
    demo.clients["app"] = demo.clients["demo-all"] | {"client_id": "app"}
    address = ask(number, capture=True, callback="com.example.app:/consent?x=1", client="app").json()["captureUrl"]
    answer = visit(demo, address + "&state=s", number).decide("allow").answer
    assert answer.headers["location"] == "com.example.app:/consent?x=1&capture_result=granted&state=s"


def test_addresses_are_limited_for_client_subscriber_and_purpose(demo, ask, number):
    for _ in range(3):
        assert "captureUrl" in ask(number, capture=True).json()
    refused(ask(number, capture=True), 403, "CONSENT_INFO.CAPTURE_FREQUENCY_EXCEEDED")
    assert ask(number).status_code == 200
    assert "captureUrl" in ask(number, purpose=SERVICE, capture=True).json()
    assert "captureUrl" in ask(next(NUMBERS), capture=True).json()


@pytest.mark.parametrize("change", [
    {"scopes": None}, {"scopes": []}, {"scopes": "x"}, {"scopes": [1]}, {"scopes": ["x"] * 65}, {"purpose": None},
    {"purpose": "FraudPreventionAndDetection"}, {"purpose": "dpv:a#b"}, {"requestCaptureUrl": None}, {"requestCaptureUrl": "true"},
    {"phoneNumber": "33639980001"}, {"phoneNumber": "+0123456"}, {"callbackUrl": 1}])
def test_the_body_is_as_the_document_says(demo, validate, number, change):
    body = {"phoneNumber": number, "scopes": [TYPE], "purpose": PURPOSE, "requestCaptureUrl": False} | change
    answer = demo.call(demo.machine_token(SCOPE), RETRIEVE, {key: value for key, value in body.items() if value is not None})
    refused(answer, 400, "INVALID_ARGUMENT")
    validate(answer)


# Tokens and identifiers


def test_the_subscriber_comes_from_token_or_body_and_never_from_both(demo, ask, number):
    refused(ask(None), 422, "MISSING_IDENTIFIER")
    token = demo.token(number, (SCOPE,))
    assert status(ask(None, token=token)) == {IDENTIFIER: "PENDING", TYPE: "PENDING"}
    refused(ask(number, token=token), 422, "UNNECESSARY_IDENTIFIER")
    refused(ask(BOB, token=token), 422, "UNNECESSARY_IDENTIFIER")


def test_a_subscriber_is_not_asked_for_the_scope_of_this_api(demo, number):
    assert "code" in demo.authorize(number, (SCOPE,)).result


def test_a_three_legged_token_can_get_an_address(demo, ask, number):
    token = demo.token(number, (SCOPE,))
    page = visit(demo, ask(None, token=token, capture=True, callback=callback(demo)).json()["captureUrl"], number)
    assert returned(page.decide("allow").answer, callback(demo)) == {"capture_result": "granted"}
    assert status(ask(None, token=token)) == {IDENTIFIER: "VALID", TYPE: "VALID"}


def test_the_scope_is_needed(demo, validate, number):
    body = {"phoneNumber": number, "scopes": [TYPE], "purpose": PURPOSE, "requestCaptureUrl": False}
    for token, code in ((demo.machine_token(TYPE), (403, "PERMISSION_DENIED")), (None, (401, "UNAUTHENTICATED"))):
        answer = demo.call(token, RETRIEVE, body)
        refused(answer, *code)
        validate(answer)


# The ledger


def test_calls_and_addresses_are_in_the_ledger_and_numbers_are_not(demo, ask, number):
    backend = demo.backend_calls()
    ask(number, capture=True, callback=callback(demo))
    refused(ask(number, scopes=["openid"]), 403, "CONSENT_INFO.NOT_ALLOWED_SCOPES_PURPOSE")
    assert demo.backend_calls() == backend
    entries = demo.json("audit", "search", "--subject", f"tel:{number}")
    calls = [entry for entry in entries if entry["event"] == "api.call"]
    assert [(call["operation"], call["decision"], call["status"]) for call in calls] == [
        ("retrieveStatus", "allowed", 200), ("retrieveStatus", "refused", 403)]
    assert calls[1]["reason"] == "operation_refused"
    issued, = [entry for entry in entries if entry["event"] == "capture.issued"]
    assert issued["client_id"] == "demo-all" and issued["scopes"] == [IDENTIFIER, TYPE] and issued["purpose"] == PURPOSE
    assert number not in json.dumps(entries) and "capture=" not in json.dumps(entries)
