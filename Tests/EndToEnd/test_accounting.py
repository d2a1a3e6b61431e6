"""Accounting: plans, statements, usage records, and the proof that usage equals the ledger."""
import contextlib
import csv
import io
import json
import os
import re
import sqlite3
import subprocess
import time
from decimal import Decimal

import pytest
import requests

from harness import ALICE, BINARY, TYPE, V03, Demo, wait_ready

MONTH = time.strftime("%Y-%m", time.gmtime())
TODAY = time.strftime("%Y-%m-%d", time.gmtime())
PLANS = {
    "trial": {"currency": "EUR", "charged": "call", "prices": [{"price": "0.001", "freePerMonth": 2}]},
    "standard": {"currency": "EUR", "prices": [
        {"api": "device-identifier", "operation": "retrieveIdentifier", "price": "0.0333", "freePerMonth": 2,
         "tiers": [{"from": 5, "price": "0.01"}]},
        {"api": "device-identifier", "price": "0.005"}]},
}


class Billed(Demo):
    """The demo's data under `passerelle serve`, with a configuration of its own."""

    def __init__(self, folder):
        super().__init__(folder)
        Demo.start(self)
        Demo.stop(self)
        text = re.sub(r"^\s*//.*$", "", open(self.description["configuration"]).read(), flags=re.M)
        self.settings = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
        self.file = os.path.join(self.data, "billed.json")
        self.bill()

    def bill(self, clients=None, plans=PLANS):
        self.settings["billing"] = {"plans": plans, "clients": {"demo-all": "standard"} if clients is None else clients}
        json.dump(self.settings, open(self.file, "w"))

    @property
    def configuration(self):
        return self.file

    def serve(self):
        log = open(os.path.join(self.folder, "serve.stderr"), "a")
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.file], stdout=subprocess.PIPE, stderr=log, text=True)
        wait_ready(self.process)

    def database(self):
        return contextlib.closing(sqlite3.connect(os.path.join(self.data, "data", "passerelle.sqlite"), timeout=10))

    def statement(self, *words, client="demo-all"):
        return json.loads(self.command("usage", "statement", "--client", client, "--month", MONTH, "--format", "json", *words).stdout)


@pytest.fixture(scope="module")
def billed(tmp_path_factory):
    """Seven identifiers, one type, one refusal, and one type of another client; nothing runs any more."""
    folder = tmp_path_factory.mktemp("billed")
    billed = Billed(folder)
    Demo.start(billed)
    token = billed.token(ALICE)
    for _ in range(7):
        assert billed.call(token).status_code == 200
    assert billed.call(token, V03 + "/retrieve-type").status_code == 200
    assert billed.call(token, body={"device": {"phoneNumber": ALICE}}).status_code == 422
    assert billed.call(billed.token(ALICE, (TYPE,), "demo-few"), V03 + "/retrieve-type").status_code == 200
    Demo.stop(billed)
    yield billed
    Demo.stop(billed)


@pytest.fixture(autouse=True)
def usual_plans(request):
    yield
    if "billed" in request.fixturenames:
        request.getfixturevalue("billed").bill()


def test_a_statement_charges_free_quota_and_tiers_exactly(billed):
    statement = billed.statement()
    lines = [(line["operation"], line["quantity"], line["unit_price"], line["amount"], line["free"]) for line in statement["lines"]]
    assert lines == [("retrieveIdentifier", 2, "0", "0", True), ("retrieveIdentifier", 2, "0.0333", "0.0666", False),
                     ("retrieveIdentifier", 3, "0.01", "0.03", False), ("retrieveType", 1, "0.005", "0.005", False)]
    assert statement["totals"] == [{"currency": "EUR", "amount": "0.10", "exact": "0.1016"}]
    assert statement["final"] is False and statement["client_name"] == "Aurora Insurance"
    usage = {row["operation"]: row for row in statement["usage"]}
    assert usage["retrieveIdentifier"]["calls"] == 8 and usage["retrieveIdentifier"]["refused"] == 1
    assert sum(day["calls"] for day in statement["days"]) == 9


