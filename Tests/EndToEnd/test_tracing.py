"""Spans of calls: what the backend gets, and what a collector gets, read with OpenTelemetry's own definitions."""
import base64, http.server, json, os, re, threading, time

import pytest
import requests
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness import ALICE, IDENTIFIER, V03, Demo
from reading_gateway import eventually
from scraping import Scrape

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVER, CLIENT = 2, 3
ANSWER = {"lastChecked": "2024-02-20T10:41:38.657Z", "imeisv": "4901542032375181", "imei": "490154203237518", "tac": "49015420",
          "model": "3110", "manufacturer": "Nokia"}


class Sink(http.server.ThreadingHTTPServer):
    """A collector and a backend in one: keeps what was posted to either."""

    def __init__(self):
        self.spans, self.requests, self.heads, self.resources = [], [], [], []
        self.status, self.delay = 200, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/traces":
                    time.sleep(outer.delay)
                    answer = outer.take(self.headers, body)
                else:
                    outer.heads.append(self.headers)
                    answer = json.dumps(ANSWER).encode()
                self.send_response(outer.status if self.path == "/v1/traces" else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, headers, body):
        self.requests.append((headers, body))
        if self.status == 200:
            # OTLP's JSON is protobuf's, but for ids: those are hexadecimal, and protobuf's mapping of bytes is base64.
            text = re.sub(r'"(traceId|spanId|parentSpanId)":"([0-9a-f]*)"',
                          lambda m: f'"{m[1]}":"{base64.b64encode(bytes.fromhex(m[2])).decode()}"', body.decode())
            for resource in json_format.Parse(text, ExportTraceServiceRequest()).resource_spans:
                self.resources.append(attributes(resource.resource))
                for scope in resource.scope_spans:
                    self.spans += scope.spans
        return b"{}"


def attributes(thing):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in thing.attributes}


class TracedGateway(Demo):
    """A demo's data served with tracing on, in front of a backend that keeps the heads that it gets."""

    def __init__(self, folder):
        super().__init__(folder)
        self.start()
        self.token_of_alice = self.token(ALICE, (IDENTIFIER,))
        Demo.stop(self)
        self.sink = Sink()
        self.log = os.path.join(self.folder, "serve.stderr")

    def serve(self, sink=None, collector=None, **tracing):
        import subprocess
        from harness import BINARY, wait_ready
        text = re.sub(r"^\s*//.*$", "", open(self.description["configuration"]).read(), flags=re.M)
        settings = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
        settings["upstreams"] = {"*": {"url": self.sink.url}}
        settings["tracing"] = {"sampleRatio": 1, "otlp": {"url": self.sink.url + "/v1/traces"} | (collector or {})} | tracing
        self.file = os.path.join(self.data, "traced.json")
        json.dump({k: v for k, v in settings.items() if v is not None}, open(self.file, "w"))
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.file], stdout=subprocess.PIPE, stderr=open(self.log, "a"),
                                        text=True)
        wait_ready(self.process)
        self.sink.spans.clear(), self.sink.heads.clear(), self.sink.requests.clear()
        self.sink.status, self.sink.delay = 200, 0

    def spans(self, count):
        eventually(lambda: len(self.sink.spans) >= count)
        return sorted(self.sink.spans, key=lambda span: span.kind)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = TracedGateway(tmp_path_factory.mktemp("traced"))
    yield gateway
    gateway.stop()
    gateway.sink.shutdown()


@pytest.fixture
def traced(gateway):
    gateway.stop()
    yield gateway
    gateway.stop()


def test_our_span_is_the_clients_child_and_the_backends_parent(traced):
    traced.serve()
    answer = traced.call(traced.token_of_alice, traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="a=1", **{"x-correlator": "c-1"})
    assert answer.status_code == 200
    server, client = traced.spans(2)
    assert (server.kind, client.kind) == (SERVER, CLIENT)
    assert server.trace_id.hex() == client.trace_id.hex() == TRACE
    assert server.parent_span_id.hex() == PARENT and client.parent_span_id == server.span_id
    head = traced.sink.heads[0]
    assert head["traceparent"] == f"00-{TRACE}-{client.span_id.hex()}-01" and head["tracestate"] == "a=1"
    assert server.name == f"POST {V03}/retrieve-identifier"
    assert server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano <= server.end_time_unix_nano
    assert abs(server.end_time_unix_nano / 1e9 - time.time()) < 30
    assert attributes(server) == {
        "http.request.method": "POST", "http.route": f"{V03}/retrieve-identifier", "http.response.status_code": 200,
        "url.scheme": "http", "passerelle.api": "device-identifier", "passerelle.api_version": "0.3.0",
        "passerelle.operation": "retrieveIdentifier", "passerelle.decision": "allowed", "passerelle.client_id": "demo-all",
        "passerelle.correlator": "c-1"}
    assert attributes(client) == {
        "http.request.method": "POST", "url.template": f"{V03}/retrieve-identifier", "server.address": "127.0.0.1",
        "server.port": traced.sink.server_port, "http.response.status_code": 200}
    assert server.status.code == client.status.code == 0
    assert traced.sink.resources[-1] == {"service.name": "passerelle", "service.version": "0.1.0"}


