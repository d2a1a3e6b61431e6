"""A backend turned against the gateway: floods, trickles and lies, many at a time. What is not its own goes on, and memory stays."""
import os, threading, time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from backends import Backend
from harness import ALICE, IDENTIFIER
from real_gateway import Gateway

CALLS = 32


class NoOperator:
    url = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    backend = Backend()
    gateway = Gateway(tmp_path_factory.mktemp("bad"), NoOperator)
    gateway.serve(
        recognition={"addressLookup": None, "operatorToken": None, "numberDirectory": None, "oneTimeCode": None},
        upstreams={"*": {"url": f"http://127.0.0.1:{backend.port}", "timeoutMilliseconds": 1500, "answerBytesMaximum": 262144}})
    gateway.backend_of_test = backend
    gateway.credential = gateway.token(ALICE, (IDENTIFIER,))
    yield gateway
    gateway.stop()
    backend.stop()


def resident_bytes(gateway):
    with open(f"/proc/{gateway.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("behaviour, status", [
    ("flooding_head", 502), ("flooding_interim", 502), ("flooding_body", 502), ("flooding_without_length", 502),
    ("announcing_too_much", 502), ("announcing_more_than_it_has", 502), ("trickling", 504), ("hanging", 504), ("reset", 502),
    ("dropping", 502)])
def test_what_it_does_stays_with_its_calls(world, behaviour, status):
    world.backend_of_test.behave = getattr(Backend, behaviour)
    before, others = resident_bytes(world), []
    stop = threading.Event()

    def look():
        while not stop.is_set():
            others.append(requests.get(world.issuer + "/.well-known/openid-configuration", timeout=10).status_code)
            time.sleep(0.02)

    looking = threading.Thread(target=look)
    looking.start()
    with ThreadPoolExecutor(CALLS) as pool:
        answers = list(pool.map(lambda _: world.call(world.credential), range(CALLS)))
    stop.set()
    looking.join()
    assert {answer.status_code for answer in answers} == {status}
    assert all("490154203237518" not in answer.text for answer in answers)
    assert others and set(others) == {200}
    # What each call may hold, and as much again for what is on its way.
    assert resident_bytes(world) - before < CALLS * 2 * 262144 + (16 << 20)
    world.backend_of_test.behave = Backend.good
    assert world.call(world.credential).status_code == 200


def test_what_follows_an_answer_is_nobodys(world):
    """Each answer is followed by a forged one, which must not be taken for the next call's."""
    world.backend_of_test.behave = Backend.announcing_less_than_it_has
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.call(world.credential), range(64)))
    for answer in answers:
        assert answer.status_code == 200 and answer.json()["imei"] == "490154203237518"
    world.backend_of_test.behave = Backend.good


def test_connections_go_with_their_backend(world):
    """After all of it nothing is open but what a good backend leaves."""
    for _ in range(3):
        assert world.call(world.credential).status_code == 200
    end = time.monotonic() + 10
    while (row := world.json("upstreams", "list")[0])["connections"] > 64 or row["calls_under_way"]:
        assert time.monotonic() < end, row
        time.sleep(0.1)
    assert row["state"] == "healthy" and row["calls_waiting"] == 0
