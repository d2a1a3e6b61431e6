"""My data: what subscribers see of their own line, take back, object to and take along, at /my."""
import html
import json
import os
import re
import shutil
import subprocess
import time

import pytest
import requests

from harness import (ALICE, BINARY, BOB, CAROL, DAVE, ERIN, IDENTIFIER, PURPOSE, REPOSITORY, TYPE, Demo, free_port, refused,
                     wait_ready)


class Person:
    """A browser in front of /my; with a number, on that number's mobile network."""

    def __init__(self, demo, number=None, language="en"):
        self.demo, self.session = demo, requests.Session()
        self.session.headers["Accept-Language"] = language
        if number:
            self.session.headers["x-network-msisdn"] = number

    def get(self, path="/my", **parameters):
        return self.session.get(self.demo.issuer + path, params=parameters, timeout=20, allow_redirects=False)

    def post(self, path, token=None, headers=None, **form):
        form = {"token": self.token if token is None else token} | form
        return self.session.post(self.demo.issuer + path, data=form, timeout=20, allow_redirects=False,
                                 headers=headers or {"Origin": self.demo.issuer})

    @property
    def token(self):
        return re.search(r'name="token" value="([^"]+)"', self.get().text)[1]

    def button(self, path):
        """The fields of the first form that leads to a path."""
        form = re.search(rf'<form action="{path}">(.*?)</form>', self.get().text, re.S)
        return form and dict(re.findall(r'name="(\w+)" value="([^"]*)"', html.unescape(form[1])))

    def act(self, path):
        """Presses the first such button, reads what will happen, and confirms it."""
        fields = self.button(path)
        asked = self.get(path, **fields)
        assert asked.status_code == 200 and f'<form method="post" action="{path}"' in asked.text, asked.text
        sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html.unescape(asked.text)))
        answer = self.post(path, **sent)
        assert answer.status_code == 200, answer.text
        return asked, answer

    def download(self):
        answer = self.get("/my/data.json")
        assert answer.status_code == 200, answer.text
        return answer.json()


def consent(demo, number, client="demo-all"):
    return demo.json("consents", "list", "--subject", "tel:" + number, "--client", client)[0]


# Who is there.

def test_the_network_says_who_is_there_and_each_sees_their_own(demo):
    demo.token(ALICE)
    page = Person(demo, ALICE).get()
    assert page.status_code == 200 and "Aurora Insurance" in page.text and "Serial number of your phone" in page.text
    assert "+33*****01" in page.text and ALICE not in page.text
    assert "Aurora Insurance" not in Person(demo, CAROL).get().text


def test_the_pages_cannot_be_framed_kept_or_made_to_load_anything(demo):
    answer = Person(demo, ALICE).get()
    headers = answer.headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"] and "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY" and headers["cache-control"] == "no-store"
    assert "<script" not in answer.text and "<img" not in answer.text
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Max-Age=900" in cookie
    for field in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "cors"}, {"Sec-Purpose": "prefetch"}):
        assert requests.get(demo.issuer + "/my", headers={"x-network-msisdn": ALICE} | field, timeout=10).status_code == 403


@pytest.mark.parametrize("language, title", [("en", "My data"), ("fr", "Mes données"), ("es", "Mis datos"), ("de", "Meine Daten")])
def test_the_pages_speak_the_browsers_language(demo, language, title):
    demo.token(ALICE)
    text = Person(demo, ALICE, language).get().text
    assert f'<html lang="{language}">' in text and f"<h1>{title}</h1>" in text


def test_without_the_network_the_simulated_cards_stand_in_and_a_session_lasts(demo):
    demo.token(BOB)
    person = Person(demo)
    page = person.get()
    assert 'name="subscriber"' in page.text and "Aurora Insurance" not in page.text
    before = dict(person.session.cookies)
    answer = person.post("/my/sign-in", subscriber=BOB)
    assert answer.status_code == 303 and answer.headers["location"] == "/my"
    assert dict(person.session.cookies) != before, "the session is another one than before the login (fixation)"
    assert "Aurora Insurance" in person.get().text
    assert person.post("/my/sign-in", subscriber="+33699999999").status_code in (303, 400)


