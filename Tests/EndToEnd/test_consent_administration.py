"""The operator's side of consents: search, channels, revoking many at once, export and import, and what rests on no consent."""
import json
import os
import stat
import time

import pytest
import requests

from harness import IDENTIFIER, PURPOSE, TYPE, V03, Demo, refused


def number(index):
    return f"+3363998{index:04}"


def grant(demo, who, *more, scope=TYPE, client="demo-all"):
    return demo.json("consents", "grant", "--client", client, "--subject", "tel:" + who, "--purpose", PURPOSE, "--scope", scope,
                     "--reason", "form 4711", *more)


def api(demo, method, path, **options):
    admin = demo.description["admin"]
    return requests.request(method, admin["url"] + "/admin/v1" + path, timeout=30,
                            headers={"Authorization": "Bearer " + admin["token"]}, **options)


def test_a_grant_and_a_withdrawal_remember_over_what_they_came(demo):
    row = grant(demo, number(100), "--channel", "call-centre")
    demo.command("consents", "revoke", row["id"], "--reason", "asked for it", "--channel", "letter")
    events = demo.json("consents", "show", row["id"])["events"]
    assert [(e["event"], e["flow"], e["actor"]) for e in events] == [
        ("granted", "call-centre", "operator"), ("revoked", "letter", "operator")]
    entries = demo.json("audit", "search", "--subject", "tel:" + number(100))
    assert [e["detail"]["flow"] for e in entries] == ["call-centre", "letter"]


@pytest.mark.parametrize("channel", ["Call Centre", "x" * 33, "", "tel:+33"])
def test_a_channel_is_one_short_word(demo, channel):
    body = {"subject": "tel:" + number(101), "client_id": "demo-all", "purpose": PURPOSE, "scope": TYPE, "reason": "r",
            "channel": channel}
    answer = api(demo, "POST", "/consents", json=body)
    assert answer.status_code == 400 and "channel" in answer.json()["message"]


def test_pages_of_a_search_follow_one_another(demo):
    wanted = {grant(demo, number(110 + i))["id"] for i in range(5)}
    found, after = [], []
    while True:
        page = demo.json("consents", "list", "--client", "demo-all", "--purpose", PURPOSE, "--status", "granted", "--limit", "2", *after)
        found += [row["id"] for row in page]
        if len(page) < 2:
            break
        after = ["--after", page[-1]["id"]]
    assert wanted <= set(found) and len(found) == len(set(found)) and found == sorted(found)
    assert "there may be more: --after" in demo.command("consents", "list", "--limit", "1").stdout


@pytest.mark.parametrize("query", ["?status=grantd", "?clientid=demo-all", "?subject=tel:0612", "?after=%20", "?limit=0"])
def test_a_selector_that_is_not_understood_is_no_search(demo, query):
    assert api(demo, "GET", "/consents" + query).status_code == 400


class TestRevokingMany:
    def test_nothing_named_revokes_nothing(self, demo):
        row = grant(demo, number(120))
        for body in ({}, {"reason": "x"}, {"status": "granted", "reason": "x"}, {"client": "demo-all", "reason": "x"}):
            assert api(demo, "POST", "/consents/revoke", json=body).status_code == 400, body
        assert api(demo, "POST", "/consents/revoke", json={"client_id": "demo-all"}).status_code == 400, "no reason"
        for words in (("--yes", "--reason", "x"), ("--client", "demo-all", "--yes"), ("--client", "demo-all", "--yes", "--dry-run"),
                      (row["id"], "--client", "demo-all")):
            assert demo.command("consents", "revoke", *words, check=False).returncode == 2, words
        assert demo.json("consents", "show", row["id"])["status"] == "granted"

    def test_without_yes_it_is_counted_and_not_done(self, demo):
        row = grant(demo, number(121))
        words = ("consents", "revoke", "--subject", "tel:" + number(121))
        assert demo.json(*words, "--dry-run") == {"revoked": False, "count": 1, "ids": [row["id"]]}
        result = demo.command(*words, "--reason", "x", check=False)
        assert result.returncode == 1 and "--yes" in result.stderr and row["id"] in result.stdout
        assert demo.json("consents", "show", row["id"])["status"] == "granted"

    def test_a_subscriber_who_is_not_known_has_nothing_to_revoke(self, demo):
        assert demo.json("consents", "revoke", "--subject", "tel:+33600000001", "--yes", "--reason", "x")["count"] == 0

    def test_by_client_in_portions_each_an_event_and_an_entry(self, tmp_path):
        demo = Demo(tmp_path).start()
        try:
            demo.stop()
            lines = tmp_path / "many.jsonl"
            with open(lines, "w") as file:
                for i in range(1203):
                    record(file, f"+336000{i:05}")
                record(file, "+33600099999", client="demo-few", scope=TYPE)
            assert demo.json("consents", "import", str(lines))["added"] == 1204
            demo.start()
            token = demo.machine_token(TYPE)
            machine = {"device": {"phoneNumber": "+33639980001"}}
            grant(demo, "+33639980001")
            assert demo.call(token, V03 + "/retrieve-type", machine).status_code == 200
            # A part of it by hand, as by a command that was interrupted.
            first = api(demo, "POST", "/consents/revoke", json={"client_id": "demo-all", "reason": "contract ended"}).json()
            assert first["count"] == 500 and first["next"] and len(first["ids"]) == 10
            words = ("consents", "revoke", "--client", "demo-all", "--purpose", PURPOSE)
            assert demo.json(*words, "--dry-run")["count"] == 704
            done = demo.json(*words, "--yes", "--reason", "contract ended", "--channel", "contracts")
            assert done["revoked"] is True and done["count"] == 704
            assert demo.json(*words, "--dry-run")["count"] == 0
            refused(demo.call(token, V03 + "/retrieve-type", machine), 403, "PERMISSION_DENIED")
            assert len(demo.json("audit", "search", "--event", "consent.revoked", "--limit", "5000")) == 1204
            others = demo.json("consents", "list", "--client", "demo-few")
            assert [row["status"] for row in others] == ["granted"]
            assert demo.json("audit", "verify")["ok"]
        finally:
            demo.stop()


