"""Too much to do at once: early refusals, room for everybody, and an operator's side that always answers."""
import http.server
import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness import ALICE, BINARY, BOB, TYPE, V03, Demo, refused, wait_ready


class HeldBackend:
    """Keeps every call until it is told to answer."""

    def __init__(self):
        self.calls, self.gate, self.arrived = 0, threading.Event(), threading.Semaphore(0)
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                backend.arrived.release()
                backend.gate.wait(30)
                body = b'{"lastChecked":"2026-01-01T00:00:00Z","imei":"49015420323751","imeisv":"4901542032375112","tac":"49015420"}'
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.request_queue_size = 64
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def backend():
    held = HeldBackend()
    yield held
    held.stop()


@pytest.fixture
def gateway(tmp_path, backend):
    """One loop with room for ten requests, before a backend that holds them. The tokens are from before."""
    demo = Demo(tmp_path).start()
    demo.tokens = {"all": demo.token(ALICE), "few": demo.token(BOB, (TYPE,), "demo-few")}
    demo.stop()
    text = open(demo.configuration).read().replace(f":{demo.backend_port}", f":{backend.server.server_port}")
    demo.file = demo.data + "/overload.json"
    with open(demo.file, "w") as file:
        file.write(text.replace("{", '{ "loops": 1, "overload": { "requestsMaximum": 10 },', 1))
    demo.process = subprocess.Popen([BINARY, "serve", "--config", demo.file], stdout=subprocess.PIPE, text=True)
    wait_ready(demo.process)
    yield demo
    demo.stop()


def test_one_client_fills_a_part_and_the_next_finds_room_and_the_rest_is_refused_at_once(gateway, backend):
    with ThreadPoolExecutor(64) as pool:
        greedy = [pool.submit(gateway.call, gateway.tokens["all"]) for _ in range(40)]
        # Four times what is free, this call included: eight of ten.
        for _ in range(8):
            assert backend.arrived.acquire(timeout=20)
        polite = [pool.submit(gateway.call, gateway.tokens["few"], V03 + "/retrieve-type") for _ in range(2)]
        for _ in range(2):
            assert backend.arrived.acquire(timeout=20), "there is room for another client"

        # Full: nothing of these is looked at.
        answer = gateway.call(gateway.tokens["few"], V03 + "/retrieve-type", **{"x-correlator": "too-many"})
        refused(answer, 503, "UNAVAILABLE")
        assert answer.headers["retry-after"] == "1" and answer.headers["x-correlator"] == "too-many"
        answer = gateway.client_credentials("openid")
        assert answer.status_code == 503 and answer.json()["error"] == "temporarily_unavailable"
        assert answer.headers["retry-after"] == "1"
        assert requests.get(gateway.issuer + "/my", timeout=10).status_code == 503
        admin = gateway.description["admin"]["url"]
        assert requests.get(admin + "/readyz", timeout=10).status_code == 200, "the operator is served by a loop of its own"

        backend.gate.set()
        statuses = sorted(call.result(30).status_code for call in greedy)
        assert statuses == [200] * 8 + [503] * 32
        assert [call.result(30).status_code for call in polite] == [200, 200]
    assert gateway.call(gateway.tokens["all"]).status_code == 200, "room again"

    gateway.stop()
    lines = open(gateway.data + "/data/ledger/000000000001.jsonl").read().splitlines()
    entries = [json.loads(line) for line in lines]
    assert not [e for e in entries if e.get("correlator") == "too-many"] and not [e for e in entries if e.get("status") == 503 and "client_id" in e]
    told = [e for e in entries if e["event"] == "api.refused_overload"]
    assert len(told) == 1 and told[0]["reason"] == "overload" and told[0]["status"] == 503
    assert told[0]["detail"]["count"] == "33", "together, and each once"


@pytest.mark.parametrize("overload, reason", [
    ('{ "requestsMaximum": 0 }', "requestsMaximum"), ('{ "lagMillisecondsMaximum": 0 }', "lagMillisecondsMaximum"),
    ('{ "requestMaximum": 5 }', "requestsMaximum"),
])
def test_a_wrong_setting_is_refused_and_named(demo_folder, overload, reason):
    file = demo_folder.data + "/wrong.json"
    with open(file, "w") as out:
        out.write(open(demo_folder.configuration).read().replace("{", '{ "overload": ' + overload + ",", 1))
    result = subprocess.run([BINARY, "check", "--config", file], capture_output=True, text=True, timeout=30)
    assert result.returncode == 1 and reason in result.stderr and "wrong.json:" in result.stderr


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    demo = Demo(tmp_path_factory.mktemp("overload")).start()
    demo.stop()
    return demo
