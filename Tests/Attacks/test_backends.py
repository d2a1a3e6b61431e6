"""A gateway before a backend that keeps what it got and answers what the test wants: what may go there, and what may come back."""
import http.server
import json
import subprocess
import threading
import types

import pytest

from harness import ALICE, BINARY, BOB, IDENTIFIER, TYPE, V01, V03, V04, Demo, refused, wait_ready

GOOD = {"lastChecked": "2024-02-20T10:41:38.657Z", "imei": "490154203237518", "tac": "49015420", "model": "3110"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """`demo` with its tokens, and `seen`, `answer` of the backend."""
    world = types.SimpleNamespace(seen=[], answer=GOOD)

    class Backend(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            world.seen.append((self.path, self.rfile.read(int(self.headers.get("content-length", 0)))))
            answer = json.dumps(world.answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    demo = world.demo = Demo(tmp_path_factory.mktemp("backends")).start()
    world.alice = demo.token(ALICE)
    world.model_only = demo.token(ALICE, (TYPE,))
    world.machine = demo.machine_token(IDENTIFIER, TYPE)
    demo.stop()
    config = demo.data + "/recorded.json"
    with open(config, "w") as file:
        file.write(open(demo.configuration).read().replace(f":{demo.backend_port}", f":{server.server_port}"))
    process = subprocess.Popen([BINARY, "serve", "--config", config], stdout=subprocess.PIPE, text=True)
    try:
        wait_ready(process)
        yield world
    finally:
        process.terminate()
        process.wait(20)
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def fresh(world):
    world.seen.clear()
    world.answer = GOOD


DEVICE = '"device":{"phoneNumber":"%s"}' % ALICE


# What goes to a backend.

@pytest.mark.parametrize("body", [
    '{"Device":{"phoneNumber":"%s"}}', '{"DEVICE":{"phoneNumber":"%s"}}', '{"\\u0044evice":{"phoneNumber":"%s"}}'])
def test_a22_a_name_that_differs_in_case_alone_is_refused(world, body):
    """Go and .NET read `Device` into `device`, and the last one wins: their answer would be about somebody who was never asked."""
    refused(world.demo.call(world.alice, body=body % BOB), 400, "INVALID_ARGUMENT")
    refused(world.demo.call(world.machine, body=(body % BOB)[:-1] + "," + DEVICE + "}"), 400, "INVALID_ARGUMENT")
    refused(world.demo.call(world.alice, V04 + "/retrieve-identifier", body % BOB), 400, "INVALID_ARGUMENT")
    assert world.seen == []


@pytest.mark.parametrize("extra", [
    '"phoneNumber":"%s"', '"phone_number":"%s"', '"devices":[{"phoneNumber":"%s"}]', '"device.phoneNumber":"%s"', '"subscriber":{"device":"%s"}'])
def test_a22_what_the_api_does_not_know_stays_here(world, extra):
    assert world.demo.call(world.alice, body="{" + extra % BOB + "}").status_code == 200
    assert world.demo.call(world.machine, body="{" + DEVICE + "," + extra % BOB + "}").status_code == 200
    assert world.demo.call(world.alice, V01 + "/retrieve-identifier", '{"phoneNumber":"%s",%s}' % (
        ALICE, extra.replace("phoneNumber", "number") % BOB)).status_code == 200
    assert [json.loads(body) for _, body in world.seen] == [{"device": {"phoneNumber": ALICE}}] * 2 + [{"phoneNumber": ALICE}]


@pytest.mark.parametrize("query", ["phoneNumber=%2B33639980002", "device.phoneNumber=x", "x", "a=1&b=2", "%64evice=x"])
def test_a22_a_query_that_the_api_does_not_have_goes_no_further(world, query):
    assert world.demo.call(world.alice, V03 + "/retrieve-identifier?" + query).status_code == 200
    assert world.demo.call(world.alice, V03 + "/retrieve-identifier?").status_code == 200
    assert [seen[0] for seen in world.seen[-2:]] == [V03 + "/retrieve-identifier"] * 2


# What comes from a backend.

@pytest.mark.parametrize("change", [
    {"model": {"name": "3110", "imei": "490154203237518"}}, {"model": ["3110", "490154203237518"]}, {"tac": {}},
    {"lastChecked": {"at": "2024-02-20T10:41:38.657Z", "imsi": "208010123456789"}}, {"lastChecked": None}, {"tac": None}])
def test_a_value_that_holds_more_than_its_api_is_not_released(world, change):
    world.answer = GOOD | change
    answer = world.demo.call(world.model_only, V03 + "/retrieve-type")
    refused(answer, 502, "BAD_GATEWAY")
    assert "4901542" not in answer.text and "208010" not in answer.text
