"""Access tokens of an authorization server that the operator has already: by its keys, and by asking it (RFC 7662)."""
import base64, http.server, json, os, signal, subprocess, threading, time
from urllib.parse import parse_qs

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from harness import ALICE, BINARY, BOB, IDENTIFIER, PURPOSE, REPOSITORY, TYPE, V03, free_port, refused, wait_ready

AUDIENCE = "https://api.example"


class Issuer(http.server.ThreadingHTTPServer):
    """Another operator's server: keys, and answers about opaque tokens."""

    def __init__(self):
        self.key = ECKey.generate_key("P-256", {"kid": "theirs", "alg": "ES256", "use": "sig"})
        self.known, self.asked, self.credentials, self.is_down = {}, 0, [], False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, document):
                body = json.dumps(document).encode()
                self.send_response(503 if outer.is_down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer({"keys": [outer.key.as_dict(private=False)]})

            def do_POST(self):
                outer.asked += 1
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                outer.credentials.append(self.headers["Authorization"])
                self.answer(outer.known.get(form["token"][0], {"active": False}))

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server_port}"

    def token(self, typ="at+jwt", key=None, kid="theirs", **changes):
        now = int(time.time())
        claims = {"iss": self.address, "aud": AUDIENCE, "iat": now, "exp": now + 60, "azp": "their-app", "sub": "x",
                  "scp": [PURPOSE, IDENTIFIER], "phone_number": ALICE} | changes
        return jwt.encode({"alg": "ES256", "kid": kid, "typ": typ}, {k: v for k, v in claims.items() if v is not None},
                          key or self.key)


