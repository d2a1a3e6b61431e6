"""Attacks on what clients sign: assertions that authenticate, assertions that are a grant, request objects, DPoP proofs (A1 to A11, A40)."""
import datetime, hashlib, hmac, json, time

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from joserfc.jwk import ECKey

from forge import (ALICE, GRANT_JWT_BEARER, JWT_BEARER, PURPOSE, TYPE, agreed, b64, client_authentication, client_key, code_form, compact, encoded,
                   listener, object_claims, offline_tokens, post, public_forms, signature, times, told, twin, unb64, unsigned, visitors)
from harness import BOB, V03


# The four things that a client signs, and where they go.

class Carrier:
    def __init__(self, typ, claims, send, refusals, error):
        self.typ, self.claims, self.send, self.refusals, self.error = typ, claims, send, refusals | {(400, "invalid_request")}, error

    def header(self, demo):
        return {"alg": "ES256", "typ": self.typ} | (
            {"jwk": client_key(demo).as_dict(private=False)} if self.typ == "dpop+jwt" else {"kid": demo.clients["demo-all"]["kid"]})

    def check(self, demo, text):
        answer = self.send(demo, text)
        assert (answer.status_code, told(answer)) in self.refusals, answer.text
        assert set(answer.json()) == {"error", "error_description"}


def by_assertion(demo, text):
    return post(demo, "/token", [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}"), ("client_assertion_type", JWT_BEARER),
                                 ("client_assertion", text)])


