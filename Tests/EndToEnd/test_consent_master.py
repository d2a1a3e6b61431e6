"""A consent master that the operator has already: decisions follow its records, and it learns of ours. docs/consent-master.md."""
import concurrent.futures
import contextlib
import json
import os
import sqlite3
import subprocess
import time

import pytest
import requests

from consent_master import PUSH_TOKEN, TOKEN, ConsentMaster, moment
from harness import ALICE, BINARY, BOB, CAROL, DAVE, ERIN, IDENTIFIER, PURPOSE, TYPE, V03, Visit, refused
from real_gateway import Gateway
from test_my_data import Person

MODEL, SERIAL = "device-make-model", "device-serial-number"
BOTH = [MODEL, SERIAL]


class Mastered(Gateway):
    """A gateway whose consents are a master's."""

    def __init__(self, folder, operator, master, demo):
        self.master, self.upstream = master, demo.description["backend"]
        super().__init__(folder, operator)

    def secret(self, name, text):
        path = os.path.join(self.data, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text + "\n")
        return path

    def settle(self, **settings):
        """Serves with these settings of `consent.master`."""
        consent = {"master": {"url": self.master.url, "bearerTokenFile": self.secret("master-token", TOKEN),
                              "pushTokenFile": self.secret("push-token", PUSH_TOKEN), "timeoutMilliseconds": 700,
                              "rememberedSeconds": 60} | settings}
        consent["master"] = {k: v for k, v in consent["master"].items() if v is not None}
        return self.serve(consent=consent, loops=1, upstreams={"*": {"url": self.upstream}})

    @property
    def admin(self):
        return f"http://127.0.0.1:{self.admin_port}"

    def push(self, number=ALICE, **changes):
        change = {"subject": f"tel:{number}", "client_id": "demo-all", "purpose": PURPOSE}
        return self.master.push(self.admin, change, **changes)

    def waiting(self):
        return self.json("consents", "master")["waiting"]

    def emptied(self, seconds=10):
        end = time.monotonic() + seconds
        while self.waiting() and time.monotonic() < end:
            time.sleep(0.05)
        assert self.waiting() == 0

    def entries(self, event="api.call"):
        return [row for row in map(json.loads, self.ledger.splitlines()) if row["event"] == event]


@pytest.fixture(scope="module")
def installation(tmp_path_factory, operator, demo):
    master = ConsentMaster()
    gateway = Mastered(tmp_path_factory.mktemp("mastered"), operator, master, demo)
    yield gateway.settle()
    gateway.stop()
    master.stop()


@pytest.fixture
def gateway(installation):
    """What one test agreed to is nothing to the next."""
    installation.master.behaviour = installation.master.event_behaviour = None
    if installation.process is None:
        installation.settle()
    installation.emptied()
    installation.master.records.clear()
    installation.master.push(installation.admin, *({"subject": f"tel:{number}"} for number in (ALICE, BOB, CAROL)))
    installation.master.asked.clear()
    installation.master.events.clear()
    return installation


def token_for(gateway, number=ALICE, scopes=(IDENTIFIER,)):
    return gateway.command("token", "issue", "--client", "demo-all", "--subject", f"tel:{number}", "--scope",
                           " ".join([PURPOSE, *scopes])).stdout.strip()


# What the master says is what holds.

def test_its_records_decide_and_are_remembered(gateway):
    master, token = gateway.master, token_for(gateway)
    refused(gateway.call(token), 403, "PERMISSION_DENIED")
    assert gateway.entries()[-1]["reason"] == "consent_missing" and gateway.entries()[-1]["consent_source"] == "master"
    record = master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH)
    gateway.push()
    asked = len(master.asked)
    for _ in range(5):
        answer = gateway.call(token)
        assert answer.status_code == 200 and "imei" in answer.json() and "model" in answer.json(), answer.text
    assert master.asked[asked:] == [(f"tel:{ALICE}", "demo-all", PURPOSE)]
    entry = gateway.entries()[-1]
    assert (entry["consent_source"], entry["consent_id"], entry["decision"]) == ("master", record["id"], "allowed")
    assert ALICE[1:] not in gateway.ledger


