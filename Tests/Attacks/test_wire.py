"""Attacks on HTTP itself: smuggling, paths, headers towards backends, slow clients. Raw sockets, so that no library mends them."""
import http.server
import json
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from harness import ALICE, BINARY, BOB, IDENTIFIER, V03, Demo, refused, wait_ready


def raw(port, data, seconds=3):
    """Sends bytes and gives what comes back until the server closes or is silent."""
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(data)
        s.settimeout(seconds)
        answer = b""
        try:
            while chunk := s.recv(65536):
                answer += chunk
        except (TimeoutError, ConnectionResetError):
            return answer, False
        return answer, True


def statuses(answer):
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


HOST = b"Host: 127.0.0.1\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("head, body", [
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + SMUGGLED),
    (b"Content-Length: 0\r\nContent-Length: 36\r\n", SMUGGLED), (b"Content-Length: 0, 0\r\n", SMUGGLED), (b"Content-Length: +0\r\n", SMUGGLED),
    (b"Content-Length: 0x0\r\n", SMUGGLED), (b"Content-Length : 0\r\n", SMUGGLED), (b"Content-Length: \r\n", SMUGGLED),
    (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + SMUGGLED), (b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + SMUGGLED),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    (b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n" + SMUGGLED), (b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    (b"Transfer-Encoding\r\n : chunked\r\n", b"0\r\n\r\n" + SMUGGLED), (b"X: a\r\n folded\r\n", SMUGGLED), (b"X: a\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    (b"X: a\rb\r\n", SMUGGLED), (b"X: a\x00b\r\n", SMUGGLED), (b"X\x00: a\r\n", SMUGGLED), (b": a\r\n", SMUGGLED), (b"Host: other\r\n", SMUGGLED),
    (b"Transfer-Encoding: chunked\r\n", b"5;ext=\"\n\"\r\nhello\r\n0\r\n\r\n"), (b"Transfer-Encoding: chunked\r\n", b"5\nhello\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhelloX\r\n0\r\n\r\n"), (b"Transfer-Encoding: chunked\r\n", b"-1\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"FFFFFFFFFFFFFFFFF\r\nx"), (b"Transfer-Encoding: chunked\r\n", b"0x5\r\nhello\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"0\r\nTrailer: x\r\n\r\n")])
def test_a26_what_two_servers_could_read_differently_is_refused_and_the_connection_closed(demo, head, body):
    answer, closed = raw(demo.port, b"POST " + V03.encode() + b"/retrieve-type HTTP/1.1\r\n" + HOST + head + b"\r\n" + body)
    found = statuses(answer)
    assert len(found) == 1 and found[0] in ((400, 413) if b"FFFF" in body else (400,)), answer
    assert closed


@pytest.mark.parametrize("line", [
    b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET\t/\tHTTP/1.1", b"GET / HTTP/2.0", b"GET / http/1.1", b"GET /\x00 HTTP/1.1", b"G@T / HTTP/1.1",
    b"GET http://127.0.0.1/ HTTP/1.1", b"GET /a#b HTTP/1.1", b"GET / HTTP/1.1\nX: y", b"GET /\xff HTTP/1.1", b"GET", b"GET /"])
def test_a26_request_lines(demo, line):
    answer, closed = raw(demo.port, line + b"\r\n" + HOST + b"\r\n")
    assert statuses(answer)[0] in (400, 505) and closed


