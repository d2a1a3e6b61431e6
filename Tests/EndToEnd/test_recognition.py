"""Recognising the subscriber by the operator's own servers, and asking them over a webhook: `passerelle serve` as it runs for real."""
import base64
import concurrent.futures
import json
import os
import re
import subprocess
import time

import pytest
import requests

from harness import ALICE, BOB, CAROL, DAVE, ERIN, PURPOSE, UNKNOWN, Visit
from operator_server import Operator
from real_gateway import Gateway
from test_browser import BROWSER, DRIVER, open_browser, open_request, screenshot

NOBODY = "+33639981234"
WEBHOOK_FIELDS = {"phoneNumber", "link", "clientName", "purpose", "expiresIn", "language"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory, operator):
    gateway = Gateway(tmp_path_factory.mktemp("recognition"), operator)
    yield gateway
    gateway.stop()


@pytest.fixture
def gateway(installation, operator):
    """Fresh at each test: what was sent, and the codes that count against a limit."""
    installation.stop()
    installation.forget_codes()
    operator.calls.clear()
    operator.changed.clear()
    return installation.serve()


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def error(answer, status, code):
    assert (answer.status_code, answer.json().get("error")) == (status, code), answer.text
    return answer.json()


# One-time codes.

def test_a_person_logs_in_with_a_code(gateway, operator):
    visit = gateway.type(gateway.arrive(), number="06 39 98 00 01")
    assert 'autocomplete="one-time-code"' in visit.answer.text and "639980001" not in visit.answer.text
    message = operator.wait("/sms")[0]
    assert set(message) == {"phoneNumber", "text", "language"} and message["phoneNumber"] == ALICE
    assert operator.calls[-1][2]["authorization"] == "Bearer secret-of-the-operator"
    visit = gateway.type(visit, code=operator.code())
    if visit.answer.status_code == 200:
        visit = visit.decide("allow")
    tokens = visit.redeem()
    assert tokens.status_code == 200, tokens.text
    assert claims(tokens.json()["id_token"])["amr"] == ["sms", "otp"]
    ledger = gateway.ledger
    assert '"event":"code.sent"' in ledger and ALICE[1:] not in ledger and operator.code() not in ledger


def test_after_five_wrong_codes_the_right_one_is_refused_also_after_a_restart(gateway, operator):
    visit = gateway.type(gateway.arrive(), number=BOB)
    code = operator.code()
    wrong = "000000" if code != "000000" else "000001"
    for _ in range(3):
        visit = gateway.type(visit, code=wrong)
        assert visit.answer.status_code == 400
    gateway.stop()
    gateway.start()
    assert gateway.type(visit, code=wrong).answer.status_code == 400
    assert gateway.type(visit, code=wrong).answer.status_code == 429
    assert gateway.type(visit, code=code).answer.status_code == 429
    visit = gateway.type(visit, number=BOB)
    assert gateway.type(visit, code=code).answer.status_code == 400, "the old code is gone"
    assert "location" in (done := gateway.type(visit, code=operator.code(2))).answer.headers or done.form()[2]


