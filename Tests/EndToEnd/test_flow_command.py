"""`passerelle flow` against the demo: every flow, what it shows, what it refuses, wrong usage."""
import json, os, re, subprocess, threading, time

import pytest

from flow_command import CALL, OPENID, SCOPES, checks, flow, network, refused, report, run, step
from harness import ALICE, BOB, CAROL, DAVE, ERIN, PURPOSE, TYPE, UNKNOWN, V03, free_port

# Every flow.

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


def test_a_page_that_refuses_is_shown_with_its_reason(demo):
    refused(flow(demo, "authorize", "--scope", OPENID, "--follow", "--redirect-uri", "https://app.example/cb"), "shows a page instead (400)",
            "does not know where to send you back")


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