def test_a26_a_body_on_get_does_not_become_the_next_request(demo):
    answer, _ = raw(demo.port, b"GET /a HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, 1)
    assert len(statuses(answer)) == 1


@pytest.mark.parametrize("path", [
    "/../device-identifier/v0.3/retrieve-identifier", "/x/../device-identifier/v0.3/retrieve-identifier", "//device-identifier/v0.3/retrieve-identifier",
    "/device-identifier//v0.3/retrieve-identifier", "/device-identifier/v0.3/retrieve-identifier/", "/device-identifier/v0.3/./retrieve-identifier",
    "/device-identifier/v0.3/%72etrieve-identifier", "/device-identifier%2fv0.3/retrieve-identifier", "/device-identifier/v0.3/retrieve-identifier;x",
    "/device-identifier/v0.3/retrieve-identifier%00", "/Device-Identifier/v0.3/retrieve-identifier", "/device-identifier/v0.3/retrieve-identifier%20",
    "/device-identifier/v0.3/%2e%2e/v0.1.0/retrieve-identifier", "/device-identifier\\v0.3\\retrieve-identifier"])
def test_a25_a_path_has_one_spelling(demo, path):
    token = demo.token(ALICE)
    before = demo.backend_calls()
    answer, _ = raw(demo.port, f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
                    "Content-Length: 2\r\nConnection: close\r\n\r\n{}".encode())
    assert statuses(answer)[0] in (400, 404)
    assert demo.backend_calls() == before


class Backend(http.server.BaseHTTPRequestHandler):
    seen = []
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        Backend.seen.append((self.path, [(k.lower(), v) for k, v in self.headers.items()], body))
        answer = b'{"lastChecked":"2024-02-20T10:41:38.657Z","imei":"490154203237518"}'
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(answer))), ("Set-Cookie", "a=b"), ("Server", "secret/1.0")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def test_a27_a28_a29_nothing_that_a_client_says_of_itself_reaches_the_backend(tmp_path):
    """A gateway before a backend that keeps what it got."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    demo = Demo(tmp_path).start()
    token = demo.token(ALICE)
    demo.stop()
    config = demo.data + "/spoof.json"
    with open(config, "w") as file:
        file.write(open(demo.configuration).read().replace(f":{demo.backend_port}", f":{server.server_port}"))
    process = subprocess.Popen([BINARY, "serve", "--config", config], stdout=subprocess.PIPE, text=True)
    try:
        wait_ready(process)
        answer = demo.call(token, V03 + "/retrieve-identifier", session=__import__("requests"), **{
            "x-passerelle-client-id": "someone-else", "X-Passerelle_Client_Id": "x", "x_passerelle_client_id": "y", "x-network-msisdn": BOB,
            "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "Forwarded": "for=10.0.0.1",
            "Connection": "x-correlator, x-passerelle-client-id, content-type", "Cookie": "a=b", "X-Api-Key": "k", "Proxy-Authorization": "Basic x",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x-correlator": "c-1"})
        assert answer.status_code == 200 and "set-cookie" not in answer.headers and "server" not in answer.headers
        path, fields, body = Backend.seen[-1]
        named = dict(fields)
        assert path == V03 + "/retrieve-identifier", "byte for byte"
        assert json.loads(body) == {"device": {"phoneNumber": ALICE}}
        assert named["x-passerelle-client-id"] == "demo-all" and named["x-correlator"] == "c-1"
        assert named["x-forwarded-for"] == "127.0.0.1" and named["x-forwarded-proto"] == "http" and "127.0.0.1" in named["forwarded"]
        assert named["traceparent"].startswith("00-0af7")
        assert len(fields) == len(named), "no field twice"
        for name in ("authorization", "cookie", "x-api-key", "x_passerelle_client_id", "x-network-msisdn", "proxy-authorization", "connection"):
            assert name not in named
        assert "evil.example" not in str(fields) and "10.0.0.1" not in str(fields) and BOB not in str(fields)
    finally:
        process.terminate()
        process.wait(20)
        server.shutdown()
        server.server_close()


def test_a30_duplicate_keys_in_whatever_spelling(demo):
    token = demo.machine_token(IDENTIFIER)
    for body in ('{"device":{"phoneNumber":"%s","phoneNumber":"%s"}}', '{"device":{"phoneNumber":"%s","phone\\u004eumber":"%s"}}'):
        refused(demo.call(token, body=body % (ALICE, BOB)), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("value", ["a<script>b", "{x}", "a/../b;c"])
def test_a33_a_correlator_is_escaped_in_the_ledger(demo, value):
    assert demo.call(demo.token(ALICE), **{"x-correlator": value}).status_code == 200
    entry, = demo.json("audit", "search", "--correlator", value)
    assert entry["correlator"] == value
    assert_clean(demo)


@pytest.mark.parametrize("value", [b"a\x1b[31mb", b"a\tb", b"${jndi:x}", "a\u2028b".encode(), b'a","event":"x'])
def test_a33_what_could_break_a_log_is_no_correlator(demo, value):
    answer, _ = raw(demo.port, b"POST " + V03.encode() + b"/retrieve-type HTTP/1.1\r\n" + HOST + b"X-Correlator: " + value +
                    b"\r\nConnection: close\r\n\r\n")
    assert statuses(answer) == [400]
    assert value not in answer
    assert_clean(demo)


def assert_clean(demo):
    ledger = open(demo.data + "/data/ledger/000000000001.jsonl").read()
    assert "<script" not in ledger and "\x1b" not in ledger and "\u2028" not in ledger
    assert all(json.loads(line)["seq"] for line in ledger.split("\n") if line)


def test_a35_a_client_that_sends_its_head_slowly_is_cut_off_and_others_are_served(demo):
    token = demo.token(ALICE)
    slow = [socket.create_connection(("127.0.0.1", demo.port)) for _ in range(100)]
    for s in slow:
        s.sendall(b"POST / HTTP/1.1\r\nHost: ")
    assert demo.call(token).status_code == 200
    begun = time.monotonic()
    slow[0].settimeout(20)
    answer = b""
    while chunk := slow[0].recv(4096):
        answer += chunk
    assert statuses(answer) == [408]
    assert time.monotonic() - begun < 19
    for s in slow:
        s.close()
    assert demo.call(token).status_code == 200


def test_a35_a_body_that_trickles_is_cut_off_by_its_rate(demo):
    """It has thirty seconds, but not at this rate: less than 240 bytes a second after the first five."""
    with socket.create_connection(("127.0.0.1", demo.port)) as s:
        s.sendall(b"POST /device-identifier/v0.3/retrieve-identifier HTTP/1.1\r\n" + HOST + b"Content-Length: 4000\r\n\r\n")
        s.settimeout(0.5)
        sent, answer = 0, b""
        while not answer and sent < 50:
            s.sendall(b"x" * 20)
            sent += 1
            try:
                answer = s.recv(4096)
            except TimeoutError:
                pass
        assert statuses(answer) == [408] and sent < 30


def test_a35_a_large_head_and_a_large_body_are_refused(demo):
    answer, closed = raw(demo.port, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 17_000 + b"\r\n\r\n")
    assert statuses(answer) == [431] and closed
    answer, closed = raw(demo.port, b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X%d: a\r\n" % i for i in range(101)) + b"\r\n")
    assert statuses(answer) == [431] and closed
    answer, closed = raw(demo.port, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1048577\r\n\r\n")
    assert statuses(answer) == [413] and closed


def test_a36_a_long_path_is_answered(demo):
    answer, _ = raw(demo.port, b"POST /" + b"a/" * 3000 + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert statuses(answer)[0] in (404, 414)


def test_a42_the_admin_api_wants_its_token_and_health_does_not(demo):
    import requests
    admin = demo.description["admin"]
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer " + admin["token"][:-1]}):
        assert requests.get(admin["url"] + "/admin/v1/consents", headers=headers, timeout=5).status_code == 401
    assert requests.get(admin["url"] + "/admin/v1/consents", headers={"Authorization": "Bearer " + admin["token"]}, timeout=5).status_code == 200
    for path in ("/healthz", "/readyz"):
        assert requests.get(admin["url"] + path, timeout=5).status_code == 200
    assert requests.get(demo.issuer + "/admin/v1/consents", headers={"Authorization": "Bearer " + admin["token"]}, timeout=5).status_code == 404


def test_a_client_that_leaves_in_the_middle_of_a_call_harms_nobody(demo):
    from harness import SLOW
    token, good = demo.token(SLOW), demo.token(ALICE)
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", demo.port))
        s.sendall(f"POST {V03}/retrieve-identifier HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
                  "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".encode())
        time.sleep(0.01)
        s.close()
    time.sleep(2.5)
    assert demo.call(good).status_code == 200


def test_who_has_no_token_cannot_fill_the_ledger(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        token = demo.token(ALICE)
        lines = lambda: len(open(demo.data + "/data/ledger/000000000001.jsonl").readlines())
        before, count = lines(), 3000
        request = b"POST " + V03.encode() + b"/retrieve-type HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n"
        last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        found = []
        for _ in range(10):
            answer, _ = raw(demo.port, request * (count // 10 - 1) + last, 10)
            found += statuses(answer)
        assert len(found) == count and set(found) == {401, 429}
        assert 600 <= found.count(401) <= 900, "600 at once, and ten more a second"
        assert lines() - before == found.count(401)
        assert b"Retry-After" in answer or b"retry-after" in answer
        assert demo.call(token).status_code == 200, "who has a token is not held up"
        demo.stop()
        demo.start()
        entries = demo.json("audit", "search", "--event", "api.refused_unauthenticated")
        assert sum(int(entry["detail"]["count"]) for entry in entries) == found.count(429)
        assert demo.json("audit", "verify")["ok"] is True
    finally:
        demo.stop()
