"""/metrics: in both formats as Prometheus parses them, with the numbers of the calls that were made, and nobody's data."""
import json, os, re, time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import yaml

from harness import ALICE, BOB, FAILING, IDENTIFIER, REPOSITORY, TYPE, V01, V03
from reading_gateway import ReadingGateway, eventually
from scraping import OPENMETRICS, Scrape
from tls_gateway import Authority, TLSGateway

OPERATION = {"api": "device-identifier", "operation": "retrieveIdentifier"}


def test_both_formats_say_the_same_and_each_is_what_was_asked_for(demo):
    old, new = Scrape(demo.admin_port), Scrape(demo.admin_port, OPENMETRICS)
    assert old.answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert new.answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert new.answer.text.endswith("# EOF\n")
    assert {s.name for s in old.samples} == {s.name for s in new.samples}
    for name, family in new.families.items():
        assert name.startswith("passerelle_") and family.documentation, name
        assert family.type in ("counter", "gauge", "histogram", "info"), name
        assert family.unit in ("", "seconds", "bytes"), name
    prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    assert "openmetrics" in Scrape(demo.admin_port, prometheus).answer.headers["content-type"]


def test_calls_are_counted_by_operation_client_and_outcome(demo):
    token = demo.token(ALICE, (IDENTIFIER, TYPE))
    before = Scrape(demo.admin_port)
    for _ in range(5):
        assert demo.call(token).status_code == 200
    assert demo.call(token, body={"device": {"phoneNumber": BOB}}).status_code == 422
    assert demo.call("not-a-token").status_code == 401
    assert demo.call(None, "/device-identifier/v0.3/nothing").status_code == 404
    assert demo.call(token, V03 + "/retrieve-type").status_code == 200
    after = Scrape(demo.admin_port)

    def rise(name, **labels):
        return after.value(name, **labels) - before.value(name, **labels)

    mine = OPERATION | {"api_version": "0.3.0", "client_id": "demo-all"}
    assert rise("passerelle_calls_total", **mine, decision="allowed", status_class="2xx") == 5
    assert rise("passerelle_calls_total", **mine, decision="refused", status_class="4xx") == 1
    assert rise("passerelle_calls_total", **(mine | {"client_id": "unknown"}), decision="refused", status_class="4xx") == 1
    assert rise("passerelle_calls_total") == 8
    assert rise("passerelle_call_duration_seconds_count", **OPERATION) == 7
    assert rise("passerelle_call_duration_seconds_bucket", **OPERATION, le="+Inf") == 7
    assert rise("passerelle_client_call_duration_seconds_count", client_id="demo-all") == 7
    assert rise("passerelle_client_call_duration_seconds_count", client_id="unknown") == 1
    assert rise("passerelle_upstream_duration_seconds_count", **OPERATION) == 5
    assert 0 < rise("passerelle_upstream_duration_seconds_sum") <= rise("passerelle_call_duration_seconds_sum")
    assert rise("passerelle_call_refusals_total", **OPERATION, reason="token_not_verified") == 1
    assert rise("passerelle_unrouted_requests_total", reason="no_such_operation") == 1
    assert rise("passerelle_consent_decisions_total", result="permitted") == 6
    assert rise("passerelle_ledger_entries_total") == 8
    assert rise("passerelle_ledger_last_sequence") == 8
    hits = rise("passerelle_token_memory_lookups_total", result="hit") + rise("passerelle_token_memory_lookups_total", result="miss")
    assert hits == 8
    assert rise("passerelle_consent_memory_lookups_total") == 6


def test_failures_of_backends_and_limits_are_told_apart(demo):
    machine = demo.machine_token(IDENTIFIER)
    demo.token(FAILING, (IDENTIFIER,))
    limited = demo.token(ALICE, (IDENTIFIER,), "demo-limit")
    before = Scrape(demo.admin_port)
    failed = demo.call(machine, V01 + "/retrieve-identifier", {"phoneNumber": FAILING})
    statuses = [demo.call(limited).status_code for _ in range(7)]
    after = Scrape(demo.admin_port)
    assert failed.status_code >= 500 and statuses == [200] * 5 + [429] * 2
    for labels in ({"client_id": "demo-all", "decision": "failed", "status_class": "5xx"},):
        assert after.value("passerelle_calls_total", **labels) - before.value("passerelle_calls_total", **labels) == 1
    assert after.value("passerelle_limit_refusals_total", client_id="demo-limit", limit="rate_limit") == 2
    assert after.value("passerelle_call_refusals_total", reason="rate_limit") == 2