def by_proof(demo, text):
    return post(demo, "/token", [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}"), *client_authentication(demo)], DPoP=text)


CARRIERS = {
    "client_assertion": Carrier("JWT", lambda demo: times(iss="demo-all", sub="demo-all", aud=demo.issuer + "/token"), by_assertion,
                                {(401, "invalid_client")}, (401, "invalid_client")),
    # Who signed it is who asks: a wrong signature is a wrong client, a wrong claim a wrong grant.
    "bearer_assertion": Carrier("JWT", lambda demo: times(iss="demo-all", sub=f"tel:{ALICE}", aud=demo.issuer + "/token", scope=f"{PURPOSE} {TYPE}"),
                                lambda demo, text: post(demo, "/token", [("grant_type", GRANT_JWT_BEARER), ("assertion", text)]),
                                {(400, "invalid_grant"), (401, "invalid_client")}, (400, "invalid_grant")),
    "request_object": Carrier("oauth-authz-req+jwt", lambda demo: object_claims(demo, demo.issuer + "/par"),
                              lambda demo, text: post(demo, "/par", [("request", text), *client_authentication(demo)]),
                              {(400, "invalid_request_object")}, (400, "invalid_request_object")),
    "backchannel_object": Carrier("oauth-authz-req+jwt", lambda demo: times(
        iss="demo-all", aud=demo.issuer + "/bc-authorize", nbf=int(time.time()), login_hint=f"tel:{ALICE}", scope=f"{PURPOSE} {TYPE}"),
        lambda demo, text: post(demo, "/bc-authorize", [("request", text), *client_authentication(demo)]),
        {(400, "invalid_request_object")}, (400, "invalid_request_object")),
    "proof": Carrier("dpop+jwt", lambda demo: {k: v for k, v in times(htm="POST", htu=demo.issuer + "/token").items() if k != "exp"}, by_proof,
                     {(400, "invalid_dpop_proof")}, (400, "invalid_dpop_proof")),
}
KEYED = [name for name in CARRIERS if name != "proof"]
EXPIRING = KEYED


@pytest.fixture(scope="module", autouse=True)
def consent(demo):
    agreed(demo)


@pytest.fixture(params=CARRIERS)
def carrier(request):
    return CARRIERS[request.param]


@pytest.fixture(params=KEYED)
def keyed(request):
    return CARRIERS[request.param]


def test_the_forge_makes_what_is_accepted(demo, carrier):
    """Else every refusal below would be for the wrong reason."""
    answer = carrier.send(demo, compact(carrier.header(demo), carrier.claims(demo), client_key(demo)))
    assert answer.status_code in (200, 201), answer.text


def test_a1_no_signature(demo, carrier):
    header, claims = carrier.header(demo), carrier.claims(demo)
    good = compact(header, claims, client_key(demo))
    head = good.rpartition(".")[0]
    for text in (head, head + ".", head + "..", head + ".AA", "." + head, good + ".", good + "." + good.rpartition(".")[2], good + "=", good + "AA"):
        carrier.check(demo, text)
    for name in ("none", "None", "nOnE", "NONE", "", None, 0, ["ES256"], {"alg": "ES256"}):
        for last in (b"", unb64(good.rpartition(".")[2])):
            carrier.check(demo, unsigned(header | {"alg": name}, claims, last))
    carrier.check(demo, unsigned({k: v for k, v in header.items() if k != "alg"}, claims))


def test_a2_the_public_key_is_no_secret(demo, carrier):
    header, claims, key = carrier.header(demo), carrier.claims(demo), client_key(demo)
    for name, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
        head = f"{encoded(header | {'alg': name})}.{encoded(claims)}"
        for secret in public_forms(key):
            carrier.check(demo, f"{head}.{b64(hmac.new(secret, head.encode(), digest).digest())}")
    for name in ("RS256", "PS256", "ES384", "ES512", "EdDSA", "es256", "ES256 "):
        carrier.check(demo, compact(header | {"alg": name}, claims, key))


@pytest.mark.parametrize("last", [b"\0" * 64, b"\0" * 63 + b"\1", b"\xff" * 64, b"\0" * 32 + b"\1" * 32, b"\0" * 96, b"\0", b"x" * 63, b"x" * 65])
def test_a3_blank_and_malformed_signatures(demo, carrier, last):
    carrier.check(demo, unsigned(carrier.header(demo), carrier.claims(demo), last))


def test_a3_the_other_forms_of_a_good_signature(demo, carrier):
    """DER, halves swapped, with a byte more or less."""
    from cryptography.hazmat.primitives.asymmetric import utils
    header, claims, key = carrier.header(demo), carrier.claims(demo), client_key(demo)
    raw = signature(key, f"{encoded(header)}.{encoded(claims)}".encode())
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    for last in (utils.encode_dss_signature(r, s), raw[32:] + raw[:32], b"\0" + raw, raw + b"\0", raw[:-1], b"\0" + raw[:32] + b"\0" + raw[32:]):
        carrier.check(demo, unsigned(header, claims, last))


@pytest.mark.parametrize("name", ["client_assertion", "bearer_assertion", "proof"])
def test_a3_a9_the_twin_of_a_used_signature_is_no_new_token(demo, name):
    """Of (r, s), (r, n - s) is good too: what was used is known by its jti, not by its bytes."""
    carrier = CARRIERS[name]
    text = compact(carrier.header(demo), carrier.claims(demo), client_key(demo))
    assert twin(twin(text)) == text != twin(text)
    assert carrier.send(demo, text).status_code == 200
    carrier.check(demo, twin(text))


def certificate(key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "demo-all")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.private_key.public_key()).serial_number(1).not_valid_before(
        now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1)).sign(key.private_key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def test_a4_a_key_that_a_token_brings_along_is_not_listened_to(demo, keyed):
    """`jwk` is for DPoP proofs alone; the others for nothing. With the right kid, a foreign one and none."""
    header, own = keyed.header(demo), ECKey.generate_key("P-256")
    import base64
    with listener() as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/key"
        extras = [{"jwk": own.as_dict(private=False)}, {"jku": address}, {"x5u": address}, {"x5c": [base64.b64encode(certificate(own)).decode()]},
                  {"jwk": own.as_dict(private=False), "jku": address, "x5u": address}]
        for extra in extras:
            for kid in (header["kid"], own.thumbprint(), None):
                made = header | extra | {"kid": kid}
                keyed.check(demo, compact({k: v for k, v in made.items() if v is not None}, keyed.claims(demo), own))
        # The client's own signature beside somebody else's key: it does not matter, and nobody is asked for it.
        for extra in extras:
            assert keyed.send(demo, compact(header | extra, keyed.claims(demo), client_key(demo))).status_code in (200, 201, 400, 401)
        assert visitors(server) == 0


@pytest.mark.parametrize("extra", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": False},
                                   {"b64": True, "crit": ["b64"]},
                                   {"crit": "exp"}, {"crit": None}])
