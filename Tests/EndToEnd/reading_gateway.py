"""A gateway without clients whose ledger has small segments: each refused call is an entry."""
import json, os, signal, subprocess, time

import requests

from harness import BINARY, REPOSITORY, free_port, wait_ready


class ReadingGateway:
    def __init__(self, folder, segment_bytes=8192, **ledger):
        self.folder, self.port, self.admin_port = str(folder), free_port(), free_port()
        self.ledger = os.path.join(self.folder, "data", "ledger")
        self.configuration = os.path.join(self.folder, "passerelle.json")
        self.settings = {"segmentBytesMaximum": segment_bytes} | ledger
        self.process = None
        self.configure()

    def configure(self, **more):
        with open(self.configuration, "w") as file:
            json.dump({"issuer": f"http://127.0.0.1:{self.port}", "listen": {"port": self.port}, "admin": {"port": self.admin_port},
                       "data": "data", "keys": "keys", "policies": os.path.join(REPOSITORY, "policies"), "upstreams": {},
                       "limits": {"unauthenticatedPerMinute": 0}, "ledger": self.settings} | more, file)

    def start(self):
        log = open(os.path.join(self.folder, "stderr"), "a")
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.configuration], stdout=subprocess.PIPE, stderr=log, text=True)
        wait_ready(self.process)
        return self

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)
        self.process = None

    def calls(self, *correlators):
        session = requests.Session()
        for correlator in correlators:
            answer = session.post(f"http://127.0.0.1:{self.port}/device-identifier/v0.3/retrieve-type", data="{}", timeout=10,
                                  headers={"Content-Type": "application/json", "x-correlator": correlator})
            assert answer.status_code == 401

    def run(self, *words, check=True, **options):
        result = subprocess.run([BINARY, *words, "--config", self.configuration], capture_output=True, text=True, timeout=60, **options)
        assert not check or result.returncode == 0, result.stdout + result.stderr
        return result

    def json(self, *words):
        return json.loads(self.run(*words, "--json").stdout)

    def ready(self):
        return requests.get(f"http://127.0.0.1:{self.admin_port}/readyz", timeout=5).json()

    @property
    def segments(self):
        return sorted(name for name in os.listdir(self.ledger) if name.endswith(".jsonl"))

    def entries(self):
        return [json.loads(line) for name in self.segments for line in open(os.path.join(self.ledger, name))]


def eventually(condition, seconds=15):
    deadline = time.time() + seconds
    while time.time() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")