def test_tokens_and_consents(demo):
    before = Scrape(demo.admin_port)
    token = demo.token(BOB, (IDENTIFIER,))
    assert token and demo.token_request("demo-all", grant_type="client_credentials", scope="nonsense").status_code == 400
    assert demo.token_request("demo-all", grant_type="password").status_code == 400
    demo.withdraw(BOB)
    after = Scrape(demo.admin_port)

    def rise(name, **labels):
        return after.value(name, **labels) - before.value(name, **labels)

    assert rise("passerelle_tokens_issued_total", grant_type="authorization_code") == 1
    assert rise("passerelle_token_refusals_total", flow="client_credentials", error="invalid_scope") == 1
    assert rise("passerelle_token_refusals_total", flow="token", error="unsupported_grant_type") == 1
    assert rise("passerelle_consent_changes_total", kind="granted") == 1
    assert rise("passerelle_consent_changes_total", kind="revoked") == 1


def test_the_state_of_the_process_ledger_and_listeners(demo):
    with requests.Session() as session:
        session.get(demo.issuer + "/jwks", timeout=5)
        scrape = Scrape(demo.admin_port)
        assert scrape.value("passerelle_connections_open", listener="public") >= 1
    assert scrape.value("passerelle_connections_accepted_total", listener="admin") >= 1
    assert scrape.value("passerelle_connections_refused_total", listener="public") == 0
    loops = scrape.labels("passerelle_loop_requests", "loop")
    assert scrape.value("passerelle_loop_requests_maximum") >= 8192 and loops == {str(index) for index in range(len(loops))}
    assert scrape.value("passerelle_loop_refused_requests_total") == 0 <= scrape.value("passerelle_loop_lag_seconds") < 1
    resident = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{demo.process.pid}/status").read())[1]) * 1024
    assert scrape.value("passerelle_process_resident_memory_bytes") == pytest.approx(resident, rel=0.3)
    assert scrape.value("passerelle_process_open_fds") == pytest.approx(len(os.listdir(f"/proc/{demo.process.pid}/fd")), abs=3)
    assert 0 < time.time() - scrape.value("passerelle_process_start_time_seconds") < 600
    assert scrape.value("passerelle_process_cpu_seconds_total") > 0
    assert scrape.labels("passerelle_build_info", "version") == {"0.1.0"}
    assert scrape.value("passerelle_ledger_healthy") == 1
    assert scrape.value("passerelle_ledger_batches_total") == scrape.value("passerelle_ledger_flush_duration_seconds_count") > 0
    ledger = os.path.join(demo.data, "data", "ledger")
    size = sum(os.path.getsize(os.path.join(ledger, name)) for name in os.listdir(ledger) if name.endswith(".jsonl"))
    assert scrape.value("passerelle_ledger_written_bytes_total") == size
    last = scrape.value("passerelle_ledger_last_sequence")
    eventually(lambda: Scrape(demo.admin_port).value("passerelle_usage_counted_sequence") >= last)
    assert eventually(lambda: Scrape(demo.admin_port).value("passerelle_usage_lag_entries") == 0)


def test_nothing_personal_is_told(demo):
    demo.call(demo.token(ALICE), **{"x-correlator": "correlator-of-mine"})
    told = Scrape(demo.admin_port).answer.text
    assert not re.search(r"33\d{9}|eyJ|correlator-of-mine", told)
    labels = {name for sample in Scrape(demo.admin_port).samples for name in sample.labels}
    assert labels <= {"api", "api_version", "operation", "client_id", "decision", "status_class", "reason", "limit", "result", "le",
                      "grant_type", "flow", "error", "kind", "listener", "status", "version", "stream", "file", "loop",
                      "upstream", "target", "address"}


def test_only_reading_and_what_http_refuses(demo):
    address = f"http://127.0.0.1:{demo.admin_port}/metrics"
    assert requests.post(address, timeout=5).status_code == 405
    head = requests.head(address, timeout=5)
    assert head.status_code == 200 and not head.content
    assert requests.get(demo.issuer + "/metrics", timeout=5).status_code == 404
    before = Scrape(demo.admin_port).value("passerelle_http_rejections_total", status="431")
    assert requests.get(demo.issuer + "/x", headers={"x": "y" * 20_000}, timeout=5).status_code == 431
    assert Scrape(demo.admin_port).value("passerelle_http_rejections_total", status="431") == before + 1


def test_clients_beyond_the_maximum_are_other_and_a_token_may_be_wanted(tmp_path, demo):
    gateway = ReadingGateway(tmp_path)
    secret = tmp_path / "metrics-token"
    secret.write_text("scraper-of-mine\n")
    secret.chmod(0o600)
    gateway.configure(metrics={"clientsMaximum": 0, "bearerTokenFile": str(secret)})
    gateway.start()
    try:
        gateway.calls("one")
        address = f"http://127.0.0.1:{gateway.admin_port}/metrics"
        assert requests.get(address, timeout=5).status_code == 401
        assert requests.get(address, headers={"Authorization": "Bearer other"}, timeout=5).status_code == 401
        scrape = Scrape(gateway.admin_port, Authorization="Bearer scraper-of-mine")
        assert scrape.value("passerelle_calls_total", client_id="unknown") == 1
    finally:
        gateway.stop()


