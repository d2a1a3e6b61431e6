"""Attacks on access tokens at the gateway, beside those of test_tokens.py: what only somebody with the signing key could make, and what
a good token does not open (A1 to A8, A30)."""
import json

import pytest
import requests
from joserfc.jwk import ECKey

from forge import ALICE, IDENTIFIER, PURPOSE, TYPE, agreed, compact, encoded, listener, signature, twin, unb64, unsigned, visitors
from harness import PPID, V03, refused


@pytest.fixture(scope="module")
def key(demo):
    """The demo's own signing key: whatever is refused below is refused although it is signed by it."""
    return ECKey.import_key(open(demo.data + "/keys/signing.pem").read())


@pytest.fixture
def token(demo):
    agreed(demo)
    return demo.token(ALICE)


def parts(token):
    header, claims, _ = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims))


def is_refused(demo, text, **fields):
    return refused(demo.call(text, **fields), 401, "UNAUTHENTICATED")


def test_the_forge_makes_what_is_accepted(demo, token, key):
    assert demo.call(compact(*parts(token), key)).status_code == 200


def test_a1_a_token_has_three_parts(demo, token):
    head, _, last = token.rpartition(".")
    for text in (head, head + ".", head + "..", head + "..." , "." + token, token + ".", token + "." + last, token + ".x.y", head + "." + last[:-1],
                 token + "=", token + "AA", head + ".AA",
                 token.replace(".", ",", 1), token.replace(".", "%2e", 1)):
        is_refused(demo, text)


def test_a3_the_other_forms_of_a_good_signature(demo, token, key):
    from cryptography.hazmat.primitives.asymmetric import utils
    header, claims = parts(token)
    raw = signature(key, f"{encoded(header)}.{encoded(claims)}".encode())
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    for last in (utils.encode_dss_signature(r, s), raw[32:] + raw[:32], b"\0" + raw, raw + b"\0", raw[:-1], b"\0" * 32 + raw[32:],
                 raw[:32] + b"\0" * 32):
        is_refused(demo, unsigned(header, claims, last))


def test_a3_the_twin_of_a_revoked_token_is_revoked(demo, token):
    """(r, n - s) is another text with another digest, and the same grant."""
    assert demo.call(token).status_code == demo.call(twin(token)).status_code == 200
    assert demo.form("/revoke", "demo-all", token=twin(token)).status_code == 200
    is_refused(demo, token)
    is_refused(demo, twin(token))


def test_a4_a_key_or_an_address_in_the_header_is_not_listened_to(demo, token):
    import base64
    header, claims = parts(token)
    own = ECKey.generate_key("P-256")
    with listener() as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        for extra in ({"x5c": [base64.b64encode(b"0" * 100).decode()]}, {"x5u": address}, {"jku": address},
                      {"jwk": own.as_dict(private=False), "jku": address}):
            for kid in (header["kid"], own.thumbprint(), ""):
                is_refused(demo, compact(header | extra | {"kid": kid}, claims, own))
        assert visitors(server) == 0


def test_a5_kid_twice_with_a_nul_and_too_long(demo, token, key):
    header, claims = parts(token)
    kid = header["kid"]
    for member in (f'"kid":"x","kid":"{kid}"', f'"kid":"{kid}","kid":"x"', f'"kid":"{kid}","kid":"{kid}"', f'"kid":"x","\\u006bid":"{kid}"',
                   f'"kid":"{kid}\\u0000"', f'"kid":" {kid}"', f'"kid":"{kid} "',
                   f'"kid":["{kid}"]', f'"kid":"{kid.swapcase()}"', f'"KID":"{kid}"'):
        is_refused(demo, compact(f'{{"alg":"ES256","typ":"at+jwt",{member}}}'.encode(), claims, key))
    answer = demo.call(compact({"alg": "ES256", "typ": "at+jwt", "kid": "k" * 65_536}, claims, key))
    assert answer.status_code == 431, "a head has 16 KB"


