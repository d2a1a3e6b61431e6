"""Attacks on tokens, assertions and codes, through the running gateway. Numbers as in the list of attacks (A1, A2, ...)."""
import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from harness import ALICE, BOB, IDENTIFIER, PURPOSE, TYPE, Demo, refused


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture(scope="module")
def token(demo):
    return demo.token(ALICE)


def parts(token):
    header, claims, signature = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims)), unb64(signature)


def forged(header, claims, signature):
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}.{b64(signature)}"


@pytest.mark.parametrize("name", ["none", "None", "nOnE", "NONE", "", "HS256", "ES256K", "RS256", None, 256, ["ES256"]])
def test_a1_a2_the_header_does_not_choose_the_algorithm(demo, token, name):
    header, claims, signature = parts(token)
    for made in (signature, b""):
        refused(demo.call(forged(header | {"alg": name}, claims, made)), 401, "UNAUTHENTICATED")
    if name == "HS256":
        keys = requests.get(demo.issuer + "/jwks", timeout=5)
        key = ECKey.import_key(keys.json()["keys"][0])
        for secret in (key.as_pem(private=False), key.as_der(private=False), keys.content, json.dumps(keys.json()["keys"][0]).encode()):
            head = f"{b64(json.dumps(header | {'alg': 'HS256'}).encode())}.{b64(json.dumps(claims).encode())}"
            mac = hmac.new(secret, head.encode(), hashlib.sha256).digest()
            refused(demo.call(f"{head}.{b64(mac)}"), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("signature", [b"\0" * 64, b"\0" * 63, b"\xff" * 64, b"\x30\x06\x02\x01\x01\x02\x01\x01", b"x" * 65, b""])
def test_a3_blank_and_malformed_signatures(demo, token, signature):
    header, claims, _ = parts(token)
    refused(demo.call(forged(header, claims, signature)), 401, "UNAUTHENTICATED")


def test_a4_a_token_does_not_bring_its_key(demo, token):
    header, claims, _ = parts(token)
    own = ECKey.generate_key("P-256")
    for extra in ({"jwk": own.as_dict(private=False)}, {"jku": "http://127.0.0.1:1/jwks"}, {"x5u": "http://127.0.0.1:1/x"}, {"crit": ["exp"]},
                  {"b64": False, "crit": ["b64"]}):
        made = jwt.encode({**header, **extra}, claims, own, registry=None) if "crit" not in extra else forged(header | extra, claims, b"x" * 64)
        refused(demo.call(made), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "\u0000", "k" * 4096, 7, None, ["a"], {}])