def test_another_subscriber_on_the_network_gets_their_own_view_not_the_sessions(demo):
    demo.token(BOB)
    person = Person(demo, BOB)
    assert "Aurora Insurance" in person.get().text
    token, cookies = person.token, dict(person.session.cookies)
    person.session.headers["x-network-msisdn"] = CAROL
    assert person.post("/my/withdraw-all", token=token).status_code == 403
    assert consent(demo, BOB)["status"] == "granted"
    assert "+33*****03" in (page := person.get().text) and "Aurora Insurance" not in page
    # The session of before is over, also for who kept its cookie.
    kept = requests.get(demo.issuer + "/my", cookies=cookies, timeout=10)
    assert 'name="subscriber"' in kept.text


def test_a_forged_signal_is_not_made_good_by_a_session(demo):
    person = Person(demo, ALICE)
    person.get()
    person.session.headers["x-network-msisdn"] = "not a number"
    assert person.get().status_code == 503


def test_signing_out_ends_the_session_also_for_a_copy_of_its_cookie(demo):
    person = Person(demo)
    person.post("/my/sign-in", subscriber=BOB)
    copy = dict(person.session.cookies)
    assert "+33*****02" in person.get().text
    answer = person.post("/my/sign-out")
    assert answer.status_code == 200 and "Max-Age=0" in answer.headers["set-cookie"]
    for cookies in (copy, dict(person.session.cookies)):
        assert 'name="subscriber"' in requests.get(demo.issuer + "/my", cookies=cookies, timeout=10).text


def test_an_interactions_handle_is_no_session_and_a_session_no_handle(demo):
    visit = demo.authorize(ALICE, prompt="consent")
    handle = dict(visit.form()[1])["interaction"]
    answer = requests.get(demo.issuer + "/my", cookies={"passerelle_my": handle}, timeout=10)
    assert 'name="subscriber"' in answer.text
    person = Person(demo, ALICE)
    person.get()
    cookie = person.session.cookies["passerelle_my"]
    assert person.get("/consent", interaction=cookie).status_code == 400


# What there is to see.

def test_the_list_says_what_since_when_why_and_when_it_was_last_used(demo):
    number = "+33639980011"
    token = demo.token(number)
    person = Person(demo, number)
    assert "<dt>Last used</dt><dd>Never</dd>" in person.get().text
    assert demo.call(token).status_code == 200
    page = person.get().text
    today = time.strftime("%-d %B %Y", time.gmtime())
    for text in ("Aurora Insurance", "You agreed to it.", f"<dt>Since</dt><dd>{today}</dd>", f"<dt>Last used</dt><dd>{today}</dd>",
                 "Make and model of your phone", "History", f"{today}: you allowed this:"):
        assert text in page, text
    assert "https://aurora.example" in page and 'rel="noreferrer noopener external"' in page


def test_what_was_denied_is_there_too_folded_away(demo):
    number = "+33639980012"
    demo.authorize(number).decide("deny")
    page = Person(demo, number).get().text
    current, past = page.split('<details class="past">')
    assert "No application may get data" in current and "You did not allow it." in past and "Aurora Insurance" in past


# What there is to do.

def test_withdrawing_holds_for_the_next_call_and_is_in_the_ledger_as_the_subscribers_own(demo):
    token = demo.token(DAVE)
    assert demo.call(token).status_code == 200
    person = Person(demo, DAVE)
    asked, done = person.act("/my/withdraw")
    assert "Withdraw your consent?" in asked.text and "Aurora Insurance gets nothing more" in asked.text
    refused(demo.call(token), 403, "PERMISSION_DENIED")
    assert consent(demo, DAVE)["status"] == "revoked"
    entry = demo.json("audit", "search", "--subject", "tel:" + DAVE, "--event", "consent.revoked")[-1]
    assert entry["detail"]["actor"] == "subscriber"
    assert person.button("/my/withdraw") is None and "Your consent was withdrawn." in person.get().text
    assert demo.json("audit", "search", "--subject", "tel:" + DAVE, "--event", "api.call")[-1]["reason"] == "consent_revoked"


def test_looking_at_the_confirmation_changes_nothing(demo):
    demo.token(ERIN)
    person = Person(demo, ERIN)
    for path in ("/my/withdraw", "/my/withdraw-all"):
        assert person.get(path, **(person.button(path) or {})).status_code == 200
    assert consent(demo, ERIN)["status"] == "granted"


def test_withdrawing_everything_is_an_act_of_its_own(demo):
    number = "+33639980013"
    first, second = demo.token(number), demo.token(number, (TYPE,), "demo-few")
    person = Person(demo, number)
    asked, done = person.act("/my/withdraw-all")
    assert "Aurora Insurance" in asked.text and "Birch Deliveries" in asked.text
    refused(demo.call(first), 403, "PERMISSION_DENIED")
    refused(demo.call(second, "/device-identifier/v0.3/retrieve-type"), 403, "PERMISSION_DENIED")
    assert person.get("/my/withdraw-all").status_code == 404, "nothing is left to withdraw"


