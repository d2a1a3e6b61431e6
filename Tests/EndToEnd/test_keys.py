"""Keys: those that clients publish, and our own when they are rotated."""
import http.server, json, os, threading, time

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from harness import IDENTIFIER, PURPOSE, TYPE, Demo


class Publisher(http.server.ThreadingHTTPServer):
    """Somebody's web server with a JWK set."""

    def __init__(self):
        self.keys, self.fetched, self.status = [], 0, 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.fetched += 1
                body = json.dumps({"keys": [key.as_dict(private=False) for key in outer.keys]}).encode()
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/jwks"


@pytest.fixture
def publisher():
    server = Publisher()
    yield server
    server.shutdown()


def register(demo, tmp_path, identifier, **changes):
    registration = {"client_id": identifier, "client_name": "Keys of its own", "grant_types": ["client_credentials"],
                    "scope": TYPE, "purposes": [PURPOSE], "two_legged_purposes": [PURPOSE]} | changes
    file = tmp_path / "client.json"
    file.write_text(json.dumps(registration))
    return demo.command("clients", "add", str(file), check=False)


def ask(demo, identifier, key, kid):
    now = int(time.time())
    claims = {"iss": identifier, "sub": identifier, "aud": demo.issuer, "iat": now, "exp": now + 60, "jti": os.urandom(8).hex()}
    return requests.post(demo.issuer + "/token", timeout=20, data={
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "kid": kid}, claims, key), "grant_type": "client_credentials",
        "scope": f"{PURPOSE} {TYPE}"})


def key(kid):
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


def test_a_client_publishes_its_keys_and_changes_them(demo, publisher, tmp_path):
    first, second = key("first"), key("second")
    publisher.keys = [first]
    assert register(demo, tmp_path, "publisher", jwks_uri=publisher.address).returncode == 0
    for _ in range(3):
        assert ask(demo, "publisher", first, "first").status_code == 200
    assert publisher.fetched == 1
    publisher.keys = [first, second]
    assert ask(demo, "publisher", second, "second").status_code == 200
    assert publisher.fetched == 2
    for number in range(10):
        assert ask(demo, "publisher", key("x"), f"forged-{number}").status_code == 401
    assert publisher.fetched == 2


def test_keys_are_not_fetched_from_where_a_client_has_no_business(demo, publisher, tmp_path):
    mine = key("k")
    publisher.keys, publisher.status = [mine], 302
    assert register(demo, tmp_path, "redirecting", jwks_uri=publisher.address).returncode == 0
    assert ask(demo, "redirecting", mine, "k").status_code == 401
    for number, address in enumerate(["https://169.254.169.254/jwks", "https://[fd00:ec2::254]/jwks", "https://10.0.0.1/jwks"]):
        assert register(demo, tmp_path, f"inside-{number}", jwks_uri=address).returncode == 0
        begun = time.time()
        assert ask(demo, f"inside-{number}", mine, "k").status_code == 401
        assert time.time() - begun < 3, "refused, not tried"
    for address in ["http://example.com/jwks", "ftp://example.com/", "https://user@example.com/", "file:///etc/passwd"]:
        assert register(demo, tmp_path, "wrong", jwks_uri=address).returncode == 1
    assert register(demo, tmp_path, "both", jwks_uri=publisher.address, jwks={"keys": []}).returncode == 1


def kids(demo):
    return [one["kid"] for one in requests.get(demo.issuer + "/jwks", timeout=5).json()["keys"]]


def test_a_rotated_key_was_published_before_and_stays_until_its_tokens_are_out(demo):
    token = demo.token()
    before = kids(demo)
    demo.command("keys", "rotate")
    demo.command("keys", "rotate")
    assert set(before) <= set(kids(demo)) and len(set(kids(demo))) == len(kids(demo))
    assert demo.call(token).status_code == 200
    keys = KeySet.import_key_set(requests.get(demo.issuer + "/jwks", timeout=5).json())
    fresh = jwt.decode(demo.token(), keys)
    assert fresh.header["kid"] != jwt.decode(token, keys).header["kid"]


def test_an_old_key_is_rotated_by_the_gateway_itself(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        before = kids(demo)
        demo.stop()
        file = os.path.join(demo.data, "keys", "signing.pem")
        os.utime(file, (time.time() - 91 * 86400,) * 2)
        demo.start()
        deadline = time.time() + 10
        while kids(demo) == before and time.time() < deadline:
            time.sleep(0.1)
        roles = {row["kid"]: row["role"] for row in demo.json("keys", "list")}
        assert roles[before[1]] == "signs" and roles[before[0]] == roles[before[2]] == "still verifies"
        entries = demo.json("audit", "search", "--event", "key.rotated")
        assert len(entries) == 1
    finally:
        demo.stop()


def test_a_client_that_wants_rs256_gets_its_id_token_so(demo, tmp_path):
    """OIDC Core §15.1: RS256 has to be there; the client's registration says which."""
    registration = json.loads(demo.command("clients", "show", "demo-all", "--json").stdout)
    registration = registration | {"client_id": "wants-rs256", "id_token_signed_response_alg": "RS256"}
    file = tmp_path / "client.json"
    file.write_text(json.dumps(registration))
    demo.command("clients", "add", str(file))
    demo.clients["wants-rs256"] = demo.clients["demo-all"] | {"client_id": "wants-rs256"}
    answer = demo.grant(client_id="wants-rs256").json()
    keys = KeySet.import_key_set(requests.get(demo.issuer + "/jwks", timeout=5).json())
    token = jwt.decode(answer["id_token"], keys, algorithms=["RS256"])
    assert token.header["alg"] == "RS256" and token.claims["aud"] == "wants-rs256"
    assert jwt.decode(answer["access_token"], keys).header["alg"] == "ES256"
