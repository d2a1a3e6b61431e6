"""Backends over TLS: the right one is believed, a wrong one is 503 and said in the log, and sessions are used again."""
import os, time

import pytest

from tls_gateway import Authority, Backend, TLSGateway


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


class Pair:
    def __init__(self, folder, authority, backend, **tls):
        self.backend = backend
        tls = {"caFile": authority.file} | tls
        host = tls.pop("host", "127.0.0.1")
        upstream = {"url": f"https://{host}:{backend.port}", "tls": {k: v for k, v in tls.items() if v is not None}}
        self.gateway = TLSGateway(folder, authority, [authority.issue("front", ("localhost",))], upstreams={"*": upstream})
        self.gateway.start().register()

    def call(self):
        return self.gateway.call(self.gateway.token())


@pytest.fixture
def pair(tmp_path, authority):
    made = []

    def make(issued, backend={}, **tls):
        made.append(Pair(tmp_path, authority, Backend(issued, **backend), **tls))
        return made[-1]
    yield make
    for one in made:
        one.gateway.stop()
        one.backend.stop()


def test_a_backend_with_an_address_in_its_certificate(pair, authority):
    one = pair(authority.issue("backend", ("127.0.0.1",)))
    answer = one.call()
    assert answer.status == 200 and "490154203237518" in answer.text
    assert one.backend.requests[0]["host"] == f"127.0.0.1:{one.backend.port}"
    assert one.backend.requests[0]["x-forwarded-proto"] == "https"


def test_a_backend_by_name(pair, authority):
    assert pair(authority.issue("backend", ("localhost",)), host="localhost").call().status == 200


def test_a_name_that_is_not_the_urls(pair, authority):
    assert pair(authority.issue("backend", ("backend.test",)), serverName="backend.test").call().status == 200


def test_the_gateway_shows_its_certificate(pair, authority):
    own = authority.issue("gateway", is_client=True)
    one = pair(authority.issue("backend", ("127.0.0.1",)), {"ca": authority.file}, **own)
    assert one.call().status == 200
    assert one.backend.clients[0]["subject"] == ((("commonName", "gateway"),),)


def test_a_backend_that_wants_a_certificate_gets_no_call_without(pair, authority):
    one = pair(authority.issue("backend", ("127.0.0.1",)), {"ca": authority.file})
    # With TLS 1.3 the client's part of the handshake is over before the server refuses: then the answer is a broken one.
    assert one.call().status in (502, 503) and not one.backend.requests


@pytest.mark.parametrize("fault, text", [
    ("name", "IP address mismatch"), ("common name", "IP address mismatch"), ("expired", "certificate has expired"),
    ("authority", "unable to get local issuer certificate"), ("system", "unable to get local issuer certificate")])
def test_what_is_not_the_backend_is_not_asked(pair, authority, tmp_path, fault, text):
    issued = {"name": lambda: authority.issue("backend", ("127.0.0.2", "localhost")),
              "common name": lambda: authority.issue("127.0.0.1"),
              "expired": lambda: authority.issue("backend", ("127.0.0.1",), days=(-3, -1)),
              "authority": lambda: Authority(tmp_path, "Stranger").issue("backend", ("127.0.0.1",))}.get(
        fault, lambda: authority.issue("backend", ("127.0.0.1",)))()
    one = pair(issued, **({"caFile": None} if fault == "system" else {}))
    token = one.gateway.token()
    answers = [one.gateway.call(token) for _ in range(3)]
    for answer in answers:
        assert answer.status == 503 and '"UNAVAILABLE"' in answer.text and "certificate" not in answer.text
    assert not one.backend.requests
    log = open(one.gateway.log).read()
    assert log.count("its calls are answered 503") == 1 and text in log, log
    assert token not in log and "+336" not in log and "PRIVATE" not in log
    entries = one.gateway.command("audit", "search", "--event", "api.call").stdout
    assert "backend_untrusted" in entries


def test_an_answer_that_is_cut_is_never_released(pair, authority):
    def cut(handler):
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.end_headers()
        handler.wfile.write(b'{"imei":"490154203237518","lastChecked":"2024-02-20T10:41:38.657Z"}')
        handler.wfile.flush()
        handler.close_connection = True
        # Without close_notify, the end is somebody's in between as likely as the backend's.
        os.close(handler.connection.detach())

    one = pair(authority.issue("backend", ("127.0.0.1",)))
    one.backend.answer = cut
    answer = one.call()
    assert answer.status == 502 and "490154" not in answer.text


def test_sessions_with_a_backend_are_resumed(pair, authority):
    def once(handler):
        handler.close_connection = True
        Backend.whole(handler)

    one = pair(authority.issue("backend", ("127.0.0.1",)))
    one.backend.answer = once
    token = one.gateway.token()
    for _ in range(4):
        assert one.gateway.call(token).status == 200
        time.sleep(0.05)
    assert one.backend.connections == 4 and one.backend.resumed >= 2