def test_a4_what_is_critical_and_unknown(demo, carrier, extra):
    carrier.check(demo, compact(carrier.header(demo) | extra, carrier.claims(demo), client_key(demo)))


@pytest.mark.parametrize("kid", ["../../../../dev/null", "' OR 1=1 --", "\u0000", "k" * 257, "k" * 4096, 7, None, True, ["a"], {}, "", "demo-all",
                                 "*", "%00"])
def test_a5_kid_names_a_key_and_nothing_else(demo, keyed, kid):
    keyed.check(demo, compact(keyed.header(demo) | {"kid": kid}, keyed.claims(demo), client_key(demo)))


def test_a5_kid_with_a_nul_behind_it_twice_and_too_long(demo, keyed):
    kid, key = keyed.header(demo)["kid"], client_key(demo)
    for kid_member in (f'"kid":"{kid}\\u0000"', f'"kid":"x","kid":"{kid}"', f'"kid":"{kid}","kid":"{kid}"', f'"kid":"x","\\u006bid":"{kid}"',
                       f'"kid":"{kid}","\\u006bid":"x"', f'"kid":"{kid}' + "\0" + '"', f'"kid":"{"k" * 65536}"'):
        keyed.check(demo, compact(f'{{"alg":"ES256","typ":"{keyed.typ}",{kid_member}}}'.encode(), keyed.claims(demo), key))


@pytest.mark.parametrize("pair", ['"iss":"demo-few","iss":"demo-all"', '"iss":"demo-all","iss":"demo-few"',
                                  '"iss":"demo-all","i\\u0073s":"demo-few"'])
def test_a30_a_claim_twice(demo, keyed, pair):
    claims = keyed.claims(demo)
    rest = json.dumps({k: v for k, v in claims.items() if k != "iss"})[1:]
    keyed.check(demo, compact(keyed.header(demo), f"{{{pair},{rest}".encode(), client_key(demo)))


def test_a6_costly_tokens_are_refused_and_the_server_goes_on(demo, carrier):
    header, key = carrier.header(demo), client_key(demo)
    deep, claims = b"[" * 3000 + b"]" * 3000, carrier.claims(demo)
    inside = json.dumps(claims)[:-1].encode() + b',"x":' + deep + b"}"
    wide = json.dumps(claims | {"x": [0] * 2500}).encode()
    if carrier.typ != "dpop+jwt":  # One header field cannot be that long.
        for text in ("." * 60_000, "a." * 30_000, "." * 1_000_000, b64(b"{" * 700_000), "e30.e30." * 7000):
            carrier.check(demo, text)
    for text in ("." * 7000, "e30..", "e30.e30.AA", compact(header, deep, key), compact(header, inside, key), compact(deep, claims, key),
                 compact(b'{"alg":' * 400, claims, key),
                 f"{encoded(header | {'alg': 'PBES2-HS256+A128KW', 'enc': 'A128GCM', 'p2c': 2**31 - 1, 'p2s': 'AA'})}.AA.AA.AA.AA",
                 f"{encoded(header | {'zip': 'DEF'})}.AA.AA.AA.AA"):
        carrier.check(demo, text)
    assert carrier.send(demo, compact(header, wide, key)).status_code in (200, 201, 400, 401)
    assert carrier.send(demo, compact(header, carrier.claims(demo), key)).status_code in (200, 201)


