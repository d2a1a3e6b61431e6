"""The installation of Passerelle that is measured: everything on, the ledger durable."""
import base64, glob, json, os, shutil, subprocess, sys, time, urllib.request

from . import calls, processes
from .processes import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.path.abspath(os.environ.get("PASSERELLE_BINARY", os.path.join(HERE, "..", "..", ".build", "release", "passerelle")))
POLICIES = os.path.abspath(os.path.join(HERE, "..", "..", "policies"))
SCOPE, OTHER_SCOPE = "device-identifier:retrieve-identifier", "device-identifier:retrieve-type"
PURPOSE = "dpv:FraudPreventionAndDetection"
ISSUER = "https://gateway.example"
CLIENT = "bench"
# Calls a second and client that every proxy with a limit lets through: it is looked at on each call and never met.
RATE_PER_SECOND = 160_000
# The second that the token lives, the second that a proxy may allow for clocks that differ, and one more.
EXPIRED_AFTER_SECONDS = 3
MANY_SUBSCRIBERS, TOKENS_EACH = 40, 25
# SubjectPublicKeyInfo of a P-256 key up to its point (RFC 5480).
_SPKI_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def run(*words):
    done = subprocess.run([BINARY, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"passerelle {' '.join(words[:2])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def subscriber(number):
    return f"tel:+3363998{number:04}"


class Installation:
    """Made once: keys, a client, consents, tokens. Every start gets a copy of its data, so no measurement meets another's ledger."""

    def __init__(self, folder, backend_port, modes, cold_tokens):
        self.folder = folder
        self.keys = os.path.join(folder, "tls-and-jwk")
        os.makedirs(self.keys)
        _make_certificate(self.keys)
        self.template = os.path.join(folder, "data")
        self.config = self._configure(os.path.join(folder, "passerelle.json"), self.template, 1, 2, 3, tls=False)
        self._register()
        self._consent(0)
        # Files of tokens for each mode of a load: one; of 40 subscribers; that no proxy has seen, which each start may have anew.
        self.tokens = {"one": self._write("one.txt", self._tokens(0, SCOPE, 1))}
        if "any" in modes:
            self.tokens["any"] = self._write("any.txt", *self._of_many())
        if "once" in modes:
            begun = time.monotonic()
            self.tokens["once"] = self._write("once.txt", self._tokens(0, SCOPE, cold_tokens))
            print(f"{cold_tokens:,} tokens issued in {time.monotonic() - begun:.1f} s", file=sys.stderr)
        self.withdrawn = self._withdrawn_token()
        self.expired, self._expired_from = self._token(0, SCOPE, "--ttl", "1s"), time.monotonic() + EXPIRED_AFTER_SECONDS
        self.other_scope = self._token(0, OTHER_SCOPE)
        self.kid = json.loads(unb64(self.token().split(".")[0]))["kid"]
        self._learn(backend_port)

    def token(self):
        """The one token of hot calls."""
        with open(self.tokens["one"]) as f:
            return f.readline().strip()

    def wait_for_expiry(self):
        """Until no proxy may take `expired` any more."""
        time.sleep(max(0, self._expired_from - time.monotonic()))

    def start(self, folder, backend_port, tls):
        """Starts it in an empty folder. Gives process, port and the file of its configuration."""
        data = os.path.join(folder, "data")
        shutil.copytree(self.template, data)
        port, admin = processes.free_port(), processes.free_port()
        config = self._configure(os.path.join(folder, "passerelle.json"), data, port, admin, backend_port, tls)
        errors = os.path.join(folder, "stderr.txt")
        process = processes.start([BINARY, "serve", "--config", config], processes.PROXY_CPU, os.path.join(folder, "out"), errors)
        processes.wait_for_port(port, process, errors)
        return process, port, config

    def why_no_tls(self):
        """Nil where this Passerelle serves TLS, otherwise what it says of the configuration for it."""
        config = self._configure(os.path.join(self.folder, "tls.json"), self.template, 1, 2, 3, tls=True)
        done = subprocess.run([BINARY, "check", "--config", config], capture_output=True, text=True)
        said = (done.stderr + done.stdout).strip()
        return said.split("\n")[0] if "tls" in said and "unknown" in said.lower() else None

    def _configure(self, file, data, port, admin, backend_port, tls):
        listen = {"port": port}
        if tls:
            listen["tls"] = {"certificates": [{"certificateFile": f"{self.keys}/tls.crt", "keyFile": f"{self.keys}/tls.key"}],
                             "minimumVersion": "1.3", "sessionMinutes": 0}
        with open(file, "w") as f:
            json.dump({"issuer": ISSUER, "listen": listen, "admin": {"port": admin}, "data": data,
                       "keys": os.path.join(self.folder, "keys"), "policies": POLICIES, "loops": 1,
                       "upstreams": {"*": {"url": f"http://127.0.0.1:{backend_port}", "connectionsMaximum": 1024}},
                       "ledger": {"durability": "durable"}}, f)
        return file

    def _register(self):
        key = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"], check=True, capture_output=True).stdout
        point = subprocess.run(["openssl", "ec", "-pubout", "-outform", "DER"], input=key, check=True, capture_output=True).stdout[-64:]
        file = os.path.join(self.folder, "client.json")
        with open(file, "w") as f:
            json.dump({"client_id": CLIENT, "client_name": "Bench", "grant_types": ["client_credentials"],
                       "scope": f"{SCOPE} {OTHER_SCOPE}", "purposes": [PURPOSE], "requests_per_minute": RATE_PER_SECOND * 60,
                       "quota_per_day": 10**12, "quota_per_month": 10**12,
                       "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": b64(point[:32]), "y": b64(point[32:])}]}}, f)
        run("clients", "add", file, "--config", self.config)

    def _consent(self, number):
        made = run("consents", "grant", "--config", self.config, "--client", CLIENT, "--subject", subscriber(number), "--purpose",
                   PURPOSE, "--scope", f"{SCOPE} {OTHER_SCOPE}", "--reason", "benchmark", "--json")
        return json.loads(made)

    def _tokens(self, number, scope, count, *more):
        return run("token", "issue", "--config", self.config, "--client", CLIENT, "--subject", subscriber(number), "--scope",
                   f"{PURPOSE} {scope}", "--count", str(count), *(more or ("--ttl", "24h")))

    def _token(self, number, scope, *more):
        return self._tokens(number, scope, 1, *more).strip()

    def _of_many(self):
        """A consent for each of many subscribers, and tokens under it."""
        for number in range(100, 100 + MANY_SUBSCRIBERS):
            self._consent(number)
            yield self._tokens(number, SCOPE, TOKENS_EACH)

    def _write(self, name, *texts):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.writelines(texts)
        return path

    def _withdrawn_token(self):
        consent = self._consent(1)
        token = self._token(1, SCOPE)
        run("consents", "revoke", consent["id"], "--config", self.config, "--reason", "benchmark")
        return token

    def _learn(self, backend_port):
        """What the peers verify with: the key set that Passerelle publishes, and the key that signs as PEM. The size of an entry."""
        folder = os.path.join(self.folder, "first")
        os.makedirs(folder)
        process, port, _ = self.start(folder, backend_port, tls=False)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/jwks") as answer:
                published = answer.read()
            calls.call(port, self.token())
        finally:
            processes.stop(process)
        lines = [line for file in glob.glob(f"{folder}/data/ledger/*.jsonl") for line in open(file, "rb") if b'"api.call"' in line]
        self.ledger_line_bytes = len(lines[0])
        with open(os.path.join(self.keys, "jwks.json"), "wb") as f:
            f.write(published)
        key = next(key for key in json.loads(published)["keys"] if key["kid"] == self.kid)
        spki = base64.encodebytes(_SPKI_P256 + unb64(key["x"]) + unb64(key["y"])).decode()
        with open(os.path.join(self.keys, "es256.pem"), "w") as f:
            f.write(f"-----BEGIN PUBLIC KEY-----\n{spki}-----END PUBLIC KEY-----\n")


def audit(config):
    """After Passerelle has stopped: is its ledger whole, and how many calls does it count, all and successful ones?"""
    verified = json.loads(run("audit", "verify", "--config", config, "--json"))
    if not verified["ok"]:
        raise Failure(f"the ledger does not verify: {verified}")
    rows = json.loads(run("usage", "report", "--config", config, "--json"))
    return sum(row["calls"] for row in rows), sum(row["succeeded"] for row in rows)


def _make_certificate(folder):
    """A self-signed P-256 certificate for every proxy's TLS."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{folder}/tls.key",
                    "-out", f"{folder}/tls.crt"], check=True, capture_output=True)
    with open(f"{folder}/tls.pem", "w") as f:
        for part in ("tls.crt", "tls.key"):
            with open(f"{folder}/{part}") as source:
                f.write(source.read())
    os.chmod(f"{folder}/tls.pem", 0o600)
    os.chmod(f"{folder}/tls.key", 0o600)
