"""`passerelle check`: all that serve would trip over, in one run; and `passerelle health`."""
import json, os, socket, subprocess

import pytest

from harness import BINARY, free_port
from reload_gateway import ReloadGateway
from tls_gateway import Authority


@pytest.fixture
def gateway(tmp_path):
    made = ReloadGateway(tmp_path)
    yield made
    made.close()


def check(gateway, *options):
    return subprocess.run([BINARY, "check", "--config", gateway.configuration, *options], capture_output=True, text=True, timeout=60)


def test_all_faults_are_said_at_once(gateway, tmp_path):
    authority = Authority(tmp_path)
    good, other = authority.issue("a", ["localhost"]), authority.issue("b", ["localhost"])
    open(f"{gateway.policies}/purposes.json", "w").write("[]")
    os.chmod(f"{gateway.folder}/keys/signing.pem", 0o644)
    gateway.write(
        listen={"port": gateway.port, "tls": {"certificates": [good | {"keyFile": other["keyFile"]}]}},
        admin={"port": gateway.admin_port, "tls": {"certificates": [good | {"certificateFile": "none.pem"}]}}, logos="no-logos",
        upstreams={"*": {"url": "https://127.0.0.1:1", "tls": {"caFile": "no-ca.pem"}}}, outbound={"caFile": "no-outbound.pem"},
        ledger={"seals": {"bearerTokenFile": "no-seal-token"}, "streams": [
            {"name": "s", "http": {"url": "https://h.example/", "bearerTokenFile": "no-stream-token"}}]},
        recognition={"numberDirectory": {"url": "http://127.0.0.1:1", "bearerTokenFile": "no-hook-token"}})
    result = check(gateway)
    assert result.returncode == 1 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert all(line.startswith("passerelle: ") for line in lines)
    for part in ("purposes.json", "signing.pem", "listen.tls: ", "admin.tls: ", "no-logos", "no-ca.pem", "no-outbound.pem",
                 "no-seal-token", "no-stream-token", "no-hook-token"):
        assert any(part in line for line in lines), (part, result.stderr)
    assert len(lines) == len(set(lines))
    document = json.loads(check(gateway, "--json").stdout)
    assert document["ok"] is False and [f"passerelle: {fault}" for fault in document["faults"]] == lines


def test_a_folder_that_cannot_be_and_an_address_of_nobody(gateway):
    gateway.write(data="passerelle.json/data", listen={"host": "192.0.2.1", "port": 80})
    result = check(gateway)
    assert result.returncode == 1 and "data: " in result.stderr and "cannot listen on 192.0.2.1:80" in result.stderr


def test_a_port_in_use_is_a_remark(gateway):
    with socket.socket() as other:
        other.bind(("127.0.0.1", gateway.port))
        other.listen()
        result = check(gateway)
    assert result.returncode == 0 and f"127.0.0.1:{gateway.port} is in use" in result.stdout
    assert "is in use" not in check(gateway).stdout


def test_backends_are_asked_for_a_connection_only_when_that_is_wanted(gateway):
    dead = free_port()
    gateway.write(upstreams={"*": {"url": gateway.backend.url}, "device-identifier": {"url": f"http://127.0.0.1:{dead}"}})
    assert check(gateway).returncode == 0
    result = check(gateway, "--connect")
    assert result.returncode == 1 and result.stderr == f"passerelle: upstreams.device-identifier: 127.0.0.1:{dead}: no connection\n"
    document = json.loads(check(gateway, "--connect", "--json").stdout)
    assert document["upstreams"] == [{"name": "upstreams.*", "ok": True}, {"name": "upstreams.device-identifier", "ok": False}]
    gateway.write(upstreams={"*": {"url": gateway.backend.url}})
    result = check(gateway, "--connect")
    assert result.returncode == 0 and "upstreams.*: takes connections" in result.stdout
    gateway.write(upstreams={"*": {"url": gateway.backend.url.replace("http", "https")}})
    assert check(gateway, "--connect").returncode == 1, "no TLS there"


def test_health(gateway):
    assert gateway.command("health", check=False).returncode == 1
    gateway.start()
    result = gateway.command("health")
    assert "status: ready\n" in result.stdout and "ledger: ok\n" in result.stdout
    assert json.loads(gateway.command("health", "--json").stdout)["status"] == "ready"
    gateway.stop()
    result = gateway.command("health", check=False)
    assert result.returncode == 1 and "does not answer" in result.stderr


def test_answers_that_no_schema_describes_are_remarked_where_they_are_to_be_checked(gateway):
    device = {"url": gateway.backend.url}
    gateway.write(upstreams={"device-identifier": device | {"validateAnswers": "refuse"}, "*": device})
    remark, = (line for line in check(gateway).stdout.splitlines() if "validateAnswers" in line)
    assert "upstreams.device-identifier.validateAnswers: answers of " in remark and "are not checked" in remark

    def describe(policy):
        for operation in policy["operations"].values():
            operation["response"]["schema"] = {"type": "object"}

    for name in ("0.1.0", "0.3", "0.4"):
        gateway.policy(describe, f"device-identifier-{name}.json")
    assert "validateAnswers" not in check(gateway).stdout
    gateway.write(upstreams={"device-identifier": device | {"validateAnswers": "off"}, "*": device | {"validateAnswers": "report"}})
    assert "upstreams.*.validateAnswers: " in check(gateway).stdout