def test_of_many_guesses_at_once_five_count(gateway, operator):
    visit = gateway.type(gateway.arrive(), number=CAROL)
    code = operator.code()
    guesses = [f"{(int(code) + i) % 1_000_000:06}" for i in range(1, 21)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = sorted(pool.map(lambda guess: gateway.type(visit, code=guess).answer.status_code, guesses))
    assert statuses == [400] * 4 + [429] * 16


def test_a39_a_code_is_good_once_and_for_its_own_visit_and_browser(gateway, operator):
    gateway.grant(DAVE)  # agreed to before: the right code leads straight back to the client
    visit, other = gateway.type(gateway.arrive(), number=DAVE), gateway.arrive()
    code = operator.code()
    assert gateway.type(other, code=code).answer.status_code == 400
    assert gateway.type(visit, session=requests.Session(), code=code).answer.status_code == 400
    assert gateway.type(visit, headers={"Origin": "https://evil.example"}, code=code).answer.status_code == 403
    assert "code" in gateway.type(visit, code=code).result
    again = gateway.type(visit, code=code).answer
    assert again.status_code == 409 and "location" not in again.headers


def test_codes_are_limited_by_visit_number_and_address(gateway, operator):
    visit = gateway.arrive()
    for _ in range(3):
        assert gateway.type(visit, number=ERIN).answer.status_code == 200
    assert gateway.type(visit, number=ERIN).answer.status_code == 429
    for _ in range(2):
        assert gateway.type(gateway.arrive(), number=ERIN).answer.status_code == 200
    assert gateway.type(gateway.arrive(), number=ERIN).answer.status_code == 429
    operator.wait("/sms", 5)
    gateway.serve(recognition={"oneTimeCode": {"url": operator.url + "/sms", "codesPerAddressAndHour": 6}})
    assert gateway.type(gateway.arrive(), number=ALICE).answer.status_code == 200
    assert gateway.type(gateway.arrive(), number=BOB).answer.status_code == 429
    # Another address behind the same proxy has a limit of its own.
    assert gateway.type(gateway.arrive(), number=BOB, headers={"Origin": gateway.issuer, "x-real-address": "198.51.100.7"}
                        ).answer.status_code == 200


def test_a_network_of_ipv6_has_one_limit(gateway, operator):
    gateway.serve(recognition={"oneTimeCode": {"url": operator.url + "/sms", "codesPerAddressAndHour": 1}})
    for address, status in [("2001:db8:1:2::1", 200), ("2001:db8:1:2:ffff::9", 429), ("2001:db8:1:3::1", 200), ("[2001:db8:1:3::2]:80", 429)]:
        answer = gateway.type(gateway.arrive(), number=CAROL, headers={"Origin": gateway.issuer, "x-real-address": address}).answer
        assert answer.status_code == status, address


def test_a44_who_is_no_subscriber_sees_the_same_page_and_gets_no_message(gateway, operator):
    pages = []
    for number in (ALICE, NOBODY):
        visit = gateway.type(gateway.arrive(), number=number)
        pages.append([visit.answer.status_code, visit.answer.text.replace(visit.handle, "")])
        wrong = gateway.type(visit, code="000000")
        pages[-1] += [wrong.answer.status_code, wrong.answer.text.replace(visit.handle, "")]
    assert pages[0] == pages[1]
    time.sleep(0.5)
    assert [message["phoneNumber"] for message in operator.wait("/sms")] == [ALICE]


def test_a44_a_slow_gateway_does_not_show(gateway, operator):
    operator.changed["/sms"] = operator.changed["/by-number"] = "hang"
    began = time.monotonic()
    assert gateway.type(gateway.arrive(), number=ALICE).answer.status_code == 200
    assert time.monotonic() - began < 0.7
    time.sleep(1)
    assert '"decision":"failed","reason":"the number directory does not answer in time"' in gateway.ledger


def test_prompt_none_never_shows_the_page(gateway, operator):
    assert gateway.authorize(None, prompt="none").result["error"] == "login_required"
    assert operator.told("/sms") == []


def test_who_cancels_goes_back_to_the_client(gateway):
    assert gateway.type(gateway.arrive(), decision="deny").result["error"] == "access_denied"


def test_the_page_speaks_french(gateway, operator):
    visit = gateway.type(gateway.arrive(ui_locales="fr"), number=ALICE)
    assert '<html lang="fr">' in visit.answer.text
    assert operator.wait("/sms")[0]["language"] == "fr" and "est votre code" in operator.told("/sms")[0]["text"]


def test_only_the_allowed_fields_of_a_code_leave(gateway, operator):
    gateway.serve(recognition={"oneTimeCode": {"url": operator.url + "/sms", "fields": ["phoneNumber", "code"]}})
    gateway.type(gateway.arrive(), number=ALICE)
    message = operator.wait("/sms")[0]
    assert set(message) == {"phoneNumber", "code"} and re.fullmatch("[0-9]{6}", message["code"])


@pytest.mark.skipif(not (DRIVER and BROWSER), reason="Chromium and chromedriver are not installed")
def test_on_a_phone_with_the_keyboard_alone(gateway, operator):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait
    browser = open_browser()
    try:
        open_request(gateway, browser)
        for name, text in (("number", lambda: "06 39 98 00 02"), ("code", operator.code)):
            field = WebDriverWait(browser, 10).until(lambda b: b.find_element("name", name))
            screenshot(browser, f"code-{name}")
            assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
            # The return key goes on; it does not cancel.
            field.send_keys(text(), Keys.RETURN)
        WebDriverWait(browser, 10).until(lambda b: b.find_elements("name", "category"))
    finally:
        browser.quit()


# The look-ups, at the authorization endpoint.

def browser(gateway, address, **parameters):
    session = requests.Session()
    session.headers["x-real-address"] = address
    return gateway.authorize(None, session=session, **parameters)


def test_the_network_recognises_an_address(gateway, operator):
    visit = browser(gateway, "192.0.2.2:4711")
    tokens = (visit.decide("allow") if visit.answer.status_code == 200 else visit).redeem()
    assert claims(tokens.json()["id_token"])["amr"] == ["nba"]
    assert operator.told("/by-address") == [{"ipAddress": "192.0.2.2", "port": 4711}]


def test_an_address_that_is_nobodys_leads_to_the_code_page(gateway):
    assert 'type="tel"' in browser(gateway, "192.0.2.77").answer.text


@pytest.mark.parametrize("change, reason", [
    ((500, {}), "the address look-up answers with status 500"), ((200, {"phoneNumber": "0639980001"}), "the address look-up answers what cannot be read"),
    ((200, b"<html>"), "the address look-up answers what cannot be read"), ("hang", "the address look-up does not answer in time")])
def test_a_look_up_that_fails_ends_the_search(gateway, operator, change, reason):
    operator.changed["/by-address"] = change
    result = browser(gateway, "192.0.2.2").result
    assert result["error"] == "access_denied" and "192.0.2" not in str(result)
    assert browser(gateway, "192.0.2.2", prompt="none").result["error"] == "login_required"
    assert reason in gateway.ledger and "192.0.2.2" not in gateway.ledger


def test_header_enrichment_comes_first(gateway, operator):
    session = requests.Session()
    session.headers["x-real-address"] = "192.0.2.2"
    visit = gateway.authorize(ALICE, session=session)
    tokens = (visit.decide("allow") if visit.answer.status_code == 200 else visit).redeem()
    assert tokens.status_code == 200 and operator.told("/by-address") == []


# The look-ups, at the backchannel and token endpoints.

def agreed(gateway, number):
    assert gateway.grant(number).status_code == 200
    gateway.operator.calls.clear()


@pytest.mark.parametrize("number, hint, path, body, amr", [
    (ALICE, f"tel:{ALICE}", "/by-number", {"phoneNumber": ALICE}, None),
    (BOB, "ipport:192.0.2.2:4711", "/by-address", {"ipAddress": "192.0.2.2", "port": 4711}, None),
    (BOB, "ipport:192.0.2.2", "/by-address", {"ipAddress": "192.0.2.2"}, None),
    (CAROL, f"operatortoken:token-of-{CAROL}", "/by-token", {"operatorToken": f"token-of-{CAROL}"}, ["sc"])])
def test_ciba_finds_the_subscriber_by_every_hint(gateway, operator, number, hint, path, body, amr):
    agreed(gateway, number)
    request = gateway.backchannel(login_hint=hint)
    assert request.status_code == 200, request.text
    assert [(place, sent) for place, sent, _ in operator.calls] == [(path, body)]
    token = gateway.poll(request.json()["auth_req_id"])
    assert token.status_code == 200, token.text
    assert claims(token.json()["id_token"]).get("amr") == amr
    gateway.withdraw(number)
    assert gateway.call(token.json()["access_token"]).status_code == 403, "the token was about that subscriber"


@pytest.mark.parametrize("hint", [f"tel:{NOBODY}", "ipport:192.0.2.99", "operatortoken:forged"])
def test_who_is_no_subscriber_is_an_unknown_user(gateway, hint):
    error(gateway.backchannel(login_hint=hint), 400, "unknown_user_id")
    if not hint.startswith("ipport"):
        error(gateway.jwt_bearer(hint), 400, "invalid_grant")


@pytest.mark.parametrize("hint, path, title", [
    (f"tel:{ALICE}", "/by-number", "the number directory"), ("ipport:192.0.2.1", "/by-address", "the address look-up"),
    (f"operatortoken:token-of-{ALICE}", "/by-token", "the check of operator tokens")])
def test_an_adapter_that_is_down_is_said_to_be(gateway, operator, hint, path, title):
    for change, words in [((503, {}), "answers with status 503"), ("hang", "does not answer in time"), ((200, {}), "answers what cannot be read")]:
        operator.changed[path] = change
        answers = [gateway.backchannel(login_hint=hint)] + ([] if hint.startswith("ipport") else [gateway.jwt_bearer(hint)])
        for answer in answers:
            body = error(answer, 503, "temporarily_unavailable")
            assert f"{title} {words}" in body["error_description"] and int(answer.headers["retry-after"]) >= 1
            assert "192.0.2" not in answer.text and "33639" not in answer.text


def test_a_directory_that_answers_about_another_is_not_believed(gateway, operator):
    operator.changed["/by-number"] = (200, {"phoneNumber": BOB})
    assert "another subscriber" in error(gateway.backchannel(ALICE), 503, "temporarily_unavailable")["error_description"]


def test_an_operator_token_is_a_subject_of_jwt_bearer(gateway):
    agreed(gateway, ERIN)
    answer = gateway.jwt_bearer(f"operatortoken:token-of-{ERIN}")
    assert answer.status_code == 200, answer.text


# CIBA over a webhook.

def test_the_question_goes_out_and_is_answered_over_its_link(gateway, operator):
    gateway.withdraw(ALICE)
    request = gateway.backchannel(ALICE)
    assert request.status_code == 200, request.text
    question, = operator.told("/questions")
    assert set(question) == {"phoneNumber", "link", "expiresIn"}
    assert question["phoneNumber"] == ALICE and question["expiresIn"] in range(110, 121)
    assert question["link"].startswith(gateway.issuer + "/consent?interaction=")
    identifier = request.json()["auth_req_id"]
    error(gateway.poll(identifier), 400, "authorization_pending")
    session = requests.Session()
    page = Visit(gateway, session, session.get(question["link"], timeout=5), None, None)
    assert "Thank you" in page.decide("allow").answer.text
    time.sleep(1.1)
    token = gateway.poll(identifier)
    assert token.status_code == 200, token.text
    assert session.get(question["link"], timeout=5).status_code == 409


@pytest.mark.parametrize("fields", [["phoneNumber", "link"], sorted(WEBHOOK_FIELDS)])
def test_exactly_the_allowed_fields_leave(gateway, operator, fields):
    gateway.serve(ciba={"channel": {"webhook": {"url": operator.url + "/questions", "fields": fields}}})
    gateway.withdraw(BOB)
    assert gateway.backchannel(BOB, ui_locales="fr").status_code == 200
    question, = operator.told("/questions")
    assert set(question) == set(fields)
    if "purpose" in fields:
        assert question["purpose"] == PURPOSE and question["clientName"] == "Aurora Insurance" and question["language"] == "fr"


@pytest.mark.parametrize("change, words", [((500, {}), "answers with status 500"), ("hang", "does not answer in time"), ((302, {}), "status 302")])
def test_a_question_that_does_not_go_out_is_said_so(gateway, operator, change, words):
    gateway.withdraw(CAROL)
    operator.changed["/questions"] = change
    answer = gateway.backchannel(CAROL)
    assert words in error(answer, 503, "temporarily_unavailable")["error_description"] and answer.headers["retry-after"]
    assert "the channel to subscribers" in gateway.ledger


# What `passerelle check` says.

def test_check_says_of_every_adapter_whether_it_answers(gateway, operator):
    result = gateway.check()
    assert result.returncode == 0, result.stderr
    for name in ("recognition.addressLookup", "recognition.operatorToken", "recognition.numberDirectory", "recognition.oneTimeCode", "ciba.channel"):
        assert f"{name}: answers" in result.stdout
    assert operator.told("/sms") == ["OPTIONS"] and operator.told("/questions") == ["OPTIONS"], "nobody is sent anything"
    operator.changed |= {"/by-address": (401, {}), "/by-token": "hang", "/by-number": (200, {"phoneNumber": ALICE})}
    began = time.monotonic()
    found = {a["name"]: a for a in json.loads(gateway.check("--json").stdout)["adapters"]}
    assert time.monotonic() - began < 5
    assert not found["recognition.addressLookup"]["ok"] and "bearer token" in found["recognition.addressLookup"]["finding"]
    assert "in time" in found["recognition.operatorToken"]["finding"] and "404" in found["recognition.numberDirectory"]["finding"]


def test_the_operators_servers_are_reached_over_tls_that_is_verified(gateway, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=operator", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem",
                    "-out", tmp_path / "cert.pem"], check=True, capture_output=True)
    secure = Operator(tls=(tmp_path / "cert.pem", tmp_path / "key.pem"))
    try:
        directory = {"numberDirectory": {"url": secure.url + "/by-number"}}
        gateway.serve(recognition=directory, outbound={"caFile": str(tmp_path / "cert.pem")})
        assert gateway.backchannel(ALICE).status_code == 200 and secure.told("/by-number") == [{"phoneNumber": ALICE}]
        assert "recognition.numberDirectory: answers" in gateway.check().stdout
        gateway.serve(recognition=directory)
        assert "cannot be trusted" in error(gateway.backchannel(ALICE), 503, "temporarily_unavailable")["error_description"]
        assert "recognition.numberDirectory: the number directory cannot be trusted: " in gateway.check().stdout
        assert len(secure.told("/by-number")) == 2, "nothing was sent to a server that is not trusted"
    finally:
        secure.stop()


