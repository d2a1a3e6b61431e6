"""The report for a subscriber who asks what was done with their data."""
import os

import requests

from harness import ALICE, BOB, IDENTIFIER, PURPOSE, TYPE, UNKNOWN


def report(demo, number):
    return demo.json("subjects", "report", "--subject", "tel:" + number)


def test_a_report_says_who_saw_what_when_why_and_what_was_refused_and_decided(demo):
    token = demo.token(ALICE)
    for _ in range(2):
        assert demo.call(token).status_code == 200
    assert demo.call(token, "/device-identifier/v0.3/retrieve-type").status_code == 200
    demo.withdraw(ALICE)
    assert demo.call(token).status_code in (401, 403)
    assert demo.jwt_bearer(f"tel:{ALICE}").status_code == 400
    found = report(demo, ALICE)
    assert found["phone_number"] == ALICE and found["complete"] is True and found["format"] == "passerelle-subject-report/1"
    recipient, = found["recipients"]
    assert recipient["client_id"] == "demo-all" and recipient["client_name"] == demo.clients["demo-all"]["name"]
    assert recipient["purpose"] == PURPOSE and recipient["purpose_title"] and recipient["purpose_description"]
    assert recipient["legal_basis"] == "consent" and "you agreed" in recipient["legal_basis_text"]
    assert recipient["calls"] == 3 == len(found["releases"])
    times = {data["category"]: data["times"] for data in recipient["data"]}
    assert times["device-make-model"] >= 1 and all(data["title"] != data["category"] for data in recipient["data"])
    released = demo.json("audit", "search", "--subject", "tel:" + ALICE, "--event", "api.call", "--decision", "allowed")
    assert [(row["entry"], row["time"], row["categories"]) for row in found["releases"]] == [
        (row["seq"], row["time"], row["categories"]) for row in released]
    assert {"api.call", "token.refused"} & {row["event"] for row in found["refused"]}
    assert [row["entry"] for row in found["refused"]] == [
        row["seq"] for row in demo.json("audit", "search", "--subject", "tel:" + ALICE, "--decision", "refused")]
    consent, = found["consents"]
    assert consent["status"] == "revoked" and [event["event"] for event in consent["events"]][-2:] == ["granted", "revoked"]
    assert consent["granted_at"] and consent["titles"]


def test_a_person_can_read_it(demo, tmp_path):
    text = demo.command("subjects", "report", "--subject", "tel:" + ALICE).stdout
    name = demo.clients["demo-all"]["name"]
    for words in (ALICE, "Who saw what", "What was refused", "What you decided", f"{name}, for: ", "because you agreed to it",
                  "3 times in all, the first time on ", "withdrawn by the operator", "agreed to by you", "request for access was refused"):
        assert words in text, words
    file = tmp_path / "report.txt"
    demo.command("subjects", "report", "--subject", "tel:" + ALICE, "--output", str(file))
    assert os.stat(file).st_mode & 0o777 == 0o600 and file.read_text().startswith("What was done with the data of " + ALICE)


def test_making_one_is_an_entry_and_it_names_nobody_else(demo):
    demo.grant(BOB, scopes=(IDENTIFIER, TYPE))
    before = len(demo.json("audit", "search", "--event", "subject.reported"))
    text = str(report(demo, BOB))
    assert len(demo.json("audit", "search", "--event", "subject.reported")) == before + 1
    assert ALICE not in text and demo.json("subjects", "show", "--subject", "tel:" + ALICE)["subject"] not in text
    assert report(demo, BOB)["recipients"] == [] and "Nobody was given any data." in demo.command(
        "subjects", "report", "--subject", "tel:" + BOB).stdout


def test_nobody_known_has_no_report(demo):
    assert demo.command("subjects", "report", "--subject", "tel:" + UNKNOWN, check=False).returncode == 1
    assert demo.command("subjects", "report", check=False).returncode == 2
    url = f"http://127.0.0.1:{demo.admin_port}/admin/v1/subjects/report?subject=tel:{ALICE}"
    assert requests.get(url, timeout=5).status_code == 401