def test_what_is_not_known_in_the_configuration_is_refused(tmp_path):
    gateway = ReadingGateway(tmp_path)
    gateway.configure(metrics={"clientMaximum": 1})
    refused = gateway.run("check", check=False)
    assert refused.returncode == 1 and 'did you mean "clientsMaximum"' in refused.stderr
    gateway.configure(metrics={"clientsMaximum": 10_001})
    assert gateway.run("check", check=False).returncode == 1
    gateway.configure(metrics={"bearerTokenFile": str(tmp_path / "none")})
    assert "none" in gateway.run("check", check=False).stderr


def test_alerts_dashboard_and_readme_name_metrics_that_there_are(demo):
    demo.call(demo.token(ALICE))
    sources = "".join(
        open(os.path.join(folder, name)).read() for folder, _, names in os.walk(os.path.join(REPOSITORY, "Sources"))
        for name in names if name.endswith(".swift"))
    known = set(re.findall(r'"(passerelle_[a-z_]+)"', sources))
    known |= {name + suffix for name in known for suffix in ("_total", "_bucket", "_info")}
    alerts = open(os.path.join(REPOSITORY, "deploy", "prometheus-alerts.yml")).read()
    board = open(os.path.join(REPOSITORY, "deploy", "grafana-dashboard.json")).read()
    assert len(json.loads(board)["panels"]) > 5
    named = set(re.findall(r"passerelle_[a-z_]+", alerts + board))
    section = open(os.path.join(REPOSITORY, "README.md")).read().split("## Watching it")[1].split("\n## ")[0]
    for row in re.findall(r"^\| (`.*?) \|", section, re.M):
        named |= {"passerelle_" + name for name in re.findall(r"`([a-z_]+)`", row)}
    assert len(named) > 20 and named <= known, named - known
    rules = [rule for group in yaml.safe_load(alerts)["groups"] for rule in group["rules"]]
    assert len(rules) > 5 and all(rule["expr"] and rule["annotations"]["summary"] for rule in rules)


def test_streams_tell_how_far_they_are_behind(tmp_path):
    gateway = ReadingGateway(tmp_path, streams=[{"name": "siem", "http": {"url": "http://127.0.0.1:9/x"}}])
    gateway.configure()
    gateway.start()
    try:
        gateway.calls("one", "two", "three")
        scrape = Scrape(gateway.admin_port, OPENMETRICS)
        assert scrape.value("passerelle_ledger_stream_lag_entries", stream="siem") == scrape.value("passerelle_ledger_last_sequence") >= 3
        assert scrape.value("passerelle_ledger_stream_missed_entries_total", stream="siem") == 0
    finally:
        gateway.stop()


def test_listeners_with_tls_tell_of_handshakes_and_certificates(tmp_path):
    authority = Authority(tmp_path)
    gateway = TLSGateway(tmp_path, authority, [authority.issue("front", ["localhost"])])
    gateway.start()
    try:
        for _ in range(2):
            assert requests.get(gateway.issuer + "/jwks", verify=authority.file, timeout=5).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(gateway.issuer + "/jwks", timeout=5)
        handshakes = "passerelle_tls_handshakes_total"
        scrape = eventually(lambda: (s := Scrape(gateway.admin_port)).value(handshakes, result="failed") == 1 and s)
        assert scrape.value(handshakes, listener="public", result="full") + scrape.value(handshakes, result="resumed") == 2
        expiry = scrape.value("passerelle_certificate_expiry_timestamp_seconds", listener="public")
        assert 50 < (expiry - time.time()) / 86_400 < 70
    finally:
        gateway.stop()


def test_no_call_is_lost_or_counted_twice_over_loops_and_scrapes(demo):
    tokens = [demo.token(ALICE, (IDENTIFIER,)), demo.token(BOB, (IDENTIFIER,)), "not-a-token"]
    before = Scrape(demo.admin_port)
    with ThreadPoolExecutor(12) as pool:
        answers = pool.map(lambda n: demo.call(tokens[n % 3]).status_code if n % 10 else Scrape(demo.admin_port).answer.status_code, range(300))
        statuses = list(answers)
    after = Scrape(demo.admin_port)
    calls = {status: sum(1 for n, found in enumerate(statuses) if n % 10 and found == status) for status in (200, 401)}
    assert sum(calls.values()) == 270

    def rise(name, **labels):
        return after.value(name, **labels) - before.value(name, **labels)

    assert rise("passerelle_calls_total", client_id="demo-all", decision="allowed") == calls[200]
    assert rise("passerelle_calls_total", client_id="unknown", status_class="4xx") == calls[401]
    assert rise("passerelle_call_duration_seconds_count") == rise("passerelle_client_call_duration_seconds_count") == 270
    assert rise("passerelle_ledger_entries_total") == 270