def test_table_csv_and_json_say_the_same(billed):
    statement = billed.statement()
    table = billed.command("usage", "statement", "--client", "demo-all", "--month", MONTH).stdout
    assert "total 0.10 EUR (exactly 0.1016)" in table and "so far" in table
    text = billed.command("usage", "statement", "--client", "demo-all", "--month", MONTH, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["amount"] for row in rows if row["kind"] == "line"] == [line["amount"] for line in statement["lines"]]
    assert [row["amount"] for row in rows if row["kind"] == "total"] == ["0.10"]


def test_reports_add_up_to_the_statement(billed):
    for period in ("hour", "day", "month"):
        rows = json.loads(billed.command("usage", "report", "--client", "demo-all", "--by", period, "--json").stdout, parse_float=Decimal)
        assert sum(row["amount"] for row in rows) == Decimal("0.1016")


def test_the_page_is_one_file_that_loads_nothing_and_runs_nothing(billed):
    path = os.path.join(billed.folder, "statement.html")
    billed.command("usage", "statement", "--client", "demo-all", "--month", MONTH, "--format", "html", "--output", path)
    page = open(path).read()
    assert "0.10 EUR" in page and "<svg" in page and "Aurora Insurance" in page
    assert "<script" not in page and "http:" not in page and "https:" not in page and " style=" not in page and "url(" not in page
    assert 'http-equiv="Content-Security-Policy"' in page and "default-src &#39;none&#39;" in page


def test_a_changed_plan_rates_the_same_usage_anew_and_the_ledger_stays(billed):
    before = billed.statement()
    ledger = sorted(os.listdir(os.path.join(billed.data, "data", "ledger")))
    billed.bill(clients={"demo-all": "trial"})
    after = billed.statement()
    # Per call, two free; a refusal of the gateway is never charged.
    assert after["totals"] == [{"currency": "EUR", "amount": "0.01", "exact": "0.005"}]
    assert after["usage"] == before["usage"] and after["counted_up_to"] == before["counted_up_to"]
    assert after["prices_sha256"] != before["prices_sha256"]
    billed.bill(clients={})
    listed = billed.statement()
    assert listed["totals"][0]["exact"] == "0.22" and all("plan" not in line for line in listed["lines"])
    assert sorted(os.listdir(os.path.join(billed.data, "data", "ledger"))) == ledger


def test_a_plan_holds_from_its_day_on(billed):
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
    billed.bill(clients={"demo-all": [{"plan": "trial", "from": tomorrow}]})
    assert billed.statement()["totals"][0]["exact"] == "0.22", "not yet: the list prices"
    billed.bill(clients={"demo-all": [{"plan": "standard"}, {"plan": "trial", "from": TODAY}]})
    assert billed.statement()["totals"][0]["exact"] == "0.005"


def test_a_registration_names_its_plan_and_keeps_its_tokens(billed):
    record = json.loads(billed.command("clients", "show", "demo-few", "--json").stdout)
    path = os.path.join(billed.folder, "client.json")

    def register(plans, check=True):
        json.dump(record | {"plans": plans}, open(path, "w"))
        return billed.command("clients", "add", path, "--replace", check=check)

    refused = register([{"plan": "standart"}], check=False)
    assert refused.returncode == 1 and 'did you mean "standard"?' in refused.stderr
    billed.serve()
    try:
        token = billed.token(ALICE, (TYPE,), "demo-few")
        register([{"plan": "standard", "from": TODAY}])
        assert billed.call(token, V03 + "/retrieve-type").status_code == 503, "good still, though no backend runs: it would be 401"
        json.dump(record | {"plans": [{"plan": "standard", "from": TODAY}], "client_name": "Another"}, open(path, "w"))
        billed.command("clients", "add", path, "--replace")
        assert billed.call(token, V03 + "/retrieve-type").status_code == 401, "any other change does"
    finally:
        billed.stop()
    assert billed.statement(client="demo-few")["totals"] == [{"currency": "EUR", "amount": "0.01", "exact": "0.005"}]
    register([])


