"""`passerelle flow`: the command as an application, against the demo, and against servers that do wrong what it must notice."""
import base64, hashlib, json, os, re, subprocess, threading, time

import pytest
import requests
from joserfc import jwt

from fake_server import FakeServer, challenge_of, unverified
from harness import ALICE, BINARY, BOB, CAROL, DAVE, ERIN, IDENTIFIER, PURPOSE, TYPE, UNKNOWN, V03, free_port

SCOPES = f"{PURPOSE} {IDENTIFIER} {TYPE}"
OPENID = f"openid {SCOPES}"
CALL = ("--call", f"POST {V03}/retrieve-identifier", "--body", "{}")


def run(*words, stdin=None, seconds=60):
    return subprocess.run([BINARY, "flow", *words], capture_output=True, text=True, timeout=seconds, input=stdin)


def flow(demo, name, *words, **options):
    return run(name, "--demo", demo.data, *words, **options)


def once(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def report(result, ok=True):
    """The JSON report; it and the exit status say the same."""
    assert result.returncode == (0 if ok else 1), (result.stdout, result.stderr)
    value = json.loads(result.stdout, object_pairs_hook=once)
    assert value["ok"] is ok
    if ok:
        assert result.stderr == ""
        assert all(check["ok"] for step in value["steps"] for check in step["checks"] if check["mandatory"])
    else:
        assert result.stderr.startswith("passerelle: ") and result.stderr.count("\n") == 1
    return value


def step(value, title):
    return next(s for s in value["steps"] if s["title"] == title)


def checks(value):
    return {check["text"]: check["ok"] for s in value["steps"] for check in s["checks"]}


def refused(result, *texts):
    assert result.returncode == 1, (result.stdout, result.stderr)
    assert result.stderr.startswith("passerelle: ") and result.stderr.count("\n") == 1, result.stderr
    for text in texts:
        assert text in result.stderr, result.stderr


def network(number):
    return ("--header", f"x-network-msisdn: {number}")


# Against the demo: every flow.

def test_client_credentials(demo):
    value = report(flow(demo, "client-credentials", "--scope", SCOPES, "--json"))
    assert [s["title"] for s in value["steps"]] == ["Discovery", "The token"]
    token = step(value, "The token")
    assert token["request"]["form"]["grant_type"] == "client_credentials"
    assert token["client_assertion"]["sub"] == "demo-all" and token["client_assertion"]["aud"] == demo.issuer + "/token"
    assert token["response"]["body"]["token_type"] == "Bearer" and "tokens" not in value
    assert checks(value)["no refresh token in client credentials (profile item 38)"]


def test_the_whole_way_of_the_authorization_code(demo):
    demo.withdraw(ALICE)
    value = report(flow(demo, "authorize", "--scope", OPENID, *network(ALICE), "--allow", *CALL, "--json"))
    titles = [s["title"] for s in value["steps"]]
    assert titles == ["Discovery", "The browser opens the authorization endpoint", "The browser is sent on",
                      "The browser sends the decision", "The answer at the redirect URI", "The token", "The issuer's keys",
                      "The ID token", "The call"]
    assert "consent page" in step(value, "The browser is sent on")["notes"][0]
    assert step(value, "The call")["response"]["body"]["imei"]
    found = checks(value)
    for text in ["answer has iss (RFC 9207 §2)", "state is the one that was sent (RFC 6749 §4.1.2)",
                 "Cache-Control: no-store on the token answer (RFC 6749 §5.1)", "its signature is the issuer's (OIDC Core §3.1.3.7)",
                 "nonce is the one that was sent (OIDC Core §3.1.3.7)",
                 "sub is neither the number nor a plain digest of it (profile item 62)"]:
        assert found[text], text
    # What was agreed to is not asked for again.
    again = report(flow(demo, "authorize", "--scope", OPENID, *network(ALICE), "--json"))
    assert "The browser sends the decision" not in [s["title"] for s in again["steps"]]


@pytest.mark.parametrize("options", [("--par",), ("--signed",), ("--par", "--signed"), ("--dpop",), ("--par", "--signed", "--dpop")])
def test_pushed_signed_and_bound(demo, options):
    value = report(flow(demo, "authorize", "--scope", OPENID, *network(BOB), "--allow", *options, *CALL, "--json"))
    assert ("The pushed request" in [s["title"] for s in value["steps"]]) == ("--par" in options)
    assert step(value, "The token")["response"]["body"]["token_type"] == ("DPoP" if "--dpop" in options else "Bearer")
    assert step(value, "The call")["response"]["status"] == 200
    signed = next((s["request_object"] for s in value["steps"] if "request_object" in s), None)
    assert (signed is not None) == ("--signed" in options)
    if signed:
        sent = step(value, "The pushed request")["request"]["form"] if "--par" in options else step(
            value, "The browser opens the authorization endpoint")["request"]["url"]
        assert signed["iss"] == signed["client_id"] == "demo-all" and "sub" not in signed and "eyJhbGci…" in str(sent)


def test_the_person_denies(demo):
    demo.withdraw(CAROL)
    value = report(result := flow(demo, "authorize", "--scope", OPENID, *network(CAROL), "--deny", "--json"), ok=False)
    assert "access_denied" in result.stderr
    assert checks(value)["answer has iss (RFC 9207 §2)"] and "The token" not in [s["title"] for s in value["steps"]]


def test_a_consent_page_without_a_decision_is_said(demo):
    demo.withdraw(CAROL)
    refused(flow(demo, "authorize", "--scope", OPENID, *network(CAROL)), "a consent page is shown", "--allow or --deny")
    refused(flow(demo, "authorize", "--scope", OPENID, *network(CAROL), "--prompt", "none"), "consent_required")
    # Nobody is recognised: the demo offers its SIM cards, which is no decision.
    refused(flow(demo, "authorize", "--scope", OPENID, "--follow", "--allow"), "cannot answer")


def test_nobody_comes(demo):
    result = flow(demo, "authorize", "--scope", OPENID, "--redirect-uri", f"http://127.0.0.1:{free_port()}/", "--wait", "1s", "--json")
    assert result.returncode == 1 and "no browser came" in result.stderr
    assert demo.issuer + "/authorize?" in result.stderr  # where the person has to go, beside the JSON
    assert json.loads(result.stdout)["ok"] is False


def test_ciba_waits_for_the_person(demo):
    demo.withdraw(DAVE)
    threading.Timer(2, lambda: demo.phone(DAVE).decide("allow")).start()
    value = report(flow(demo, "ciba", "--scope", OPENID, "--login-hint", f"tel:{DAVE}", "--signed", *CALL, "--json"))
    assert step(value, "Poll 1")["response"]["status"] == 200 and step(value, "The call")["response"]["status"] == 200
    assert checks(value)["CIBA in poll mode is announced (profile item 25)"]


def test_ciba_ends_when_the_person_denies_or_nobody_decides(demo):
    demo.withdraw(ERIN)
    threading.Timer(1, lambda: demo.phone(ERIN).decide("deny")).start()
    refused(flow(demo, "ciba", "--scope", OPENID, "--login-hint", f"tel:{ERIN}", "--dpop"), "access_denied")
    begun = time.monotonic()
    refused(flow(demo, "ciba", "--scope", OPENID, "--login-hint", f"tel:{ERIN}", "--wait", "6s"), "nobody decided within 6 s")
    assert time.monotonic() - begun < 12
    refused(flow(demo, "ciba", "--scope", OPENID, "--login-hint", "+336"), "invalid_request")


def test_jwt_bearer(demo):
    demo.withdraw(ALICE)
    refused(flow(demo, "jwt-bearer", "--scope", SCOPES, "--subject", f"tel:{ALICE}"), "invalid_grant")
    demo.grant(ALICE)
    value = report(flow(demo, "jwt-bearer", "--scope", SCOPES, "--subject", f"tel:{ALICE}", *CALL, "--json"))
    form = step(value, "The token")["request"]["form"]
    assert set(form) == {"grant_type", "assertion"} and form["assertion"].endswith("…")
    assert checks(value)["no refresh token in JWT bearer (profile item 50)"]
    bound = report(flow(demo, "jwt-bearer", "--scope", SCOPES, "--subject", f"tel:{ALICE}", "--dpop", *CALL, "--json"))
    assert step(bound, "The call")["request"]["headers"]["authorization"].startswith("DPoP ")


def test_refresh_keeps_the_next_token(demo, tmp_path):
    file = str(tmp_path / "refresh-token")
    report(flow(demo, "authorize", "--scope", f"offline_access {OPENID}", *network(ALICE), "--allow", "--refresh-token-file", file, "--json"))
    assert os.stat(file).st_mode & 0o777 == 0o600
    first = open(file).read()
    value = report(flow(demo, "refresh", "--refresh-token-file", file, *CALL, "--json"))
    assert open(file).read() != first and checks(value)["the refresh token rotates (profile item 40)"]
    value = report(flow(demo, "refresh", "--refresh-token", "-", "--scope", SCOPES, "--show-secrets", "--json", stdin=open(file).read()))
    assert value["tokens"]["access_token"].count(".") == 2 and value["tokens"]["refresh_token"]
    refused(flow(demo, "refresh", "--refresh-token", "-", stdin=first), "invalid_grant")
    refused(flow(demo, "refresh", "--refresh-token", "-", stdin="\n"), "no refresh token")


# What is shown.

def test_secrets_are_shown_by_their_beginning_alone(demo):
    demo.withdraw(ALICE)
    plain = flow(demo, "authorize", "--scope", f"offline_access {OPENID}", *network(ALICE), "--allow", "--dpop", *CALL)
    assert plain.returncode == 0, plain.stderr
    for name in ("access_token", "id_token", "refresh_token"):
        assert re.search(rf'"{name}": "[\w.-]{{8}}…"', plain.stdout), name
    for name in ("code", "code_verifier", "client_assertion"):
        assert re.search(rf"{name}=[\w.-]{{8}}…", plain.stdout), name
    # No JWT, and no long secret: whatever it stands under.
    assert not re.search(r"eyJ[\w-]{8,}\.", plain.stdout)
    assert re.search(r"authorization: DPoP [\w.-]{8}…", plain.stdout) and re.search(r"set-cookie: \w+=[\w.-]{8}…; ", plain.stdout)
    assert "✓ answer has iss (RFC 9207 §2)" in plain.stdout and re.search(r"^1  Discovery", plain.stdout, re.M)
    assert "done: " in plain.stdout
    whole = flow(demo, "client-credentials", "--scope", SCOPES, "--show-secrets")
    assert re.search(r"client_assertion=eyJ[\w-]+\.[\w-]+\.[\w-]+", whole.stdout) and "…" not in whole.stdout


def test_a_refused_call_is_shown_with_its_reason(demo):
    refused(flow(demo, "client-credentials", "--scope", f"{PURPOSE} {TYPE}", *CALL), "the API answered 403 PERMISSION_DENIED")
    value = report(flow(demo, "client-credentials", "--scope", SCOPES, "--call", f"POST {demo.issuer}{V03}/retrieve-identifier",
                        "--body", json.dumps({"device": {"phoneNumber": UNKNOWN}}), "--json"), ok=False)
    assert step(value, "The call")["response"]["body"]["code"]
    assert checks(value)["the refusal is an ErrorInfo: status, code and message (profile item 71)"]


# What the server refuses.

def test_a_wrong_key_is_refused_and_the_servers_error_shown(demo, tmp_path):
    key = str(tmp_path / "other.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key], check=True,
                   capture_output=True)
    os.chmod(key, 0o600)
    result = run("client-credentials", "--issuer", demo.issuer, "--client", "demo-all", "--key", key, "--scope", SCOPES)
    refused(result, "401 invalid_client")
    assert '"error": "invalid_client"' in result.stdout and "✓ invalid_client comes with 401 (profile item 68)" in result.stdout
    refused(flow(demo, "client-credentials", "--key", key, "--scope", SCOPES), "401 invalid_client")
    refused(flow(demo, "client-credentials", "--client", "demo-disabled", "--scope", SCOPES), "401 invalid_client")
    refused(flow(demo, "client-credentials", "--audience", "https://other.example", "--scope", SCOPES), "401 invalid_client")


def test_a_key_without_its_name_works_where_the_server_knows_one(demo):
    client = demo.clients["demo-all"]
    words = ("--issuer", demo.issuer, "--client", "demo-all", "--key", client["private_key"], "--scope", SCOPES, "--json")
    report(run("client-credentials", *words))
    report(run("client-credentials", *words, "--kid", client["kid"], "--alg", "ES256"))
    refused(run("client-credentials", *words, "--kid", "other"), "invalid_client")


def test_what_cannot_be_used_is_said_before_anything_is_sent(demo, tmp_path):
    key = demo.clients["demo-all"]["private_key"]
    issuer = ("--issuer", demo.issuer, "--client", "demo-all", "--scope", SCOPES)
    refused(run("client-credentials", *issuer, "--key", "/nowhere.pem"), "/nowhere.pem")
    refused(run("client-credentials", *issuer, "--key", key, "--alg", "RS256"), "algorithm")
    refused(run("client-credentials", *issuer, "--key", key, "--ca", "/nowhere.pem"), "/nowhere.pem")
    refused(run("client-credentials", "--demo", str(tmp_path), "--scope", SCOPES), "demo.json")
    refused(run("client-credentials", "--issuer", f"http://127.0.0.1:{free_port()}", *issuer[2:], "--key", key), "no connection")
    refused(run("client-credentials", "--issuer", demo.issuer + "/elsewhere", *issuer[2:], "--key", key), "no metadata")
    refused(flow(demo, "authorize", "--scope", OPENID, "--redirect-uri", "https://app.example/cb"), "--follow")


@pytest.mark.parametrize("words, text", [
    ((), "which flow?"), (("code",), "which flow?"), (("ciba", "now"), "unexpected"), (("client-credentials",), "--scope is missing"),
    (("client-credentials", "--scope", "x"), "--issuer is missing"),
    (("client-credentials", "--scope", "x", "--issuer", "https://a.example"), "--client is missing"),
    (("client-credentials", "--scope", "x", "--par"), "--par is for flow authorize"),
    (("jwt-bearer", "--scope", "x", "--login-hint", "y"), "--login-hint is for flow authorize and flow ciba"),
    (("authorize", "--scope", "x", "--allow", "--deny"), "not both"), (("authorize", "--scope", "x", "--header", "none"), "name: value"),
    (("authorize", "--scope", "x", "--follow", "--wait", "5s"), "--wait"), (("authorize", "--scope", "x", "--wait", "2d"), "--wait"),
    (("ciba", "--scope", "x"), "--login-hint is missing"), (("jwt-bearer", "--scope", "x"), "--subject is missing"),
    (("refresh",), "--refresh-token"), (("refresh", "--refresh-token", "secret"), "standard input"),
    (("refresh", "--refresh-token", "-", "--refresh-token-file", "f"), "one of"), (("ciba", "--scop", "x"), "did you mean --scope"),
    (("refresh", "--refresh-token", "-", "--issuer", "x", "--client", "c", "--key", "k", "--alg", "HS256"), "--alg wants one of ES256"),
])
def test_wrong_usage(words, text):
    result = run(*words)
    assert result.returncode == 2 and text in result.stderr and "usage:" in result.stderr and not result.stdout


@pytest.mark.parametrize("words, text", [
    (("--client", "nobody"), "no client"), (("--call", "https://a.example"), "--call wants"), (("--call", "post /x"), "--call wants"),
    (("--call", "CONNECT /x"), "--call wants"), (("--call", "POST ftp://x"), "no http(s) address"), (("--body", "{}"), "--body is for --call"),
    (("--call", "POST /x", "--body", "{"), "not JSON"),
])
def test_wrong_usage_with_the_demo(demo, words, text):
    result = flow(demo, "client-credentials", "--scope", SCOPES, *words)
    assert result.returncode == 2 and text in result.stderr, result.stderr


def test_help():
    result = run("--help")
    assert result.returncode == 0 and "--login-hint" in result.stdout and "flow jwt-bearer" in result.stdout


# Against a server that does what it is told.

@pytest.fixture(scope="module")
def server():
    fake = FakeServer()
    yield fake
    fake.stop()


@pytest.fixture
def fake(server):
    server.reset()
    return server


@pytest.fixture
def at(fake, demo):
    """Runs a flow against the fake server, with a key of the demo's."""
    def go(name, *words, **options):
        return run(name, "--issuer", fake.issuer, "--client", "me", "--key", demo.clients["demo-all"]["private_key"],
                   *(() if name == "refresh" else ("--scope", OPENID)), *words, **options)
    return go


def test_a_good_server_passes(fake, at):
    value = report(at("authorize", "--follow", "--json"))
    token = next(r for r in fake.requests if r["path"] == "/t")
    request = next(r for r in fake.requests if r["path"] == "/a")
    assert request["query"]["code_challenge_method"] == "S256"
    assert challenge_of(token["form"]["code_verifier"]) == request["query"]["code_challenge"]
    assertion = unverified(token["form"]["client_assertion"])
    assert (assertion["iss"], assertion["sub"], assertion["aud"]) == ("me", "me", fake.issuer + "/t")
    assert assertion["exp"] - assertion["iat"] <= 300 and assertion["jti"]
    assert "kid" not in unverified(token["form"]["client_assertion"], 0)
    assert checks(value)["its signature is the issuer's (OIDC Core §3.1.3.7)"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_person_uses_a_browser_of_their_own(fake, at, demo, host):
    redirect = f"http://{host}:{free_port()}/callback"
    process = subprocess.Popen(
        [BINARY, "flow", "authorize", "--issuer", fake.issuer, "--client", "me", "--key", demo.clients["demo-all"]["private_key"],
         "--scope", OPENID, "--redirect-uri", redirect, "--wait", "20s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = next(line.strip() for line in process.stdout if "/a?" in line)
        # What else a browser asks for is not the answer.
        assert requests.get(redirect.replace("callback", "favicon.ico"), timeout=5).status_code == 404
        assert requests.post(redirect, data={"code": "x"}, timeout=5).status_code in (404, 413)
        answer = requests.get(url, timeout=10)
        assert answer.url.startswith(redirect + "?code=") and "can be closed" in answer.text
        output, error = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, (output, error)
    assert "✓ nonce is the one that was sent" in output and "✓ answer has iss" in output


def test_a_port_that_is_taken_is_said(fake, at):
    refused(at("authorize", "--redirect-uri", fake.issuer + "/callback"), "cannot listen on")


def test_a_private_authority_is_trusted_only_when_it_is_named(demo, tmp_path):
    key, certificate = str(tmp_path / "tls.key"), str(tmp_path / "tls.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key,
                    "-out", certificate, "-subj", "/CN=fake", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    secure = FakeServer(certificate, key)
    try:
        words = ("client-credentials", "--issuer", secure.issuer, "--client", "me", "--key", demo.clients["demo-all"]["private_key"],
                 "--scope", SCOPES)
        refused(run(*words), "the certificate is not good")
        report(run(*words, "--ca", certificate, "--json"))
    finally:
        secure.stop()


def test_metadata_of_another_issuer_is_not_used(fake, at):
    for name in ["https://other.example", fake.issuer + "/", None]:
        fake.reset()
        fake.metadata = {"issuer": name, "token_endpoint": fake.issuer + "/stolen"}
        refused(at("client-credentials"), "nothing of it is used")
        assert [r["path"] for r in fake.requests] == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize("answer, text", [
    ({"iss": None}, "no iss"), ({"iss": "https://other.example"}, "another issuer"), ({"state": "forged"}, "another state"),
    ({"state": None}, "another state"), ({"code": None}, "neither code nor error"),
    ({"code": None, "error": "temporarily_unavailable", "error_description": "later\nplease"}, "temporarily_unavailable: later\\u{a}please"),
])
def test_an_answer_that_is_not_to_be_trusted_is_not_redeemed(fake, at, answer, text):
    fake.answer = answer
    refused(at("authorize", "--follow"), text)
    assert "/t" not in [r["path"] for r in fake.requests]


def test_iss_is_only_recommended_where_it_is_not_announced(fake, at):
    fake.metadata, fake.answer = {"authorization_response_iss_parameter_supported": None}, {"iss": None}
    assert checks(report(at("authorize", "--follow", "--json")))["answer has iss (RFC 9207 §2)"] is False
    fake.answer = {"iss": "https://other.example"}
    refused(at("authorize", "--follow"), "another issuer")


@pytest.mark.parametrize("claims, failing", [
    ({"iss": "https://other.example"}, "iss is the issuer"), ({"aud": "other"}, "aud is this client"), ({"aud": []}, "aud is this client"),
    ({"aud": ["me", "other"]}, "azp is this client"), ({"exp": 1}, "exp is in the future"), ({"exp": None}, "exp is in the future"),
    ({"iat": 9_999_999_999}, "iat is there and not in the future"), ({"nonce": "other"}, "nonce is the one that was sent"),
    ({"nonce": None}, "nonce is the one that was sent"), ({"sub": None}, "sub is there"), ({"at_hash": "AAAA"}, "at_hash is the access token's"),
    ({"sub": ALICE}, "sub is neither the number nor a plain digest of it"),
    ({"sub": hashlib.sha256(ALICE.encode()).hexdigest()}, "sub is neither the number nor a plain digest of it"),
    ({"phone_number": ALICE}, "the number cannot be read in it"),
])
def test_a_bad_id_token_is_noticed(fake, at, claims, failing):
    fake.claims = claims
    result = at("authorize", *network(ALICE), "--json")
    found = checks(report(result, ok=False))
    assert [text for text, ok in found.items() if not ok and text.startswith(failing)], found
    assert "failed, the first: " in result.stderr


def test_an_id_token_signed_by_somebody_else_or_missing(fake, at):
    fake.signing_key = fake.other_key
    assert checks(report(at("authorize", "--follow", "--json"), ok=False))["its signature is the issuer's (OIDC Core §3.1.3.7)"] is False
    fake.token = {"id_token": None}
    refused(at("authorize", "--follow"), "there is an ID token, for openid was asked for (profile item 61)")
    fake.token = {"id_token": "eyJhbGciOiJub25lIn0.e30."}
    refused(at("authorize", "--follow"), "its signature is the issuer's")


@pytest.mark.parametrize("change, failing", [
    ({"token_headers": {}}, "Cache-Control: no-store on the token answer"), ({"token": {"refresh_token": "r" * 20}}, "no refresh token in"),
    ({"token": {"scope": SCOPES + " other:scope"}}, "no scope was granted that was not asked for"),
    ({"token": {"token_type": "DPoP"}}, "a bearer token, for no proof was sent"), ({"token": {"id_token": "x"}}, "no ID token"),
])
@pytest.mark.parametrize("name", ["client-credentials", "jwt-bearer"])
def test_a_token_answer_that_breaks_the_profile_is_noticed(fake, at, name, change, failing):
    for attribute, value in change.items():
        setattr(fake, attribute, value)
    refused(at(name, *(("--subject", f"tel:{ALICE}") if name == "jwt-bearer" else ())), failing)


def test_answers_that_are_no_answers(fake, at):
    fake.token = {"access_token": None}
    refused(at("client-credentials"), "without a token")
    fake.metadata = {"token_endpoint": None}
    refused(at("client-credentials"), "announces no token_endpoint")
    fake.metadata = {"token_endpoint": "file:///etc/passwd"}
    refused(at("client-credentials"), "no http(s) address")
    fake.reset()
    fake.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
    refused(at("client-credentials"), "private_key_jwt (profile item 65)")
    fake.reset()
    fake.page = (400, "<html><head><title>Error</title></head><body><h1>Bad\x1b[31m redirect</h1></body></html>")
    refused(at("authorize", "--follow"), "shows a page instead (400): Bad\\u{1b}[31m redirect")
    fake.page = (200, "<title>Password?</title><form method=post><input name=password></form>")
    refused(at("authorize", "--allow"), "cannot answer: Password?")


def test_slow_down_lengthens_the_interval(fake, at):
    fake.polls = ["authorization_pending", "slow_down", "authorization_pending"]
    fake.claims = {"nonce": None}
    begun = time.monotonic()
    value = report(at("ciba", "--login-hint", f"tel:{ALICE}", "--json"))
    assert [n for s in value["steps"] for n in s.get("notes", [])] == [f"waiting for {n} s (profile item 30)" for n in (1, 1, 6, 6)]
    assert time.monotonic() - begun > 13


@pytest.mark.parametrize("error", ["expired_token", "access_denied", "invalid_grant"])
def test_polling_ends_with_every_other_error(fake, at, error):
    fake.polls = [error, error]
    refused(at("ciba", "--login-hint", f"tel:{ALICE}"), f"400 {error}")
    assert [r["path"] for r in fake.requests].count("/t") == 1


def test_a_proof_is_for_its_request_and_brings_the_servers_nonce(fake, at):
    fake.nonce_wanted = "n-1"
    fake.metadata = {"dpop_signing_alg_values_supported": ["ES256"]}
    body = '{"a": 1}'
    value = report(at("client-credentials", "--dpop", "--call", f"POST {fake.issuer}/api/x?a=1&b", "--body", body, "--show-secrets", "--json"))
    tokens = [r for r in fake.requests if r["path"] == "/t"]
    assert len(tokens) == 2 and len({unverified(r["form"]["client_assertion"])["jti"] for r in tokens}) == 2
    call = next(r for r in fake.requests if r["path"] == "/api/x")
    header, proof = unverified(call["headers"]["dpop"], 0), unverified(call["headers"]["dpop"])
    digest = lambda data: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    assert header["typ"] == "dpop+jwt" and set(header["jwk"]) == {"kty", "crv", "x", "y"}
    assert (proof["htm"], proof["htu"], proof["nonce"]) == ("POST", fake.issuer + "/api/x", "n-1")
    assert proof["ath"] == digest(value["tokens"]["access_token"].encode())
    assert (proof["camara:bh"], proof["camara:qh"]) == (digest(body.encode()), digest(b"a=1&b"))
    from joserfc.jwk import ECKey
    jwt.decode(call["headers"]["dpop"], ECKey.import_key(header["jwk"]), algorithms=["ES256"])


def test_a_server_without_dpop_gives_a_bearer_token_and_it_is_used_as_one(fake, at):
    fake.token = {"token_type": "Bearer"}
    report(at("client-credentials", "--dpop", "--call", f"GET {fake.issuer}/api", "--json"))
    call = fake.requests[-1]
    assert call["headers"]["authorization"].startswith("Bearer ") and "dpop" not in call["headers"] and call["method"] == "GET"
    fake.metadata = {"dpop_signing_alg_values_supported": ["ES256"]}
    refused(at("client-credentials", "--dpop"), "a DPoP token, for a proof was sent")


def test_an_api_that_refuses_in_a_form_of_its_own(fake, at):
    fake.api = (500, {"oops": True})
    value = report(at("client-credentials", "--call", f"POST {fake.issuer}/api", "--json"), ok=False)
    assert checks(value)["the refusal is an ErrorInfo: status, code and message (profile item 71)"] is False


def test_the_networks_header_goes_to_the_server_alone(fake, at):
    other = FakeServer()
    try:
        fake.page = None
        fake.metadata = {"authorization_endpoint": other.issuer + "/a"}
        other.page = (200, "<title>t</title>")
        refused(at("authorize", *network(ALICE)), "cannot answer")
        assert other.requests[0]["headers"]["x-network-msisdn"] == ALICE
        assert not [r for r in fake.requests if "x-network-msisdn" in r["headers"]]
    finally:
        other.stop()