def test_a_missing_or_wrong_id_withdraws_nothing(demo):
    demo.token(ALICE)
    demo.token(BOB)
    person = Person(demo, ALICE)
    others = consent(demo, BOB)["id"]
    for form in ({}, {"consent": ""}, {"consent": "nonsense"}, {"consent": others}, {"consent": "*"}, {"client": "demo-all"}):
        assert person.post("/my/withdraw", **form).status_code == 404, form
        assert person.get("/my/withdraw", **form).status_code == 404, form
    for path in ("/my/object", "/my/agree"):
        for form in ({}, {"client": "demo-all"}, {"purpose": PURPOSE}, {"client": "nobody", "purpose": PURPOSE}):
            assert person.post(path, **form).status_code == 404, (path, form)
    twice = [("token", person.token), ("consent", consent(demo, ALICE)["id"]), ("consent", others)]
    answer = person.session.post(demo.issuer + "/my/withdraw", data=twice, headers={"Origin": demo.issuer}, timeout=10)
    assert answer.status_code == 403
    assert consent(demo, ALICE)["status"] == consent(demo, BOB)["status"] == "granted"


def test_a39_a_form_from_elsewhere_does_nothing(demo):
    demo.token(ALICE)
    person, other = Person(demo, ALICE), Person(demo, BOB)
    form = person.button("/my/withdraw")
    token, own = other.token, person.token
    assert person.post("/my/withdraw", token="", **form).status_code == 403
    assert person.post("/my/withdraw", token="A" * 43, **form).status_code == 403
    assert person.post("/my/withdraw", token=token, **form).status_code == 403, "the token of another session"
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "cors"}):
        assert person.post("/my/withdraw", token=own, headers={"Origin": demo.issuer} | headers, **form).status_code == 403, headers
    stranger = requests.post(demo.issuer + "/my/withdraw", data={"token": own} | form, headers={"Origin": demo.issuer}, timeout=10)
    assert stranger.status_code == 403, "without the session's cookie"
    # In the address instead of the form, or as another kind of body.
    query = person.session.post(demo.issuer + "/my/withdraw", params={"token": own} | form, headers={"Origin": demo.issuer}, timeout=10)
    body = person.session.post(demo.issuer + "/my/withdraw", json={"token": own} | form, headers={"Origin": demo.issuer}, timeout=10)
    assert query.status_code == body.status_code == 403
    assert consent(demo, ALICE)["status"] == "granted"
    for path in ("/my/sign-in", "/my/sign-out"):
        assert person.post(path, token="", subscriber=BOB).status_code == 403
        assert person.get(path).status_code == 405
    assert "Aurora Insurance" in person.get().text


# What one takes along.

def test_the_download_holds_everything_of_ones_own_and_nothing_of_anybody_elses(demo):
    number = "+33639980010"
    token = demo.token(number, ui_locales="fr")
    assert demo.call(token).status_code == 200
    person = Person(demo, number)
    person.act("/my/withdraw")
    demo.call(token)
    answer = person.get("/my/data.json")
    assert answer.headers["content-type"] == "application/json" and answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    data = answer.json()
    assert data["format"] == "passerelle-my-data/1" and data["phone_number"] == number and data["uses_complete"] is True
    record, = data["consents"]
    assert (record["client_id"], record["client_name"], record["purpose"], record["status"]) == (
        "demo-all", "Aurora Insurance", PURPOSE, "revoked")
    granted, revoked = record["events"]
    assert granted["event"] == "granted" and granted["shown"]["language"] == "fr" and len(granted["shown"]["text_sha256"]) == 64
    assert granted["shown"]["page_version"] and "device-serial-number" in granted["shown"]["categories"]
    assert (revoked["event"], revoked["by"]) == ("revoked", "subscriber")
    late, early = data["uses"]
    assert early["decision"] == "allowed" and "device-serial-number" in early["categories"] and early["client_id"] == "demo-all"
    assert early["api"] == "device-identifier" and early["operation"] and late["decision"] == "refused"
    # No key of ours, and nobody else's number.
    row = consent(demo, number)
    assert row["id"] not in answer.text and row["subject"] not in answer.text
    assert set(re.findall(r"\+33\d+", answer.text)) == {number}
    assert Person(demo, CAROL).download()["consents"] == []
    assert 'name="subscriber"' in requests.get(demo.issuer + "/my/data.json", timeout=10).text


