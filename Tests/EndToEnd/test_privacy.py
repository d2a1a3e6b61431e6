"""Nothing personal and no secret in the clear: every flow once, and then a look for all that was in them in what the gateway leaves behind.

What is looked for: numbers, serial numbers, addresses, tokens, codes, references, assertions, proofs, cookies, keys. Where: ledger with its
index and seals, logs, metrics and health, bodies of errors, configuration."""
import json, os, re, secrets, time
from urllib.parse import parse_qs, urlparse

import pytest
import requests
from joserfc.jwk import ECKey

from harness import Demo, ALICE, BOB, CAROL, DAVE, ERIN, IDENTIFIER, PURPOSE, REPOSITORY, TYPE, UNKNOWN, V03
from operator_server import Operator
from real_gateway import Gateway
from test_dpop import proof

# Comments and trailing commas are for people.
SUBSCRIBERS = json.loads(re.sub(r",(\s*[}\]])", r"\1", re.sub(r"^\s*//.*$", "", open(
    os.path.join(REPOSITORY, "Sources", "Simulator", "Resources", "operator.json")).read(), flags=re.M)))["subscribers"]
SECRET_MEMBERS = {"access_token", "refresh_token", "id_token", "auth_req_id", "request_uri", "captureUrl"}
SECRET_FIELDS = {"client_assertion", "assertion", "code", "code_verifier", "refresh_token", "token", "auth_req_id", "request_uri",
                 "request", "login_hint", "operator_token"}


