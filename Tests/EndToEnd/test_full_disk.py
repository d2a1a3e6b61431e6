"""A disk that takes no more: nothing is released, readiness says so, and the gateway recovers by itself.

The limit on the size of a file stands in for the full disk: the kernel refuses to write beyond it, and it can be lifted from outside.
"""
import json
import os
import resource
import signal
import subprocess
import time

import requests

from harness import ALICE, BINARY, IDENTIFIER, Demo, refused, wait_ready

LIMIT = 600 * 1024


def limited():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))


def ten_calls_a_day(demo):
    """A token of a client with a quota and no rate limit."""
    client = demo.json("clients", "show", "demo-limit")
    client.pop("requests_per_minute")
    file = os.path.join(demo.folder, "client.json")
    with open(file, "w") as out:
        json.dump(client | {"quota_per_day": 10}, out)
    demo.command("clients", "add", file, "--replace")
    return demo.token(ALICE, (IDENTIFIER,), "demo-limit")


def test_a_full_disk_releases_nothing_and_is_recovered_from(tmp_path):
    demo = Demo(tmp_path).start()
    token = demo.token(ALICE)
    ten_a_day = ten_calls_a_day(demo)
    demo.stop()
    demo.process = subprocess.Popen(
        [BINARY, "demo", "--data", demo.data, "--port", str(demo.port), "--admin-port", str(demo.admin_port), "--backend-port",
         str(demo.backend_port)], stdout=subprocess.PIPE, stderr=open(os.path.join(demo.folder, "full.stderr"), "w"), text=True,
        preexec_fn=limited)
    wait_ready(demo.process)
    admin = demo.description["admin"]["url"]
    session = requests.Session()
    try:
        for _ in range(5000):
            answer = demo.call(token, session=session)
            if answer.status_code != 200:
                break
        refused(answer, 503, "UNAVAILABLE")
        assert "imei" not in answer.text
        assert requests.get(admin + "/readyz", timeout=5).status_code == 503
        assert requests.get(admin + "/healthz", timeout=5).status_code == 200
        # What cannot be recorded is not asked for: the last bytes of the disk may still take an entry, then the backend is left alone.
        quiet, deadline = 0, time.monotonic() + 20
        while quiet < 10:
            assert time.monotonic() < deadline, "the backend is still asked"
            before = demo.backend_calls()
            refused(demo.call(token, session=session), 503, "UNAVAILABLE")
            quiet = quiet + 1 if demo.backend_calls() == before else 0
        for _ in range(20):
            refused(demo.call(ten_a_day, session=session), 503, "UNAVAILABLE")
        assert demo.command("clients", "enable", "demo-disabled", check=False).returncode == 1
        assert [c for c in demo.json("clients", "list") if c["client_id"] == "demo-disabled"][0]["enabled"] is False
        resource.prlimit(demo.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        deadline = time.monotonic() + 10
        while demo.call(token, session=session).status_code != 200:
            assert time.monotonic() < deadline, "it does not recover"
            time.sleep(0.1)
        assert requests.get(admin + "/readyz", timeout=5).status_code == 200
        # What the ledger did not take was not charged.
        assert [demo.call(ten_a_day).status_code for _ in range(11)] == [200] * 10 + [429]
    finally:
        demo.stop()
    # Said at both edges. Who lifts the limit may find the disk full once more.
    said = [line for line in open(os.path.join(demo.folder, "full.stderr")) if line.startswith("the ledger can")]
    assert said and len(said) % 2 == 0 and len(said) < 10
    assert all("cannot be written" in line and "503" in line for line in said[::2])
    assert set(said[1::2]) == {"the ledger can be written again\n"}
    assert demo.json("audit", "verify")["ok"] is True