class Gateway:
    """`passerelle serve` that trusts the issuer, before the demo's backend."""

    def __init__(self, folder, demo, issuer, **trust):
        self.port, admin = free_port(), free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.configuration = os.path.join(folder, "passerelle.json")
        with open(self.configuration, "w") as f:
            json.dump({
                "issuer": self.issuer, "listen": {"port": self.port}, "admin": {"port": admin}, "data": "data", "keys": "keys", "loops": 1,
                "policies": os.path.join(REPOSITORY, "policies"), "upstreams": {"*": {"url": demo.description["backend"]}},
                "trustedIssuers": [{"issuer": issuer.address, "audience": AUDIENCE, "claims": {"client": "azp", "scope": "scp"},
                                    "clients": {"their-app": "app"}} | trust]}, f)
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.configuration], stdout=subprocess.PIPE, text=True)
        wait_ready(self.process)
        client = os.path.join(folder, "client.json")
        key = ECKey.generate_key("P-256", {"kid": "k"})
        with open(client, "w") as f:
            json.dump({"client_id": "app", "client_name": "App", "grant_types": ["client_credentials"], "scope": f"{IDENTIFIER} {TYPE}",
                       "purposes": [PURPOSE], "jwks": {"keys": [key.as_dict(private=False)]}}, f)
        self.run("clients", "add", client)
        self.run("consents", "grant", "--client", "app", "--subject", f"tel:{ALICE}", "--purpose", PURPOSE, "--scope", IDENTIFIER,
                 "--reason", "test")

    def run(self, *words):
        return subprocess.run([BINARY, *words, "--config", self.configuration], check=True, capture_output=True, text=True).stdout

    def call(self, token, path=V03 + "/retrieve-identifier"):
        return requests.post(self.issuer + path, data="{}", timeout=20,
                             headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture(scope="module")
def issuer():
    server = Issuer()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def gateway(demo, issuer, tmp_path_factory):
    gateway = Gateway(str(tmp_path_factory.mktemp("trusting")), demo, issuer, jwksUri=issuer.address + "/jwks")
    yield gateway
    gateway.stop()


def test_a_token_of_a_trusted_issuer_is_good_where_consent_is(gateway, issuer):
    answer = gateway.call(issuer.token())
    assert answer.status_code == 200 and "imei" in answer.json(), answer.text
    refused(gateway.call(issuer.token(phone_number=BOB)), 403, "PERMISSION_DENIED")
    refused(gateway.call(issuer.token(scp=[PURPOSE, TYPE])), 403, "PERMISSION_DENIED")
    refused(gateway.call(issuer.token(scp=[IDENTIFIER])), 403, "PERMISSION_DENIED")
    assert gateway.call(issuer.token(scp=IDENTIFIER, purpose=PURPOSE)).status_code == 200
    row = json.loads(gateway.run("audit", "search", "--event", "api.call", "--decision", "allowed", "--json"))[0]
    assert row["client_id"] == "app" and row["purpose"] == PURPOSE and ALICE[1:] not in json.dumps(row)


def test_withdrawal_and_disabling_hold_for_its_tokens_too(gateway, issuer):
    token = issuer.token()
    assert gateway.call(token).status_code == 200
    consent = [row for row in json.loads(gateway.run("consents", "list", "--json")) if row["status"] == "granted"][0]
    gateway.run("consents", "revoke", consent["id"])
    refused(gateway.call(token), 403, "PERMISSION_DENIED")
    gateway.run("consents", "grant", "--client", "app", "--subject", f"tel:{ALICE}", "--purpose", PURPOSE, "--scope", IDENTIFIER,
                "--reason", "test")
    gateway.run("clients", "disable", "app")
    refused(gateway.call(token), 401, "UNAUTHENTICATED")
    gateway.run("clients", "enable", "app")
    assert gateway.call(issuer.token()).status_code == 200


def test_a_token_that_is_not_what_it_must_be_is_refused(gateway, issuer):
    now = int(time.time())
    for changes in [{"aud": "https://other.example"}, {"aud": None}, {"exp": now - 1}, {"exp": None}, {"nbf": now + 60},
                    {"iss": "https://untrusted.example"}, {"azp": "nobody"}, {"azp": None}, {"scp": None}, {"phone_number": "0612"},
                    {"phone_number": 1}, {"scp": [PURPOSE, "dpv:Marketing", IDENTIFIER]}, {"purpose": "dpv:Marketing"},
                    {"typ": "JWT"}, {"kid": "other"}, {"key": ECKey.generate_key("P-256")}, {"cnf": {"x5t": "y"}}]:
        refused(gateway.call(issuer.token(**changes)), 401, "UNAUTHENTICATED")
    refused(gateway.call(issuer.token()[:-6] + "AAAAAA"), 401, "UNAUTHENTICATED")
    refused(gateway.call("opaque"), 401, "UNAUTHENTICATED")


def test_an_opaque_token_is_asked_about(demo, issuer, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s e+cret\n")
    secret.chmod(0o600)
    gateway = Gateway(str(tmp_path), demo, issuer, introspectedSeconds=1, introspection={
        "url": issuer.address + "/introspect", "clientId": "gateway", "secretFile": str(secret)})
    try:
        good = {"active": True, "azp": "their-app", "scp": f"{PURPOSE} {IDENTIFIER}", "phone_number": ALICE, "aud": AUDIENCE}
        issuer.known = {"good": good, "other": good | {"aud": "https://other.example"}, "nameless": good | {"aud": None}}
        before = issuer.asked
        for _ in range(3):
            assert gateway.call("good").status_code == 200
        assert issuer.asked == before + 1
        assert base64.b64decode(issuer.credentials[-1].split()[1]) == b"gateway:s%20e%2Bcret"
        for token in ("unknown", "other", "nameless"):
            refused(gateway.call(token), 401, "UNAUTHENTICATED")
        issuer.known = {}
        time.sleep(1.1)
        refused(gateway.call("good"), 401, "UNAUTHENTICATED")
        issuer.is_down = True
        refused(gateway.call("another"), 503, "UNAVAILABLE")
        issuer.is_down = False
    finally:
        gateway.stop()
