"""A gateway whose APIs were made up by a test, before a backend that answers as the test says: no policy of ours is in it."""
import contextlib, glob, http.server, json, os, shutil, signal, sqlite3, subprocess, threading, time

import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from harness import ALICE, BINARY, PURPOSE, REPOSITORY, free_port, wait_ready

AUDIENCE = "https://api.example"
TEXT = {"en": "Test"}


class Backend(http.server.ThreadingHTTPServer):
    """Answers what `answer` says; `requests` keeps what came. It knows neither clients nor subscribers."""

    daemon_threads = True

    def __init__(self):
        self.requests, self.answer = [], (200, {}, {})
        self.key = ECKey.generate_key("P-256", {"kid": "theirs", "alg": "ES256", "use": "sig"})
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path == "/jwks":
                    return self.send(200, {}, {"keys": [outer.key.as_dict(private=False)]})
                outer.requests.append({"method": self.command, "path": self.path, "headers": dict(self.headers.items()),
                                       "body": json.loads(body) if body else None})
                self.send(*(outer.answer(outer.requests[-1]) if callable(outer.answer) else outer.answer))

            def send(self, status, headers, document):
                body = b"" if document is None else document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | headers).items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = any

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class PolicyGateway:
    """`passerelle serve` with policies of a test's own. Tokens come from another issuer, so that they can say anything."""

    def __init__(self, folder, policies, categories, upstreams={"*": {}}, **configuration):
        self.folder, self.backend = str(folder), Backend()
        self.port, admin = free_port(), free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.policies = os.path.join(self.folder, "policies")
        os.mkdir(self.policies)
        for name in ("purposes.json", "legal-bases.json"):
            shutil.copy(os.path.join(REPOSITORY, "policies", name), self.policies)
        self.write("categories.json", {name: {"title": TEXT, "description": TEXT, "example": TEXT} for name in categories})
        for name, policy in policies.items():
            self.write(name + ".json", policy)
        self.configuration = os.path.join(self.folder, "passerelle.json")
        with open(self.configuration, "w") as file:
            json.dump({"issuer": self.issuer, "listen": {"port": self.port}, "admin": {"port": admin}, "data": "data", "keys": "keys",
                       "loops": 1, "policies": self.policies, "upstreams": {name: {"url": self.backend.address} | more for name, more in upstreams.items()},
                       "trustedIssuers": [{"issuer": self.backend.address, "audience": AUDIENCE, "jwksUri": self.backend.address + "/jwks",
                                           "claims": {"client": "azp", "scope": "scp"}}]} | configuration, file)
        self.start()
        self.scopes = sorted({scope for policy in policies.values() for operation in policy["operations"].values()
                              for entry in operation["scopes"] for scope in entry.split()})
        for client in ("app", "other"):
            with open(os.path.join(self.folder, "client.json"), "w") as file:
                json.dump({"client_id": client, "client_name": client, "grant_types": ["client_credentials"], "scope": " ".join(self.scopes),
                           "purposes": [PURPOSE], "two_legged_purposes": [PURPOSE],
                           "jwks": {"keys": [ECKey.generate_key("P-256", {"kid": "k"}).as_dict(private=False)]}}, file)
            self.run("clients", "add", os.path.join(self.folder, "client.json"))

    def write(self, name, document):
        with open(os.path.join(self.policies, name), "w") as file:
            json.dump(document, file)

    def start(self):
        self.log = open(os.path.join(self.folder, "serve.stderr"), "a")
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.configuration], stdout=subprocess.PIPE, stderr=self.log,
                                        text=True)
        wait_ready(self.process)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(20)

    @contextlib.contextmanager
    def store(self):
        path, = glob.glob(os.path.join(self.folder, "data", "*.sqlite"))
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def locked_store(self):
        """Somebody else is writing and does not stop."""
        with self.store() as store:
            store.execute("BEGIN IMMEDIATE")
            yield
            store.execute("ROLLBACK")

    @property
    def notices(self):
        return open(os.path.join(self.folder, "serve.stderr")).read()

    def run(self, *words, check=True):
        result = subprocess.run([BINARY, *words, "--config", self.configuration], capture_output=True, text=True)
        assert not check or result.returncode == 0, result.stderr
        return result.stdout

    def agree(self, *scopes, client="app", subscriber=ALICE):
        """The subscriber agrees to these scopes, with all categories behind them, and to nothing else any more."""
        for consent in json.loads(self.run("consents", "list", "--subject", f"tel:{subscriber}", "--client", client, "--json")):
            if consent["status"] == "granted":
                self.run("consents", "revoke", consent["id"])
                time.sleep(1.1)  # a token counts from the end of its second, and must be younger than what was withdrawn
        self.run("consents", "grant", "--client", client, "--subject", f"tel:{subscriber}", "--purpose", PURPOSE, "--reason", "test",
                 "--scope", " ".join(scopes))

    def token(self, *scopes, subscriber=None, client="app", amr=(), purpose=PURPOSE):
        now = int(time.time())
        claims = {"iss": self.backend.address, "aud": AUDIENCE, "iat": now, "exp": now + 600, "azp": client, "amr": list(amr),
                  "scp": [purpose, *scopes] if purpose else list(scopes)} | ({"phone_number": subscriber} if subscriber else {})
        return jwt.encode({"alg": "ES256", "kid": "theirs", "typ": "at+jwt"}, claims, self.backend.key)

    def call(self, method, path, token, body=None, **headers):
        data = body if isinstance(body, (bytes, str)) or body is None else json.dumps(body)
        fields = {"Authorization": f"Bearer {token}"} | ({"Content-Type": "application/json"} if data is not None else {})
        return requests.request(method, self.issuer + path, data=data, headers=fields | headers, timeout=20, allow_redirects=False)

    @property
    def last(self):
        """What the backend got last."""
        return self.backend.requests[-1]
