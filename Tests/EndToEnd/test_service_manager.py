"""What a service manager such as systemd sees and gives: readiness, reloads, the watchdog, sockets; and the unit that it runs."""
import http.client, os, re, select, shutil, signal, socket, subprocess, sys, tempfile, threading, time

import pytest
import requests

from harness import BINARY, REPOSITORY, free_port, wait_ready
from reload_gateway import ReloadGateway

# Gives the sockets in the arguments to the program, as a service manager does: from descriptor 3 on, with its own process's number.
ACTIVATE = """
import os, sys
names, count = sys.argv[1], int(sys.argv[2])
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(count), "LISTEN_FDNAMES": names}
os.execv(sys.argv[3], sys.argv[3:])
"""


class Manager:
    """The socket that `NOTIFY_SOCKET` names; as a path, or abstract."""

    def __init__(self, folder, abstract=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = f"@passerelle-{os.getpid()}-{free_port()}" if abstract else os.path.join(tempfile.mkdtemp(dir="/tmp"), "notify")
        self.socket.bind("\0" + self.name[1:] if abstract else self.name)
        self.socket.settimeout(20)

    def next(self, skip=("WATCHDOG=1",)):
        """The next message, by its lines' names."""
        while True:
            text = self.socket.recv(4096).decode()
            if text not in skip:
                return dict(line.split("=", 1) for line in text.split("\n"))

    def close(self):
        self.socket.close()
        if self.name[0] == "/":
            shutil.rmtree(os.path.dirname(self.name))


@pytest.fixture
def gateway(tmp_path):
    made = ReloadGateway(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("abstract", [False, True])
def test_what_is_told_from_the_start_to_the_end(gateway, tmp_path, abstract):
    manager = Manager(tmp_path, abstract)
    gateway.start({"NOTIFY_SOCKET": manager.name})
    assert manager.next() == {"READY": "1", "STATUS": f"serving {gateway.issuer}"}
    before = time.monotonic_ns() // 1000
    gateway.write(limits={"tokensRemembered": 100})
    gateway.reload_by_signal()
    reloading = manager.next()
    assert reloading["RELOADING"] == "1" and before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert manager.next()["READY"] == "1"
    gateway.write(loops=1)
    gateway.reload(check=False)
    assert manager.next()["RELOADING"] == "1"
    refused = manager.next()
    # Still ready, with what it had; the manager's state says why.
    assert refused["READY"] == "1" and "needs a restart: loops" in refused["STATUS"]
    gateway.process.send_signal(signal.SIGTERM)
    stopping = manager.next()
    assert stopping["STOPPING"] == "1" and int(stopping["EXTEND_TIMEOUT_USEC"]) == 20_000_000
    assert gateway.process.wait(20) == 0
    manager.close()


def test_the_watchdog_hears_of_a_gateway_that_turns_and_of_no_other(gateway, tmp_path):
    manager = Manager(tmp_path)
    gateway.start({"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "400000"})
    for _ in range(5):
        assert manager.next(skip=())
    # A process that does nothing says nothing.
    gateway.process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    while select.select([manager.socket], [], [], 0)[0]:
        manager.socket.recv(4096)
    assert not select.select([manager.socket], [], [], 1)[0]
    gateway.process.send_signal(signal.SIGCONT)
    assert manager.next(skip=()) == {"WATCHDOG": "1"}
    gateway.stop()
    manager.close()


def test_a_watchdog_for_another_process_hears_nothing(gateway, tmp_path):
    manager = Manager(tmp_path)
    gateway.start({"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    assert "READY" in manager.next(skip=())
    assert not select.select([manager.socket], [], [], 1)[0]
    gateway.stop()
    manager.close()


@pytest.mark.parametrize("name", ["/nowhere/notify", "vsock:2:1", "@" + "x" * 200, ""])
def test_a_manager_that_cannot_be_told_holds_nothing_up(gateway, name):
    gateway.start({"NOTIFY_SOCKET": name})
    assert requests.get(gateway.issuer + "/jwks", timeout=10).status_code == 200


# Sockets


def listening(port=0, host="127.0.0.1", family=socket.AF_INET):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    made.listen(64)
    return made


def activated(gateway, names, sockets, wait=True):
    def give():
        # First out of the way, then to where they belong.
        copies = [os.dup2(made.fileno(), 100 + index) for index, made in enumerate(sockets)]
        for index, copy in enumerate(copies):
            os.dup2(copy, 3 + index, inheritable=True)

    process = subprocess.Popen(
        [sys.executable, "-c", ACTIVATE, names, str(len(sockets)), BINARY, "serve", "--config", gateway.configuration],
        stdout=subprocess.PIPE, stderr=open(gateway.log, "a"), text=True, preexec_fn=give, close_fds=False)
    gateway.process = process
    if wait:
        wait_ready(process)
    return process


def test_sockets_are_taken_by_name_wherever_they_listen(gateway):
    front, admin = listening(), listening()
    activated(gateway, "admin:front", [admin, front])
    port = front.getsockname()[1]
    assert port != gateway.port
    assert requests.get(f"http://127.0.0.1:{port}/jwks", timeout=10).status_code == 200
    assert requests.get(f"http://127.0.0.1:{admin.getsockname()[1]}/readyz", timeout=10).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(gateway.issuer + "/jwks", timeout=10)
    # Commands find the admin listener all the same.
    assert gateway.reload().returncode == 0


def test_sockets_are_taken_by_the_configured_address(gateway):
    front = listening(gateway.port)
    activated(gateway, "passerelle.socket", [front])
    assert requests.get(gateway.issuer + "/jwks", timeout=10).status_code == 200


def test_a_restart_refuses_no_connection_while_the_manager_holds_the_socket(gateway):
    front = listening()
    port = front.getsockname()[1]
    activated(gateway, "front", [front])
    gateway.stop()
    answers = []

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/jwks")
        answers.append(connection.getresponse().status)

    waiting = threading.Thread(target=ask)
    waiting.start()
    activated(gateway, "front", [front])
    waiting.join()
    assert answers == [200]


@pytest.mark.parametrize("names, make, text", [
    ("other", lambda: listening(), r"socket \"other\" \(127\.0\.0\.1:\d+\) is for no listener"),
    ("mutual", lambda: listening(), r"socket \"mutual\" .* is for no listener"),
    ("front", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), r"descriptor 3 \(front\) is not a TCP socket that listens"),
    ("front", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), r"descriptor 3 \(front\) is not a TCP socket"),
])
def test_a_socket_for_nobody_stops_the_start(gateway, names, make, text):
    process = activated(gateway, names, [make()], wait=False)
    assert process.wait(20) == 1
    assert re.search(text, open(gateway.log).read())


def test_sockets_for_another_process_are_not_touched(gateway):
    gateway.start({"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "front"})
    assert requests.get(gateway.issuer + "/jwks", timeout=10).status_code == 200


# The units


@pytest.fixture
def units(tmp_path):
    """The units with the program where this machine has it."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there: the units are not verified")
    for name in ("passerelle.service", "passerelle.socket"):
        text = open(os.path.join(REPOSITORY, "deploy", name)).read().replace("/usr/bin/passerelle", BINARY)
        open(tmp_path / name, "w").write(text)
    return tmp_path


def test_the_units_are_units(units):
    result = subprocess.run(["systemd-analyze", "verify", units / "passerelle.service", units / "passerelle.socket"],
                            capture_output=True, text=True)
    assert result.returncode == 0 and "passerelle" not in result.stderr, result.stderr


def test_the_unit_is_hardened(units):
    result = subprocess.run(["systemd-analyze", "security", "--offline=true", units / "passerelle.service"], capture_output=True, text=True)
    score = re.search(r"exposure level for passerelle.service: ([\d.]+)", result.stdout)
    assert score and float(score[1]) <= 1.5, result.stdout[-300:]
