"""A running gateway reads its files again: all of them or none, without a call that fails and without a connection that closes."""
import http.client, json, os, re, shutil, subprocess, threading, time

import pytest
import requests

from harness import BINARY, V03, free_port
from reload_gateway import Backend, ReloadGateway


@pytest.fixture
def gateway(tmp_path):
    running = ReloadGateway(tmp_path).start()
    yield running
    running.close()


def test_a_reload_says_what_has_changed(gateway):
    assert gateway.reload().stdout.startswith("reloaded; nothing has changed\n")
    gateway.write(limits={"tokensRemembered": 1000})
    gateway.policy(lambda policy: policy["operations"]["retrieveIdentifier"].update(timeoutMilliseconds=4000))
    answer = json.loads(gateway.command("reload", "--json").stdout)
    assert answer["changed"] == ["limits", "policies"]
    digests = {name: answer[name] for name in ("configuration_sha256", "policies_sha256")}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests.values())
    entry = gateway.entries("admin.reloaded")[-1]
    assert entry["decision"] == "allowed" and entry["detail"]["by"] == "admin_api"
    assert {name: entry["detail"][name] for name in digests} == digests
    assert gateway.lines()[-1] == f"reloaded {gateway.configuration}: changed: limits, policies"


def test_another_backend_takes_over_under_load(gateway):
    other = Backend("3310")
    try:
        with gateway.load(gateway.token()) as load:
            load.wait(50)
            assert load.models == {"3110"}
            gateway.write(upstreams={"*": {"url": other.url}})
            assert gateway.reload_by_signal() == f"reloaded {gateway.configuration}: changed: upstreams"
            # Whatever began before the reload has ended when each connection has had two more answers.
            load.wait(20)
            calls = gateway.backend.calls
            load.wait(50)
            assert gateway.backend.calls == calls
        assert set(load.statuses) == {200} and load.errors == [] and load.models == {"3110", "3310"}
        # No connection to the backend of before is left; those to the new one are kept.
        end = time.time() + 10
        while gateway.backend.open and time.time() < end:
            time.sleep(0.02)
        assert gateway.backend.open == 0 and other.open > 0
    finally:
        other.stop()


def test_calls_under_way_end_with_what_they_began_with(gateway):
    other, token = Backend("3310"), gateway.token()
    try:
        gateway.backend.delay = 2
        answers = []
        slow = threading.Thread(target=lambda: answers.append(gateway.call(token)))
        slow.start()
        while gateway.backend.calls == 0:
            time.sleep(0.01)
        gateway.write(upstreams={"*": {"url": other.url}})
        gateway.reload()
        assert gateway.call(token).json()["model"] == "3310" and not answers
        slow.join()
        assert answers[0].status_code == 200 and answers[0].json()["model"] == "3110"
    finally:
        other.stop()


def test_policies_change_under_load(gateway):
    def without_model(policy):
        del policy["operations"]["retrieveIdentifier"]["response"]["fields"]["model"]

    with gateway.load(gateway.token()) as load:
        load.wait(50)
        assert load.models == {"3110"}
        gateway.policy(without_model)
        gateway.reload()
        load.models.clear()
        load.wait(50)
    assert set(load.statuses) == {200} and load.errors == []
    assert None in load.models, "an answer without the field that no policy releases any more"
    token = gateway.token()
    assert "model" not in gateway.call(token).json()


def test_an_operation_that_is_gone_is_404_and_back_again(gateway):
    token = gateway.token()
    shutil.move(f"{gateway.policies}/device-identifier-0.3.json", f"{gateway.folder}/aside")
    assert gateway.call(token).status_code == 200
    gateway.reload()
    assert gateway.call(token).status_code == 404
    shutil.move(f"{gateway.folder}/aside", f"{gateway.policies}/device-identifier-0.3.json")
    gateway.reload()
    assert gateway.call(token).status_code == 200