def test_check_fails_only_for_what_makes_serving_impossible(gateway, operator):
    gateway.serve(recognition={"addressLookup": {"url": "http://127.0.0.1:1/"}, "browserAddress": None, "numberDirectory": None})
    result = gateway.check()
    assert "codes go to every number" in result.stdout and "share one limit" in result.stdout
    assert result.returncode == 0 and "the address look-up cannot be reached" in result.stdout
    token = os.path.join(gateway.data, "operator-token")
    os.chmod(token, 0o644)
    result = gateway.check()
    os.chmod(token, 0o600)
    assert result.returncode == 1 and "chmod 600" in result.stderr


# The demo.

def test_the_demo_knows_its_subscribers_and_nobody_else(demo):
    # Unknown to the device backend, and a subscriber all the same.
    for hint in (f"tel:{ALICE}", "ipport:192.0.2.1:80", f"operatortoken:simulated-token-of-{ALICE}", f"tel:{UNKNOWN}"):
        answer = demo.backchannel(login_hint=hint)
        assert answer.status_code == 200 and answer.json()["interval"] == 2, answer.text
    for hint in (f"tel:{NOBODY}", "ipport:203.0.113.1", "operatortoken:forged"):
        error(demo.backchannel(login_hint=hint), 400, "unknown_user_id")
    subscriber = demo.description["subscribers"][0]
    assert subscriber["operatorToken"] == f"simulated-token-of-{subscriber['phoneNumber']}"
    visit = demo.authorize(None)
    assert 'name="subscriber"' in visit.answer.text, "the simulated SIM cards are what the demo offers"