def test_a5_kid_names_a_key_and_nothing_else(demo, token, kid):
    header, claims, signature = parts(token)
    refused(demo.call(forged(header | {"kid": kid}, claims, signature)), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("made", ["." * 8000, "a." * 4000, "e30" + "." * 2, b64(b'{"alg":' * 500) + ".e30.AA"])
def test_a6_costly_headers(demo, made):
    refused(demo.call(made), 401, "UNAUTHENTICATED")


def test_a7_a_token_is_for_one_issuer_audience_and_type(demo, token):
    """Signed with the right key, wrong in one claim each: the demo's own signing key makes them."""
    header, claims, _ = parts(token)
    key = ECKey.import_key(open(demo.data + "/keys/signing.pem").read())
    good = jwt.encode(header, claims, key)
    assert demo.call(good).status_code == 200, "the forge works"
    for changes in ({"iss": "https://other.example"}, {"aud": "https://other.example"}, {"aud": [demo.issuer + "/"]}, {"client_id": "demo-few"},
                    {"client_id": "nobody"}, {"grant_id": "nothing"}, {"exp": int(time.time()) - 1}, {"nbf": int(time.time()) + 3600},
                    {"exp": -9223372036854775808}, {"scope": 7}, {"purpose": "Fraud"}):
        refused(demo.call(jwt.encode(header, claims | changes, key)), 401, "UNAUTHENTICATED")
    for missing in ("iss", "aud", "exp", "client_id", "grant_id", "scope"):
        refused(demo.call(jwt.encode(header, {k: v for k, v in claims.items() if k != missing}, key)), 401, "UNAUTHENTICATED")
    for kind in ("JWT", None, "oauth-authz-req+jwt"):
        refused(demo.call(jwt.encode({k: v for k, v in (header | {"typ": kind}).items() if v}, claims, key)), 401, "UNAUTHENTICATED")


def test_a8_a_remembered_token_is_asked_for_its_scope_each_time(demo):
    token = demo.token(BOB, (TYPE,))
    for _ in range(3):
        assert demo.call(token, "/device-identifier/v0.3/retrieve-type").status_code == 200
        refused(demo.call(token), 403, "PERMISSION_DENIED")


def test_a9_an_assertion_is_good_once_also_in_parallel_and_after_a_restart(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        assertion = demo.assertion("demo-all")
        ask = lambda _: demo.token_request("demo-all", assertion, grant_type="client_credentials", scope=f"{PURPOSE} {TYPE}").status_code
        with ThreadPoolExecutor(20) as pool:
            assert sorted(pool.map(ask, range(20))) == [200] + [401] * 19
        demo.stop()
        demo.start()
        assert ask(0) == 401
    finally:
        demo.stop()


@pytest.mark.parametrize("audience", [["{}/token", "https://evil.example"], "{}/token/", "{}/", "{}/authorize", "https://evil.example", []])
def test_a10_an_assertion_names_this_server_and_no_other(demo, audience):
    made = [a.format(demo.issuer) for a in audience] if isinstance(audience, list) else audience.format(demo.issuer)
    answer = demo.token_request("demo-all", demo.assertion("demo-all", aud=made), grant_type="client_credentials", scope=f"{PURPOSE} {TYPE}")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a11_an_assertion_beside_a_secret_is_refused(demo):
    for extra in ({"client_secret": "x"},):
        answer = demo.token_request("demo-all", grant_type="client_credentials", scope=f"{PURPOSE} {TYPE}", **extra)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    answer = requests.post(demo.issuer + "/token", data={"grant_type": "client_credentials", "scope": TYPE}, auth=("demo-all", "x"), timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a12_fifty_redemptions_of_one_code_have_one_winner(demo):
    demo.token(ALICE)
    visit = demo.authorize(ALICE)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: visit.redeem(), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    winner = next(answer for answer in answers if answer.status_code == 200)
    refused(demo.call(winner.json()["access_token"]), 401, "UNAUTHENTICATED")


def test_a12_another_clients_code(demo):
    demo.token(ALICE)
    visit = demo.authorize(ALICE)
    answer = demo.token_request("demo-few", grant_type="authorization_code", code=visit.result["code"],
                                redirect_uri=visit.query["redirect_uri"], code_verifier=visit.verifier)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("verifier", [None, "", "a" * 42, "a" * 129, "ä" * 43])
def test_a14_a_challenge_wants_its_verifier(demo, verifier):
    demo.token(ALICE)
    answer = demo.authorize(ALICE).redeem(**({"code_verifier": verifier} if verifier is not None else {"code_verifier": None}))
    assert answer.status_code == 400 and answer.json()["error"] in ("invalid_grant", "invalid_request")


REGISTERED = "http://127.0.0.1:8090/callback"


@pytest.mark.parametrize("address", [
    REGISTERED + "/", REGISTERED + "?x=1", REGISTERED + "#x", REGISTERED.upper(), "http://127.0.0.1:8090/Callback", "http://127.0.0.1:8091/callback",
    "http://127.0.0.1/callback", "http://user@127.0.0.1:8090/callback", "http://127.0.0.1:8090@evil.example/callback",
    "http://127.0.0.1:8090/callback/../evil", "http://127.0.0.1:8090/callback..;/", "http://127.0.0.1:8090//callback",
    "http://127.0.0.1:8090/%63allback", "http://127.0.0.1:8090/callback%0d%0aX: y", "http://127.0.0.1:8090\\@evil.example/callback",
    "http://127.0.0.1:8090/callback\t", "https://127.0.0.1:8090/callback", "http://127.0.0.1.evil.example:8090/callback", "javascript:alert(1)",
    "JaVaScRiPt:alert(1)", "data:text/html,x", "//evil.example/callback", "", "http://[::1]:8090/callback", "http://127。0。0。1:8090/callback"])
def test_a15_a16_a17_only_the_registered_address_and_never_a_redirect(demo, address):
    answer = requests.get(demo.issuer + "/authorize", allow_redirects=False, timeout=5, headers={"x-network-msisdn": ALICE}, params={
        "response_type": "code", "client_id": "demo-all", "redirect_uri": address, "scope": f"openid {PURPOSE} {TYPE}", "state": "s",
        "nonce": "n", "code_challenge": "A" * 43, "code_challenge_method": "S256", "prompt": "none"})
    assert answer.status_code == 400 and "location" not in answer.headers
    assert "evil" not in answer.text and "alert(1)" not in answer.text


@pytest.mark.parametrize("name", ["scope", "state", "code_challenge", "prompt", "response_type"])
def test_a31_a_parameter_twice(demo, name):
    demo.token(ALICE)
    query = demo.authorize(ALICE).query
    pairs = [*query.items(), (name, query.get(name, "x")), *([(name, "y")] if name not in query else [])]
    answer = requests.get(demo.issuer + "/authorize", params=pairs, allow_redirects=False, timeout=5, headers={"x-network-msisdn": ALICE})
    assert answer.status_code == 302 and "error=invalid_request" in answer.headers["location"]


def test_a31_parameters_of_the_token_endpoint_twice_or_in_the_address(demo):
    form = [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}"), ("client_assertion", demo.assertion("demo-all")),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")]
    for changed in (form + [("scope", TYPE)], form + [("grant_type", "client_credentials")]):
        answer = requests.post(demo.issuer + "/token", data=changed, timeout=5)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert requests.get(demo.issuer + "/token", params=form, timeout=5).status_code in (400, 405)
    answer = requests.post(demo.issuer + "/token", json=dict(form), timeout=5)
    assert answer.status_code in (400, 415)


def test_a44_unknown_unreached_and_unconsented_answer_alike(demo):
    machine = demo.machine_token(TYPE)
    bodies = {json.dumps(demo.call(machine, "/device-identifier/v0.3/retrieve-type", {"device": {"phoneNumber": n}}).json())
              for n in ("+33639980015", "+33639980090", "+33639981234", "+12025550123")}
    assert len(bodies) == 1
