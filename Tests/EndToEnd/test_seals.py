"""Seals of the ledger: made when a segment is closed, checked by our own command and by a verifier that knows the format alone."""
import http.server, json, os, shutil, signal, subprocess, threading, time

import pytest
import requests

import ledger_verifier
from harness import BINARY, REPOSITORY, free_port, wait_ready


class Receiver(http.server.ThreadingHTTPServer):
    def __init__(self):
        self.bodies, self.tokens, self.is_down = [], [], False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if not outer.is_down:
                    outer.bodies.append(body)
                    outer.tokens.append(self.headers["Authorization"])
                self.send_response(503 if outer.is_down else 204)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Sealed:
    """A gateway whose segments are a few entries long."""

    def __init__(self, folder, receiver):
        self.folder, self.port = str(folder), free_port()
        self.ledger, self.elsewhere = os.path.join(self.folder, "data", "ledger"), os.path.join(self.folder, "elsewhere")
        self.configuration = os.path.join(self.folder, "passerelle.json")
        token = os.path.join(self.folder, "token")
        with open(token, "w") as f:
            f.write("audit-secret\n")
        os.chmod(token, 0o600)
        with open(self.configuration, "w") as f:
            json.dump({"issuer": f"http://127.0.0.1:{self.port}", "listen": {"port": self.port}, "admin": {"port": free_port()},
                       "data": "data", "keys": "keys", "policies": os.path.join(REPOSITORY, "policies"), "upstreams": {},
                       "ledger": {"segmentBytesMaximum": 4096, "seals": {
                           "directory": "elsewhere", "url": f"http://127.0.0.1:{receiver.server_port}/seals", "bearerTokenFile": token}}}, f)

    def serve(self):
        process = subprocess.Popen([BINARY, "serve", "--config", self.configuration], stdout=subprocess.PIPE, text=True)
        wait_ready(process)
        return process

    def run(self, *words, check=True):
        result = subprocess.run([BINARY, *words, "--config", self.configuration], capture_output=True, text=True, timeout=60)
        assert not check or result.returncode == 0, result.stdout + result.stderr
        return result

    def fill(self, process_count=3):
        """Entries by refused calls; each start seals what is closed."""
        for _ in range(process_count):
            process = self.serve()
            for number in range(30):
                requests.post(f"http://127.0.0.1:{self.port}/device-identifier/v0.3/retrieve-type", data="{}", timeout=5,
                              headers={"Content-Type": "application/json", "x-correlator": f"c{number}"})
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        process = self.serve()
        deadline = time.time() + 10
        while len(self.seals) < len(self.segments) - 1 and time.time() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.wait(20)

    @property
    def segments(self):
        return sorted(n for n in os.listdir(self.ledger) if n.endswith(".jsonl"))

    @property
    def seals(self):
        folder = os.path.join(self.ledger, "seals")
        return sorted(n for n in os.listdir(folder) if n.endswith(".seal")) if os.path.isdir(folder) else []

    def key(self):
        return json.loads(self.run("audit", "key").stdout)

    def is_broken(self, *words):
        result = self.run("audit", "verify", *words, check=False)
        return result.returncode == 1 and "BROKEN" in result.stdout


@pytest.fixture(scope="module")
def receiver():
    server = Receiver()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def original(tmp_path_factory, receiver):
    gateway = Sealed(tmp_path_factory.mktemp("sealed"), receiver)
    gateway.fill()
    return gateway


@pytest.fixture
def gateway(original, tmp_path, receiver):
    """A copy, to be tampered with."""
    shutil.copytree(original.folder, tmp_path, dirs_exist_ok=True)
    copy = Sealed.__new__(Sealed)
    copy.__dict__.update(original.__dict__)
    copy.folder = str(tmp_path)
    copy.ledger, copy.elsewhere = os.path.join(copy.folder, "data", "ledger"), os.path.join(copy.folder, "elsewhere")
    copy.configuration = os.path.join(copy.folder, "passerelle.json")
    return copy


def test_closed_segments_are_sealed_and_both_verifiers_say_so(original):
    assert len(original.segments) > 4 and len(original.seals) == len(original.segments) - 1
    document = json.loads(original.run("audit", "verify", "--json").stdout)
    entries, seals = ledger_verifier.verify(original.ledger, original.key())
    assert document["ok"] and document["entries"] == entries and document["seals"]["count"] == seals == len(original.seals)
    assert "sealed up to entry" in original.run("audit", "verify").stdout
    noted = json.loads(original.run("audit", "search", "--event", "ledger.sealed", "--json").stdout)
    assert len(noted) == len(original.seals)


