"""Runs the demo, and acts as its subscribers, its applications and its operator do: over HTTP and by commands."""
import atexit, base64, functools, hashlib, html, json, os, re, secrets, select, shutil, signal, socket, subprocess, tempfile, time
from urllib.parse import parse_qs, urlparse

import requests
from joserfc import jwt
from joserfc.jwk import ECKey

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.abspath(os.path.join(HERE, "..", ".."))
# CAMARA's OpenAPI documents; a user's machine may not have them.
SPECIFICATIONS = os.environ.get("PASSERELLE_SPECS", os.path.join(REPOSITORY, "..", "shared", "specs"))
BINARY = os.environ.get("PASSERELLE_BINARY", os.path.join(REPOSITORY, ".build", "release", "passerelle"))
PURPOSE = "dpv:FraudPreventionAndDetection"
IDENTIFIER, TYPE = "device-identifier:retrieve-identifier", "device-identifier:retrieve-type"
PPID, MATCH = "device-identifier:retrieve-ppid", "device-identifier:match-identifier"
V01, V03, V04 = "/device-identifier/v0.1.0", "/device-identifier/v0.3", "/device-identifier/v0.4alpha1"
# Subscribers of the simulator (Sources/Simulator/Resources/operator.json).
ALICE, BOB, CAROL, DAVE, ERIN = (f"+3363998000{i}" for i in range(1, 6))
UNKNOWN, LANDLINE, SLOW, BROKEN, FAILING, FAILING_HTML, CLOSING, INCOMPLETE, TALKATIVE, TRUNCATED = (
    f"+336399800{i}" for i in range(90, 100))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pkce():
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def wait_ready(process, seconds=20):
    """The line that says that a gateway serves; a process that does not say it in time is ended."""
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    line = process.stdout.readline() if ready else ""
    if not line.startswith(("ready http://", "ready https://")):
        process.kill()
        process.wait()
        raise AssertionError(f"it did not start: {line!r}")
    return line


@functools.cache
def sinks_authority():
    """Signs the certificates of the sinks of events: every demo trusts it."""
    from tls_gateway import Authority
    folder = tempfile.mkdtemp(prefix="passerelle-sinks-")
    atexit.register(shutil.rmtree, folder, True)
    return Authority(folder, "Sinks")


