"""The end of a gateway: what was asked is answered, nothing new is taken, and it comes within the time that the configuration says."""
import http.client, signal, socket, threading, time

import pytest

from reload_gateway import ReloadGateway
from harness import V03


@pytest.fixture
def gateway(tmp_path):
    made = ReloadGateway(tmp_path)
    yield made
    made.close()


class Slow(threading.Thread):
    """A call that is under way at the backend once this is made."""

    def __init__(self, gateway, delay):
        super().__init__()
        self.answer, self.error = None, None
        self.token, self.port = gateway.token(), gateway.port
        gateway.backend.delay = delay
        self.start()
        end = time.time() + 20
        while gateway.backend.calls == 0:
            assert time.time() < end
            time.sleep(0.01)

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", V03 + "/retrieve-identifier", "{}",
                               {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
            self.answer = connection.getresponse()
            self.answer.read()
        except (http.client.HTTPException, OSError) as error:
            self.error = error


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_slow_call_ends_and_nothing_new_is_taken(gateway):
    gateway.start()
    idle = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    slow = Slow(gateway, 2)
    gateway.process.send_signal(signal.SIGTERM)
    # An idle connection ends at once.
    assert idle.recv(1) == b""
    assert refused(gateway.port) and gateway.process.poll() is None and slow.answer is None
    slow.join()
    assert slow.answer.status == 200 and slow.answer.headers["connection"] == "close"
    assert gateway.process.wait(10) == 0


def test_a_call_that_takes_longer_than_it_may_is_cut(gateway):
    gateway.write(drainSeconds=1)
    gateway.start()
    slow = Slow(gateway, 15)
    gateway.process.send_signal(signal.SIGTERM)
    # Long before the backend would have answered.
    assert gateway.process.wait(12) == 0
    slow.join()
    assert slow.answer is None and slow.error


def test_the_time_to_end_can_be_changed_while_it_runs(gateway):
    gateway.start()
    gateway.write(drainSeconds=0)
    assert "drainSeconds" in gateway.reload().stdout
    slow = Slow(gateway, 15)
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(8) == 0
    slow.join()
    assert slow.answer is None