def test_a_denial_and_what_ran_out_and_what_is_not_in_it_are_refused(gateway):
    token, both = token_for(gateway), token_for(gateway, scopes=(IDENTIFIER, TYPE))
    for reason, status, more in [("consent_denied", "denied", {}), ("consent_revoked", "revoked", {"withdrawn_at": moment()}),
                                 ("consent_expired", "granted", {"expires_at": moment(seconds=-1)}),
                                 ("consent_expired", "expired", {}), ("consent_missing", "pending", {}),
                                 ("consent_objected", "objected", {"withdrawn_at": moment(), "objected_at": moment()})]:
        gateway.master.records.clear()
        gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH, status, **more)
        gateway.push()
        refused(gateway.call(token), 403, "PERMISSION_DENIED")
        assert gateway.entries()[-1]["reason"] == reason
    # A part of the data, and a part of the services.
    gateway.master.records.clear()
    gateway.master.put(ALICE, "demo-all", PURPOSE, [TYPE], [MODEL])
    gateway.push()
    refused(gateway.call(both), 403, "PERMISSION_DENIED")
    answer = gateway.call(both, V03 + "/retrieve-type")
    assert answer.status_code == 200 and "imei" not in answer.text
    gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER, TYPE], [MODEL])
    gateway.push()
    refused(gateway.call(both), 403, "PERMISSION_DENIED")
    assert gateway.entries()[-1]["reason"] == "consent_category_withheld"


def test_what_runs_out_while_it_is_remembered_is_over(gateway):
    gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH, expires_at=moment(seconds=1.2))
    token = token_for(gateway)
    assert gateway.call(token).status_code == 200
    time.sleep(1.4)
    refused(gateway.call(token), 403, "PERMISSION_DENIED")


def test_a_withdrawal_at_the_master_holds_for_the_next_call(gateway):
    gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH)
    token, session = token_for(gateway), requests.Session()
    assert gateway.call(token, session=session).status_code == 200
    gateway.master.withdraw(ALICE, "demo-all", PURPOSE)
    # Nobody has told us yet.
    assert gateway.call(token, session=session).status_code == 200
    assert gateway.push().status_code == 204
    refused(gateway.call(token, session=session), 403, "PERMISSION_DENIED")
    assert gateway.entries("consent.changed")[-1]["detail"] == {"actor": "master"}
    # Agreed to again at the master: the older token stays dead, also when the message comes again.
    gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH)
    for _ in range(3):
        assert gateway.push().status_code == 204
    refused(gateway.call(token), 403, "PERMISSION_DENIED")
    assert gateway.call(token_for(gateway)).status_code == 200
    assert gateway.push().status_code == 204
    assert gateway.call(token_for(gateway)).status_code == 200


def test_a_change_is_taken_from_the_master_alone(gateway):
    change = {"subject": f"tel:{ALICE}", "client_id": "demo-all", "purpose": PURPOSE}
    admin = open(os.path.join(gateway.data, "data", "admin-token")).read().strip()
    for token in (None, "wrong", TOKEN, PUSH_TOKEN + "x", admin):
        assert gateway.master.push(gateway.admin, change, token=token).status_code == 401
    assert requests.get(gateway.admin + "/admin/v1/consents", timeout=5, headers={
        "Authorization": "Bearer " + PUSH_TOKEN}).status_code == 401
    assert requests.get(gateway.admin + "/consent-master/v1/changes", timeout=5, headers={
        "Authorization": "Bearer " + PUSH_TOKEN}).status_code == 405
    for body in [{"version": 2}, {"changes": []}, {"changes": [change] * 1001}, {"changes": [change | {"status": "granted"}]},
                 {"changes": [{"subject": ALICE}]}, {"changes": [{"subject": f"tel:{ALICE}", "client_id": "x"}]}, {"more": 1}]:
        assert gateway.master.push(gateway.admin, change, **body).status_code == 400, body
    # Somebody nobody has named here is answered like anybody.
    assert gateway.push("+33639987777").status_code == 204
    assert gateway.master.push(gateway.issuer, change).status_code == 404


