"""One raw request to Passerelle, nginx and HAProxy (A26): where does each think that it ends?

What Passerelle takes, no other server may frame differently: then a request could hide in what one of them takes for a body. What
Passerelle refuses (400, 501, 505 and the connection closed) is safe whatever the others do.
"""
import concurrent.futures
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

import framings
from harness import ALICE, BINARY, Demo, free_port, wait_ready

# RFC 9112 §2.2 lets a server pass over an empty line before a request. Passerelle passes over one; the others over any number. All of
# them see the end of the first request at the same place.
REFUSED_BETWEEN = {"two empty lines between"}
NAMES = re.compile(rb"(?:main|smuggled|second|third|next|last)-\d+")
ANSWER = b'{"lastChecked":"2024-02-20T10:41:38.657Z","imei":"490154203237518"}'


class Recorder:
    """A backend that keeps what comes to it: correlators in their order, by the number of their variant."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.seen, self.faults = {}, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        data = b""
        with connection:
            connection.settimeout(30)
            try:
                while True:
                    while b"\r\n\r\n" not in data:
                        if not (more := connection.recv(65536)):
                            return
                        data += more
                    head, data = data.split(b"\r\n\r\n", 1)
                    fields = [line.split(b":", 1) for line in head.split(b"\r\n")[1:]]
                    named = {name.lower(): value.strip() for name, value in fields}
                    if named.get(b"transfer-encoding"):
                        data = self.chunked(connection, data)
                    else:
                        length = int(named.get(b"content-length", 0))
                        while len(data) < length:
                            data += self.more(connection)
                        data = data[length:]
                    if found := NAMES.search(named.get(b"x-correlator", b"")):
                        name, number = found[0].decode().split("-")
                        self.seen.setdefault(int(number), []).append(name)
                    body = b"" if head.startswith(b"HEAD ") else ANSWER
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + body)
            except (OSError, ConnectionError):
                return
            except Exception as fault:  # What a proxy forwards must be plain.
                self.faults.append((repr(fault), data[:300]))

    def more(self, connection):
        if not (more := connection.recv(65536)):
            raise ConnectionError
        return more

    def chunked(self, connection, data):
        while True:
            while b"\r\n" not in data:
                data += self.more(connection)
            size, data = data.split(b"\r\n", 1)
            size = int(size.split(b";")[0], 16)
            while len(data) < size + 2:
                data += self.more(connection)
            end, data = data[size:size + 2], data[size + 2:]
            assert end == b"\r\n"
            if size == 0:
                return data


def exchange(port, data, seconds):
    """What comes back, and whether the server closed."""
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        answer, closed = b"", False
        s.settimeout(seconds)
        try:
            s.sendall(data)
        except OSError:
            pass
        try:
            while more := s.recv(65536):
                answer += more
            closed = True
        except TimeoutError:
            pass
        except OSError:
            closed = True
        return answer, closed


class Peer:
    """A proxy before a recorder; what reaches the recorder is what it took for requests."""

    def __init__(self, name, command, port, recorder):
        self.name, self.port, self.recorder = name, port, recorder
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"{name} did not start")

    def understand(self, number, data, seconds):
        """Names of the requests in their order, and how it ended: `closed`, `refused`, `waiting`."""
        self.recorder.seen.pop(number, None)
        answer, closed = exchange(self.port, data, seconds)
        names = self.recorder.seen.get(number, [])
        statuses = re.findall(rb"HTTP/1\.[01] (\d{3})", answer)
        statuses = [status for status in statuses if status != b"100"]
        refused = len(statuses) > len(names) and statuses[-1][:1] in b"45"
        return names, "refused" if refused and closed else "closed" if closed else "waiting"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.recorder.listener.close()


class Gateway(Peer):
    """Answers carry the correlators of what Passerelle took for a request, whatever it said to it."""

    def understand(self, number, data, seconds):
        answer, closed = exchange(self.port, data, seconds)
        names, last = [], b""
        for part in re.split(rb"(?=HTTP/1\.1 \d{3} )", answer):
            status = part[9:12]
            if status and status != b"100":
                last = status
                if found := NAMES.search(part):
                    names.append(found[0].decode().split("-")[0])
                elif status in (b"400", b"408", b"413", b"414", b"417", b"431", b"501", b"505"):
                    return names, "refused" if closed else "refused, and open"
                else:
                    names.append("main")
        return names, "closed" if closed else "waiting"


def nginx(folder, recorder):
    port = free_port()
    file = os.path.join(folder, "nginx.conf")
    with open(file, "w") as config:
        config.write(f"""
            daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
            events {{ worker_connections 1024; }}
            http {{ access_log off; client_header_timeout 20s; client_body_timeout 20s; client_body_temp_path {folder}; proxy_temp_path {folder};
              fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
              server {{ listen 127.0.0.1:{port}; location / {{ proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://127.0.0.1:{recorder.port}; }} }} }}
            """)
    return Peer("nginx", [shutil.which("nginx") or "/usr/sbin/nginx", "-c", file, "-p", folder], port, recorder)


def haproxy(folder, recorder):
    port = free_port()
    file = os.path.join(folder, "haproxy.cfg")
    with open(file, "w") as config:
        config.write(f"""
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 5s
  timeout http-request 20s
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  server s 127.0.0.1:{recorder.port}
""")
    return Peer("haproxy", [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", file], port, recorder)


def installed(name):
    return shutil.which(name) or os.path.exists("/usr/sbin/" + name)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    if not (installed("nginx") and installed("haproxy")):
        pytest.skip("nginx and haproxy are not there: .ci/install test installs them")
    folder = tmp_path_factory.mktemp("differential")
    recorder = Recorder()
    demo = Demo(folder).start()
    token = demo.token(ALICE)
    demo.stop()
    config = demo.data + "/differential.json"
    with open(config, "w") as file:
        file.write(open(demo.configuration).read().replace(f":{demo.backend_port}", f":{recorder.port}"))
    gateway = Gateway("passerelle", [BINARY, "serve", "--config", config], demo.port, recorder)
    running = [gateway, nginx(str(folder), Recorder()), haproxy(str(folder), Recorder())]
    yield token, running
    for server in running:
        server.stop()


def judge(ours, theirs):
    """Nil when a request cannot hide between the two, else what is dangerous."""
    (ours, our_end), (theirs, their_end) = ours, theirs
    if our_end == "refused, and open":
        return "refused, but the connection was left open"
    if "main" not in ours:
        # Refused, or not yet whole. Whoever waits for more takes what follows for a part of it.
        return "waits for more" if our_end == "waiting" and "main" in theirs and their_end != "waiting" else None
    if "main" not in theirs and their_end != "waiting":
        return None  # The other one refuses.
    if ours == theirs:
        return None
    if our_end == "closed" and theirs[:len(ours)] == ours or their_end == "closed" and ours[:len(theirs)] == theirs:
        return None  # One of them closes after the first, as it may.
    return "sees other requests"


def test_a26_no_server_frames_differently_what_passerelle_takes(servers):
    token, (gateway, *peers) = servers
    every = list(framings.variants())
    assert len(every) > 400

    def understood(numbered, seconds=1.0):
        number, (_, data) = numbered
        data = data.replace(b"@@", b"%d" % number).replace(b"TOKEN", token.encode())
        return [server.understand(number, data, seconds) for server in (gateway, *peers)]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        found = list(pool.map(understood, enumerate(every)))
    dangerous, taken, waiting = [], 0, 0
    for number, results in enumerate(found):
        if any(judge(results[0], other) for other in results[1:]) or results[0][1] == "waiting":
            # Once more alone and with patience: on a busy machine an answer may have been late.
            results = understood((number, every[number]), 3.0)
        taken += "main" in results[0][0]
        waiting += results[0][1] == "waiting"
        for peer, other in zip(peers, results[1:]):
            if (what := judge(results[0], other)) and every[number][0] not in REFUSED_BETWEEN:
                dangerous.append(f"{every[number][0]}: passerelle {what}: {results[0]}, {peer.name} {other}")
    print(f"{len(every)} variants, {taken} taken, {waiting} waited for")
    assert not dangerous, "\n".join(dangerous)
    # The test tests something: much is taken, much is refused, and plain requests are understood alike.
    assert 60 < taken < len(every) - 200
    plain = [results for results, (name, _) in zip(found, every) if name in ("length '2'", "three in a row", "many chunks")]
    assert len(plain) == 3
    for ours, *others in plain:
        assert ours[0][0] == "main" and len(ours[0]) >= 3 and all(other == ours for other in others)
    # What Passerelle forwards is plain: the recorder reads it without a doubt.
    assert gateway.recorder.seen and not gateway.recorder.faults, gateway.recorder.faults[:3]


def test_the_judge_sees_what_is_dangerous():
    whole = ["main", "next", "last"], "closed"
    assert judge(whole, whole) is None
    assert judge(([], "refused"), (["main", "smuggled", "next", "last"], "closed")) is None
    assert judge(whole, ([], "refused")) is None
    assert judge((["main"], "closed"), whole) is None
    assert judge(whole, (["main", "smuggled", "next", "last"], "closed"))
    assert judge((["main"], "refused"), whole)
    assert judge((["main"], "waiting"), whole)
    assert judge(([], "waiting"), whole)
    assert judge(([], "refused, and open"), whole)