def test_check_names_what_is_wrong_with_a_plan(billed):
    for plans, clients, words in (
            ({"p": {"currency": "euro", "prices": []}}, {}, ["billed.json:1:", "ISO 4217"]),
            ({"p": {"currency": "EUR", "prices": [{"price": 0.02}]}}, {}, ["in quotes"]),
            ({"p": {"currency": "EUR", "prices": [{"pricee": "1"}]}}, {}, ["price"]),
            (PLANS, {"demo-all": "standart"}, ["demo-all", 'did you mean "standard"'])):
        billed.bill(clients, plans)
        result = billed.command("check", check=False)
        assert result.returncode == 1 and all(word in result.stderr for word in words), result.stderr
    billed.bill({}, {"p": {"currency": "EUR", "prices": [{"api": "device-identifier", "operation": "retrieveIdentifer", "price": "1"}]}})
    said = billed.command("check").stdout
    assert "did you mean retrieveIdentifier?" in said and "no price for retrieveType" in said


def test_a_plan_that_is_gone_is_an_error_not_a_guess(billed):
    record = json.loads(billed.command("clients", "show", "demo-few", "--json").stdout)
    path = os.path.join(billed.folder, "client.json")
    json.dump(record | {"plans": [{"plan": "trial"}]}, open(path, "w"))
    billed.command("clients", "add", path, "--replace")
    billed.bill(plans={"standard": PLANS["standard"]})
    for words in (("usage", "statement", "--client", "demo-few", "--month", MONTH), ("check",)):
        result = billed.command(*words, check=False)
        assert result.returncode == 1 and "trial" in result.stderr and "demo-few" in result.stderr
    billed.bill()
    json.dump(record, open(path, "w"))
    billed.command("clients", "add", path, "--replace")


def test_usage_records_after_tmf635(billed):
    records = json.loads(billed.command("usage", "export", "--format", "tmf635", "--month", MONTH, "--client", "demo-all").stdout,
                         parse_float=Decimal)
    assert {record["id"] for record in records} == {
        f"demo-all:device-identifier:{operation}:{TODAY}" for operation in ("retrieveIdentifier", "retrieveType")}
    for record in records:
        assert {"id", "usageType", "usageDate", "status", "usageCharacteristic", "ratedProductUsage", "relatedParty"} <= set(record)
        assert record["relatedParty"][0]["id"] == "demo-all" and record["status"] == "rated"
    assert sum(r["ratedProductUsage"][0]["taxExcludedRatingAmount"]["value"] for r in records) == Decimal("0.1016")


@pytest.mark.parametrize("words, status", [
    (("usage", "statement", "--month", MONTH), 2), (("usage", "statement", "--client", "demo-all"), 2),
    (("usage", "statement", "--client", "demo-all", "--month", "2026-13"), 2),
    (("usage", "statement", "--client", "demo-all", "--month", MONTH, "--format", "pdf"), 2),
    (("usage", "statement", "--client", "nobody", "--month", MONTH), 1), (("usage", "export", "--month", MONTH, "--format", "x"), 2),
    (("usage", "what"), 2)])
def test_wrong_usage(billed, words, status):
    assert billed.command(*words, check=False).returncode == status


@pytest.mark.parametrize("words", [
    ("usage", "statement", "--client", "demo-all", "--month", "9999-12"), ("usage", "export", "--month", "9999-12"),
    ("usage", "statement", "--client", "demo-all", "--month", "0000-01"), ("usage", "export", "--month", "0000-01"),
    ("usage", "report", "--from", "9999-12-31T23:59:59-23:59"), ("usage", "report", "--from", "0000-01-01T00:00:00+23:59"),
    ("usage", "report", "--to", "9999-12-31T23:59:59-23:59", "--by", "month"), ("audit", "search", "--from", "9999-12-31T23:59:59-23:59"),
    ("audit", "search", "--to", "0000-01-01T00:00:00+23:59")])
def test_the_ends_of_time_are_answered(billed, words):
    assert billed.command(*words).returncode == 0


