"""`passerelle serve` over files that a test changes while it runs, with backends and load of its own."""
import contextlib, http.client, json, os, re, shutil, signal, subprocess, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from joserfc.jwk import ECKey

from harness import ALICE, BINARY, IDENTIFIER, PURPOSE, REPOSITORY, V03, free_port, wait_ready

ANSWER = {"lastChecked": "2024-02-20T10:41:38.657Z", "imeisv": "4901542032375181", "imei": "490154203237518", "tac": "49015420",
          "model": "3110", "manufacturer": "Nokia"}


class Backend:
    """Answers every call the same, after `delay` seconds; `name` is the model of its answers."""

    def __init__(self, name="3110"):
        self.name, self.delay, self.calls, self.open = name, 0, 0, 0
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                with lock:
                    outer.open += 1

            def finish(self):
                super().finish()
                with lock:
                    outer.open -= 1

            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.calls += 1
                time.sleep(outer.delay)
                body = json.dumps(ANSWER | {"model": outer.name}).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write(head.encode() + body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class ReloadGateway:
    """One client, `app`, and a consent of Alice's for it. The policies are a copy that tests may change."""

    def __init__(self, folder, **more):
        self.folder = str(folder)
        self.backend = Backend()
        self.port, self.admin_port = free_port(), free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.policies = os.path.join(self.folder, "policies")
        shutil.copytree(os.path.join(REPOSITORY, "policies"), self.policies)
        self.configuration = os.path.join(self.folder, "passerelle.json")
        self.log = os.path.join(self.folder, "serve.log")
        self.process = None
        self.settings = {
            "issuer": self.issuer, "data": "data", "keys": "keys", "policies": "policies", "loops": 2,
            "listen": {"port": self.port}, "admin": {"port": self.admin_port}, "upstreams": {"*": {"url": self.backend.url}}} | more
        self.write()
        record = {"client_id": "app", "client_name": "App", "scope": IDENTIFIER, "purposes": [PURPOSE], "jwt_bearer_tel": True,
                  "grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
                  "jwks": {"keys": [ECKey.generate_key("P-256", {"kid": "k"}).as_dict(private=False)]}}
        path = os.path.join(self.folder, "app.json")
        json.dump(record, open(path, "w"))
        self.command("clients", "add", path)
        self.command("consents", "grant", "--client", "app", "--subject", f"tel:{ALICE}", "--purpose", PURPOSE, "--scope", IDENTIFIER,
                     "--reason", "test")

    def write(self, **changes):
        """The configuration with these members; one that is None is taken away. Stays so."""
        self.settings = {name: value for name, value in (self.settings | changes).items() if value is not None}
        with open(self.configuration + ".new", "w") as file:
            json.dump(self.settings, file)
        os.replace(self.configuration + ".new", self.configuration)

    def policy(self, change, name="device-identifier-0.3.json"):
        """Changes one policy by a function of its JSON."""
        path = os.path.join(self.policies, name)
        # Comments and trailing commas are for people.
        text = re.sub(r"^\s*//.*$", "", open(path).read(), flags=re.M)
        document = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
        change(document)
        with open(path + ".new", "w") as file:
            json.dump(document, file)
        os.replace(path + ".new", path)

    def start(self, environment=None, **popen):
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.configuration], stdout=subprocess.PIPE,
                                        stderr=open(self.log, "a"), text=True, env=os.environ | (environment or {}), **popen)
        wait_ready(self.process)
        return self

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)

    def close(self):
        self.stop()
        self.backend.stop()

    def command(self, *words, check=True):
        result = subprocess.run([BINARY, *words, "--config", self.configuration], capture_output=True, text=True, timeout=60)
        assert not check or result.returncode == 0, result.stderr
        return result

    def reload(self, check=True):
        return self.command("reload", check=check)

    def reload_by_signal(self):
        """Gives the line that it says."""
        before = len(self.lines())
        self.process.send_signal(signal.SIGHUP)
        end = time.time() + 20
        while len(self.lines()) == before:
            assert time.time() < end, "it said nothing"
            time.sleep(0.02)
        return self.lines()[before]

    def lines(self):
        """The messages of the log about reloads."""
        words = (line.split(" ", 3) for line in open(self.log).read().splitlines())
        return [line[3] for line in words if len(line) == 4 and line[2].startswith("reload.")]

    def token(self, scope=IDENTIFIER):
        return self.command("token", "issue", "--client", "app", "--subject", f"tel:{ALICE}", "--scope", f"{PURPOSE} {scope}").stdout.strip()

    def call(self, token, session=requests, path=V03 + "/retrieve-identifier"):
        return session.post(self.issuer + path, data="{}", timeout=20,
                            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})

    def entries(self, event):
        result = self.command("audit", "search", "--event", event, "--json")
        return json.loads(result.stdout)

    @property
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def resident_kilobytes(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1])

    @contextlib.contextmanager
    def load(self, token, connections=4):
        """Calls without a break over kept connections; gives statuses and models of all answers, and what went wrong otherwise."""
        seen, stopping, lock = Load(), threading.Event(), threading.Lock()

        def run():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            try:
                connection.connect()
                # One connection for all calls: it may not be closed between two of them.
                connection.auto_open = 0
                while not stopping.is_set():
                    connection.request("POST", V03 + "/retrieve-identifier", "{}", headers)
                    answer = connection.getresponse()
                    body = json.loads(answer.read())
                    with lock:
                        seen.statuses[answer.status] = seen.statuses.get(answer.status, 0) + 1
                        seen.models.add(body.get("model"))
            except Exception as error:  # noqa: BLE001
                with lock:
                    seen.errors.append(repr(error))
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(connections)]
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            stopping.set()
            for thread in threads:
                thread.join()


class Load:
    def __init__(self):
        self.statuses, self.models, self.errors = {}, set(), []

    @property
    def count(self):
        return sum(self.statuses.values())

    def wait(self, more):
        """Until so many more calls were answered."""
        end, aim = time.time() + 60, self.count + more
        while self.count < aim and not self.errors:
            assert time.time() < end, self.statuses
            time.sleep(0.01)