def test_a6_what_is_no_token_at_all(demo, carrier):
    header, claims, key = carrier.header(demo), carrier.claims(demo), client_key(demo)
    good = compact(header, claims, key)
    for text in ("x", "x.y.z", "..", "...", good.replace(".", ",", 1), " " + good if carrier.typ != "dpop+jwt" else good + "!",
                 good.replace(".", ". ", 1), good[:-1],
                 good.replace(".", ".\u00e9", 1).encode().decode("latin-1") if carrier.typ != "dpop+jwt" else "\u00e9",
                 compact(b"[]", claims, key), compact(b"null", claims, key), compact(b"\xff", claims, key), compact(header, b"[]", key),
                 compact(header, b"", key), compact(header, b"null", key), compact(header, b"\xff\xfe", key),
                 compact(header, b"\xef\xbb\xbf" + json.dumps(claims).encode(), key),
                 compact(header, json.dumps(claims).encode() + b"x", key), compact(header, json.dumps(claims)[:-1].encode() + b',"x":NaN}', key)):
        carrier.check(demo, text.encode("utf-8").decode("latin-1") if carrier.typ == "dpop+jwt" else text)


# A7: one kind of token in the place of another.

@pytest.fixture(scope="module")
def tokens(demo):
    """One of each kind, all good in their own place."""
    issued, key = offline_tokens(demo), client_key(demo)
    made = {name: compact(one.header(demo), one.claims(demo), key) for name, one in CARRIERS.items()}
    return made | {name: issued[name] for name in ("access_token", "id_token", "refresh_token")} | {
        "code": dict(code_form(demo))["code"], "auth_req_id": demo.backchannel().json()["auth_req_id"]}


PLACES = {
    "api": lambda demo, text: demo.call(text),
    "api_dpop": lambda demo, text: requests.post(demo.issuer + V03 + "/retrieve-type", data=b"{}", timeout=5, headers={
        "Authorization": f"DPoP {text}", "DPoP": text, "Content-Type": "application/json"}),
    "code": lambda demo, text: post(demo, "/token", [("grant_type", "authorization_code"), ("code", text), *client_authentication(demo),
                                                     ("redirect_uri", "http://127.0.0.1:8090/callback"), ("code_verifier", "v" * 43)]),
    "refresh_token": lambda demo, text: post(demo, "/token", [("grant_type", "refresh_token"), ("refresh_token", text),
                                                              *client_authentication(demo)]),
    "auth_req_id": lambda demo, text: demo.poll(text),
    "request_uri": lambda demo, text: requests.get(demo.issuer + "/authorize", timeout=5, allow_redirects=False, params={
        "client_id": "demo-all", "request_uri": "urn:ietf:params:oauth:request_uri:" + text}),
} | {name: (lambda one: lambda demo, text: one.send(demo, text))(one) for name, one in CARRIERS.items()}


@pytest.mark.parametrize("kind, place", [
    (kind, place) for kind in ("access_token", "id_token", "refresh_token", "code", "auth_req_id", *CARRIERS) for place in PLACES
    if kind != place and (kind, place) != ("access_token", "api")])
def test_a7_no_token_serves_in_the_place_of_another(demo, tokens, kind, place):
    """Each is tried where it does not belong; where it does is in other tests."""
    answer = PLACES[place](demo, tokens[kind])
    assert answer.status_code in (400, 401) and "location" not in answer.headers, answer.text


@pytest.mark.parametrize("typ", ["oauth-authz-req+jwt", "OAuth-Authz-Req+JWT", "application/oauth-authz-req+jwt", "dpop+jwt",
                                 "at+jwt", "logout+jwt"])
@pytest.mark.parametrize("name", ["client_assertion", "bearer_assertion"])
def test_a7_what_is_typed_as_something_else_is_no_assertion(demo, name, typ):
    """Profile item 15, RFC 8725 §3.11. The same type is refused in the one spelling and must be in the other."""
    carrier = CARRIERS[name]
    carrier.check(demo, compact(carrier.header(demo) | {"typ": typ}, carrier.claims(demo), client_key(demo)))


