"""Several backends behind one API: one that dies, hangs or lies hurts its own calls alone, is left out, and comes back."""
import json, time
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends import Backend
from harness import ALICE, IDENTIFIER, refused
from real_gateway import Gateway


class NoOperator:
    url = "http://127.0.0.1:1"


@pytest.fixture
def world(tmp_path):
    made = []

    class World(Gateway):
        def __init__(self):
            super().__init__(tmp_path, NoOperator)

        def before(self, backends, **settings):
            self.backends = backends
            targets = [{"url": f"http://127.0.0.1:{backend.port}"} for backend in backends]
            self.serve(recognition={"addressLookup": None, "operatorToken": None, "numberDirectory": None, "oneTimeCode": None},
                       upstreams={"device-identifier": {"targets": targets} | settings})
            self.credential = self.token(ALICE, (IDENTIFIER,))
            return self

        def ask(self):
            return self.call(self.credential)

        def states(self):
            return [row["state"] for row in self.rows()]

        def rows(self):
            return self.json("upstreams", "list")

        def wait(self, *states, seconds=20):
            end = time.monotonic() + seconds
            while self.states() != list(states):
                assert time.monotonic() < end, self.rows()
                time.sleep(0.05)

        @property
        def log(self):
            return open(tmp_path / "serve.stderr").read()

    def make(count, **settings):
        made.append(World())
        return made[-1].before([Backend() for _ in range(count)], **settings)

    yield make
    for one in made:
        one.stop()
        for backend in one.backends:
            backend.stop()


def test_calls_go_to_all_and_one_that_dies_costs_none(world):
    one = world(3, health={"ejectedMilliseconds": 300})
    first, *others = one.backends
    for _ in range(60):
        assert one.ask().status_code == 200
    assert all(backend.calls > 5 for backend in one.backends)
    first.die()
    assert [one.ask().status_code for _ in range(60)] == [200] * 60
    one.wait("ejected", "healthy", "healthy")
    assert f"warning upstream.out upstream device-identifier: 127.0.0.1:{first.port} is out: " in one.log
    first.rise()
    one.wait("probing", "healthy", "healthy")
    before = first.calls
    while first.calls == before:
        assert one.ask().status_code == 200
    one.wait("healthy", "healthy", "healthy")
    assert f"info upstream.back upstream device-identifier: 127.0.0.1:{first.port} is back" in one.log
    row = one.rows()[0]
    assert row["upstream"] == "device-identifier" and row["target"] == f"127.0.0.1:{first.port}"
    assert row["ejections"] >= 1 and row["last_fault"] and row["calls_answered"] > 0 and row["calls_under_way"] == 0
    assert "state" in one.command("upstreams", "list").stdout and "healthy" in one.command("upstreams", "list").stdout


def test_when_all_are_out_calls_fail_at_once_and_say_when_to_come_back(world):
    one = world(2, health={"ejectedMilliseconds": 2000})
    for backend in one.backends:
        backend.die()
    answers = [one.ask() for _ in range(12)]
    for answer in answers:
        refused(answer, 503, "UNAVAILABLE")
        assert 1 <= int(answer.headers["retry-after"]) <= 6
    reasons = [entry["reason"] for entry in one.json("audit", "search", "--event", "api.call")]
    assert set(reasons) == {"backend_unreachable", "backend_out"}
    for backend in one.backends:
        backend.rise()
    end = time.monotonic() + 20
    while one.ask().status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("behaviour, status", [
    ("hanging", 504), ("trickling", 504), ("announcing_more_than_it_has", 502), ("announcing_too_much", 502), ("flooding_head", 502),
    ("flooding_body", 502)])