def test_the_ends_of_time_do_not_end_the_gateway(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        for path in ("/usage?from=9999-12-31T23:59:59-23:59", "/usage?from=0000-01-01T00:00:00%2B23:59&by=month",
                     "/usage/statement?client_id=demo-all&month=9999-12", "/usage/statement?client_id=demo-all&month=0000-01&format=html",
                     "/usage/records?month=9999-12", "/usage?to=9999-12-31T23:59:59-23:59"):
            answer = requests.get(f"{demo.description['admin']['url']}/admin/v1{path}", timeout=10,
                                  headers={"Authorization": "Bearer " + demo.description["admin"]["token"]})
            assert answer.status_code == 200, (path, answer.text)
        assert demo.process.poll() is None
    finally:
        demo.stop()


def test_a_month_to_come_says_so(billed):
    words = ("usage", "statement", "--client", "demo-all", "--month", "2999-01")
    assert "the month has not begun" in billed.command(*words).stdout
    document = json.loads(billed.command(*words, "--format", "json").stdout)
    assert document["begun"] is False and document["final"] is False and document["lines"] == []
    assert "The month has not begun." in billed.command(*words, "--format", "html").stdout


# Usage equals the ledger.

def test_the_check_proves_it_names_each_difference_and_rebuilding_repairs(billed):
    assert json.loads(billed.command("usage", "check", "--json").stdout)["ok"] is True
    assert "equals the ledger" in billed.command("usage", "check").stdout
    with billed.database() as database, database:
        database.execute("UPDATE usage SET calls = calls + 1, succeeded = succeeded + 1 WHERE operation = 'retrieveType' AND client_id = 'demo-all'")
        database.execute("INSERT INTO usage VALUES ('ghost', 480000, 'a', 'o', 2, 1, 1, 0, 0)")
        database.execute("DELETE FROM usage WHERE refused > 0 AND client_id = 'demo-all'")
    result = billed.command("usage", "check", "--json", check=False)
    report = json.loads(result.stdout)
    assert result.returncode == 1 and report["ok"] is False and report["difference_count"] == 3
    found = {(d["client_id"], d["operation"], d["status_class"]): ("ledger" in d, "counted" in d) for d in report["differences"]}
    assert found[("ghost", "o", 2)] == (False, True)
    assert (True, False) in found.values() and (True, True) in found.values()
    text = billed.command("usage", "check", check=False)
    assert text.returncode == 1 and "DIFFERS" in text.stdout and "ghost" in text.stdout and "usage rebuild" in text.stdout
    billed.command("usage", "rebuild")
    assert json.loads(billed.command("usage", "check", "--json").stdout)["ok"] is True
    assert billed.command("audit", "search", "--event", "admin.usage_rebuilt", "--json").stdout.count("usage_rebuilt") == 1


def test_the_check_and_the_rebuild_work_beside_a_running_gateway(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        token = demo.token(ALICE)
        for _ in range(30):
            demo.call(token)
        assert demo.json("usage", "rebuild")["entries"] > 30
        demo.call(token)
        assert demo.json("usage", "check")["ok"] is True
        assert demo.json("usage", "report", "--by", "month", "--client", "demo-all")[0]["succeeded"] == 31
        answer = requests.get(f"{demo.description['admin']['url']}/admin/v1/usage/statement", timeout=10,
                              params={"client_id": "demo-all", "month": MONTH, "format": "html"},
                              headers={"Authorization": "Bearer " + demo.description["admin"]["token"]})
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script" not in policy and "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY" and answer.headers["cache-control"] == "no-store"
    finally:
        demo.stop()


def test_a_damaged_ledger_is_not_proved_and_not_rebuilt(tmp_path):
    demo = Demo(tmp_path).start()
    token = demo.token(ALICE)
    for _ in range(5):
        demo.call(token)
    demo.stop()
    demo.json("usage", "report")
    folder = os.path.join(demo.data, "data", "ledger")
    path = os.path.join(folder, sorted(name for name in os.listdir(folder) if name.endswith(".jsonl"))[0])
    whole = open(path, "rb").read()
    open(path, "wb").write(whole.replace(b'"status":200', b'"status":503', 1))
    result = demo.command("usage", "check", "--json", check=False)
    assert result.returncode == 1 and "fault" in json.loads(result.stdout)
    assert demo.command("usage", "rebuild", check=False).returncode == 1
    open(path, "wb").write(whole)
    assert demo.json("usage", "check")["ok"] is True, "what was counted stayed"