# When it does not answer, or wrongly.

def test_without_the_master_nothing_is_released(gateway):
    gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH)
    token = token_for(gateway)
    record = {"id": "m", "subject": f"tel:{ALICE}", "client_id": "demo-all", "purpose": PURPOSE, "status": "granted",
              "scopes": [IDENTIFIER], "categories": BOTH}
    for behaviour in [500, 404, 401, 302, b"<html>", b"", {"version": 1}, {"version": 2, "records": []}, b'{"version": 1, "records": [',
                      {"version": 1, "records": [record | {"subject": f"tel:{BOB}"}]},
                      {"version": 1, "records": [record | {"client_id": "demo-few"}]},
                      {"version": 1, "records": [record | {"purpose": "dpv:Marketing"}]},
                      {"version": 1, "records": [record, record]}, {"version": 1, "records": [record | {"status": "yes"}]},
                      {"version": 1, "records": [record | {"scopes": "all"}]}, b" " * (5 << 20), 1.5]:
        gateway.master.behaviour = behaviour
        gateway.push()
        refused(gateway.call(token), 503, "UNAVAILABLE")
        assert gateway.entries()[-1]["reason"] == "consent_master_unavailable"
    gateway.master.behaviour = None
    assert gateway.call(token).status_code == 200
    gateway.master.stop()
    try:
        assert gateway.call(token).status_code == 200  # remembered
        gateway.push()
        begun = time.monotonic()
        refused(gateway.call(token), 503, "UNAVAILABLE")
        assert gateway.jwt_bearer().status_code == 503
        assert time.monotonic() - begun < 5
    finally:
        gateway.master.start()
    assert gateway.call(token).status_code == 200


def test_what_is_remembered_is_believed_for_so_long_and_overdue_only_where_it_is_set(gateway):
    gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH)
    try:
        for overdue, status in [(0, 503), (30, 200)]:
            gateway.settle(rememberedSeconds=1, overdueSeconds=overdue)
            token = token_for(gateway)
            assert gateway.call(token).status_code == 200
            gateway.master.behaviour = 500
            time.sleep(1.2)
            answer = gateway.call(token)
            assert answer.status_code == status, answer.text
            if overdue:
                assert gateway.entries()[-1]["consent_source"] == "master_overdue"
                # What is known to have changed is believed no longer at all.
                gateway.push()
                refused(gateway.call(token), 503, "UNAVAILABLE")
            gateway.master.behaviour = None
            assert gateway.call(token).status_code == 200
            assert gateway.entries()[-1]["consent_source"] == "master"
        gateway.settle(rememberedSeconds=0)
        before = len(gateway.master.asked)
        for _ in range(3):
            assert gateway.call(token).status_code == 200
        assert len(gateway.master.asked) == before + 3
    finally:
        gateway.settle()


def test_a_message_about_all_of_one_subscriber_leaves_what_is_known_of_others(gateway):
    gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH)
    token = token_for(gateway)
    token_for(gateway, BOB)  # so that the number means somebody here
    assert gateway.call(token).status_code == 200
    asked = len(gateway.master.asked)
    assert gateway.master.push(gateway.admin, {"subject": f"tel:{BOB}"}).status_code == 204
    assert gateway.call(token).status_code == 200 and len(gateway.master.asked) == asked
    assert gateway.master.push(gateway.admin, {"subject": f"tel:{ALICE}"}).status_code == 204
    assert gateway.call(token).status_code == 200 and len(gateway.master.asked) == asked + 1