@pytest.mark.parametrize("name", ["request_object", "backchannel_object"])
@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", ""])
def test_a7_what_is_typed_as_something_else_is_no_request_object(demo, name, typ):
    carrier = CARRIERS[name]
    carrier.check(demo, compact(carrier.header(demo) | {"typ": typ}, carrier.claims(demo), client_key(demo)))


def test_a7_another_clients_signature(demo, keyed):
    """Signed by a client for itself, about another; and by another client in its name."""
    few = client_key(demo, "demo-few")
    kid = demo.clients["demo-few"]["kid"]
    for header in (keyed.header(demo), keyed.header(demo) | {"kid": kid}):
        keyed.check(demo, compact(header, keyed.claims(demo), few))
        keyed.check(demo, compact(header, keyed.claims(demo) | {"iss": "demo-few"}, client_key(demo)))


# A10: audiences.

ENDPOINTS = ["/token", "/par", "/bc-authorize", "/introspect", "/revoke"]


def ask(demo, endpoint, audience):
    form = {"/token": [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}")],
            "/par": [(k, v) for k, v in object_claims(demo, "").items() if k not in ("iss", "aud", "iat", "exp", "jti", "nbf")],
            "/bc-authorize": [("login_hint", f"tel:{ALICE}"), ("scope", f"{PURPOSE} {TYPE}")]}.get(endpoint, [("token", "x")])
    return post(demo, endpoint, form + client_authentication(demo, aud=audience))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a10_an_assertion_names_this_endpoint_or_this_server(demo, endpoint):
    """Exact strings: no prefix, no other spelling, no other endpoint, and no stranger among several."""
    issuer, own = demo.issuer, demo.issuer + endpoint
    for audience in (own, issuer, issuer + "/token", [own], [issuer]):
        assert ask(demo, endpoint, audience).status_code in (200, 201), audience
    others = [issuer + other for other in ENDPOINTS if other not in (endpoint, "/token")] + [issuer + path for path in ("/authorize", "/jwks",
        "/consent", V03)]
    for audience in [*others, issuer + "/", own + "/", own + "?x=1", own + "#x", own + "x", issuer[:-1], own[:-1], issuer.upper(),
                     own.replace("http", "https", 1),
                     own.replace("127.0.0.1", "localhost"), issuer.replace("127.0.0.1", "127.0.0.1.evil.example"), "https://evil.example/" + own,
                     " " + own, own + " ",
                     own + "\u0000", endpoint, "", "*", None, 7, True, {}, {"aud": own}, [], [""], [own, "https://evil.example"],
                     ["https://evil.example", issuer],
                     [own, issuer + "/"], [[own]], [own, 7], [own, None], f"{own} https://evil.example", f"{own},{issuer}", [f"{own} {issuer}"]]:
        answer = ask(demo, endpoint, audience)
        assert (answer.status_code, told(answer)) == (401, "invalid_client"), (audience, answer.text)


@pytest.mark.parametrize("name, error", [("bearer_assertion", "invalid_grant"), ("request_object", "invalid_request_object"),
                                         ("backchannel_object", "invalid_request_object")])
def test_a10_so_do_a_bearer_assertion_and_a_request_object(demo, name, error):
    carrier, issuer = CARRIERS[name], demo.issuer
    own = carrier.claims(demo)["aud"]
    for audience in (own + "/", own + "?x=1", own[:-1], own.upper(), issuer + "/", issuer + "/introspect", "https://evil.example", "", None, 7, {},
                     [],
                     [own, "https://evil.example"], [[own]], f"{own} {issuer}"):
        answer = carrier.send(demo, compact(carrier.header(demo), carrier.claims(demo) | {"aud": audience}, client_key(demo)))
        assert told(answer) in (error, "invalid_client" if name == "bearer_assertion" else error), (audience, answer.text)
        assert answer.status_code in (400, 401)


# A11: two answers to the question who asks.