def record(file, who, client="demo-all", scope=TYPE, **changes):
    line = {"phone_number": who, "client_id": client, "purpose": PURPOSE, "events": [
        {"event": "granted", "time": "2026-01-31T12:00:00Z", "scopes": [scope], "categories": ["device-make-model"]}]} | changes
    file.write(json.dumps({k: v for k, v in line.items() if v is not None}) + "\n")


def test_what_is_exported_is_imported_elsewhere_with_its_whole_history(demo, tmp_path):
    who = number(130)
    row = grant(demo, who, scope=f"{IDENTIFIER} {TYPE}")
    demo.command("consents", "revoke", row["id"], "--reason", "changed their mind")
    grant(demo, who, scope=TYPE)
    plain, full = tmp_path / "plain.jsonl", tmp_path / "full.jsonl"
    demo.command("consents", "export", "--output", str(plain))
    demo.command("consents", "export", "--output", str(full), "--with-numbers")
    assert stat.S_IMODE(os.stat(full).st_mode) == 0o600 and stat.S_IMODE(os.stat(plain).st_mode) == 0o600
    assert who not in plain.read_text() and who in full.read_text()
    assert demo.command("consents", "export", "--output", str(full), check=False).returncode == 1, "never over a file"
    exports = demo.json("audit", "search", "--event", "admin.consents_exported")
    assert {e["detail"]["numbers"] for e in exports} == {"true", "false"}
    assert demo.command("consents", "export", "--with-numbers").stdout == full.read_text()

    # Here all of it is known already, with numbers and without.
    count = len(full.read_text().splitlines())
    for file in (plain, full):
        assert demo.json("consents", "import", str(file)) == {"added": 0, "known": count, "refused": []}

    other = Demo(tmp_path)
    try:
        other.start()
        assert other.json("consents", "import", str(full), "--dry-run") == {"added": count, "known": 0, "refused": []}
        assert other.json("consents", "list") == []
        assert other.json("consents", "import", str(full)) == {"added": count, "known": 0, "refused": []}
        assert other.json("consents", "import", str(full)) == {"added": 0, "known": count, "refused": []}
        there, here = other.json("consents", "show", row["id"]), demo.json("consents", "show", row["id"])
        assert there["subject"] != here["subject"] and there["events"] == here["events"]
        assert {k: v for k, v in there.items() if k != "subject"} == {k: v for k, v in here.items() if k != "subject"}
        entry = other.json("audit", "search", "--event", "consent.imported", "--subject", "tel:" + who)[-1]
        assert entry["consent_id"] == row["id"] and entry["detail"]["actor"] == "import"
        answer = other.call(other.machine_token(TYPE), V03 + "/retrieve-type", {"device": {"phoneNumber": "+33639980001"}})
        refused(answer, 403, "PERMISSION_DENIED")
        # A withdrawal there is no matter of an old export.
        other.command("consents", "revoke", row["id"])
        assert other.json("consents", "import", str(full))["added"] == 0
        assert other.json("consents", "show", row["id"])["status"] == "revoked"
        again = tmp_path / "again.jsonl"
        other.command("consents", "export", "--output", str(again), "--with-numbers")
        assert demo.json("consents", "import", str(again))["added"] == 1, "the history goes on"
        assert demo.json("consents", "show", row["id"])["status"] == "revoked"
        assert other.json("audit", "verify")["ok"]
    finally:
        other.stop()