class Recorder:
    """Remembers every answer, and what in it and in its request is a secret or about a person."""

    def __init__(self):
        self.errors, self.secrets = [], set()

    def add(self, kind, value):
        """A value that is long enough to be looked for anywhere."""
        if value and len(value) >= 16:
            self.secrets.add((kind, value))

    def take(self, answer):
        request = answer.request
        body = request.body.decode(errors="replace") if isinstance(request.body, bytes) else request.body or ""
        for name, values in list(parse_qs(body).items()) + list(parse_qs(urlparse(request.url).query).items()):
            if name in SECRET_FIELDS:
                self.add(name, values[0])
        self.add("Authorization", request.headers.get("Authorization", "").partition(" ")[2])
        self.add("DPoP", request.headers.get("DPoP"))
        for cookie in answer.cookies:
            self.add("cookie", cookie.value)
        location = answer.headers.get("Location", "")
        for name, values in parse_qs(urlparse(location).query).items():
            if name in ("code", "interaction", "capture"):
                self.add(name, values[0])
        if answer.content and "json" in answer.headers.get("Content-Type", ""):
            found = answer.json()
            for name in SECRET_MEMBERS & set(found if isinstance(found, dict) else ()):
                self.add(name, found[name].rpartition("=")[2] if name == "captureUrl" else found[name])
        if answer.status_code >= 400:
            self.errors.append(answer.text)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The whole run: every flow, right and wrong."""
    operator = Operator()
    # Its simulated backend alone is wanted of it.
    backend = Demo(tmp_path_factory.mktemp("backend")).start()
    gateway = Gateway(tmp_path_factory.mktemp("privacy"), operator)
    recorder = Recorder()
    send = requests.Session.send

    def recorded(session, request, **options):
        answer = send(session, request, **options)
        recorder.take(answer)
        return answer

    requests.Session.send = recorded
    try:
        gateway.serve(ledger={"segmentBytesMaximum": 65536}, upstreams={"*": {"url": backend.description["backend"]}})
        everything(gateway, operator, recorder)
        yield gateway, operator, recorder
    finally:
        requests.Session.send = send
        gateway.stop()
        backend.stop()
        operator.stop()


def everything(gateway, operator, recorder):
    code_flow(gateway)
    backchannel(gateway, operator)
    machines(gateway)
    bound_tokens(gateway)
    one_time_codes(gateway, operator, recorder)
    pages(gateway)
    wrong_ones(gateway)
    commands(gateway)


def code_flow(gateway):
    tokens = gateway.grant(ALICE, scopes=("offline_access", IDENTIFIER, TYPE), prompt="consent").json()
    assert gateway.call(tokens["access_token"]).json()["imei"]
    refreshed = gateway.token_request("demo-all", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refreshed.status_code == 200
    for token in (tokens["access_token"], refreshed.json()["access_token"]):
        assert gateway.form("/introspect", "demo-all", token=token).status_code == 200
    # A signed and a pushed request.
    visit = gateway.authorize(BOB)
    query = {name: value for name, value in visit.query.items() if name != "client_id"}
    pushed = gateway.form("/par", "demo-all", **visit.query)
    assert pushed.status_code == 201, pushed.text
    requests.get(gateway.issuer + "/authorize", timeout=10, allow_redirects=False, headers={"x-network-msisdn": BOB},
                 params={"client_id": "demo-all", "request_uri": pushed.json()["request_uri"]})
    signed = gateway.request_object("demo-all", gateway.issuer, **query, client_id="demo-all")
    requests.get(gateway.issuer + "/authorize", timeout=10, allow_redirects=False, headers={"x-network-msisdn": BOB},
                 params={"client_id": "demo-all", "request": signed})
    if visit.answer.status_code == 200:
        visit = visit.decide("allow")
    assert visit.redeem().status_code == 200
    assert visit.redeem().status_code == 400, "a code is used once"
    assert gateway.token_request("demo-all", grant_type="refresh_token", refresh_token=tokens["refresh_token"]).status_code == 400
    last = gateway.token(ALICE)
    assert gateway.form("/revoke", "demo-all", token=last).status_code == 200
    assert gateway.call(last).status_code == 401


def backchannel(gateway, operator):
    answer = gateway.backchannel(CAROL)
    assert answer.status_code == 200, answer.text
    question = operator.wait("/questions")[0]
    session = requests.Session()
    session.get(question["link"], timeout=10)
    gateway.poll(answer.json()["auth_req_id"])
    for hint in ("ipport:192.0.2.3", f"operatortoken:token-of-{CAROL}", f"tel:{UNKNOWN}", "ipport:192.0.2.99", "operatortoken:forged-operator-token"):
        gateway.backchannel(login_hint=hint)


def machines(gateway):
    gateway.grant(DAVE)
    for subject in (f"tel:{DAVE}", f"operatortoken:token-of-{DAVE}", f"tel:{ERIN}", "operatortoken:another-forged-operator-token"):
        answer = gateway.jwt_bearer(subject)
        if answer.status_code == 200:
            assert gateway.call(answer.json()["access_token"]).status_code == 200
    token = gateway.machine_token(IDENTIFIER, TYPE)
    for body in ({"device": {"phoneNumber": DAVE}}, {"device": {"phoneNumber": ERIN}}, {"device": {"phoneNumber": UNKNOWN}},
                 {"device": {"ipv4Address": {"publicAddress": "192.0.2.4", "publicPort": 4711}}}, {"device": {"phoneNumber": "+1"}},
                 {"device": {"phoneNumber": DAVE}, "imei": SUBSCRIBERS[0]["imei"]}, {}):
        gateway.call(token, body=body)
    gateway.call(token, body='{"device":{"phoneNumber":"%s","phoneNumber":"%s"}}' % (DAVE, ALICE))
    info = gateway.client_credentials("consent-info:retrieve").json()["access_token"]
    for number in (ALICE, ERIN):
        answer = gateway.call(info, "/consent-info/v0.2/retrieve", {"phoneNumber": number, "scopes": [TYPE], "purpose": PURPOSE,
                                                                   "requestCaptureUrl": True})
        assert answer.status_code == 200, answer.text
        if "captureUrl" in answer.json():
            requests.get(answer.json()["captureUrl"], timeout=10, headers={"x-network-msisdn": number})


def bound_tokens(gateway):
    key = ECKey.generate_key("P-256")
    url = gateway.issuer + "/token"
    answer = requests.post(url, timeout=10, headers={"DPoP": proof(key, "POST", url)}, data={
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "scope": f"{PURPOSE} {TYPE}",
        "client_assertion": gateway.assertion("demo-all"), "grant_type": "client_credentials"})
    token, url = answer.json()["access_token"], gateway.issuer + V03 + "/retrieve-type"
    for the_proof in (proof(key, "POST", url, token), proof(key, "GET", url, token)):
        requests.post(url, data=json.dumps({"device": {"phoneNumber": ALICE}}), timeout=10,
                      headers={"Authorization": f"DPoP {token}", "DPoP": the_proof, "Content-Type": "application/json"})


def one_time_codes(gateway, operator, recorder):
    visit = gateway.type(gateway.arrive(), number=ERIN)
    code = operator.code()
    visit = gateway.type(visit, code="000000" if code != "000000" else "000001")
    visit = gateway.type(visit, code=code)
    if visit.answer.status_code == 200:
        visit = visit.decide("allow")
    assert visit.redeem().status_code == 200
    recorder.codes = {code}


def pages(gateway):
    session = requests.Session()
    for path in ("/my", "/my/download", "/my?lang=fr"):
        session.get(gateway.issuer + path, headers={"x-network-msisdn": ALICE}, timeout=10)


def wrong_ones(gateway):
    """What comes in the wrong place must not come back from another one."""
    token = gateway.token(ALICE)
    gateway.call(token[:-4] + "AAAA")
    gateway.call(token, path=V03 + "/" + SUBSCRIBERS[0]["imei"])
    gateway.call(token, body={"device": {"phoneNumber": ALICE}})
    gateway.call(token, body="{" + token)
    gateway.call("demo", body=token)
    gateway.token_request("demo-all", grant_type="authorization_code", code=secrets.token_urlsafe(32), redirect_uri="https://x.example/",
                          code_verifier="v" * 43)
    gateway.token_request("demo-all", assertion=gateway.assertion("demo-all", aud="https://other.example"), grant_type="client_credentials")
    gateway.token_request("demo-few", grant_type="refresh_token", refresh_token=token)
    requests.get(gateway.issuer + "/authorize", timeout=10, allow_redirects=False,
                 params={"client_id": "demo-all", "redirect_uri": "https://evil.example/?" + ALICE, "scope": token, "login_hint": f"tel:{ALICE}"})
    for listener in (gateway.issuer, f"http://127.0.0.1:{gateway.admin_port}"):
        requests.get(f"{listener}/{token}?phoneNumber={ALICE}", timeout=10)
    requests.get(f"http://127.0.0.1:{gateway.admin_port}/admin/v1/consents?subject=tel:{ALICE}", timeout=10,
                 headers={"Authorization": f"Bearer {token}"})


def commands(gateway):
    for number in (ALICE, ERIN):
        gateway.command("audit", "search", "--subject", "tel:" + number)
        gateway.command("subjects", "report", "--subject", "tel:" + number)
    gateway.command("consents", "object", "--subject", "tel:" + BOB, "--client", "demo-all", "--purpose", PURPOSE, check=False)
    gateway.withdraw(ALICE)
    gateway.command("subjects", "erase", "--subject", "tel:" + DAVE, "--reason", "article 17", "--yes")
    gateway.command("keys", "rotate")
    gateway.command("audit", "index", "--rebuild")


def wanted(gateway, recorder):
    """What to look for: (what it is, pattern)."""
    found = [(kind, re.escape(value)) for kind, value in recorder.secrets]
    # A token's signature alone would do for who has seen the rest.
    found += [(kind + "'s signature", re.escape(value.split(".")[2])) for kind, value in recorder.secrets if value.count(".") == 2]
    for subscriber in SUBSCRIBERS:
        number = subscriber["phoneNumber"]
        found += [("number", re.escape(number[1:])), ("number", r"\b0" + number[3:] + r"\b"), ("IMEI", subscriber["imei"]),
                  ("IMEISV", subscriber["imeisv"]), ("address", re.escape(subscriber["ipv4"]) + r"\b")]
    found += [("number", re.escape(number[1:])) for number in (UNKNOWN,)]
    # Six digits stand in many a hash and time: not as a part of something longer.
    found += [("one-time code", rf"(?<![\w.]){code}(?!\w)") for code in recorder.codes]
    found += [("operator's secret", "secret-of-the-operator"), ("forged token", "forged-operator-token"),
              ("admin token", re.escape(gateway.description["admin"]["token"]))]
    keys = os.path.join(gateway.data, "keys")
    for name in os.listdir(keys):
        content = open(os.path.join(keys, name), "rb").read()
        if b"PRIVATE KEY" in content:
            found += [("key " + name, re.escape(line)) for line in content.decode().splitlines()[1:-1] if len(line) > 20]
        elif len(content) <= 128:
            text = content.decode(errors="ignore").strip()
            found += [("key " + name, re.escape(form)) for form in {content.hex(), text} if len(form) >= 20]
    return found


def files(folder):
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]


def hits(recorder, gateway, texts):
    """(what, where) of everything that was found."""
    patterns = [(kind, re.compile(pattern)) for kind, pattern in wanted(gateway, recorder)]
    return sorted({(kind, where) for where, text in texts for kind, pattern in patterns if pattern.search(text)})


def content(path):
    return open(path, "rb").read().decode("utf-8", errors="replace")


def test_the_run_had_everything_in_it(run):
    gateway, _, recorder = run
    kinds = {kind for kind, _ in recorder.secrets}
    assert {"access_token", "refresh_token", "id_token", "auth_req_id", "request_uri", "code", "client_assertion", "assertion", "DPoP",
            "cookie", "Authorization", "captureUrl", "request", "code_verifier"} <= kinds
    assert len(recorder.errors) > 25
    events = {json.loads(line)["event"] for line in gateway.ledger.splitlines()}
    assert {"api.call", "token.issued", "token.refused", "token.revoked", "consent.granted", "consent.revoked", "backchannel.accepted",
            "code.sent", "subject.erased", "subject.reported", "key.rotated"} <= events
    # The search finds what is there: in what the subscriber's own application got.
    assert hits(recorder, gateway, [("a body", f"{ALICE} and {SUBSCRIBERS[0]['imei']}")]) == [("IMEI", "a body"), ("number", "a body")]


def test_a32_nothing_of_it_is_in_the_ledger(run):
    gateway, _, recorder = run
    places = files(os.path.join(gateway.data, "data", "ledger"))
    assert any(place.endswith(".seal") or place.endswith(".index") or place.endswith(".jsonl") for place in places)
    assert hits(recorder, gateway, [(os.path.basename(place), content(place)) for place in places]) == []


def test_a32_nothing_of_it_is_in_the_logs(run):
    gateway, _, recorder = run
    logs = [(name, content(os.path.join(gateway.folder, name))) for name in ("serve.stderr", "demo.stderr")]
    assert hits(recorder, gateway, logs + [("standard output", gateway.output)]) == []


def test_a32_nothing_of_it_is_in_metrics_and_health(run):
    gateway, _, recorder = run
    answers = [(path, requests.get(f"http://127.0.0.1:{gateway.admin_port}{path}", timeout=5).text) for path in ("/healthz", "/readyz", "/metrics")]
    assert hits(recorder, gateway, answers) == []


def test_a32_nothing_of_it_is_in_an_error(run):
    """A page that asks again holds the form's own secrets; it is an answer to who has them already."""
    gateway, _, recorder = run
    errors = [("an error", text) for text in recorder.errors if not text.lstrip().lower().startswith("<!doctype")]
    assert len(errors) > 20 and hits(recorder, gateway, errors) == []
    forms = [("a page", text) for text in recorder.errors if text.lstrip().lower().startswith("<!doctype")]
    assert [hit for hit in hits(recorder, gateway, forms) if hit[0] not in ("cookie", "interaction")] == []


def test_a32_nothing_of_it_is_in_the_configuration(run):
    gateway, _, recorder = run
    assert hits(recorder, gateway, [("configuration", content(gateway.configuration))]) == []


def test_no_core_is_written_that_would_hold_it_all(run):
    gateway, _, _ = run
    limits = open(f"/proc/{gateway.process.pid}/limits").read()
    assert re.search(r"Max core file size\s+0\s+0\s", limits)