# Processing without consent.

@pytest.fixture(scope="module")
def interest(tmp_path_factory):
    """A gateway where the legal basis of one client is legitimate interest."""
    folder = tmp_path_factory.mktemp("interest")
    demo = Demo(folder).start()
    demo.stop()
    shutil.copytree(os.path.join(REPOSITORY, "policies"), demo.data + "/policies")
    with open(demo.data + "/policies/legal-bases.json", "w") as file:
        file.write('{"default": "consent", "rules": [{"client_id": "demo-all", "purpose": "%s", "basis": "legitimate_interest"}]}' % PURPOSE)
    configuration = re.sub(r'"policies": "[^"]*"', '"policies": "policies"', open(demo.configuration).read())
    file = demo.data + "/interest.json"
    open(file, "w").write(configuration)
    backend = subprocess.Popen([BINARY, "demo", "--data", str(folder / "backend"), "--port", str(free_port()), "--admin-port",
                                str(free_port()), "--backend-port", str(demo.backend_port)], stdout=subprocess.PIPE, text=True)
    wait_ready(backend)
    demo.process = subprocess.Popen([BINARY, "serve", "--config", file], stdout=subprocess.PIPE, text=True)
    wait_ready(demo.process)
    yield demo
    demo.stop()
    backend.terminate()
    backend.wait(20)


def test_an_objection_holds_at_once_and_can_be_taken_back(interest):
    demo, body = interest, {"device": {"phoneNumber": ALICE}}
    token = demo.machine_token(IDENTIFIER)
    assert demo.call(token, body=body).status_code == 200
    person = Person(demo, ALICE)
    page = person.get().text
    assert "has a legitimate interest in it. You can object." in page and person.button("/my/withdraw") is None
    asked, _ = person.act("/my/object")
    assert "Object to this use?" in asked.text
    refused(demo.call(token, body=body), 403, "PERMISSION_DENIED")
    entry = demo.json("audit", "search", "--event", "consent.objected")[-1]
    assert entry["detail"]["actor"] == "subscriber" and entry["legal_basis"] == "legitimate_interest"
    assert "You objected. Aurora Insurance gets nothing" in person.get().text and person.button("/my/object") is None
    objection, = person.download()["objections"]
    assert (objection["client_id"], objection["purpose"]) == ("demo-all", PURPOSE)
    assert person.post("/my/object", client="demo-all", purpose=PURPOSE).status_code == 404, "there is one already"
    person.act("/my/agree")
    assert demo.call(token, body=body).status_code == 200
    entry = demo.json("audit", "search", "--event", "consent.granted")[-1]
    assert entry["detail"]["actor"] == "subscriber" and entry["legal_basis"] == "legitimate_interest"
    assert person.download()["objections"] == [] and "you took your objection back" in person.get().text


# One-time codes.

def test_a_code_opens_the_pages_for_one_browser(gateway, operator):
    gateway.grant(BOB)
    person, other = Person(gateway), Person(gateway)
    assert 'type="tel"' in person.get().text
    assert person.post("/my/sign-in", number=BOB).status_code == 303
    code = operator.code()
    assert 'autocomplete="one-time-code"' in person.get().text and BOB[1:] not in person.get().text
    wrong = "000000" if code != "000000" else "000001"
    assert person.post("/my/sign-in", code=wrong).status_code == 400
    assert other.post("/my/sign-in", code=code).status_code == 400, "another browser's"
    assert person.post("/my/sign-in", code=code, headers={"Origin": "https://evil.example"}).status_code == 403
    assert person.post("/my/sign-in", code=code).status_code == 303
    page = person.get().text
    assert "+33*****02" in page and "Aurora Insurance" in page
    assert '"event":"code.sent"' in gateway.ledger and code not in gateway.ledger
    # No account of ours: nobody sees that a number is no subscriber's.
    nobody = Person(gateway)
    assert nobody.post("/my/sign-in", number="+33639981234").status_code == 303
    assert 'autocomplete="one-time-code"' in nobody.get().text


def test_where_there_is_no_other_way_the_page_says_so(gateway):
    gateway.serve(recognition={"oneTimeCode": None})
    answer = Person(gateway).get()
    assert answer.status_code == 403 and "We cannot tell which line is yours" in answer.text
    assert "set-cookie" not in answer.headers
    gateway.serve()