@pytest.mark.parametrize("break_it, place", [
    (lambda g: json.dump(g.settings | {"limit": {}}, open(g.configuration, "w"), indent=1), r"passerelle\.json:\d\d:2: .*limits"),
    (lambda g: open(g.configuration, "w").write("{ "), r"passerelle\.json:1:3: "),
    (lambda g: open(f"{g.policies}/purposes.json", "w").write("{\n [] }"), r"policies/purposes\.json:2:2: "),
    (lambda g: g.policy(lambda policy: policy.update(operation=[])), r"policies/device-identifier-0\.3\.json:1:\d+: .*operations"),
    (lambda g: os.unlink(f"{g.folder}/keys/signing-next.pem"), r"keys/signing-next\.pem: No such file"),
    (lambda g: os.chmod(f"{g.folder}/keys/signing.pem", 0o644), r"keys/signing\.pem: can be read by others"),
    (lambda g: open(f"{g.folder}/keys/pairwise.key", "w").write("A" * 43 + "\n"), r"keys/pairwise\.key: .*needs a restart"),
    (lambda g: g.write(outbound={"caFile": "nowhere.pem"}), r"nowhere\.pem: "),
    (lambda g: g.write(logos="nowhere"), r"nowhere: No such file"),
    (lambda g: g.write(upstreams={"*": {"url": "https://127.0.0.1:1", "tls": {"caFile": "nowhere.pem"}}}), r"nowhere\.pem: "),
])
def test_what_is_wrong_changes_nothing_and_is_said_with_its_place(gateway, break_it, place):
    token = gateway.token()
    with gateway.load(token) as load:
        load.wait(10)
        # Would be seen at once if any of it were taken.
        gateway.policy(lambda policy: policy["operations"]["retrieveIdentifier"].update(path="/moved"))
        break_it(gateway)
        line = gateway.reload_by_signal()
        assert line.startswith("reload refused, everything stays as it was: ") and re.search(place, line), line
        load.wait(20)
    assert set(load.statuses) == {200} and load.errors == []


def test_a_refusal_is_in_the_ledger_and_the_next_reload_is_taken(gateway):
    good = open(gateway.configuration).read()
    open(gateway.configuration, "w").write(good[:-1] + ', "limit": {} }')
    gateway.reload_by_signal()
    # The command reads the file too, and says the same.
    refused = gateway.reload(check=False)
    assert refused.returncode == 1 and "limits" in refused.stderr
    open(gateway.configuration, "w").write(good)
    entry = gateway.entries("admin.reloaded")[-1]
    assert entry["decision"] == "refused" and entry["reason"] == "not_right" and entry["detail"]["by"] == "signal"
    gateway.reload()
    assert gateway.entries("admin.reloaded")[-1]["decision"] == "allowed"


@pytest.mark.parametrize("change, names", [
    (lambda g: {"listen": {"port": free_port()}, "loops": 1}, ["listen.port", "loops"]),
    (lambda g: {"admin": {"port": free_port()}}, ["admin.port"]), (lambda g: {"issuer": "http://127.0.0.1:1"}, ["issuer"]),
    (lambda g: {"keys": "other"}, ["keys"]), (lambda g: {"ledger": {"retentionDays": 5}}, ["ledger"]),
    (lambda g: {"dpop": {"proofsRemembered": 2000}}, ["dpop.proofsRemembered"]),
    (lambda g: {"metrics": {"clientsMaximum": 7}}, ["metrics"]),
    (lambda g: {"tracing": {"otlp": {"url": "http://127.0.0.1:4318/v1/traces"}}}, ["tracing"]),
])
def test_what_needs_a_restart_is_named_and_the_rest_is_not_taken(gateway, change, names):
    token = gateway.token()
    good = dict(gateway.settings)
    gateway.write(**change(gateway), upstreams={"*": {"url": "http://127.0.0.1:9"}})
    headers = {"Authorization": "Bearer " + open(f"{gateway.folder}/data/admin-token").read().strip()}
    answer = requests.post(f"http://127.0.0.1:{gateway.admin_port}/admin/v1/reload", headers=headers, timeout=20)
    assert answer.status_code == 409 and answer.json()["needs_restart"] == names, answer.text
    assert gateway.lines()[-1].endswith("needs a restart: " + ", ".join(names))
    assert gateway.call(token).status_code == 200
    gateway.settings = good
    gateway.write()
    assert gateway.entries("admin.reloaded")[-1]["reason"] == "needs_restart"
    gateway.reload()


def test_the_level_of_the_log_follows_a_reload(gateway):
    gateway.write(log={"level": "error"})
    gateway.reload()
    before = len(gateway.lines())
    gateway.write(log={"level": "info"}, limits={"tokensRemembered": 3000})
    gateway.reload()
    assert gateway.lines()[before:][-1] == f"reloaded {gateway.configuration}: changed: limits, log"
    gateway.write(log={"level": "error"})
    gateway.reload()
    before = len(gateway.lines())
    gateway.write(limits={"tokensRemembered": 4000})
    gateway.reload()
    assert len(gateway.lines()) == before, "what only informs is not written"


