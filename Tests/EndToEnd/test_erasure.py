"""A subscriber is erased: no token, no consent and no link from their number is left; the ledger stays whole."""
import os

import requests

from harness import IDENTIFIER, TYPE, refused


def erase(demo, who, *more, check=True):
    return demo.command("subjects", "erase", "--subject", "tel:" + who, "--reason", "article 17, letter", *more, check=check)


def test_who_was_erased_is_nobody_any_more(demo):
    who = "+33639980010"
    granted = demo.grant(who, scopes=("offline_access", IDENTIFIER, TYPE), prompt="consent").json()
    token, refresh = granted["access_token"], granted["refresh_token"]
    machine, body = demo.machine_token(IDENTIFIER), {"device": {"phoneNumber": who}}
    connections = [requests.Session() for _ in range(4)]
    for session in connections:
        assert demo.call(token, session=session).status_code == 200
        assert demo.call(machine, body=body, session=session).status_code == 200
    consent, = demo.json("consents", "list", "--subject", "tel:" + who)
    shown = demo.json("subjects", "show", "--subject", "tel:" + who)
    assert shown == {"subject": consent["subject"], "consents": 1, "consents_granted": 1, "grants": 1, "resources": 0}
    entries = demo.json("audit", "search", "--subject", "tel:" + who)
    assert entries

    assert erase(demo, who, check=False).returncode == 2, "not without --yes"
    assert demo.call(token).status_code == 200
    erased = demo.command("subjects", "erase", "--subject", "tel:" + who, "--reason", "article 17", "--yes")
    assert consent["subject"] in erased.stdout

    # On every connection, at once: the token's grant is over, and nobody has that number.
    for session in connections:
        refused(demo.call(token, session=session), 401, "UNAUTHENTICATED")
        refused(demo.call(machine, body=body, session=session), 403, "PERMISSION_DENIED")
    answer = demo.token_request("demo-all", grant_type="refresh_token", refresh_token=refresh)
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_grant"
    assert demo.json("audit", "search", "--subject", "tel:" + who) == []
    assert demo.json("consents", "list", "--subject", "tel:" + who) == []
    assert erase(demo, who, "--yes", check=False).returncode == 1
    assert demo.command("subjects", "show", "--subject", "tel:" + who, check=False).returncode == 1

    # What was done stays explained, under a pseudonym that nothing leads from.
    row = demo.json("consents", "show", consent["id"])
    assert row["status"] == "revoked" and row["events"][-1]["reason"] == "subject_erased"
    left = demo.json("audit", "search", "--subject", consent["subject"])
    assert len(left) > len(entries)
    assert {"subject.erased", "consent.revoked", "api.call"} <= {entry["event"] for entry in left}
    assert demo.json("audit", "verify")["ok"]

    # The same number is a new subscriber, who has to be asked again.
    assert demo.authorize(who, prompt="none").result["error"] == "consent_required"
    assert demo.call(demo.token(who)).status_code == 200
    again, = demo.json("consents", "list", "--subject", "tel:" + who)
    assert again["subject"] != consent["subject"] and again["id"] != consent["id"]
    refused(demo.call(token), 401, "UNAUTHENTICATED")


def test_the_sealed_number_is_destroyed_in_all_files_of_the_database(demo):
    import sqlite3
    who = "+33639980011"
    demo.token(who)
    consent, = demo.json("consents", "list", "--subject", "tel:" + who)
    folder = os.path.join(demo.data, "data") if os.path.exists(os.path.join(demo.data, "data", "passerelle.sqlite")) else demo.data
    file = os.path.join(folder, "passerelle.sqlite")

    def sealed():
        database = sqlite3.connect(file)
        try:
            return database.execute("SELECT sealed, lookup FROM subjects WHERE pseudonym = ?", (consent["subject"],)).fetchone()
        finally:
            database.close()

    secrets = sealed()
    everything = lambda: b"".join(open(file + end, "rb").read() for end in ("", "-wal") if os.path.exists(file + end))
    assert all(secret in everything() for secret in secrets)
    answer = demo.json("subjects", "erase", "--subject", "tel:" + who, "--reason", "article 17", "--yes")
    assert answer["log_emptied"] is True and answer["consents_revoked"] == 1
    assert sealed() is None
    assert not any(secret in everything() for secret in secrets)


def test_a_question_that_waits_ends_with_its_subscriber(demo):
    who = "+33639980012"
    asked = demo.backchannel(who).json()
    demo.command("subjects", "erase", "--subject", "tel:" + who, "--reason", "article 17", "--yes")
    answer = demo.poll(asked["auth_req_id"])
    assert answer.status_code == 400 and answer.json()["error"] in ("invalid_grant", "expired_token", "access_denied"), answer.text


def test_an_erasure_wants_a_subscriber_and_a_reason(demo):
    admin = demo.description["admin"]

    def post(body):
        return requests.post(admin["url"] + "/admin/v1/subjects/erase", json=body, timeout=10,
                             headers={"Authorization": "Bearer " + admin["token"]}).status_code

    assert post({}) == 400 and post({"subject": "tel:+33639980013"}) == 400 and post({"reason": "x"}) == 400
    assert post({"subject": "tel:+33600000002", "reason": "x"}) == 404
    assert post({"subject": "tel:0612345678", "reason": "x"}) == 400
    assert requests.post(admin["url"] + "/admin/v1/subjects/erase", json={}, timeout=10).status_code == 401