def test_what_one_backend_does_to_its_calls_the_others_do_not_feel(world, behaviour, status):
    one = world(2, timeoutMilliseconds=400, health={"answerFaultsMaximum": 3, "ejectedMilliseconds": 60_000}, answerBytesMaximum=65536)
    bad, good = one.backends
    bad.behave = getattr(Backend, behaviour)
    answers = [one.ask() for _ in range(24)]
    seen = {answer.status_code for answer in answers}
    assert seen == {200, status}
    # Each answer of 200 is whole, and of the backend that works.
    assert good.calls == sum(answer.status_code == 200 for answer in answers)
    for answer in answers:
        if answer.status_code == 200:
            assert answer.json()["imei"] == "490154203237518"
    if behaviour != "announcing_too_much" and behaviour != "flooding_body":
        # What is too large is one call's, and no fault that takes a target out.
        one.wait("ejected", "healthy")
        assert bad.calls <= 6


@pytest.mark.parametrize("behaviour", ["dropping", "reset"])
def test_a_call_without_a_byte_of_an_answer_goes_elsewhere(world, behaviour):
    """The policy says that the operation may be repeated."""
    one = world(2, health={"ejectedMilliseconds": 60_000, "answerFaultsMaximum": 4})
    bad, good = one.backends
    bad.behave = getattr(Backend, behaviour)
    assert [one.ask().status_code for _ in range(40)] == [200] * 40
    assert bad.calls >= 1 and good.calls == 40
    assert one.rows()[0]["calls_retried"] >= 1


def test_one_that_answers_503_is_left_out_but_the_last_is_asked(world):
    one = world(2, health={"answerFaultsMaximum": 3, "ejectedMilliseconds": 60_000})
    one.backends[0].behave = Backend.failing
    for _ in range(40):
        assert one.ask().status_code in (200, 503)
    one.wait("ejected", "healthy")
    one.backends[1].behave = Backend.failing
    before = one.backends[1].calls
    for _ in range(20):
        one.ask()
    assert one.backends[1].calls == before + 20
    assert one.states() == ["ejected", "healthy"]


def test_a_check_takes_out_and_brings_back_without_calls(world):
    one = world(2, check={"path": "/health", "intervalMilliseconds": 100, "badMaximum": 2, "goodMinimum": 2})
    one.backends[0].behave = Backend.failing
    one.wait("ejected", "healthy")
    assert [one.ask().status_code for _ in range(20)] == [200] * 20
    one.backends[0].behave = Backend.good
    one.wait("healthy", "healthy")
    assert "check: status 503" in one.log


def test_an_operation_has_a_time_of_its_own(world):
    one = world(1, timeoutMilliseconds=20_000, operations={"retrieveIdentifier": {"timeoutMilliseconds": 200}})
    one.backends[0].behave = Backend.hanging
    begin = time.monotonic()
    refused(one.ask(), 504, "TIMEOUT")
    assert time.monotonic() - begin < 10


def test_an_operation_that_no_policy_has_is_refused(world, tmp_path):
    one = world(1)
    one.stop()
    written = json.load(open(one.file))
    written["upstreams"]["device-identifier"]["operations"] = {"retrieveIdentifer": {"timeoutMilliseconds": 1}}
    json.dump(written, open(one.file, "w"))
    result = one.check()
    assert result.returncode == 1 and 'did you mean "retrieveIdentifier"?' in result.stderr


def test_waiting_calls_are_bounded_in_time(world):
    one = world(1, connectionsMaximum=1, queueMilliseconds=200, timeoutMilliseconds=3000)
    one.backends[0].behave = Backend.hanging
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: one.ask(), range(12)))
    statuses = sorted(answer.status_code for answer in answers)
    # One connection for each loop is in use; the others wait for their measure.
    assert statuses.count(503) >= 4 and set(statuses) == {503, 504}
    assert "backend_busy" in [entry["reason"] for entry in one.json("audit", "search", "--event", "api.call")]


def test_a_name_is_looked_up(world):
    one = world(1)
    one.stop()
    written = json.load(open(one.file))
    written["upstreams"] = {"*": {"url": f"http://localhost:{one.backends[0].port}"}}
    json.dump(written, open(one.file, "w"))
    one.start()
    for _ in range(20):
        assert one.ask().status_code == 200
    assert "127.0.0.1" in {row["address"] for row in one.rows()}