FAULTS = [
    ({"client_id": "nobody"}, "client_id"), ({"purpose": "dpv:Nothing"}, "purpose"), ({"phone_number": "0612345678"}, "phone_number"),
    ({"phone_number": None}, "phone_number or a subject"), ({"phone_number": None, "subject": "unknown"}, "no such subject"),
    ({"extra": 1}, "extra"), ({"events": []}, "events"), ({"events": None}, "events"),
    ({"events": [{"event": "granted", "time": "2026-01-31T12:00:00Z", "scopes": ["other:scope"]}]}, "other:scope"),
    ({"events": [{"event": "granted", "time": "2026-01-31T12:00:00Z", "scopes": [TYPE], "categories": ["shoe-size"]}]}, "shoe-size"),
    ({"events": [{"event": "granted", "time": "2126-01-31T12:00:00Z", "scopes": [TYPE]}]}, "future"),
    ({"events": [{"event": "granted", "time": "yesterday", "scopes": [TYPE]}]}, "time"),
    ({"events": [{"event": "granted", "time": "2026-01-31T12:00:00Z", "scopes": []}]}, "scope"),
    ({"events": [{"event": "agreed", "time": "2026-01-31T12:00:00Z", "scopes": [TYPE]}]}, "event is one of"),
    ({"events": [{"event": "revoked", "time": "2026-01-31T12:00:00Z"}, {"event": "denied", "time": "2026-01-30T12:00:00Z"}]}, "order"),
]


def test_a_line_is_taken_whole_or_refused_with_its_number(demo, tmp_path):
    path = tmp_path / "faults.jsonl"
    before = len(demo.json("consents", "list"))
    with open(path, "w") as file:
        record(file, number(200))
        for index, (changes, _) in enumerate(FAULTS):
            record(file, number(201 + index), **changes)
        file.write('{"phone_number": "+336\n\n')
        record(file, number(299))
    result = demo.command("consents", "import", str(path), "--json", check=False)
    assert result.returncode == 1 and "lines are refused" in result.stderr
    answer = json.loads(result.stdout)
    assert answer["added"] == 2
    assert [r["line"] for r in answer["refused"]] == list(range(2, 3 + len(FAULTS)))
    for refusal, (_, text) in zip(answer["refused"], FAULTS):
        assert text in refusal["reason"], refusal
    assert len(demo.json("consents", "list")) == before + 2
    assert f"{path}:2: " in demo.command("consents", "import", str(path), check=False).stdout
    # An event from before the last one here would rewrite a history.
    with open(path, "w") as file:
        record(file, number(200), events=[{"event": "granted", "time": "2025-12-31T12:00:00Z", "scopes": [TYPE]}])
    assert "not rewritten" in demo.command("consents", "import", str(path), check=False).stdout


def test_an_imported_withdrawal_holds_for_the_next_call(demo, tmp_path):
    row = grant(demo, "+33639980011")
    token, machine = demo.machine_token(TYPE), {"device": {"phoneNumber": "+33639980011"}}
    assert demo.call(token, V03 + "/retrieve-type", machine).status_code == 200
    path = tmp_path / "withdrawal.jsonl"
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".999999Z"
    time.sleep(1)
    with open(path, "w") as file:
        record(file, "+33639980011", events=[{"event": "revoked", "time": at, "scopes": [TYPE], "flow": "letter"}])
    assert demo.json("consents", "import", str(path))["added"] == 1
    refused(demo.call(token, V03 + "/retrieve-type", machine), 403, "PERMISSION_DENIED")
    assert demo.json("consents", "show", row["id"])["status"] == "revoked"


def test_check_says_what_each_client_will_ask_for(demo):
    rows = {(row["client_id"], row["purpose"]): row["scopes_by_basis"] for row in demo.json("check")["clients"]}
    asked = rows["demo-all", PURPOSE]
    assert {IDENTIFIER, TYPE} <= set(asked["consent"]) and set(asked) == {"consent"}
    text = demo.command("check").stdout
    assert f"client demo-all, {PURPOSE}\n    asks the subscriber for" in text
