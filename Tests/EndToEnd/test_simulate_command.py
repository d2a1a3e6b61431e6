"""`passerelle simulate` as a command: data of one's own, faults on demand, its end."""
import json, signal, socket, subprocess, threading, time

import pytest
import requests

from harness import ALICE, BINARY, CAROL
from simulator import Simulator

SWAP, ROAMING = "/sim-swap/v2/check", "/device-roaming-status/v1/retrieve"


@pytest.fixture
def simulator():
    running = Simulator()
    yield running
    running.stop()


def run(*words):
    return subprocess.run([BINARY, "simulate", *words], capture_output=True, text=True, timeout=20)


def ask(simulator, path=SWAP, timeout=5):
    body = {"phoneNumber": ALICE} if path == SWAP else {"device": {"phoneNumber": ALICE}}
    return requests.post(simulator.url + path, json=body, timeout=timeout)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to_also_with_a_call_that_hangs(how):
    simulator = Simulator("--faults", "sim-swap:hang")
    thread = threading.Thread(target=lambda: pytest.raises(requests.ConnectionError, ask, simulator, SWAP, 20))
    thread.start()
    while simulator.control("GET", "/faults").json()["faults"][0]["hits"] < 1:
        time.sleep(0.05)
    assert simulator.stop(how) == 0
    thread.join()


def test_help_says_all_that_it_can():
    text = run("--help").stdout
    for word in ("--host", "--port", "--data", "--faults", "--print-data", "--script", "simulate change", "simulate raise", "simulate events", "delay=", "error=", "broken-json", "hang", "reset", "truncate",
                 "/simulator/faults", "/simulator/events", "/simulator/subscribers", "/simulator/messages", "/simulator/statistics", "/simulator/reset"):
        assert word in text, word


@pytest.mark.parametrize("words, text", [
    (["--faults", "sim-swop:hang"], 'did you mean "sim-swap"'), (["--faults", "sim-swap/checkSimSwop:hang"], 'did you mean "checkSimSwap"'),
    (["--faults", "*:explode"], "fault"), (["--faults", "*:error=200"], "400 to 599"), (["--faults", "*:hang@0%"], "1 to 100"),
    (["--faults", "hang"], "API[/OPERATION]:FAULT"), (["--host", "localhost"], "numeric address"), (["--port", "x"], "whole number"), (["x"], "unexpected")])
def test_wrong_usage_is_exit_status_2(words, text):
    result = run(*words)
    assert result.returncode == 2 and text in result.stderr, result.stderr


def test_a_busy_port_is_said(simulator):
    result = run("--port", simulator.url.rsplit(":", 1)[1])
    assert result.returncode == 1 and "cannot listen" in result.stderr and "--port 0" in result.stderr


def test_the_shipped_data_can_be_printed_changed_and_given_back(tmp_path):
    file = tmp_path / "operator.json"
    text = run("--print-data").stdout
    file.write_text(text.replace("an old phone that still works", "changed").replace('"activation": "0s"', '"activation": "1s"'))
    simulator = Simulator("--data", str(file))
    try:
        assert ask(simulator).json() == {"swapped": False}
        made = requests.post(simulator.url + "/sim-swap-subscriptions/v0.3/subscriptions", timeout=5, json={
            "protocol": "HTTP", "sink": "https://client.example/", "types": ["org.camaraproject.sim-swap-subscriptions.v0.swapped"],
            "config": {"subscriptionDetail": {"phoneNumber": ALICE}}})
        assert made.status_code == 202 and list(made.json()) == ["id"]
        read = lambda: requests.get(made.url + "/" + made.json()["id"], timeout=5).json()["status"]
        assert read() == "ACTIVATION_REQUESTED"
        time.sleep(1.1)
        assert read() == "ACTIVE"
    finally:
        simulator.stop()


@pytest.mark.parametrize("old, new, reason", [
    ('"phoneNumber": "+33639980002"', '"phoneNumber": "0639980002"', "phoneNumber is malformed"),
    ('"phoneNumber": "+33639980002"', '"phoneNumber": "+33639980001"', "another subscriber has this phoneNumber"),
    ('"deviceChange": "2d ago"', '"deviceChange": "two days ago"', "a time was expected"),
    ('"deviceChange": "2d ago"', '"devicChange": "2d ago"', 'did you mean "deviceChange"'),
    ('"type": "3G"', '"type": "6G"', "2G, 3G, 4G, 5G"), ('"radius": 1500', '"radius": 0', "radius"), ('"everybody": {', '"everybody": [', "not JSON")])
def test_a_mistake_in_a_data_file_is_named_by_line(tmp_path, old, new, reason):
    text = run("--print-data").stdout
    file = tmp_path / "operator.json"
    file.write_text(text.replace(old, new))
    line = next(n for n, (a, b) in enumerate(zip(text.split("\n"), file.read_text().split("\n")), 1) if a != b)
    result = run("--data", str(file))
    where = result.stderr.split("operator.json:", 1)[1]
    assert result.returncode == 1 and reason in result.stderr, result.stderr
    # Of a value within an object, the object's own line may be named.
    assert int(where.split(":")[0]) in range(line - 2, line + 1) or reason == "not JSON", result.stderr


