"""Tokens that are bound to a client's certificate (RFC 8705): good with it, and with nothing else."""
import json

import pytest

from tls_gateway import Authority, Backend, TLSGateway
from harness import free_port


class World:
    def __init__(self, folder):
        self.authority = Authority(folder)
        issue = self.authority.issue
        self.own, self.other = issue("own", is_client=True), issue("other", is_client=True)
        self.stranger = Authority(folder, "Stranger").issue("own-too", is_client=True)
        self.late = issue("late", is_client=True, days=(-3, -1))
        self.backend = Backend(issue("backend", ("127.0.0.1",)))
        self.mutual_port = free_port()
        front, trust = issue("front", ("localhost",)), {"caFile": self.authority.file}
        self.gateway = TLSGateway(
            folder, self.authority, [front],
            upstreams={"*": {"url": f"https://127.0.0.1:{self.backend.port}", "tls": trust}},
            mutualTLS={"url": f"https://localhost:{self.mutual_port}", "listen": {
                "port": self.mutual_port, "tls": {"certificates": [front], "clientCertificates": trust | {"mode": "required"}}}})
        self.gateway.settings["listen"]["tls"]["clientCertificates"] = trust
        self.gateway.write()
        self.gateway.start().register("bound", tls_client_certificate_bound_access_tokens=True).register("plain")

    def stop(self):
        self.gateway.stop()
        self.backend.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("mutual"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def token(world):
    return world.gateway.token(world.own, "bound")


def claims(token):
    import base64
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def unauthenticated(answer):
    assert answer.status == 401 and json.loads(answer.text)["code"] == "UNAUTHENTICATED", answer.text
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_the_token_names_the_certificate_and_works_with_it(world, token):
    assert claims(token)["cnf"] == {"x5t#S256": world.own.thumbprint}
    answer = world.gateway.call(token, world.own)
    assert answer.status == 200 and "490154203237518" in answer.text


def test_a_stolen_token_is_of_no_use(world, token):
    unauthenticated(world.gateway.call(token))
    unauthenticated(world.gateway.call(token, world.other))
    reasons = world.gateway.command("audit", "search", "--event", "api.call", "--decision", "refused").stdout
    assert "certificate_missing" in reasons and "certificate_other" in reasons


@pytest.mark.parametrize("name", ["X-Client-Cert", "X-SSL-Client-Cert", "Client-Cert", "X-Forwarded-Client-Cert", "ssl-client-cert",
                                  "X-SSL-Client-SHA256"])
def test_a_field_is_never_believed(world, token, name):
    pem = open(world.own["certificateFile"]).read().replace("\n", " ")
    for value in (pem, world.own.thumbprint, f"Hash={world.own.thumbprint}"):
        unauthenticated(world.gateway.call(token, **{name: value}))
        unauthenticated(world.gateway.call(token, world.other, **{name: value}))
        answer = world.gateway.token_answer(None, "bound", **{name: value})
        assert answer.status == 400 and json.loads(answer.text)["error"] == "invalid_request"
    before = len(world.backend.requests)
    assert world.gateway.call(token, world.own, **{name: "x"}).status == 200
    assert all("cert" not in field and "ssl" not in field for field in world.backend.requests[before])


def test_a_client_that_is_to_be_bound_gets_nothing_without(world):
    answer = world.gateway.token_answer(None, "bound")
    assert answer.status == 400 and "certificate" in json.loads(answer.text)["error_description"]
    operators = world.gateway.command("token", "issue", "--client", "bound", "--subject", "tel:+33639980001", "--scope",
                                      "dpv:FraudPreventionAndDetection device-identifier:retrieve-identifier").stdout.strip()
    unauthenticated(world.gateway.call(operators, world.own))


def test_others_are_not_bound_whatever_they_show(world):
    token = world.gateway.token(world.own, "plain")
    assert "cnf" not in claims(token)
    for certificate in (None, world.own, world.other):
        assert world.gateway.call(token, certificate).status == 200


@pytest.mark.parametrize("name", ["stranger", "late"])
def test_who_shows_a_bad_certificate_does_not_come_in(world, token, name):
    with pytest.raises(OSError):
        world.gateway.call(token, getattr(world, name))


def test_introspection_shows_it(world, token):
    shown = world.gateway.introspect(token, "bound")
    assert shown["active"] and shown["token_type"] == "Bearer" and shown["cnf"] == {"x5t#S256": world.own.thumbprint}


def test_metadata_says_so(world):
    document = json.loads(world.gateway.request("GET", "/.well-known/oauth-authorization-server").text)
    assert document["tls_client_certificate_bound_access_tokens"] is True
    assert document["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    aliases = document["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == f"https://localhost:{world.mutual_port}/token"
    assert all(address.startswith(f"https://localhost:{world.mutual_port}/") for address in aliases.values())


def test_the_address_for_certificates(world):
    alias = f"https://localhost:{world.mutual_port}/token"
    token = world.gateway.token(world.own, "bound", world.mutual_port, alias)
    for port in (world.mutual_port, None):
        assert world.gateway.call(token, world.own, port).status == 200
    with pytest.raises(OSError):
        world.gateway.request("GET", "/jwks", port=world.mutual_port)


def test_a_resumed_connection_is_the_same_client(world, token):
    context = world.gateway.context(world.own)
    request = (f"POST /device-identifier/v0.3/retrieve-identifier HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
               "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").encode()
    session = None
    for turn in range(3):
        with world.gateway.connect(context, session=session) as stream:
            stream.sendall(request)
            assert stream.recv(100).startswith(b"HTTP/1.1 200 ")
            assert stream.session_reused == (turn > 0)
            session = stream.session