def test_equal_questions_are_one_and_others_wait_for_their_turn(gateway):
    gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH)
    token = token_for(gateway)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        gateway.master.behaviour = 0.4
        gateway.push()
        begun = time.monotonic()
        pending = [pool.submit(gateway.call, token) for _ in range(20)]
        time.sleep(0.1)
        # Calls that need no look-up go on meanwhile.
        assert requests.get(gateway.issuer + "/.well-known/openid-configuration", timeout=5).status_code == 200
        assert time.monotonic() - begun < 0.4
        assert {answer.result().status_code for answer in pending} == {200}
        assert len(gateway.master.asked) == 1
        try:
            # Two at a time, and each waits within its own time.
            gateway.settle(requestsMaximum=2, timeoutMilliseconds=10_000)
            tokens = [token_for(gateway, number) for number in (ALICE, BOB, CAROL, DAVE, ERIN)]
            codes = sorted(answer.status_code for answer in pool.map(gateway.call, tokens))
            assert codes == [200, 403, 403, 403, 403], codes
            gateway.settle(requestsMaximum=1, timeoutMilliseconds=600)
            codes = sorted(answer.status_code for answer in pool.map(gateway.call, tokens))
            assert codes.count(503) >= 3, codes
        finally:
            gateway.master.behaviour = None
            gateway.settle()


def test_an_answer_that_was_on_its_way_while_a_consent_was_withdrawn_is_none(gateway):
    record = gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH)
    token = token_for(gateway)
    gateway.push()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        gateway.master.behaviour = {"version": 1, "records": [dict(record)]}
        original = gateway.master.answer
        gateway.master.answer = lambda *arguments: (time.sleep(0.3), original(*arguments))[1]
        try:
            first = pool.submit(gateway.call, token)
            time.sleep(0.1)
            gateway.master.withdraw(ALICE, "demo-all", PURPOSE)
            gateway.master.behaviour = None
            gateway.push()
            refused(gateway.call(token), 403, "PERMISSION_DENIED")
            refused(first.result(), 403, "PERMISSION_DENIED")
        finally:
            gateway.master.answer = original


# What is decided here is told to it.

def test_a_page_a_phone_and_the_subscribers_own_pages_tell_the_master(gateway):
    token = gateway.token(ALICE, untick=[SERIAL], scopes=(IDENTIFIER, TYPE))
    event = gateway.master.events[0]
    assert (event["event"], event["subject"], event["actor"], event["categories"]) == ("granted", f"tel:{ALICE}", "subscriber", [MODEL])
    assert event["shown_categories"] == BOTH and event["text_digest"] and event["flow"] == "authorization_code"
    assert gateway.call(token, V03 + "/retrieve-type").status_code == 200
    issued = gateway.entries("token.issued")[-1]
    assert issued["detail"]["consent_source"] == "master" and issued["consent_id"] == "m-1"
    # Another application, captured at the master: the subscriber sees both, and takes back what was never captured here.
    gateway.master.put(ALICE, "demo-few", PURPOSE, [TYPE], [MODEL])
    person = Person(gateway, ALICE)
    assert {c["client_id"]: c["status"] for c in person.download()["consents"]} == {"demo-all": "granted", "demo-few": "granted"}
    fields = person.button("/my/withdraw-all")
    assert fields is not None
    person.act("/my/withdraw-all")
    refused(gateway.call(token, V03 + "/retrieve-type"), 403, "PERMISSION_DENIED")
    gateway.emptied()
    assert {r["client_id"]: r["status"] for r in gateway.master.records.values()} == {"demo-all": "revoked", "demo-few": "revoked"}
    # By CIBA, and by the operator for them.
    answer = gateway.backchannel(BOB).json()
    visit = gateway.operator.wait("/questions")[-1]["link"]
    page = requests.Session()
    Visit(gateway, page, page.get(visit, timeout=10), None, None).decide("allow")
    assert gateway.poll(answer["auth_req_id"]).status_code == 200
    assert gateway.master.records[f"tel:{BOB}", "demo-all", PURPOSE]["status"] == "granted"
    gateway.command("consents", "grant", "--client", "demo-all", "--subject", f"tel:{CAROL}", "--purpose", PURPOSE, "--scope", TYPE,
                    "--reason", "shop")
    assert gateway.master.records[f"tel:{CAROL}", "demo-all", PURPOSE]["status"] == "granted"
    assert gateway.jwt_bearer(f"tel:{CAROL}", (TYPE,)).status_code == 200