def test_counters_outlive_a_reload_and_a_changed_limit_holds(gateway):
    token = gateway.token()

    def limit(calls):
        def change(policy):
            for operation in policy["operations"].values():
                operation["limits"] = {"requestsPerMinute": calls, "burst": calls}
        gateway.policy(change)
        gateway.reload()

    limit(3)
    assert [gateway.call(token).status_code for _ in range(2)] == [200, 200]
    # Nothing of the limit has changed: the bucket stays as it is.
    gateway.write(limits={"tokensRemembered": 1000})
    gateway.reload()
    assert [gateway.call(token).status_code for _ in range(2)] == [200, 429]
    limit(100)
    answers = [gateway.call(token) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers["ratelimit-policy"] == '"calls";q=100;w=60'


def test_a_withdrawal_holds_whatever_was_reloaded_before(gateway):
    token = gateway.token()
    assert gateway.call(token).status_code == 200
    gateway.policy(lambda policy: policy["operations"]["retrieveIdentifier"].update(timeoutMilliseconds=4000))
    gateway.reload()
    assert gateway.call(token).status_code == 200
    consent = json.loads(gateway.command("consents", "list", "--json").stdout)[0]["id"]
    gateway.command("consents", "revoke", consent)
    assert gateway.call(token).status_code == 403


def test_a_signing_key_that_is_put_there_by_hand_signs(gateway):
    old = gateway.token()
    assert gateway.call(old).status_code == 200
    keys = f"{gateway.folder}/keys"
    # The one that signed goes on verifying under its name for retired ones.
    shutil.copy(f"{keys}/signing.pem", f"{keys}/signing-retired-{int(time.time())}-0.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{keys}/signing.pem.new"],
                   check=True, capture_output=True)
    os.chmod(f"{keys}/signing.pem.new", 0o600)
    os.replace(f"{keys}/signing.pem.new", f"{keys}/signing.pem")
    assert "keys" in gateway.reload().stdout
    new = gateway.token()
    assert gateway.call(old).status_code == 200 and gateway.call(new).status_code == 200
    # Taken away altogether it verifies no more, also where the token was known already.
    for name in os.listdir(keys):
        if name.startswith("signing-retired-"):
            os.unlink(f"{keys}/{name}")
    gateway.reload()
    assert gateway.call(old).status_code == 401 and gateway.call(new).status_code == 200


def test_connections_have_the_limits_of_when_they_came(gateway):
    def connect():
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        connection.connect()
        return connection

    before = connect()
    gateway.write(listen={"port": gateway.port, "bodyBytesMaximum": 1024})
    gateway.reload()
    after = connect()
    statuses = []
    for connection in (before, after):
        connection.request("POST", "/token", "x" * 2000, {"Content-Type": "application/x-www-form-urlencoded"})
        statuses.append(connection.getresponse().status)
    assert statuses == [400, 413]


def test_fifty_reloads_under_load_lose_nothing_and_leak_nothing(gateway):
    token, other = gateway.token(), Backend("3310")
    # One that says nothing for a while keeps nothing of the past alive.
    silent = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    silent.request("GET", "/jwks")
    silent.getresponse().read()
    try:
        with gateway.load(token) as load:
            load.wait(200)

            def reload(round):
                gateway.write(upstreams={"*": {"url": (gateway.backend if round % 2 else other).url}},
                              limits={"tokensRemembered": 1000 + round})
                assert "changed: limits, upstreams" in gateway.reload_by_signal()

            for round in range(10):
                reload(round)
            load.wait(100)
            descriptors, resident = gateway.descriptors, gateway.resident_kilobytes
            for round in range(10, 60):
                reload(round)
            load.wait(100)
            assert gateway.descriptors <= descriptors + 8
            # A generation that stayed would be megabytes: policies, routes, pages.
            assert gateway.resident_kilobytes < resident + 30_000
        assert set(load.statuses) == {200} and load.errors == []
        silent.request("GET", "/jwks")
        assert silent.getresponse().status == 200
    finally:
        other.stop()
    gateway.stop()
    assert gateway.command("audit", "verify").returncode == 0


def test_a_reload_wants_a_running_gateway(gateway):
    gateway.stop()
    answer = gateway.reload(check=False)
    assert answer.returncode == 1 and "no gateway runs" in answer.stderr