def test_seals_are_taken_elsewhere(original, receiver):
    names = original.seals
    assert sorted(n for n in os.listdir(original.elsewhere) if n.endswith(".seal")) == names
    for name in names:
        text = open(os.path.join(original.ledger, "seals", name)).read()
        assert open(os.path.join(original.elsewhere, name)).read() == text and text.strip() in receiver.bodies
    assert len(receiver.bodies) == len(names) and set(receiver.tokens) == {"Bearer audit-secret"}


def both(gateway, *kept):
    """Both verifiers find it."""
    words = [w for path in kept for w in ("--seal", path)]
    assert gateway.is_broken(*words)
    with pytest.raises(ledger_verifier.Broken):
        ledger_verifier.verify(gateway.ledger, gateway.key(), [open(path).read() for path in kept])


def rewrite(gateway, name, change):
    path = os.path.join(gateway.ledger, name)
    data = open(path, "rb").read()
    open(path, "wb").write(change(data))


def test_a43_what_was_sealed_cannot_be_changed(gateway):
    kept = gateway.seals[1]
    os.remove(os.path.join(gateway.ledger, "seals", kept))
    both(gateway)
    shutil.copy(os.path.join(gateway.elsewhere, kept), os.path.join(gateway.ledger, "seals", kept))
    assert not gateway.is_broken()
    rewrite(gateway, "seals/" + kept, lambda data: data[:-10] + b"AAAAAAAA\n")
    both(gateway)


def test_a43_a_seal_of_another_segment_is_none(gateway):
    one, two = gateway.seals[:2]
    shutil.copy(os.path.join(gateway.ledger, "seals", one), os.path.join(gateway.ledger, "seals", two))
    both(gateway)


def test_a43_a_ledger_that_was_cut_is_found_by_its_seals(gateway):
    """The newest segments go, head and all; what is left is a good chain."""
    for name in gateway.segments[2:]:
        os.remove(os.path.join(gateway.ledger, name))
    for name in ("head.json",):
        os.remove(os.path.join(gateway.ledger, name))
    os.remove(os.path.join(gateway.folder, "data", "passerelle.sqlite"))
    both(gateway)


def test_a43_a_ledger_that_was_written_anew_with_its_seals_is_found_by_a_seal_that_was_kept(gateway, receiver):
    """Somebody has the keys and makes it all again: only what was kept elsewhere shows it."""
    kept = os.path.join(gateway.elsewhere, gateway.seals[0])
    text = open(kept).read()
    for folder in ("data", "elsewhere"):
        shutil.rmtree(os.path.join(gateway.folder, folder))
    gateway.fill(2)
    assert not gateway.is_broken()
    path = os.path.join(gateway.folder, "kept.seal")
    open(path, "w").write(text)
    both(gateway, path)


def test_an_entry_is_proved_without_the_ledger(original, tmp_path):
    key = tmp_path / "audit.jwk"
    key.write_text(original.run("audit", "key").stdout)
    entries = [json.loads(line)["seq"] for name in original.segments[:-1] for line in open(os.path.join(original.ledger, name))]
    for sequence in entries[::7] + [entries[-1]]:
        proof = tmp_path / "proof.json"
        original.run("audit", "prove", str(sequence), "--output", str(proof))
        words = [BINARY, "audit", "verify", "--proof", str(proof), "--key", str(key)]
        assert "proved" in subprocess.run(words, capture_output=True, text=True, check=True).stdout
        document = json.loads(proof.read_text())
        ledger_verifier.prove(document, original.key())
        for change in ({"line": document["line"].replace('"time":"2', '"time":"3')}, {"seq": sequence + 1}, {"path": document["path"][:-1]},
                       {"path": document["path"] + ["00" * 32]}, {"seal": document["seal"][:-8] + "AAAAAAAA"}):
            proof.write_text(json.dumps(document | change))
            assert subprocess.run(words, capture_output=True).returncode == 1, change
            with pytest.raises(ledger_verifier.Broken):
                ledger_verifier.prove(document | change, original.key())
    newest = json.loads(open(os.path.join(original.ledger, original.segments[-1])).readline())["seq"]
    assert "not sealed yet" in original.run("audit", "prove", str(newest), check=False).stderr
    assert "there is no entry 999999: the ledger ends at entry" in original.run("audit", "prove", "999999", check=False).stderr