def test_faults_come_as_they_are_told_to(simulator):
    def put(*faults):
        answer = simulator.control("PUT", "/faults", {"faults": list(faults)})
        assert answer.status_code == 200, answer.text

    put("sim-swap/checkSimSwap:error=503@25%")
    assert [ask(simulator).status_code for _ in range(8)] == [200, 200, 200, 503] * 2
    assert simulator.control("GET", "/faults").json() == {"faults": [{"fault": "sim-swap/checkSimSwap:error=503@25%", "calls": 8, "hits": 2}]}
    assert ask(simulator, ROAMING).status_code == 200, "another API has no fault"
    put("*:error=418")
    answer = ask(simulator, ROAMING)
    assert (answer.status_code, answer.json()["status"]) == (418, 418)
    put("sim-swap:broken-json")
    with pytest.raises(ValueError):
        ask(simulator).json()
    put("sim-swap:delay=700ms")
    start = time.monotonic()
    assert ask(simulator).json() == {"swapped": False} and time.monotonic() - start >= 0.7
    put("sim-swap:hang")
    with pytest.raises(requests.ReadTimeout):
        ask(simulator, timeout=1)
    put("sim-swap:truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(simulator)
    put("sim-swap:reset")
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        ask(simulator)
    assert simulator.control("DELETE", "/faults").status_code == 204
    assert ask(simulator).json() == {"swapped": False}
    answer = simulator.control("PUT", "/faults", {"faults": ["sim-swap:hung"]})
    assert answer.status_code == 400 and 'did you mean \\"hang\\"' in answer.text
    assert simulator.control("PUT", "/faults", {"fault": []}).status_code == 400


def test_what_is_no_operation_is_refused(simulator):
    assert ask(simulator, "/sim-swap/v1/check").status_code == 404
    answer = requests.get(simulator.url + SWAP, timeout=5)
    assert (answer.status_code, answer.headers["allow"], answer.json()["code"]) == (405, "POST", "METHOD_NOT_ALLOWED")
    answer = requests.post(simulator.url + SWAP, data="phoneNumber=x", timeout=5, headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert requests.post(simulator.url + SWAP, data="{", timeout=5, headers={"content-type": "application/json"}).json()["code"] == "INVALID_ARGUMENT"


def test_what_was_made_is_forgotten_when_that_is_wanted(simulator):
    ask(simulator)
    requests.post(simulator.url + "/one-time-password-sms/v1/send-code", json={"phoneNumber": CAROL, "message": "{{code}}"}, timeout=5)
    assert simulator.control("GET", "/statistics").json() == {SWAP: 1, "/one-time-password-sms/v1/send-code": 1}
    assert len(simulator.messages(CAROL)) == 1
    assert simulator.control("POST", "/reset").status_code == 204
    assert simulator.control("GET", "/statistics").json() == {} and simulator.messages(CAROL) == []


@pytest.mark.parametrize("fields, is_there", [
    ({"Origin": "https://evil.example"}, False), ({"Origin": "null"}, False), ({"Origin": "http://localhost:1"}, False),
    ({"Host": "evil.example:{port}"}, False), ({"Host": "127.0.0.1.evil.example"}, False), ({"Host": "localhost.:{port}"}, False),
    ({"Host": "10.0.0.1:{port}"}, False), ({"Host": "evil.example", "Origin": "http://evil.example"}, False), ({"Host": "localhost:{port}"}, True),
    ({"Host": "[::1]:{port}"}, True), ({"Host": "127.0.0.1"}, True), ({"Origin": "http://127.0.0.1:{port}"}, True),
    ({"Host": "localhost:{port}", "Origin": "http://localhost:{port}"}, True), ({}, True)])
def test_a_page_of_another_origin_cannot_set_faults(simulator, fields, is_there):
    """A browser of this machine sends what a page tells it to, also to a name that a resolver turned to this machine."""
    port = simulator.url.rsplit(":", 1)[1]
    fields = {name: value.replace("{port}", port) for name, value in fields.items()}
    answer = requests.put(simulator.url + "/simulator/faults", data='{"faults": ["sim-swap:error=503"]}', headers=fields, timeout=5)
    assert answer.status_code == (200 if is_there else 404)
    assert ask(simulator).status_code == (503 if is_there else 200)


def test_the_control_paths_are_for_this_machine_alone():
    """Over an address of this machine that is not loopback, they are not there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no other address")
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    simulator = Simulator("--host", "0.0.0.0")
    try:
        port = simulator.url.rsplit(":", 1)[1]
        simulator.url = f"http://{address}:{port}"
        assert ask(simulator).status_code == 200
        assert simulator.control("GET", "/faults").status_code == 404
        simulator.url = f"http://127.0.0.1:{port}"
        assert simulator.control("GET", "/faults").json() == {"faults": []}
    finally:
        simulator.stop()
