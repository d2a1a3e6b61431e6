"""The ledger: every answer has its entry, it is unbroken, and nobody is in it by name."""
import glob
import json
import os
import re
import signal
import threading

import pytest
import requests

from harness import ALICE, BOB, IDENTIFIER, PURPOSE, TYPE, V03, Demo, refused


@pytest.fixture
def demo(tmp_path):
    running = Demo(tmp_path).start()
    yield running
    running.stop()


def segments(demo):
    return sorted(glob.glob(os.path.join(demo.data, "data", "ledger", "*.jsonl")))


def test_a_call_can_be_read_back_by_subscriber_client_and_correlator(demo):
    token = demo.token(ALICE)
    demo.call(token, **{"x-correlator": "find-me-1"})
    demo.call(token, body={"device": {"phoneNumber": ALICE}}, **{"x-correlator": "find-me-2"})
    entry, = demo.json("audit", "search", "--correlator", "find-me-1")
    for member in ("seq", "time", "prev"):
        assert member in entry
    expected = {"event": "api.call", "client_id": "demo-all", "api": "device-identifier", "operation": "retrieveIdentifier",
                "purpose": PURPOSE, "legal_basis": "consent", "decision": "allowed", "status": 200, "upstream_status": 200,
                "categories": ["device-serial-number", "device-make-model"]}
    assert {name: entry[name] for name in expected} == expected
    assert IDENTIFIER in entry["scopes"] and entry["consent_id"] and entry["duration_us"] >= 0
    refusal, = demo.json("audit", "search", "--correlator", "find-me-2")
    assert (refusal["decision"], refusal["reason"], refusal["status"]) == ("refused", "identifier_unnecessary", 422)
    assert "upstream_status" not in refusal
    about_alice = demo.json("audit", "search", "--subject", "tel:" + ALICE)
    assert {"consent.granted", "token.issued", "api.call"} <= {entry["event"] for entry in about_alice}
    assert demo.json("audit", "search", "--subject", "tel:" + BOB) == []
    assert len(demo.json("audit", "search", "--decision", "refused", "--client", "demo-all")) == 1


def test_verification_finds_every_change(demo):
    token = demo.token(ALICE)
    for _ in range(20):
        demo.call(token)
    demo.stop()
    assert demo.json("audit", "verify")["ok"] is True
    path = segments(demo)[0]
    whole = open(path, "rb").read()
    lines = whole.splitlines(keepends=True)
    changes = {
        "a digit": whole.replace(b'"status":200', b'"status":201', 1), "a line removed": b"".join(lines[:5] + lines[6:]),
        "two lines swapped": b"".join(lines[:5] + [lines[6], lines[5]] + lines[7:]), "a line doubled": b"".join(lines[:6] + lines[5:]),
        "the first line removed": b"".join(lines[1:]), "the tail cut": b"".join(lines[:-3]), "half a line": whole[:-20],
        "an added line": whole + lines[-1]}
    for what, changed in changes.items():
        open(path, "wb").write(changed)
        result = demo.command("audit", "verify", check=False)
        assert result.returncode == 1, what
        assert "BROKEN" in result.stdout, what
    open(path, "wb").write(whole)
    assert demo.json("audit", "verify")["ok"] is True


def test_every_answer_that_a_client_got_is_there_after_kill_9(demo):
    token = demo.token(ALICE)
    got = []

    def caller(number):
        session = requests.Session()
        for index in range(10_000):
            correlator = f"kill-{number}-{index}"
            try:
                answer = demo.call(token, session=session, **{"x-correlator": correlator})
            except requests.RequestException:
                return
            if answer.status_code == 200:
                got.append(correlator)

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    threading.Event().wait(1.5)
    demo.stop(signal.SIGKILL)
    for thread in threads:
        thread.join()
    demo.start()
    assert demo.json("audit", "verify")["ok"] is True
    recorded = {json.loads(line).get("correlator") for path in segments(demo) for line in open(path)}
    assert len(got) > 100
    assert set(got) <= recorded
    usage = [row for row in demo.json("usage", "report") if row["operation"] == "retrieveIdentifier"]
    calls = sum(1 for path in segments(demo) for line in open(path) if json.loads(line)["event"] == "api.call")
    assert sum(row["calls"] for row in usage) == calls


def test_usage_says_what_was_called_and_what_it_costs(demo):
    token = demo.token(ALICE)
    for _ in range(3):
        demo.call(token)
    demo.call(token, V03 + "/retrieve-type")
    demo.call(token, body={"device": {}})
    rows = {row["operation"]: row for row in demo.json("usage", "report")}
    counted = {name: rows["retrieveIdentifier"][name] for name in ("calls", "succeeded", "refused", "failed", "amount", "currency")}
    assert counted == {"calls": 4, "succeeded": 3, "refused": 1, "failed": 0, "amount": 0.09, "currency": "EUR"}
    assert rows["retrieveType"]["calls"] == 1
    assert rows["retrieveType"]["client_id"] == "demo-all"


def test_nothing_personal_and_no_secret_is_in_ledger_output_or_errors(demo):
    numbers = [ALICE, BOB]
    token = demo.token(ALICE)
    body = demo.call(token).json()
    errors = [demo.call(token, body={"device": {"phoneNumber": BOB}}).text, demo.call("x" + token).text,
              demo.call(demo.machine_token(TYPE), V03 + "/retrieve-type", {"device": {"phoneNumber": BOB}}).text]
    demo.stop()
    text = "".join(open(path).read() for path in segments(demo)) + open(os.path.join(demo.folder, "demo.stderr")).read()
    text += demo.output + "".join(errors)
    database = open(os.path.join(demo.data, "data", "passerelle.sqlite"), "rb").read().decode("latin-1")
    for secret in [n[1:] for n in numbers] + [body["imei"], body["imeisv"], token, token.split(".")[2]]:
        assert secret not in text
        assert secret not in database


def test_what_was_there_is_there_after_a_restart(demo):
    token = demo.token(ALICE)
    assert demo.stop() == 0
    demo.start()
    assert demo.call(token).status_code == 200
    assert demo.authorize(ALICE, prompt="none").result["code"]
    demo.stop()
    demo.start("--fresh")
    refused(demo.call(token), 401, "UNAUTHENTICATED")
    assert demo.json("consents", "list") == []
