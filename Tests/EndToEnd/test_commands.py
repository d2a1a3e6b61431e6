"""The commands: bad input gets one clear line and the right exit status, and leaves nothing half-written."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness import ALICE, BINARY, IDENTIFIER, PURPOSE, REPOSITORY, TYPE, Demo, free_port
from reading_gateway import ReadingGateway, eventually


def run(*words, **options):
    return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=30, **options)


def configuration(folder, **changes):
    policies = os.path.join(os.path.dirname(__file__), "..", "..", "policies")
    settings = {"issuer": "http://127.0.0.1:8080", "data": "data", "keys": "keys", "policies": os.path.abspath(policies),
                "listen": {"port": free_port()}, "admin": {"port": free_port()},
                "upstreams": {"*": {"url": "http://127.0.0.1:9"}}} | changes
    path = os.path.join(str(folder), "passerelle.json")
    with open(path, "w") as file:
        json.dump({k: v for k, v in settings.items() if v is not None}, file, indent=1)
    return path


def failed(result, *texts, status=1):
    assert result.returncode == status, (result.returncode, result.stderr)
    for text in texts:
        assert text in result.stderr
    if status == 1:
        assert result.stderr.startswith("passerelle: ") and result.stderr.count("\n") == 1, result.stderr
    assert "Fatal" not in result.stderr and "/Sources/" not in result.stderr


def test_help_and_version():
    assert run("--help").returncode == 0 and "usage:" in run("help").stdout
    assert run("version").stdout.startswith("passerelle ")
    assert json.loads(run("version", "--json").stdout)["version"]
    for verb in ("demo", "serve", "check", "reload", "health", "keys", "certificates", "clients", "consents", "subjects", "policies", "audit", "usage", "token", "flow", "simulate"):
        result = run(verb, "--help")
        assert result.returncode == 0 and f"passerelle {verb}" in result.stdout


@pytest.mark.parametrize("words, text", [
    ([], "usage:"), (["serv"], 'did you mean "serve"'), (["serve"], "--config is missing"), (["serve", "--confg", "x"], "--config"),
    (["consents", "list"], "--config is missing"), (["consents", "frob", "--config", "x"], "list, show, grant or revoke"),
    (["demo", "--data", "x", "--port", "0"], "whole number"), (["audit"], "audit verify, prove, key, search"),
    (["check", "--config"], "wants a value"), (["check", "--config", "a", "--config", "b"], "twice")])
def test_wrong_usage_is_exit_status_2(words, text):
    failed(run(*words), text, status=2)


def test_configuration_mistakes_are_named_by_file_and_line(tmp_path):
    path = configuration(tmp_path, issuerr="x")
    failed(run("check", "--config", path), path + ":", 'unknown key "issuerr"', 'did you mean "issuer"')
    failed(run("serve", "--config", configuration(tmp_path, listen={"prot": 1})), 'did you mean "port"')
    failed(run("check", "--config", configuration(tmp_path, issuer=None)), '"issuer" is missing')
    failed(run("check", "--config", configuration(tmp_path, issuer="http://example.com")), "https")
    failed(run("check", "--config", configuration(tmp_path, listen={"port": 70000})), "0 to 65535")
    failed(run("check", "--config", configuration(tmp_path, upstreams={"*": {"url": "ftp://x"}})), "url wants")
    open(path, "w").write('{"issuer": }')
    failed(run("check", "--config", path), path + ":1:12", "not JSON")
    failed(run("check", "--config", str(tmp_path / "none.json")), "No such file")
    assert run("check", "--config", configuration(tmp_path)).returncode == 0
    assert not (tmp_path / "data").exists() and not (tmp_path / "keys").exists(), "check writes nothing"


def test_a_listener_has_an_address_and_a_port_of_its_own(tmp_path):
    def check(**changes):
        return run("check", "--config", configuration(tmp_path, **changes))

    path = str(tmp_path / "passerelle.json")
    for listener in ("listen", "admin"):
        failed(check(**{listener: {"host": "localhost", "port": 8443}}), path + ":", "host wants an address such as 127.0.0.1")
    failed(check(listen={"port": 9000}, admin={"port": 9000}), path + ":", "admin and listen both want port 9000")
    failed(check(listen={"host": "0.0.0.0", "port": 9000}, admin={"host": "127.0.0.1", "port": 9000}), "both want port 9000")
    for listen, admin in [({"port": 0}, {"port": 0}), ({"host": "127.0.0.2", "port": 9000}, {"port": 9000}), ({"host": "::1"}, {})]:
        assert check(listen=listen, admin=admin).returncode == 0


def test_a_file_that_cannot_be_used_is_said_with_the_key_that_names_it(tmp_path):
    def check(**changes):
        return run("check", "--config", configuration(tmp_path, **changes))

    failed(check(logos="nowhere"), "logos: ", "nowhere: No such file")
    (tmp_path / "logos").mkdir()
    (tmp_path / "logos" / "bank.png").write_text("no picture")
    failed(check(logos="logos"), "logos: ", "bank.png: neither a PNG")
    token = tmp_path / "token"
    lookup = {"url": "http://127.0.0.1:9/ask", "bearerTokenFile": "token"}
    master = {"url": "http://127.0.0.1:9", "timeoutMilliseconds": 10}
    for settings, key in [({"recognition": {"addressLookup": lookup}}, "recognition.addressLookup.bearerTokenFile: "),
                          ({"recognition": {"numberDirectory": lookup}}, "recognition.numberDirectory.bearerTokenFile: "),
                          ({"consent": {"master": master | {"bearerTokenFile": "token"}}}, "consent.master.bearerTokenFile: "),
                          ({"ledger": {"seals": {"url": "http://127.0.0.1:9", "bearerTokenFile": "token"}}},
                           "ledger.seals.bearerTokenFile: "),
                          ({"ledger": {"streams": [{"name": "a", "http": {"url": "http://127.0.0.1:9", "bearerTokenFile": "token"}}]}},
                           "ledger.streams.http.bearerTokenFile: "),
                          ({"consent": {"master": master | {"pushTokenFile": "token"}}}, "consent.master.pushTokenFile: ")]:
        token.unlink(missing_ok=True)
        failed(check(**settings), key, str(token))
        token.write_text("two words")
        token.chmod(0o600)
        failed(check(**settings), key, "one word in ASCII")


def test_comments_and_trailing_commas_are_read(tmp_path):
    path = configuration(tmp_path)
    text = open(path).read()
    open(path, "w").write("// a comment\n" + text.rstrip().removesuffix("}") + ", /* more */ \n}")
    assert run("check", "--config", path).returncode == 0


def test_a_busy_port(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed(run("serve", "--config", configuration(tmp_path, listen={"port": port})), f"127.0.0.1:{port}", "in use")


def test_files_that_cannot_be_used(tmp_path):
    path = configuration(tmp_path)
    run("keys", "generate", "--config", path)
    key = tmp_path / "keys" / "signing.pem"
    assert oct(key.stat().st_mode & 0o777) == "0o600" and oct((tmp_path / "keys").stat().st_mode & 0o777) == "0o700"
    key.chmod(0o644)
    failed(run("serve", "--config", path), "signing.pem", "chmod 600")
    key.chmod(0o600)
    good = key.read_bytes()
    key.write_text("not a key")
    failed(run("serve", "--config", path), "signing.pem", "PEM")
    assert key.read_text() == "not a key", "nothing is overwritten"
    key.write_bytes(good)
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "passerelle.sqlite").write_bytes(b"this is no database" * 100)
    failed(run("serve", "--config", path), "passerelle.sqlite")
    failed(run("serve", "--config", configuration(tmp_path, policies="nowhere")), "nowhere")


def test_a_wrong_policy_is_refused_with_file_line_and_reason(tmp_path):
    import shutil
    shipped = os.path.join(os.path.dirname(__file__), "..", "..", "policies")
    shutil.copytree(shipped, tmp_path / "policies")
    policy = tmp_path / "policies" / "device-identifier-0.3.json"
    good = policy.read_text()
    assert run("policies", "check", str(tmp_path / "policies")).returncode == 0
    for old, new, reason in [("device-serial-number", "device-serial-numbr", 'did you mean "device-serial-number"'),
                             ('"method": "POST"', '"metod": "POST"', "method"), ('"path": "/retrieve-type"', '"path": "/retrieve-identifier"', "method and path"),
                             ("/device-identifier/v0.3", "/device-identifier/v0.1.0", "base path"), ("^\\\\+[1-9]", "^(?=a)[1-9]", "assertions")]:
        policy.write_text(good.replace(old, new))
        result = run("policies", "check", str(tmp_path / "policies"))
        assert result.returncode == 1 and "device-identifier-0.3.json:" in result.stderr and reason in result.stderr, result.stderr
        policy.write_text(good)


def test_fresh_empties_nothing_but_a_demos_folder(tmp_path):
    (tmp_path / "precious.txt").write_text("x")
    failed(run("demo", "--data", str(tmp_path), "--fresh", "--port", str(free_port())), "was not made by a demo")
    assert (tmp_path / "precious.txt").exists()


def test_commands_act_on_the_files_when_no_gateway_runs(tmp_path):
    demo = Demo(tmp_path).start()
    demo.token(ALICE)
    demo.stop()
    consent = demo.json("consents", "list")[0]
    demo.command("consents", "revoke", consent["id"])
    assert demo.json("consents", "show", consent["id"])["status"] == "revoked"
    assert demo.json("audit", "search", "--event", "consent.revoked")[0]["consent_id"] == consent["id"]
    assert demo.json("audit", "verify")["ok"] is True
    failed(demo.command("consents", "revoke", "no-such", check=False), "There is no consent no-such.")
    failed(demo.command("token", "issue", "--client", "nobody", "--scope", IDENTIFIER, check=False), "No such client")
    tokens = demo.command("token", "issue", "--client", "demo-all", "--scope", f"{PURPOSE} {IDENTIFIER}", "--count", "3").stdout
    assert len(tokens.split()) == 3
    inspected = json.loads(demo.command("token", "inspect", tokens.split()[0], "--json").stdout)
    assert inspected["signature"] == "good" and inspected["claims"]["client_id"] == "demo-all"


@pytest.mark.parametrize("words, text", [
    ("audit search --decision permitted", "--decision wants allowed, refused, failed"),
    ("audit search --event api.cal", "there is no event api.cal, and there was none; did you mean api.call?"),
    ("audit search --api device-identifer", "did you mean device-identifier?"),
    ("audit search --operation retrieve", "there is no operation retrieve"),
    ("audit export --client demo-al", "there is no client demo-al, and there was none; did you mean demo-all?"),
    ("audit search --client é", "--client wants"), ("audit tail --event x", "there is no event x"),
    ("audit export --from 2026-02-01 --to 2026-01-01", "--from is after --to"),
    ("usage report --from 2026-02-01 --to 2026-01-01", "--from is after --to"), ("usage report --from tomorrow", "--from wants the form"),
    ("usage report --by week", "--by wants hour, day, month"), ("usage report --client é", "--client wants"),
    ("usage export --month 2026-13", "--month wants the form"), ("consents list --status grante", "did you mean granted?"),
    ("consents list --purpose fraud", "--purpose wants"), ("consents list --subject tel:x", "--subject wants"),
    ("consents list --limit 0", "--limit wants"), ("consents list --after é", "--after wants"),
    ("consents revoke x --channel Über", "--channel wants")])
def test_values_that_cannot_be_are_wrong_usage(demo, words, text):
    failed(demo.command(*words.split(), check=False), text, status=2)


@pytest.mark.parametrize("words, text", [
    ("usage report --client nobody", "There is no client nobody."), ("usage export --month 2026-11 --client nobody", "There is no client nobody."),
    ("usage statement --month 2026-11 --client nobody", "There is no client nobody."),
    ("consents revoke --client nobody --dry-run", "There is no client nobody."), ("clients show nobody", "There is no client nobody."),
    ("consents show no-such", "There is no consent no-such."), ("subjects show --subject tel:+33639990000", "There is no subscriber +33*****00 here."),
    ("audit prove 999999", "there is no entry 999999"),
    ("certificates reload", "no listener has TLS: there are no certificates to read again")])
def test_what_is_not_there_is_named(demo, words, text):
    failed(demo.command(*words.split(), check=False), text)


def test_a_client_is_registered_from_a_file_and_mistakes_are_told(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        registration = {"client_id": "new-one", "client_name": "New One", "grant_types": ["client_credentials"],
                        "scope": IDENTIFIER, "jwks": demo.json("clients", "show", "demo-few")["jwks"]}
        path = str(tmp_path / "client.json")
        json.dump(registration, open(path, "w"))
        assert demo.json("clients", "add", path)["client_id"] == "new-one"
        failed(demo.command("clients", "add", path, check=False), path + ": ", "registered already")
        for change, text in [({"client_nam": "x"}, "client_name"), ({"scope": "no:such"}, "no:such"),
                             ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uri")]:
            json.dump(registration | {"client_id": "other"} | change, open(path, "w"))
            failed(demo.command("clients", "add", path, check=False), path + ":", text)
    finally:
        demo.stop()


def test_sighup_without_a_change_says_so(tmp_path):
    gateway = ReadingGateway(tmp_path).start()
    try:
        gateway.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: "nothing has changed" in (tmp_path / "stderr").read_text())
        assert gateway.ready()["status"] == "ready"
    finally:
        gateway.stop()


def test_a_stop_right_after_the_start_is_not_lost(tmp_path):
    demo = Demo(tmp_path)
    for _ in range(15):
        demo.start()
        assert demo.stop() == 0


def test_many_tokens_hold_nobody_else_up(demo):
    """Twenty thousand are more than eight megabytes; the admin listener answers meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        tokens = pool.submit(demo.command, "token", "issue", "--client", "demo-all", "--scope", TYPE, "--count", "20000")
        slowest = 0
        while not tokens.done():
            begun = time.monotonic()
            assert requests.get(demo.description["admin"]["url"] + "/healthz", timeout=5).status_code == 200
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.02)
    assert len(set(tokens.result().stdout.split())) == 20000
    assert slowest < 2


