"""Getting more than a limit gives (A41), and reaching the admin plane (A42)."""
import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness import ALICE, BINARY, BOB, IDENTIFIER, PURPOSE, V01, V03, V04, Demo, refused

# A clock of days and dates that a file moves; the one that only counts goes on as it does.
CLOCK = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *time) {
  int status = syscall(SYS_clock_gettime, id, time);
  if (id == CLOCK_REALTIME) {
    FILE *file = fopen(getenv("CLOCK_STEP"), "r");
    long seconds = 0;
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    time->tv_sec += seconds;
  }
  return status;
}
"""


@pytest.fixture
def demo(tmp_path):
    running = Demo(tmp_path).start()
    yield running
    running.stop()


def limited(demo, number=ALICE):
    return demo.token(number, (IDENTIFIER,), "demo-limit")


def test_a41_tokens_subscribers_versions_and_spellings_share_one_limit_in_a_parallel_burst(demo):
    tokens = [limited(demo, number) for number in (ALICE, BOB, ALICE)]
    machine = demo.client_credentials(f"{PURPOSE} {IDENTIFIER}", "demo-limit")
    if machine.status_code == 200:
        tokens.append(machine.json()["access_token"])

    def call(index):
        path, body = ((V01, {"phoneNumber": ALICE}), (V03, {}), (V04, {}))[index % 3]
        source = f"198.51.100.{index}"
        with requests.Session() as session:
            return demo.call(tokens[index % len(tokens)], f"{path}/retrieve-identifier", body if index % 2 else {}, session=session, **{
                "X-Forwarded-For": source, "Forwarded": f"for={source}", "X-Real-IP": source, "X-Client-Id": f"other-{index}", "User-Agent": str(index),
                "X-Correlator": f"burst-{index}"}).status_code

    with ThreadPoolExecutor(30) as pool:
        found = list(pool.map(call, range(60)))
    assert found.count(429) >= 55 and found.count(429) + sum(status != 429 for status in found) == 60, found
    assert sum(status == 200 for status in found) <= 5
    refused(demo.call(tokens[0]), 429, "TOO_MANY_REQUESTS")


def test_a41_a_step_of_the_clock_opens_no_limit(tmp_path, monkeypatch):
    if not shutil.which("clang"):
        pytest.skip("clang is not there")
    library, step = str(tmp_path / "clock.so"), tmp_path / "step"
    subprocess.run(["clang", "-x", "c", "-", "-shared", "-fPIC", "-o", library], input=CLOCK, text=True, check=True)
    monkeypatch.setenv("CLOCK_STEP", str(step))
    monkeypatch.setenv("LD_PRELOAD", library)
    demo = Demo(tmp_path).start()
    try:
        demo.command("consents", "grant", "--client", "demo-limit", "--subject", f"tel:{ALICE}", "--purpose", PURPOSE, "--scope", IDENTIFIER, "--reason", "test")
        issued = lambda: demo.command("token", "issue", "--client", "demo-limit", "--subject", f"tel:{ALICE}", "--scope", f"{PURPOSE} {IDENTIFIER}", "--ttl", "24h").stdout.strip()
        token = issued()
        assert [demo.call(token).status_code for _ in range(6)] == [200] * 5 + [429]
        for seconds in (3600, -3600, 0):
            # Backwards a token may be from the future, so that another one is issued; it has no other limit.
            step.write_text(str(seconds))
            refused(demo.call(issued()), 429, "TOO_MANY_REQUESTS")
        demo.stop()
        demo.start()
        assert [demo.call(token).status_code for _ in range(5)] == [200] * 5
        demo.stop()
        demo.start()
        refused(demo.call(token), 429, "QUOTA_EXCEEDED")
        # Yesterday is counted as the day that has begun.
        step.write_text(str(-86_400))
        refused(demo.call(issued()), 429, "QUOTA_EXCEEDED")
        step.write_text("86400")
        assert demo.call(issued()).status_code == 200, "the day after has its own"
        step.write_text("0")
        assert demo.json("audit", "verify")["ok"] is True
    finally:
        demo.stop()


ADMIN_PATHS = ("/admin/v1/consents", "/admin/v1/clients", "/metrics", "/healthz", "/readyz", "/auditor", "/admin", "/admin/v1/keys/rotate")


@pytest.mark.parametrize("path", ADMIN_PATHS)
def test_a42_nothing_of_the_admin_plane_is_served_to_the_public(demo, path):
    token = demo.description["admin"]["token"]
    for spelled in (path, path + "/", "/." + path, "/" + path, path.replace("/admin", "/%61dmin"), "/device-identifier/v0.3/.." + path):
        for fields in ({}, {"Host": f"127.0.0.1:{demo.admin_port}"}, {"X-Forwarded-For": "127.0.0.1", "X-Original-URL": path, "X-Rewrite-URL": path}):
            for method in ("GET", "POST"):
                prepared = requests.Request(method, demo.issuer, headers={"Authorization": f"Bearer {token}"} | fields).prepare()
                prepared.url = demo.issuer + spelled
                answer = requests.Session().send(prepared, timeout=10, allow_redirects=False)
                assert answer.status_code in (400, 404, 405), (method, spelled, fields, answer.status_code)
                assert token not in answer.text


def test_a42_the_admin_plane_is_on_loopback_and_serves_no_calls(demo):
    admin = demo.description["admin"]
    assert admin["url"].startswith("http://127.0.0.1:")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    if not address.startswith("127."):
        with pytest.raises(OSError):
            socket.create_connection((address, demo.admin_port), 2)
    answer = requests.post(admin["url"] + V03 + "/retrieve-identifier", json={}, headers={"Authorization": f"Bearer {demo.token(ALICE)}"}, timeout=5)
    assert answer.status_code in (401, 404)


def test_a42_the_admin_token_goes_in_its_header_alone(demo):
    url, token = demo.description["admin"]["url"], demo.description["admin"]["token"]
    consents, good = url + "/admin/v1/consents", {"Authorization": f"Bearer {token}"}
    for headers, query in (({}, f"?access_token={token}"), ({"Cookie": f"token={token}; admin={token}"}, ""), ({"X-Admin-Token": token}, ""),
                           ({"Authorization": f"Bearer {demo.token(ALICE)}"}, ""), ({"Authorization": f"bearer{token}"}, ""), ({"Authorization": token}, ""),
                           ({"Authorization": f"Bearer {token} x"}, ""), ({"Authorization": f"Bearer {token.upper()}"}, ""), ({"Authorization": "Bearer "}, "")):
        answer = requests.get(consents + query, headers=headers, timeout=5)
        assert answer.status_code == 401, (headers, query)
    # A page of somebody else's, in the browser of an operator, gets neither in nor an answer that it may read.
    answer = requests.get(consents, headers=good | {"Origin": "https://evil.example"}, timeout=5)
    assert "access-control-allow-origin" not in answer.headers
    assert requests.options(consents, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, timeout=5).status_code in (401, 404, 405)


def test_a42_check_says_when_the_admin_token_comes_in_the_clear(demo):
    open_to_all = demo.data + "/open.json"
    text, here = open(demo.configuration).read(), '"admin": { "host": "127.0.0.1"'
    assert here in text
    with open(open_to_all, "w") as file:
        file.write(text.replace(here, here.replace("127.0.0.1", "0.0.0.0")))
    said = subprocess.run([BINARY, "check", "--config", open_to_all], capture_output=True, text=True, timeout=30)
    assert "admin has no tls" in said.stdout + said.stderr, said
    assert "admin has no tls" not in demo.command("check").stdout


def test_a42_who_guesses_tokens_gets_nowhere_and_leaves_the_service_alone(demo):
    url = demo.description["admin"]["url"] + "/admin/v1/consents"
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda index: requests.get(url, headers={"Authorization": f"Bearer {index:064}"}, timeout=10).status_code, range(300)))
    assert found <= {401, 429}
    assert demo.call(demo.token(ALICE)).status_code == 200