def test_a11_one_authentication_and_the_claims_of_one_that_was_verified(demo):
    good = lambda: demo.assertion("demo-all")
    scope = [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}")]
    forged = unsigned({"alg": "none"}, times(iss="demo-all", sub="demo-all", aud=demo.issuer + "/token"))
    kind = ("client_assertion_type", JWT_BEARER)
    for form, headers in [
        ([kind, ("client_assertion", good()), ("client_secret", "x")], {}), ([kind, ("client_assertion", forged), ("client_secret", "x")], {}),
        ([kind, ("client_assertion", good())], {"Authorization": "Basic ZGVtby1hbGw6eA=="}),
        ([kind, ("client_assertion", good())], {"Authorization": "Bearer x"}),
        ([("client_id", "demo-all"), ("client_secret", "")], {}), ([("client_id", "demo-all")], {}), ([kind, ("client_id", "demo-all")], {}),
        ([("client_assertion", good())], {}), ([("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
                                                ("client_assertion", good())], {}),
        ([("client_assertion_type", JWT_BEARER.upper()), ("client_assertion", good())], {}), ([kind, ("client_assertion", forged)], {}),
        ([kind, ("client_assertion", good()), ("client_id", "demo-few")], {}), ([kind, ("client_assertion", demo.assertion("demo-few")), ("client_id",
            "demo-all")], {}),
        ([kind, ("client_assertion", demo.assertion("demo-few", iss="demo-all", sub="demo-all"))], {}),
        ([kind, ("client_assertion", demo.assertion("demo-all", sub="demo-few"))], {}),
        ([kind, ("client_assertion", demo.assertion("demo-all", iss="demo-few"))], {}),
        ([kind, ("client_assertion", demo.assertion("demo-all", iss=["demo-all"]))], {}),
        ([kind, ("client_assertion", demo.assertion("demo-all", sub=None))], {}),
        ([kind, ("client_assertion", demo.assertion("demo-all", iss=None))], {}),
        ([kind, ("client_assertion", demo.assertion("demo-all", iss="DEMO-ALL", sub="DEMO-ALL"))], {}),
    ]:
        answer = post(demo, "/token", scope + form, **headers)
        assert (answer.status_code, told(answer)) == (401, "invalid_client"), (form, answer.text)
    for form in ([kind, ("client_assertion", forged), kind, ("client_assertion", good())],
                 [kind, ("client_assertion", good()), ("client_assertion", forged)]):
        answer = post(demo, "/token", scope + form)
        assert (answer.status_code, told(answer)) == (400, "invalid_request"), answer.text


def test_a11_a_bearer_assertion_is_not_helped_by_another_authentication(demo):
    """One client's grant with another's authentication, and the reverse."""
    mine = CARRIERS["bearer_assertion"]
    forged = unsigned({"alg": "none"}, mine.claims(demo))
    text = compact(mine.header(demo), mine.claims(demo), client_key(demo))
    for extra, headers in [(client_authentication(demo), {}), (client_authentication(demo, "demo-few"), {}), ([("client_secret", "x")], {}),
                           ([], {"Authorization": "Basic eDp5"}),
                           ([("client_id", "demo-few")], {})]:
        for assertion in (text, forged):
            answer = post(demo, "/token", [("grant_type", GRANT_JWT_BEARER), ("assertion", assertion), *extra], **headers)
            assert answer.status_code in (400, 401) and told(answer) in ("invalid_request", "invalid_grant", "invalid_client"), answer.text


def test_a22_a_bearer_assertion_says_who_it_is_about_in_the_one_way(demo):
    """A subscriber who has not agreed, by whatever else names one who has."""
    carrier = CARRIERS["bearer_assertion"]
    demo.withdraw(BOB)
    for changes in ({"sub": f"tel:{BOB}", "login_hint": f"tel:{ALICE}"}, {"sub": f"tel:{BOB}", "act": {"sub": f"tel:{ALICE}"}},
                    {"sub": [f"tel:{ALICE}"]},
                    {"sub": f"tel:{ALICE};ext=1"}, {"sub": f"TEL:{ALICE}"}, {"sub": f"tel:{ALICE} "}, {"sub": f"tel:{ALICE}\u0000"},
                    {"sub": f"tel:{ALICE[:3]} {ALICE[3:]}"},
                    {"sub": None}, {"sub": ""}, {"sub": "demo-all"}, {"sub": f"operatortoken:{ALICE}"}, {"sub": "ipport:127.0.0.1:80"}):
        carrier.check(demo, compact(carrier.header(demo), {k: v for k, v in (carrier.claims(demo) | changes).items() if v is not None},
                                    client_key(demo)))


# A40: times.

@pytest.mark.parametrize("changes", [
    {"exp": None}, {"exp": -1}, {"exp": -3600}, {"exp": 0}, {"iat": 60, "exp": 120}, {"iat": 0, "exp": 301}, {"exp": 400}, {"iat": -250, "exp": 100},
    {"nbf": 120},
    {"exp": "text"}, {"exp": "1e300"}, {"exp": "null"}, {"exp": "[]"}, {"exp": "true"}, {"exp": "9223372036854775807"},
    {"exp": "18446744073709551616"}, {"exp": "-1e400"},
    {"iat": "text"}, {"iat": "9e99"}, {"nbf": "text"}], ids=str)
@pytest.mark.parametrize("name", EXPIRING)
def test_a40_what_is_signed_is_good_for_a_short_while(demo, name, changes):
    """Seconds from now, or the raw JSON of a claim. More than 300 s is never taken (profile items 14, 47, 66)."""
    carrier, now = CARRIERS[name], int(time.time())
    claims = carrier.claims(demo)
    for claim, value in changes.items():
        claims.pop(claim, None)
        if isinstance(value, int):
            claims[claim] = now + value
    raw = json.dumps(claims)[:-1]
    for claim, value in changes.items():
        if isinstance(value, str):
            raw += f',"{claim}":' + (f'"{now + 60}"' if value == "text" else value)
    carrier.check(demo, compact(carrier.header(demo), (raw + "}").encode(), client_key(demo)))


@pytest.mark.parametrize("name", EXPIRING)
def test_a40_what_has_expired_cannot_be_given_another_date(demo, name):
    carrier, now = CARRIERS[name], int(time.time())
    claims = carrier.claims(demo) | {"iat": now - 200, "exp": now - 100}
    old = compact(carrier.header(demo), claims, client_key(demo))
    carrier.check(demo, old)
    head, _, last = old.split(".")
    carrier.check(demo, f"{head}.{encoded(claims | {'iat': now, 'exp': now + 60})}.{last}")


@pytest.mark.parametrize("name", ["bearer_assertion", "request_object", "backchannel_object"])
def test_a40_iat_is_there_and_not_in_the_future(demo, name):
    """No skew is granted (profile items 14 and 47); a client assertion may do without it (item 66)."""
    carrier, now = CARRIERS[name], int(time.time())
    for changes in ({"iat": None}, {"iat": now + 5, "exp": now + 60}):
        made = {k: v for k, v in (carrier.claims(demo) | changes).items() if v is not None}
        carrier.check(demo, compact(carrier.header(demo), made, client_key(demo)))
    carrier = CARRIERS["client_assertion"]
    made = {k: v for k, v in carrier.claims(demo).items() if k != "iat"}
    assert carrier.send(demo, compact(carrier.header(demo), made, client_key(demo))).status_code == 200


@pytest.mark.parametrize("jti", [None, "", "j" * 257, 7, ["a"], {}, True], ids=str)
def test_a9_a_jti_is_a_text_of_a_bounded_length(demo, carrier, jti):
    made = {k: v for k, v in (carrier.claims(demo) | {"jti": jti}).items() if v is not None}
    carrier.check(demo, compact(carrier.header(demo), made, client_key(demo)))