def test_a_demo_of_before_gets_the_scopes_that_came_since(tmp_path, monkeypatch):
    """And no others: what an operator took from a client stays taken."""
    shutil.copytree(os.path.join(REPOSITORY, "policies"), tmp_path / "policies")
    os.rename(tmp_path / "policies" / "sim-swap-2.json", tmp_path / "sim-swap-2.json")
    monkeypatch.setenv("PASSERELLE_POLICIES", str(tmp_path / "policies"))

    def scopes(client):
        return set(demo.json("clients", "show", client)["scope"].split())

    demo = Demo(tmp_path).start()
    try:
        before = scopes("demo-all")
        assert IDENTIFIER in before and "sim-swap:check" not in before
        changed = demo.json("clients", "show", "demo-all")
        changed["scope"] = " ".join(before - {TYPE})
        (tmp_path / "client.json").write_text(json.dumps({key: value for key, value in changed.items() if key not in ("enabled", "created_at")}))
        demo.command("clients", "add", str(tmp_path / "client.json"), "--replace")
        demo.stop()
        os.rename(tmp_path / "sim-swap-2.json", tmp_path / "policies" / "sim-swap-2.json")
        demo.start()
        assert scopes("demo-all") == before - {TYPE} | {"sim-swap", "sim-swap:check", "sim-swap:retrieve-date"}
        assert "sim-swap:check" in scopes("demo-limit") and "sim-swap:check" not in scopes("demo-few")
        assert demo.call(demo.machine_token("sim-swap:check"), "/sim-swap/v2/check", {"phoneNumber": ALICE}).status_code != 401
    finally:
        demo.stop()