def test_a_withdrawal_here_holds_while_the_master_cannot_be_told_and_over_a_restart(gateway):
    token = gateway.token(ALICE)
    gateway.emptied()
    gateway.master.event_behaviour = 503
    Person(gateway, ALICE).act("/my/withdraw-all")
    assert gateway.master.records[f"tel:{ALICE}", "demo-all", PURPOSE]["status"] == "granted"
    refused(gateway.call(token), 403, "PERMISSION_DENIED")
    assert gateway.entries()[-1]["reason"] == "consent_revoked"
    assert gateway.jwt_bearer().json()["error"] == "invalid_grant"
    assert gateway.waiting() == 1 and "503" in gateway.json("consents", "master")["problem"]
    gateway.stop(9)
    gateway.settle()
    refused(gateway.call(token), 403, "PERMISSION_DENIED")
    assert gateway.waiting() == 1
    gateway.master.event_behaviour = None
    gateway.emptied()
    assert gateway.master.records[f"tel:{ALICE}", "demo-all", PURPOSE]["status"] == "revoked"
    assert [event["event"] for event in gateway.master.events] == ["granted", "revoked"]
    refused(gateway.call(token), 403, "PERMISSION_DENIED")


def test_what_is_agreed_to_here_counts_once_the_master_has_it(gateway):
    gateway.master.event_behaviour = 503
    visit = gateway.authorize(ALICE).decide("allow")
    # Nobody said no: the application may come again.
    assert visit.result["error"] == "temporarily_unavailable"
    assert gateway.waiting() == 1
    gateway.master.event_behaviour = None
    gateway.emptied(40)
    assert gateway.call(gateway.token(ALICE)).status_code == 200


def test_what_was_agreed_to_and_waits_is_seen_and_can_be_withdrawn(gateway):
    gateway.master.event_behaviour = 503
    for number in (ALICE, BOB):
        gateway.authorize(number, scopes=(IDENTIFIER,)).decide("allow")
        rows = gateway.json("consents", "list", "--subject", f"tel:{number}")
        assert [(row["client_id"], row["status"], row["scopes"]) for row in rows] == [("demo-all", "pending", [IDENTIFIER])]
    person = Person(gateway, ALICE)
    assert "You allowed it. It is not in force yet." in person.get().text
    assert [consent["status"] for consent in person.download()["consents"]] == ["pending"]
    person.act("/my/withdraw-all")
    gateway.command("consents", "revoke", "--subject", f"tel:{BOB}", "--reason", "call centre", "--yes")
    for number in (ALICE, BOB):
        assert [row["status"] for row in gateway.json("consents", "list", "--subject", f"tel:{number}")] == ["revoked"]
    gateway.master.event_behaviour = None
    gateway.emptied(40)
    for number in (ALICE, BOB):
        assert gateway.master.records[f"tel:{number}", "demo-all", PURPOSE]["status"] == "revoked"
        refused(gateway.call(token_for(gateway, number)), 403, "PERMISSION_DENIED")


def test_a_withdrawal_holds_though_the_master_gives_two_subscribers_records_one_id(gateway):
    for number in (ALICE, BOB):
        gateway.master.put(number, "demo-all", PURPOSE, [IDENTIFIER], BOTH, id="same")
    tokens = {number: token_for(gateway, number) for number in (ALICE, BOB)}
    assert {gateway.call(token).status_code for token in tokens.values()} == {200}
    gateway.master.event_behaviour = 503
    for number, token in tokens.items():
        Person(gateway, number).act("/my/withdraw-all")
        refused(gateway.call(token), 403, "PERMISSION_DENIED")
        assert gateway.entries("consent.revoked")[-1]["consent_id"] == "same"
    gateway.master.event_behaviour = None
    gateway.emptied(40)
    assert {record["status"] for record in gateway.master.records.values()} == {"revoked"}


