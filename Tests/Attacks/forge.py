"""What the attacks are made of: tokens with any header and signature, every request there is, and many of them at once."""
import base64, contextlib, json, secrets, socket, sqlite3, threading, time
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import parse_qs, urlencode, urlparse

import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from joserfc.jwk import ECKey

from harness import ALICE, IDENTIFIER, PURPOSE, TYPE, pkce

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT_JWT_BEARER, GRANT_CIBA = "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:openid:params:grant-type:ciba"
POSTED = {"Content-Type": "application/x-www-form-urlencoded"}
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


# Tokens.

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(part):
    """A part of a token: bytes as they are, anything else as JSON."""
    return b64(part if isinstance(part, bytes) else json.dumps(part).encode())


def client_key(demo, client_id="demo-all"):
    return ECKey.import_key(open(demo.clients[client_id]["private_key"]).read())


def signature(key, signed):
    """r and s of ES256, each 32 bytes."""
    r, s = utils.decode_dss_signature(key.private_key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def compact(header, claims, key):
    """Signed with ES256, whatever the header says."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{b64(signature(key, signed.encode()))}"


def unsigned(header, claims, last=b""):
    return f"{encoded(header)}.{encoded(claims)}.{b64(last)}"


def twin(token):
    """The same token with the other signature that ECDSA allows: (r, n - s)."""
    head, _, last = token.rpartition(".")
    raw = unb64(last)
    return f"{head}.{b64(raw[:32] + (ORDER - int.from_bytes(raw[32:], 'big')).to_bytes(32, 'big'))}"


def public_forms(key):
    """The bytes of a public key that have been taken for an HMAC secret."""
    jwk = key.as_dict(private=False)
    return [key.as_pem(private=False), key.as_pem(private=False).strip(), key.as_der(private=False), json.dumps(jwk).encode(),
            json.dumps({"keys": [jwk]}).encode(), unb64(jwk["x"]) + unb64(jwk["y"]), b"", b"\0"]


def times(**changes):
    now = int(time.time())
    claims = {"iat": now, "exp": now + 60, "jti": secrets.token_hex(12)} | changes
    return {k: v for k, v in claims.items() if v is not None}


# Requests.

class Connections(threading.local):
    """One kept connection for each thread and server, without a memory for cookies."""

    def __init__(self):
        self.session = requests.Session()
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))


CONNECTIONS = Connections()


def client_authentication(demo, client_id="demo-all", **changes):
    return [("client_assertion_type", JWT_BEARER), ("client_assertion", demo.assertion(client_id, **changes))]


def post(demo, path, pairs, **headers):
    return CONNECTIONS.session.post(demo.issuer + path, data=urlencode(pairs), headers=POSTED | headers, timeout=20, allow_redirects=False)


def get(demo, pairs, number=ALICE):
    headers = {"x-network-msisdn": number} if number else {}
    return CONNECTIONS.session.get(demo.issuer + "/authorize", params=pairs, headers=headers, timeout=20, allow_redirects=False)


def back(answer):
    """What a redirect tells the client; empty when the answer is none to a client."""
    location = answer.headers.get("location", "")
    return {k: v[0] for k, v in parse_qs(urlparse(location).query).items()} if location.startswith("http://127.0.0.1:8090/callback?") else {}


def told(answer):
    """The error code, by whichever way it came."""
    if back(answer):
        return back(answer).get("error")
    with contextlib.suppress(ValueError):
        return answer.json().get("error")


def operator(demo, method, path, body=None):
    """What the commands do, without starting one each time."""
    admin = demo.description["admin"]
    return CONNECTIONS.session.request(method, f"{admin['url']}/admin/v1{path}", json=body, headers={"Authorization": f"Bearer {admin['token']}"},
                                       timeout=20)


def agreed(demo, number=ALICE, client_id="demo-all", scopes=(IDENTIFIER, TYPE), purpose=PURPOSE):
    """The subscriber's consent, as the operator enters it."""
    return operator(demo, "POST", "/consents", {"subject": f"tel:{number}", "client_id": client_id, "purpose": purpose, "scope": " ".join(scopes),
                                                "reason": "test"}).json()["id"]


def withdrawn(demo, consent):
    assert operator(demo, "POST", f"/consents/{consent}/revoke", {}).status_code == 200


def code_form(demo, number=ALICE, client_id="demo-all", **parameters):
    """All that redeems a code, but for the client's authentication. There must be a consent."""
    visit = demo.authorize(number, client_id=client_id, **parameters)
    return [("grant_type", "authorization_code"), ("code", visit.result["code"]), ("redirect_uri", visit.query["redirect_uri"]),
            ("code_verifier", visit.verifier)]


def offline_tokens(demo, number=ALICE, client_id="demo-all"):
    answer = demo.grant(number, client_id=client_id, scope=f"openid offline_access {PURPOSE} {IDENTIFIER} {TYPE}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def object_claims(demo, audience, **changes):
    """The claims of a signed authorization request."""
    _, challenge = pkce()
    return times(nbf=int(time.time()), iss="demo-all", aud=audience, client_id="demo-all", response_type="code", state="s", nonce="n",
                 redirect_uri="http://127.0.0.1:8090/callback", scope=f"openid {PURPOSE} {IDENTIFIER} {TYPE}", code_challenge=challenge,
                 code_challenge_method="S256") | changes


def authorize_pairs(demo):
    return [(name, value) for name, value in object_claims(demo, "").items() if name not in ("iss", "aud", "iat", "exp", "nbf", "jti")]


class Request:
    """One kind of request: how it is made, what of it may be left out, and what is its success."""

    def __init__(self, path, pairs, optional=(), succeeds=lambda answer: "access_token" in answer.json(), authenticates=True):
        self.path, self.make, self.optional, self.is_success, self.authenticates = path, pairs, set(optional), succeeds, authenticates

    def pairs(self, demo):
        return self.make(demo) + (client_authentication(demo) if self.authenticates else [])

    def send(self, demo, pairs):
        return get(demo, pairs) if self.path == "/authorize" else post(demo, self.path, pairs)

    def succeeds(self, answer):
        return answer.status_code in (200, 201) and self.is_success(answer) if self.path != "/authorize" else "code" in back(answer)


def bearer(demo, **changes):
    return demo.bearer_assertion(f"tel:{ALICE}", **changes)


# Alice has agreed to all that these ask for.
REQUESTS = {
    "authorize": Request("/authorize", authorize_pairs, ("state", "nonce"), authenticates=False),
    "par": Request("/par", authorize_pairs, ("client_id", "state", "nonce"), lambda answer: answer.json()["request_uri"]),
    "bc-authorize": Request("/bc-authorize", lambda demo: [("login_hint", f"tel:{ALICE}"), ("scope", f"{PURPOSE} {TYPE}")], (),
                            lambda answer: answer.json()["auth_req_id"]),
    "code": Request("/token", code_form),
    "refresh": Request("/token", lambda demo: [("grant_type", "refresh_token"), ("refresh_token", offline_tokens(demo)["refresh_token"])]),
    "ciba": Request("/token", lambda demo: [("grant_type", GRANT_CIBA), ("auth_req_id", demo.backchannel().json()["auth_req_id"])]),
    "jwt-bearer": Request("/token", lambda demo: [("grant_type", GRANT_JWT_BEARER), ("assertion", bearer(demo))], authenticates=False),
    "client-credentials": Request("/token", lambda demo: [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}")]),
    "introspect": Request("/introspect", lambda demo: [("token", demo.machine_token(TYPE))], (), lambda answer: answer.json()["active"]),
    "revoke": Request("/revoke", lambda demo: [("token", demo.machine_token(TYPE))], (), lambda answer: True),
}


def is_refusal(answer, request=None):
    """Refused as the protocol says it, and not by accident."""
    if request and request.path == "/authorize":
        return "error" in back(answer) or (answer.status_code == 400 and "location" not in answer.headers)
    return answer.status_code in (400, 401, 403) and set(answer.json()) == {"error", "error_description"}


def given(condition):
    """What a test that is expected to fail stands on: without it, it fails for another reason."""
    if not condition:
        raise RuntimeError("not what the test begins with")


# Many at once, and another moment.

def together(count, act):
    """Runs `act(number)` on so many threads that begin at one moment; gives what they return, None for a broken connection."""
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait()
        try:
            return act(number)
        except requests.RequestException:
            return None

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def edited(demo, statement, *values):
    """Restarts the demo with other rows in its database: the way to a moment that no test can wait for."""
    demo.stop()
    with contextlib.closing(sqlite3.connect(demo.data + "/data/passerelle.sqlite")) as database, database:
        assert database.execute(statement, values).rowcount >= 1
    demo.start()


@contextlib.contextmanager
def listener(host="127.0.0.1"):
    """A port that counts who comes."""
    with socket.socket() as server:
        server.bind((host, 0))
        server.listen(64)
        server.setblocking(False)
        yield server


def visitors(server):
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count