def test_a_refused_call_has_no_clients_span(traced):
    traced.serve(serviceName="edge")
    assert traced.call("nonsense", traceparent=f"00-{TRACE}-{PARENT}-01").status_code == 401
    (server,) = traced.spans(1)
    found = attributes(server)
    assert found["passerelle.decision"] == "refused" and found["passerelle.reason"] == "token_not_verified"
    assert found["http.response.status_code"] == 401 and "passerelle.client_id" not in found
    assert traced.sink.resources[-1]["service.name"] == "edge"


def test_what_the_client_does_not_record_is_not_sent_but_handed_on(traced):
    traced.serve()
    assert traced.call(traced.token_of_alice, traceparent=f"00-{TRACE}-{PARENT}-00").status_code == 200
    assert traced.call(traced.token_of_alice, traceparent="00-" + "0" * 32 + f"-{PARENT}-01").status_code == 200
    # The first never comes; the second, whose field is none, began a trace of its own.
    spans = traced.spans(2)
    assert len(spans) == 2 and spans[0].trace_id.hex() != TRACE and not spans[0].parent_span_id
    first, second = (head["traceparent"] for head in traced.sink.heads)
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-00", first) and PARENT not in first
    assert second == f"00-{spans[0].trace_id.hex()}-{spans[1].span_id.hex()}-01"


def test_a_parent_that_is_not_trusted_is_a_link(traced):
    traced.serve(trustsParents=False)
    traced.call(traced.token_of_alice, traceparent=f"00-{TRACE}-{PARENT}-00", tracestate="a=1")
    server, client = traced.spans(2)
    assert server.trace_id.hex() != TRACE and not server.parent_span_id
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in server.links] == [(TRACE, PARENT)]
    assert TRACE not in traced.sink.heads[0]["traceparent"] and "tracestate" not in traced.sink.heads[0]


def test_the_ratio_decides_where_nobody_has(traced):
    traced.serve(sampleRatio=0)
    for _ in range(5):
        assert traced.call(traced.token_of_alice).status_code == 200
    assert traced.call(traced.token_of_alice, traceparent=f"00-{TRACE}-{PARENT}-01").status_code == 200
    assert {span.trace_id.hex() for span in traced.spans(2)} == {TRACE}
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", head["traceparent"]) for head in traced.sink.heads[:5])


def test_a_collector_that_is_slow_or_gone_holds_no_call_up_and_what_is_too_much_is_counted(traced):
    traced.serve(collector={"queueMaximum": 4})
    traced.sink.delay, traced.sink.status = 2, 503
    session = requests.Session()
    for _ in range(20):
        assert traced.call(traced.token_of_alice, session=session).status_code == 200
    scrape = Scrape(traced.admin_port)
    assert scrape.value("passerelle_spans_total", result="dropped") >= 20
    traced.sink.delay, traced.sink.status = 0, 400
    eventually(lambda: Scrape(traced.admin_port).value("passerelle_spans_total", result="failed") >= 4, 30)
    assert "tracing.not_exported" in open(traced.log).read()
    traced.sink.status = 200
    traced.call(traced.token_of_alice)
    eventually(lambda: Scrape(traced.admin_port).value("passerelle_spans_total", result="exported") >= 2, 30)


def test_what_waits_is_sent_at_the_end_and_the_token_is_shown(traced):
    secret = os.path.join(traced.folder, "collector-token")
    with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("collector-secret\n")
    traced.serve(collector={"bearerTokenFile": secret})
    traced.call(traced.token_of_alice)
    assert traced.stop() == 0
    assert len(traced.sink.spans) == 2
    assert traced.sink.requests[0][0]["authorization"] == "Bearer collector-secret"
    assert traced.sink.requests[0][0]["content-type"] == "application/json"
    traced.serve(collector={"bearerTokenFile": secret, "header": "X-API-Key"})
    traced.call(traced.token_of_alice)
    traced.spans(2)
    assert traced.sink.requests[0][0]["x-api-key"] == "collector-secret" and "authorization" not in traced.sink.requests[0][0]


def test_nothing_personal_is_in_a_span(traced):
    traced.serve()
    traced.call(traced.token_of_alice, "/device-identifier/v0.1.0/retrieve-identifier", {"phoneNumber": ALICE})
    traced.spans(2)
    sent = b"".join(body for _, body in traced.sink.requests).decode()
    assert ALICE[1:] not in sent and traced.token_of_alice not in sent and ANSWER["imei"] not in sent


@pytest.mark.parametrize("tracing, word", [
    ({"sampleRatio": 2, "otlp": {"url": "http://127.0.0.1:1/"}}, "sampleRatio"), ({}, "otlp"),
    ({"otlp": {"url": "http://collector.example/"}}, "https"), ({"otlp": {"url": "http://127.0.0.1:1/", "headers": "x"}}, "header"),
    ({"otlp": {"url": "http://127.0.0.1:1/", "header": "content-length"}}, "header"), ({"ratio": 1, "otlp": {"url": "http://127.0.0.1:1/"}}, "ratio"),
])
def test_what_is_wrong_in_the_configuration_is_said(tmp_path, tracing, word):
    from reading_gateway import ReadingGateway
    gateway = ReadingGateway(tmp_path)
    gateway.configure(tracing=tracing)
    refused = gateway.run("check", check=False)
    assert refused.returncode == 1 and word in refused.stderr, refused.stderr