def test_a_change_that_the_master_fails_over_does_not_hold_up_others(gateway):
    gateway.master.event_behaviour = lambda event: 500 if event["subject"] in (f"tel:{ALICE}", f"tel:{DAVE}") else None
    words = ("--client", "demo-all", "--purpose", PURPOSE, "--scope", TYPE, "--reason", "shop")
    for number in (ALICE, DAVE):
        gateway.command("consents", "grant", "--subject", f"tel:{number}", *words)
    gateway.command("consents", "revoke", "--subject", f"tel:{ALICE}", "--reason", "shop", "--yes")
    for number in (BOB, CAROL):
        gateway.command("consents", "grant", "--subject", f"tel:{number}", *words)
        assert gateway.master.records[f"tel:{number}", "demo-all", PURPOSE]["status"] == "granted"
    # That something is wrong can be seen still.
    assert gateway.waiting() == 3 and "500" in gateway.json("consents", "master")["problem"]
    gateway.master.event_behaviour = None
    gateway.emptied(40)
    assert [e["event"] for e in gateway.master.events if e["subject"] == f"tel:{ALICE}"] == ["granted", "revoked"]


def test_what_the_master_refuses_waits_and_others_go_on(gateway):
    gateway.master.event_behaviour = 422
    gateway.command("consents", "grant", "--client", "demo-all", "--subject", f"tel:{ALICE}", "--purpose", PURPOSE, "--scope", TYPE,
                    "--reason", "shop")
    gateway.master.event_behaviour = None
    gateway.command("consents", "grant", "--client", "demo-all", "--subject", f"tel:{BOB}", "--purpose", PURPOSE, "--scope", TYPE,
                    "--reason", "shop")
    assert [event["subject"] for event in gateway.master.events] == [f"tel:{BOB}"]
    gateway.command("consents", "revoke", "--subject", f"tel:{ALICE}", "--reason", "test", "--yes", check=False)
    assert gateway.waiting() >= 1
    gateway.stop()
    with contextlib.closing(sqlite3.connect(os.path.join(gateway.data, "data", "passerelle.sqlite"))) as database, database:
        database.execute("UPDATE consent_outbox SET due_at = 0")
    gateway.settle()
    gateway.emptied()
    assert [event["subject"] for event in gateway.master.events][:2] == [f"tel:{BOB}", f"tel:{ALICE}"]


def write(gateway, *records):
    file = os.path.join(gateway.data, "records.jsonl")
    with open(file, "w") as lines:
        lines.writelines(json.dumps(record) + "\n" for record in records)
    return file


def test_refresh_and_consent_info_ask_the_master(gateway):
    answer = gateway.grant(ALICE, scopes=(IDENTIFIER, TYPE, "offline_access"))
    assert answer.status_code == 200, answer.text
    refresh = answer.json()["refresh_token"]
    machine = gateway.client_credentials("consent-info:retrieve").json()["access_token"]

    def reason():
        body = {"phoneNumber": ALICE, "scopes": [IDENTIFIER], "purpose": PURPOSE, "requestCaptureUrl": False}
        info = gateway.call(machine, "/consent-info/v0.2/retrieve", body).json()["statusInfo"][0]
        return info.get("statusReason")

    assert reason() is None
    gateway.master.withdraw(ALICE, "demo-all", PURPOSE)
    gateway.push()
    assert reason() == "DENIED"
    assert gateway.token_request("demo-all", grant_type="refresh_token", refresh_token=refresh).json()["error"] == "invalid_grant"
    gateway.master.records[f"tel:{ALICE}", "demo-all", PURPOSE] |= {"status": "granted", "expires_at": moment(seconds=-5)}
    gateway.push()
    assert reason() == "EXPIRED"
    gateway.master.behaviour = 500
    gateway.push()
    body = {"phoneNumber": ALICE, "scopes": [IDENTIFIER], "purpose": PURPOSE, "requestCaptureUrl": False}
    refused(gateway.call(machine, "/consent-info/v0.2/retrieve", body), 503, "UNAVAILABLE")


