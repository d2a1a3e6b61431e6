"""Subscriptions and their events through the gateway: the simulated operator raises them, an application's own sink takes them."""
import json, signal, subprocess, time, urllib.parse

import pytest
import requests

from harness import ALICE, BINARY, BOB, CAROL, DAVE, Demo, free_port, refused, sinks_authority, wait_ready
from sinks import Sink

ROAMING = "/device-roaming-status-subscriptions/v0.8"
TYPE = "org.camaraproject.device-roaming-status-subscriptions.v0."


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    running = Demo(tmp_path_factory.mktemp("events")).start()
    yield running
    running.stop()


@pytest.fixture
def sink():
    """One for each test."""
    running = Sink(authority=sinks_authority())
    yield running
    running.stop()


class Application:
    """One with a subscriber's token."""

    def __init__(self, demo, base, types, number=ALICE, token=None):
        self.demo, self.base, self.number = demo, base, number
        self.types = [f"org.camaraproject.{base.split('/')[1]}.v0.{type}" for type in types]
        self.token = token or demo.token(number, self.scopes(*types))

    def scopes(self, *types):
        name = self.base.split("/")[1]
        return [f"{name}:org.camaraproject.{name}.v0.{type}:create" for type in types] + [f"{name}:read", f"{name}:delete"]

    def call(self, method, path="", body=None, token=None, **parameters):
        return requests.request(method, self.demo.issuer + self.base + "/subscriptions" + path, json=body, timeout=15,
                                headers={"Authorization": "Bearer " + (token or self.token)}, **parameters)

    def wish(self, sink, types=None, detail=None, path="/events", **config):
        wanted = self.types[:1] if types is None else types
        return {"protocol": "HTTP", "types": wanted, "config": {"subscriptionDetail": detail or {}} | config} | (
            sink if isinstance(sink, dict) else sink.request(path))

    def subscribe(self, sink, types=None, detail=None, path="/events", **config):
        answer = self.call("POST", body=self.wish(sink, types, detail, path, **config))
        assert answer.status_code == 201, answer.text
        return answer.json()


def control(demo, method, path, body=None):
    answer = requests.request(method, demo.description["backend"] + "/simulator" + path, json=body, timeout=10)
    assert answer.ok, answer.text
    return answer.json()


def happens(demo, number, act):
    control(demo, "POST", f"/subscribers/{urllib.parse.quote(number)}/state", {"act": act} if isinstance(act, str) else act)


def raised(demo, type, **more):
    return control(demo, "POST", "/events", {"type": type} | more)["subscriptionIds"]


def listed(demo, **wanted):
    return [s for s in demo.json("subscriptions", "list", "--limit", "1000") if all(s.get(k) == v for k, v in wanted.items())]


