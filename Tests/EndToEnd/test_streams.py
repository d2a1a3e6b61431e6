"""The ledger's entries to others as they come: syslog over UDP and TLS, and an HTTP collector, which may be down or gone."""
import datetime, http.server, ipaddress, json, os, re, signal, socket, ssl, threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness import free_port
from reading_gateway import ReadingGateway, eventually


class Collector(http.server.ThreadingHTTPServer):
    def __init__(self, port=0):
        self.lines, self.fields, self.status = [], [], 204
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if outer.status == 204:
                    outer.lines += [json.loads(line) for line in body.splitlines()]
                outer.fields.append(self.headers)
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class SyslogOverTLS:
    """RFC 5425: takes messages by the length before them."""

    def __init__(self, certificate, key):
        self.messages = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as stream:
                self.connections.append(stream)
                file = stream.makefile("rb")
                while True:
                    digits = b""
                    while (byte := file.read(1)) not in (b" ", b""):
                        digits += byte
                    if not digits:
                        return
                    self.messages.append(file.read(int(digits)).decode())
        except OSError:
            pass

    def cut(self):
        for stream in self.connections:
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.socket.close()
        self.cut()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """For 127.0.0.1, by itself."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "siem")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))
    paths = str(folder / "certificate.pem"), str(folder / "key.pem")
    open(paths[0], "wb").write(made.public_bytes(serialization.Encoding.PEM))
    open(paths[1], "wb").write(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return paths


def collected(entries, gateway):
    """All entries, each at least once, and those of one stretch in order."""
    numbers = [entry["seq"] for entry in entries]
    return sorted(set(numbers)) == [entry["seq"] for entry in gateway.entries()]


def test_a_collector_gets_every_entry_also_of_the_time_when_it_was_down(tmp_path):
    collector = Collector()
    token = tmp_path / "token"
    token.write_text("collector-secret\n")
    token.chmod(0o600)
    gateway = ReadingGateway(tmp_path, streams=[
        {"name": "collector", "http": {"url": f"http://127.0.0.1:{collector.server_port}/x", "bearerTokenFile": "token"}}]).start()
    try:
        gateway.calls(*(f"a-{number}" for number in range(40)))
        eventually(lambda: collected(collector.lines, gateway))
        assert collector.lines == gateway.entries()
        assert {fields["authorization"] for fields in collector.fields} == {"Bearer collector-secret"}
        assert collector.fields[0]["content-type"] == "application/x-ndjson"
        # Down: calls go on as before, and health tells how far it is behind.
        collector.status = 503
        gateway.calls(*(f"b-{number}" for number in range(40)))
        assert eventually(lambda: "503" in gateway.ready()["ledger_stream_collector"])
        state = gateway.ready()
        assert state["status"] == "ready" and re.match(r"40 entries behind: .*503", state["ledger_stream_collector"])
        collector.status = 204
        eventually(lambda: collected(collector.lines, gateway))
        assert eventually(lambda: gateway.ready()["ledger_stream_collector"] == "0 entries behind")
        # Killed, and what comes after the start goes on where it was: nothing is missing.
        gateway.stop(signal.SIGKILL)
        gateway.start()
        gateway.calls("after")
        eventually(lambda: collected(collector.lines, gateway) and "after" in [line.get("correlator") for line in collector.lines])
    finally:
        gateway.stop()
        collector.stop()
    assert "collector-secret" not in open(tmp_path / "stderr").read()


def test_a_collector_that_is_not_there_at_all_holds_nothing_up(tmp_path):
    port = free_port()
    gateway = ReadingGateway(tmp_path, streams=[
        {"name": "gone", "format": "ocsf", "http": {"url": f"http://127.0.0.1:{port}/x"}}]).start()
    try:
        gateway.calls(*(f"a-{number}" for number in range(30)))
        eventually(lambda: "no connection" in gateway.ready()["ledger_stream_gone"])
        collector = Collector(port)
        eventually(lambda: len(collector.lines) >= 30, 30)
        assert {event["class_uid"] for event in collector.lines} == {6003}
        collector.stop()
    finally:
        gateway.stop()


MESSAGE = re.compile(r'<(\d+)>1 (\S+) (\S+) passerelle (\d+) (\S+) \[meta sequenceId="(\d+)"\] (\{.*\})')


def test_syslog_over_udp(tmp_path):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(10)
    gateway = ReadingGateway(tmp_path, streams=[
        {"name": "siem", "syslog": {"host": "127.0.0.1", "port": receiver.getsockname()[1], "transport": "udp", "facility": 10}}]).start()
    try:
        gateway.calls("udp-1", "udp-2")
        found = []
        while not found or found[-1].get("correlator") != "udp-2":
            priority, time, _, process, event, sequence, text = MESSAGE.fullmatch(receiver.recv(65536).decode()).groups()
            entry = json.loads(text)
            assert (entry["time"], entry["event"], entry["seq"], gateway.process.pid) == (time, event, int(sequence), int(process))
            assert int(priority) == 10 * 8 + (4 if entry.get("decision") == "refused" else 6)
            found.append(entry)
        assert found == gateway.entries()
    finally:
        gateway.stop()


def test_syslog_over_tls_goes_on_over_another_connection(tmp_path, certificate):
    receiver = SyslogOverTLS(*certificate)
    gateway = ReadingGateway(tmp_path, streams=[{"name": "siem", "syslog": {"host": "127.0.0.1", "port": receiver.port}}])
    gateway.configure(outbound={"caFile": certificate[0]})
    gateway.start()

    def received():
        return [json.loads(MESSAGE.fullmatch(message)[7]) for message in receiver.messages]

    try:
        gateway.calls(*(f"tls-{number}" for number in range(30)))
        eventually(lambda: collected(received(), gateway))
        receiver.cut()
        gateway.calls(*(f"cut-{number}" for number in range(30)))
        eventually(lambda: collected(received(), gateway))
        assert len(receiver.connections) > 1
    finally:
        gateway.stop()
        receiver.stop()


def test_a34_a_receiver_that_cannot_show_a_good_certificate_gets_nothing(tmp_path, certificate):
    receiver = SyslogOverTLS(*certificate)
    gateway = ReadingGateway(tmp_path, streams=[{"name": "siem", "syslog": {"host": "127.0.0.1", "port": receiver.port}}]).start()
    try:
        gateway.calls("tls-1")
        eventually(lambda: "certificate" in gateway.ready()["ledger_stream_siem"])
        assert receiver.messages == []
    finally:
        gateway.stop()
        receiver.stop()


@pytest.mark.parametrize("stream, words", [
    ({"name": "x"}, "syslog"), ({"name": "X", "syslog": {"host": "h"}}, "name"), ({"name": "x", "syslog": {}}, "host"),
    ({"name": "x", "syslog": {"host": "h", "transport": "tcp"}}, "transport"), ({"name": "x", "http": {"url": "http://h/"}}, "https"),
    ({"name": "x", "syslog": {"host": "h", "prot": 1}}, "port"), ({"name": "x", "syslog": {"host": "h"}, "format": "csv"}, "format"),
    ({"name": "x", "syslog": {"host": "h"}, "http": {"url": "https://h/"}}, "syslog")])
def test_a_stream_that_is_not_right_is_refused_with_its_place(tmp_path, stream, words):
    gateway = ReadingGateway(tmp_path, streams=[stream])
    result = gateway.run("check", check=False)
    assert result.returncode == 1 and words in result.stdout + result.stderr and "passerelle.json:" in result.stdout + result.stderr