@pytest.mark.parametrize("name, forged", [("client_id", "demo-few"), ("scope", f"{PURPOSE} {PPID}"), ("aud", "https://evil.example"),
                                          ("exp", 99999999999), ("grant_id", "x"), ("iss", "x")])
def test_a30_a_claim_twice_is_no_claim(demo, token, key, name, forged):
    header, claims = parts(token)
    rest = json.dumps({k: v for k, v in claims.items() if k != name})[1:]
    one, other = json.dumps(claims[name]), json.dumps(forged)
    escaped = f"\\u{ord(name[0]):04x}{name[1:]}"
    for pair in (f'"{name}":{one},"{name}":{other}', f'"{name}":{other},"{name}":{one}', f'"{name}":{one},"{escaped}":{other}',
                 f'"{escaped}":{other},"{name}":{one}'):
        is_refused(demo, compact(header, f"{{{pair},{rest}".encode(), key))


@pytest.mark.parametrize("changes", [
    {"exp": "9999999999"}, {"exp": 1e300}, {"exp": None}, {"exp": True}, {"exp": [9999999999]}, {"exp": 2**63}, {"exp": -2**63}, {"scope": [TYPE]},
    {"scope": None}, {"scope": {}}, {"client_id": ["demo-all"]},
    {"client_id": None}, {"client_id": "demo-all "}, {"grant_id": ["x"]}, {"grant_id": ""}, {"aud": None}, {"aud": {}}, {"aud": []}, {"aud": ""},
    {"iss": None}, {"cnf": {}}, {"cnf": None}, {"cnf": "x"},
    {"cnf": {"jkt": None}}, {"cnf": {"jkt": ""}}, {"cnf": {"jkt": ["x"]}}, {"cnf": {"x5t#S256": "A" * 43}}, {"purpose": ["dpv:Marketing"]},
    {"purpose": None}, {"purpose": ""}], ids=str)
def test_a7_a_claim_of_another_type_is_not_passed_over(demo, token, key, changes):
    """Nor is a confirmation that is not understood: a token with it is no bearer token."""
    header, claims = parts(token)
    is_refused(demo, compact(header, claims | changes, key))


def test_a7_the_grants_of_two_clients_do_not_mix(demo, token, key):
    """A token that says one client and the grant of another."""
    agreed(demo, client_id="demo-few", scopes=(TYPE,))
    header, claims = parts(token)
    other = parts(demo.token(ALICE, (TYPE,), "demo-few"))[1]
    for changes in ({"grant_id": other["grant_id"]}, {"client_id": "demo-few"}, {"sub": other["sub"], "grant_id": other["grant_id"]}):
        is_refused(demo, compact(header, claims | changes, key))


@pytest.mark.parametrize("scope, opens", [
    (TYPE, {"/retrieve-type"}), (IDENTIFIER, {"/retrieve-identifier"}), (PPID, {"/retrieve-ppid"})])
def test_a8_a_token_opens_what_its_scope_says_and_in_whatever_order_it_is_asked(demo, scope, opens):
    """Each is called twice, in turn, over one connection and over another: no answer is remembered for another question."""
    agreed(demo, scopes=(TYPE, IDENTIFIER, PPID))
    token, sessions = demo.token(ALICE, (scope,)), [requests.Session(), requests.Session()]
    paths = ["/retrieve-type", "/retrieve-identifier", "/retrieve-ppid"]
    for path in paths + paths[::-1]:
        for session in sessions:
            answer = demo.call(token, V03 + path, session=session)
            if path in opens:
                assert answer.status_code == 200, answer.text
            elif answer.status_code != 404:
                refused(answer, 403, "PERMISSION_DENIED")


def test_a8_a_token_is_for_its_purpose(demo):
    """The consent is for another purpose than the token's: it counts for nothing, whichever was called first."""
    agreed(demo)
    token = demo.token(ALICE)
    other = demo.authorize(ALICE, scope=f"openid dpv:Marketing {TYPE}", prompt="none")
    assert demo.call(token).status_code == 200 and other.result["error"] == "consent_required"