class Demo:
    """One `passerelle demo` on ports of its own."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.port, self.admin_port, self.backend_port = free_port(), free_port(), free_port()
        self.process = None
        self.output = ""

    def start(self, *options):
        log = open(os.path.join(self.folder, "demo.stderr"), "a")
        self.process = subprocess.Popen(
            [BINARY, "demo", "--data", self.data, "--port", str(self.port), "--admin-port", str(self.admin_port),
             "--backend-port", str(self.backend_port), *options], stdout=subprocess.PIPE, stderr=log, text=True,
            env=os.environ | {"SSL_CERT_FILE": sinks_authority().file})
        self.output += wait_ready(self.process)
        self.description = json.load(open(os.path.join(self.data, "demo.json")))
        self.clients = {client["client_id"]: client for client in self.description["clients"]}
        return self

    @property
    def data(self):
        return os.path.join(self.folder, "data")

    @property
    def issuer(self):
        return self.description["issuer"]

    @property
    def configuration(self):
        return self.description["configuration"]

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        code, self.process = (self.process.returncode if self.process else None), None
        return code

    # The operator's commands.

    def command(self, *words, check=True, config=True):
        words = [BINARY, *words] + (["--config", self.configuration] if config else [])
        result = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert not check or result.returncode == 0, result.stderr
        return result

    def json(self, *words):
        return json.loads(self.command(*words, "--json").stdout)

    def backend_calls(self):
        return sum(requests.get(self.description["backend"] + "/simulator/statistics", timeout=5).json().values())

    # An application.

    def assertion(self, client_id, **changes):
        client = self.clients[client_id]
        now = int(time.time())
        claims = {"iss": client_id, "sub": client_id, "aud": self.issuer + "/token", "iat": now, "exp": now + 60,
                  "jti": secrets.token_hex(16)} | changes
        key = ECKey.import_key(open(client["private_key"]).read())
        return jwt.encode({"alg": "ES256", "kid": client["kid"]}, {k: v for k, v in claims.items() if v is not None}, key)

    def token_request(self, client_id, assertion=None, **form):
        return requests.post(self.issuer + "/token", timeout=10, data={
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion or self.assertion(client_id)} | form)

    def form(self, endpoint, client, assertion=None, /, **form):
        """Posts a form to an endpoint that wants a client, with its authentication."""
        return requests.post(self.issuer + endpoint, timeout=10, data={
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion or self.assertion(client)} | {k: v for k, v in form.items() if v is not None})

    def request_object(self, client_id, audience, typ="oauth-authz-req+jwt", /, **claims):
        """A signed request; a claim given as None is left out."""
        now = int(time.time())
        claims = {"iss": client_id, "aud": audience, "iat": now, "exp": now + 120, "nbf": now, "jti": secrets.token_hex(16)} | claims
        client = self.clients[client_id]
        key = ECKey.import_key(open(client["private_key"]).read())
        return jwt.encode({"alg": "ES256", "kid": client["kid"], "typ": typ}, {k: v for k, v in claims.items() if v is not None}, key)

    def backchannel(self, number=ALICE, scopes=(IDENTIFIER, TYPE), client_id="demo-all", **form):
        return self.form("/bc-authorize", client_id, **({
            "login_hint": f"tel:{number}", "scope": " ".join(["openid", PURPOSE, *scopes])} | form))

    def phone(self, number):
        """The simulated phone's page, as its holder sees it."""
        session = requests.Session()
        answer = session.get(self.issuer + "/demo/phone", params={"subscriber": number}, timeout=10)
        return Visit(self, session, answer, None, None)

    def poll(self, auth_req_id, client_id="demo-all", **changes):
        return self.token_request(client_id, **({
            "grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": auth_req_id} | changes))

    def bearer_assertion(self, subject, scopes=(IDENTIFIER, TYPE), client_id="demo-all", **changes):
        return self.assertion(client_id, **({"sub": subject, "scope": " ".join([PURPOSE, *scopes])} | changes))

    def jwt_bearer(self, subject=f"tel:{ALICE}", scopes=(IDENTIFIER, TYPE), client_id="demo-all", form=None, **changes):
        return requests.post(self.issuer + "/token", timeout=10, data={
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": self.bearer_assertion(subject, scopes, client_id, **changes)} | (form or {}))

    def withdraw(self, number, client_id="demo-all"):
        """Every consent of the subscriber for the client is taken back."""
        for consent in self.json("consents", "list", "--subject", f"tel:{number}", "--client", client_id):
            if consent["status"] == "granted":
                self.command("consents", "revoke", consent["id"])

    def client_credentials(self, scope, client_id="demo-all"):
        return self.token_request(client_id, grant_type="client_credentials", scope=scope)

    def machine_token(self, *scopes, client_id="demo-all"):
        answer = self.client_credentials(" ".join([PURPOSE, *scopes]), client_id)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def authorize(self, number=ALICE, scopes=(IDENTIFIER, TYPE), client_id="demo-all", session=None, **parameters):
        """Sends the browser to the authorization endpoint; gives the answer at which our own pages or the client begin."""
        session = session or requests.Session()
        verifier, challenge = pkce()
        query = {"response_type": "code", "client_id": client_id, "redirect_uri": self.clients[client_id]["redirect_uris"][0],
                 "scope": " ".join(["openid", PURPOSE, *scopes]), "state": secrets.token_hex(8), "nonce": secrets.token_hex(8),
                 "code_challenge": challenge, "code_challenge_method": "S256"} | parameters
        query = {k: v for k, v in query.items() if v is not None}
        headers = {"x-network-msisdn": number} if number else {}
        answer = session.get(self.issuer + "/authorize", params=query, headers=headers, allow_redirects=False, timeout=10)
        while answer.is_redirect:
            location = requests.compat.urljoin(answer.url, answer.headers["location"])
            if not location.startswith(self.issuer + "/"):
                break
            answer = session.get(location, headers=headers, allow_redirects=False, timeout=10)
        return Visit(self, session, answer, verifier, query)

    def grant(self, number=ALICE, scopes=(IDENTIFIER, TYPE), client_id="demo-all", untick=(), **parameters):
        """The whole way to a token about a subscriber, who agrees to all but what is unticked."""
        visit = self.authorize(number, scopes, client_id, **parameters)
        if visit.answer.status_code == 200:
            visit = visit.decide("allow", untick)
        return visit.redeem()

    def token(self, *arguments, **parameters):
        answer = self.grant(*arguments, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def call(self, token, path=V03 + "/retrieve-identifier", body=None, method="POST", session=requests, **headers):
        fields = {"Authorization": f"Bearer {token}"} if token else {}
        data = body if isinstance(body, (bytes, str)) else json.dumps({} if body is None else body)
        return session.request(method, self.issuer + path, data=data, timeout=20,
                               headers=fields | {"Content-Type": "application/json"} | headers)


class Visit:
    """A person's browser on the way through the authorization endpoint."""

    def __init__(self, demo, session, answer, verifier, query):
        self.demo, self.session, self.answer, self.verifier, self.query = demo, session, answer, verifier, query

    @property
    def result(self):
        """What the client is told, from the address that the browser is sent to."""
        location = self.answer.headers["location"]
        assert location.startswith(self.query["redirect_uri"]), location
        return {name: values[0] for name, values in parse_qs(urlparse(location).query).items()}

    def form(self):
        page = self.answer.text
        action = html.unescape(re.search(r'<form[^>]*action="([^"]+)"', page)[1])
        inputs = [dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<input[^>]*>", page)]
        hidden = [(i["name"], html.unescape(i["value"])) for i in inputs if i.get("type") == "hidden"]
        categories = [i["value"] for i in inputs if i.get("name") == "category"]
        return requests.compat.urljoin(self.demo.issuer, action), hidden, categories

    def decide(self, decision, untick=(), session=None, headers=None, **changes):
        address, hidden, categories = self.form()
        fields = [(n, changes.get(n, v)) for n, v in hidden] + [("category", c) for c in categories if c not in untick]
        fields.append(("decision", decision))
        answer = (session or self.session).post(address, data=fields, headers=headers or {"Origin": self.demo.issuer},
                                                allow_redirects=False, timeout=10)
        return Visit(self.demo, self.session, answer, self.verifier, self.query)

    def redeem(self, **changes):
        result = self.result
        assert "code" in result, result
        return self.demo.token_request(self.query["client_id"], **{
            "grant_type": "authorization_code", "code": result["code"], "redirect_uri": self.query["redirect_uri"],
            "code_verifier": self.verifier} | changes)


def refused(answer, status, code):
    """The answer is a CAMARA ErrorInfo with that status and code, and holds nothing else."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-correlator"]
    body = answer.json()
    assert set(body) == {"status", "code", "message"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["message"]
    return body
