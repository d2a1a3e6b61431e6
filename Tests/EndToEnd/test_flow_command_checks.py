"""`passerelle flow` against a server that does what it is told: what a client must notice, it notices, and what it sends is right."""
import base64, hashlib, subprocess, time

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from fake_server import FakeServer, challenge_of, unverified
from flow_command import OPENID, SCOPES, checks, network, refused, report, run
from harness import ALICE, BINARY, free_port

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


@pytest.mark.parametrize("algorithm, generate", [
    ("RS256", ("RSA", "rsa_keygen_bits:2048")), ("PS256", ("RSA", "rsa_keygen_bits:2048")), ("ES384", ("EC", "ec_paramgen_curve:P-384")),
    ("EdDSA", ("ED25519", None)),
])
def test_every_kind_of_key_signs(fake, tmp_path, algorithm, generate):
    key = tmp_path / "client.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", generate[0], *(("-pkeyopt", generate[1]) if generate[1] else ()), "-out", str(key)],
                   check=True, capture_output=True)
    key.chmod(0o600)
    words = ("--alg", "PS256") if algorithm == "PS256" else ()
    report(run("client-credentials", "--issuer", fake.issuer, "--client", "me", "--key", str(key), "--kid", "mine", "--scope", SCOPES, *words,
               "--json"))
    assertion = fake.requests[-1]["form"]["client_assertion"]
    public = {"RSA": RSAKey, "EC": ECKey}.get(generate[0], OKPKey).import_key(key.read_text())
    assert jwt.decode(assertion, public, algorithms=[algorithm]).header == {"alg": algorithm, "typ": "JWT", "kid": "mine"}


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