def test_the_operator_sees_and_revokes_what_the_master_has(gateway):
    gateway.master.put(ALICE, "demo-few", PURPOSE, [TYPE], [MODEL])
    rows = gateway.json("consents", "list", "--subject", f"tel:{ALICE}")
    assert [(row["client_id"], row["status"]) for row in rows] == [("demo-few", "granted")]
    gateway.command("consents", "revoke", "--subject", f"tel:{ALICE}", "--client", "demo-few", "--reason", "call centre", "--yes")
    gateway.emptied()
    assert gateway.master.records[f"tel:{ALICE}", "demo-few", PURPOSE]["status"] == "revoked"
    refusal = gateway.command("consents", "import", write(gateway, {"phone_number": ALICE}), check=False)
    assert refusal.returncode == 1 and "import records there" in refusal.stderr


def test_nobody_is_erased_whose_withdrawal_the_master_has_not_taken(gateway):
    gateway.token(ERIN)
    gateway.emptied()
    gateway.master.event_behaviour = 503
    failed = gateway.command("subjects", "erase", "--subject", f"tel:{ERIN}", "--reason", "article 17", "--yes", check=False)
    assert failed.returncode == 1 and "consent master" in failed.stderr
    gateway.master.event_behaviour = None
    gateway.emptied(40)
    assert gateway.json("subjects", "erase", "--subject", f"tel:{ERIN}", "--reason", "article 17", "--yes")
    assert gateway.master.records[f"tel:{ERIN}", "demo-all", PURPOSE]["status"] == "revoked"


# How it is set up.

def test_the_configuration_is_checked(gateway):
    good = gateway.check()
    assert good.returncode == 0 and "consent.master: answers" in good.stdout, good.stdout
    settings = json.load(open(gateway.file))

    def check(**master):
        file = os.path.join(gateway.data, "other.json")
        changed = settings | {"consent": {"master": {k: v for k, v in (settings["consent"]["master"] | master).items() if v is not None}}}
        json.dump(changed, open(file, "w"))
        return subprocess.run([BINARY, "check", "--config", file], capture_output=True, text=True, timeout=30)

    assert "https" in check(url="http://consents.example/x").stderr
    assert "rememberedSeconds" in check(rememberSeconds=3).stderr
    for wrong in ({"rememberedSeconds": -1}, {"rememberedSeconds": 3601}, {"overdueSeconds": 86401}, {"requestsMaximum": 0},
                  {"timeoutMilliseconds": 9}, {"url": "https://x.example/?a=b"}):
        assert check(**wrong).returncode == 1, wrong
    assert "holds here after up to 60 s" in check(pushTokenFile=None).stdout
    gateway.master.behaviour = 500
    assert "consent.master: the consent master cannot be asked: status 500" in check().stdout


def test_over_tls_it_is_who_its_certificate_says(gateway, tmp_path):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", key, "-out", certificate, "-subj", "/CN=master", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    plain, gateway.master = gateway.master, ConsentMaster(tls=(certificate, key))
    try:
        gateway.master.put(ALICE, "demo-all", PURPOSE, [IDENTIFIER], BOTH)
        gateway.settle()
        refused(gateway.call(token_for(gateway)), 503, "UNAVAILABLE")
        gateway.settle(caFile=certificate, rememberedSeconds=0)
        before = gateway.master.connections
        for _ in range(5):
            assert gateway.call(token_for(gateway)).status_code == 200
        assert gateway.master.connections - before <= 2, "connections are kept"
    finally:
        gateway.master.stop()
        gateway.master = plain
        gateway.settle()