def until(question, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = question()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to be")


def entries(demo, event):
    return demo.json("audit", "search", "--event", event, "--limit", "1000")


@pytest.fixture
def roaming(demo):
    return Application(demo, ROAMING, ["roaming-on", "roaming-off"])


def test_an_event_reaches_the_sink(demo, roaming, sink):
    made = roaming.subscribe(sink)
    assert made["sink"] == sink.url() and "sinkCredential" not in made
    assert sink.handshakes[0]["webhook-request-origin"] == "127.0.0.1"
    told = raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
    assert told == [made["id"]]
    event = sink.wait(1)[0]
    assert event["type"] == TYPE + "roaming-on" and event["data"]["subscriptionId"] == made["id"]
    assert "device" not in event["data"], "a subscriber's own token named nobody"
    assert sink.received[0].headers["authorization"] == "Bearer sink-token"
    entry = entries(demo, "event.delivered")[-1]
    assert entry["decision"] == "allowed" and entry["categories"] and entry["correlator"] == sink.received[0].headers["x-correlator"]
    assert sink.url() not in json.dumps(entry) and "sink-token" not in json.dumps(entry) and ALICE not in json.dumps(entry)


def test_who_it_is_about_sees_it(demo, roaming, sink):
    """An event is a use of the subscriber's data like a call; the word that a subscription is over is none."""
    made = roaming.subscribe(sink)
    raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
    sink.wait(1)
    demo.command("subscriptions", "end", listed(demo, backend_id=made["id"])[0]["id"])
    sink.wait(2)
    releases = demo.json("subjects", "report", "--subject", f"tel:{ALICE}")["releases"]
    uses = [r for r in releases if r["api"] == "device-roaming-status-subscriptions" and r["categories"]]
    assert uses and len(entries(demo, "event.delivered")) > len(uses)


def test_the_backend_knows_only_the_gateway(demo, roaming, sink):
    made = roaming.subscribe(sink, path="/known-to-nobody")
    kept = json.dumps(control(demo, "GET", "/events")) + requests.get(
        demo.description["backend"] + ROAMING + "/subscriptions/" + made["id"], timeout=5).text
    assert "known-to-nobody" not in kept and "sink-token" not in kept
    assert "/events/" in kept
    for path in ("", "/" + made["id"]):
        text = roaming.call("GET", path).text
        assert "known-to-nobody" in text and "/events/" not in text and "sinkCredential" not in text


def test_a_withdrawal_stops_what_waits(demo, sink):
    """Consent is asked for at each delivery: what the sink did not take before the withdrawal it never gets."""
    application = Application(demo, ROAMING, ["roaming-on", "roaming-off"], number=BOB)
    made = application.subscribe(sink)
    sink.answer = 503
    raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
    sink.at_least(1)
    demo.withdraw(BOB)
    sink.forget()
    sink.answer = 204
    sink.at_least(1)
    sink.stays(1)
    ended = sink.events()[0]
    assert ended["type"] == TYPE + "subscription-ended" and ended["data"]["terminationReason"] == "NETWORK_TERMINATED"
    [kept] = listed(demo, backend_id=made["id"])
    assert kept["status"] == "inactive"
    # The backend was told, too.
    until(lambda: requests.get(demo.description["backend"] + ROAMING + "/subscriptions/" + made["id"], timeout=5).status_code == 404)
    assert [e for e in entries(demo, "subscription.ended") if e["reason"] == "consent_withdrawn"]


def test_order_is_kept_and_a_sink_that_was_away_gets_all(demo, sink):
    application = Application(demo, ROAMING, ["roaming-status"])
    made = application.subscribe(sink)
    with sink.dead():
        for number in range(208, 216):
            raised(demo, TYPE + "roaming-status", subscriptionId=made["id"], data={"roaming": True, "countryCode": number})
        time.sleep(0.5)
    events = sink.wait(8, seconds=30)
    assert [e["data"]["countryCode"] for e in events] == list(range(208, 216))
    assert len({e["id"] for e in events}) == 8


def test_the_same_event_twice_is_delivered_once(demo, roaming, sink):
    made = roaming.subscribe(sink)
    raised(demo, TYPE + "roaming-on", subscriptionId=made["id"], repeat=3)
    sink.wait(1)
    sink.stays(1)


def test_the_most_that_was_asked_for(demo, roaming, sink):
    made = roaming.subscribe(sink, subscriptionMaxEvents=2)
    for _ in range(4):
        raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
    sink.at_least(3)
    sink.stays(3)
    assert sink.kinds() == ["roaming-on", "roaming-on", "subscription-ended"]
    assert sink.events()[-1]["data"]["terminationReason"] == "MAX_EVENTS_REACHED"


def test_an_initial_event_counts(demo, sink):
    roaming = Application(demo, ROAMING, ["roaming-status"])
    roaming.subscribe(sink, subscriptionMaxEvents=1, initialEvent=True)
    sink.at_least(2)
    kinds = sink.kinds()
    assert kinds[-1] == "subscription-ended" and len([k for k in kinds if k.startswith("roaming")]) == 1


def test_expiry(demo, roaming, sink):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    made = roaming.subscribe(sink, subscriptionExpireTime=soon)
    assert made["expiresAt"]
    [ended] = sink.at_least(1, seconds=10)[-1:]
    assert ended["data"] | {"terminationDescription": ""} == {
        "subscriptionId": made["id"], "terminationReason": "SUBSCRIPTION_EXPIRED", "terminationDescription": ""}


def test_a_token_that_runs_out(demo, roaming, sink):
    made = roaming.subscribe(sink.request(seconds=33))
    ended = sink.at_least(1, seconds=20)[-1]
    assert ended["data"]["terminationReason"] == "ACCESS_TOKEN_EXPIRED" and ended["data"]["subscriptionId"] == made["id"]


def test_a_sink_that_is_gone_ends_its_subscription(demo, roaming, sink):
    made = roaming.subscribe(sink)
    sink.answer = 410
    raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
    until(lambda: listed(demo, backend_id=made["id"], status="deleted"))
    sink.stays(1)


def test_deletion(demo, roaming, sink):
    made = roaming.subscribe(sink)
    assert roaming.call("DELETE", "/" + made["id"]).status_code == 204
    until(lambda: listed(demo, backend_id=made["id"], status="deleted"))
    assert made["id"] not in roaming.call("GET").text
    sink.stays(1)
    assert sink.kinds() == ["subscription-ended"] and sink.events()[0]["data"]["terminationReason"] == "SUBSCRIPTION_DELETED"


def test_an_operators_act(demo, roaming, sink):
    made = roaming.subscribe(sink)
    [kept] = listed(demo, backend_id=made["id"])
    demo.command("subscriptions", "end", kept["id"])
    ended = sink.wait(1)[0]
    assert ended["data"]["terminationReason"] == "NETWORK_TERMINATED"
    assert roaming.call("GET", "/" + made["id"]).json()["status"] == "INACTIVE"


def test_a_client_that_is_disabled(demo, sink):
    application = Application(demo, ROAMING, ["roaming-on"], number=CAROL)
    made = application.subscribe(sink)
    demo.command("clients", "disable", "demo-all")
    try:
        until(lambda: listed(demo, backend_id=made["id"], status="inactive"))
    finally:
        demo.command("clients", "enable", "demo-all")
    assert "roaming-on" not in sink.kinds()


def test_dead_letters(demo, roaming, sink):
    made = roaming.subscribe(sink)
    sink.answer = 400
    raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
    sink.at_least(1)
    [kept] = listed(demo, backend_id=made["id"])
    assert until(lambda: demo.json("subscriptions", "show", kept["id"]).get("waiting"))


@pytest.mark.parametrize("address", ["https://10.0.0.1/events", "https://169.254.169.254/latest", "https://[fe80::1]/events", "https://[::ffff:10.0.0.1]/e",
                                     "https://0x0a000001/e", "https://224.0.0.1/events", "http://93.184.215.14/events", "https://user@127.0.0.1/e"])
def test_sinks_of_the_inside_are_refused(roaming, sink, address):
    """A19, A21. The demo allows loopback alone."""
    refused(roaming.call("POST", body=roaming.wish(sink.request() | {"sink": address})), 400, "INVALID_SINK")


def test_a_sink_that_does_not_want_them_is_refused(roaming, sink):
    for origins in (None, ["somebody.example"]):
        sink.origins = origins
        refused(roaming.call("POST", body=roaming.wish(sink)), 400, "INVALID_SINK")


def test_redirects_lead_nowhere(demo, roaming, sink):
    other = Sink(authority=sinks_authority())
    made = roaming.subscribe(sink)
    sink.answer = Sink.redirecting(other.url())
    raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
    sink.at_least(1)
    time.sleep(0.5)
    assert not other.received
    other.stop()


def test_types_beyond_the_scopes(demo, sink):
    application = Application(demo, ROAMING, ["roaming-on"])
    body = application.wish(sink, types=[TYPE + "roaming-off"])
    refused(application.call("POST", body=body), 403, "SUBSCRIPTION_MISMATCH")


def test_others_see_nothing(demo, roaming, sink):
    made = roaming.subscribe(sink)
    other = Application(demo, ROAMING, ["roaming-on"], number=DAVE)
    refused(other.call("GET", "/" + made["id"]), 404, "NOT_FOUND")
    refused(other.call("DELETE", "/" + made["id"]), 404, "NOT_FOUND")
    assert made["id"] not in other.call("GET").text


def test_another_protocol(roaming, sink):
    refused(roaming.call("POST", body=roaming.wish(sink) | {"protocol": "MQTT3"}), 400, "INVALID_PROTOCOL")


class TestIntake:
    """What a backend may post, and who is let in."""

    @staticmethod
    def event(type="roaming-on", **more):
        return {"specversion": "1.0", "id": "e1", "source": "https://operator.internal/x", "type": TYPE + type, "time": "2026-11-21T10:00:00Z",
                "datacontenttype": "application/json", "data": {"subscriptionId": "s"}} | more

    def post(self, demo, event, path="A" * 43, bearer="A" * 43, content_type="application/cloudevents+json"):
        headers = {"Content-Type": content_type} | ({"Authorization": "Bearer " + bearer} if bearer else {})
        return requests.post(f"{demo.issuer}/events/{path}", data=event if isinstance(event, (bytes, str)) else json.dumps(event), headers=headers, timeout=5)

    def test_nobody_is_let_in_without_both_secrets(self, demo):
        assert self.post(demo, self.event(), bearer=None).status_code == 401
        assert self.post(demo, self.event()).status_code == 404
        assert self.post(demo, self.event(), path="x").status_code == 404
        assert requests.get(f"{demo.issuer}/events/{'A' * 43}", timeout=5).status_code == 405


def test_implicit_subscriptions(demo, sink):
    """A session of quality on demand tells of itself."""
    token = demo.token(ALICE, ["quality-on-demand:sessions:create", "quality-on-demand:sessions:read", "quality-on-demand:sessions:delete"])
    headers = {"Authorization": "Bearer " + token}
    base = demo.issuer + "/quality-on-demand/v1"
    body = {"applicationServer": {"ipv4Address": "198.51.100.77"}, "qosProfile": "QOS_E", "duration": 600} | sink.request()
    made = requests.post(base + "/sessions", json=body, headers=headers, timeout=10)
    assert made.status_code == 201, made.text
    assert made.json()["sink"] == sink.url()
    event = sink.at_least(1)[0]
    assert event["type"].startswith("org.camaraproject.quality-on-demand.") and event["data"]["sessionId"] == made.json()["sessionId"]
    assert requests.delete(base + "/sessions/" + made.json()["sessionId"], headers=headers, timeout=10).status_code == 204


def test_nothing_is_lost_when_the_gateway_is_killed(tmp_path, sink):
    """What was acknowledged to the backend comes, whatever happens to the process; at least once, under one id."""
    demo = Demo(tmp_path).start()
    try:
        application = Application(demo, ROAMING, ["roaming-on"])
        made = application.subscribe(sink)
        sink.answer = 503
        for _ in range(20):
            raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
        until(lambda: listed(demo, backend_id=made["id"])[0].get("waiting", 0) >= 20)
        demo.stop(signal.SIGKILL)
        sink.forget()
        sink.answer = 204
        demo.start()
        until(lambda: len({e["id"] for e in sink.events()}) == 20, seconds=40)
    finally:
        demo.stop()


def test_the_command_that_listens(demo, roaming):
    """Its certificate is one that the demo trusts without being told: here by the file that the demo made for it."""
    port = free_port()
    listener = subprocess.Popen([BINARY, "events", "listen", "--demo", demo.data, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert wait_ready(listener).split()[1] == f"https://127.0.0.1:{port}/events"
        made = roaming.subscribe({"sink": f"https://127.0.0.1:{port}/events"})
        raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
        event = json.loads(listener.stdout.readline())
        assert event["data"]["subscriptionId"] == made["id"] and event["type"] == TYPE + "roaming-on"
    finally:
        listener.terminate()
        assert listener.wait(10) == 0


def test_registered_sinks(demo, sink, tmp_path):
    """`event_sinks` need no handshake; with `event_sink_proof` there are no others."""
    shown = {name: value for name, value in demo.json("clients", "show", "demo-all").items() if name != "enabled"}

    def register(**changes):
        file = tmp_path / "client.json"
        file.write_text(json.dumps(shown | changes))
        demo.command("clients", "add", str(file), "--replace")
    sink.origins = None
    register(event_sinks=[sink.url("/here/")], event_sink_proof="registered")
    try:
        application = Application(demo, ROAMING, ["roaming-on"])
        assert application.call("POST", body=application.wish(sink, path="/here/events")).status_code == 201
        sink.origins = ["*"]
        for path in ("/elsewhere", "/here/../elsewhere", "/here/%2e%2e/elsewhere"):
            refused(application.call("POST", body=application.wish(sink, path=path)), 400, "INVALID_SINK")
        assert not sink.handshakes
    finally:
        register()
