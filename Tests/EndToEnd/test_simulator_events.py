"""The simulator as the source of a whole subscription: what happens to phones, sessions and payments reaches real sinks as CAMARA's documents
have it; on demand by verb, by page and by script; and what a sink answers has its effect."""
import datetime, json, os, subprocess, time

import pytest
import requests

from harness import ALICE, BINARY, BOB, CAROL
from simulator import SPECIFICATIONS, Document, Simulator, circle, device, partial, transaction
from sinks import Sink

ROAMING, REACH, NETWORK, SWAP, FENCE = (
    name + "-subscriptions" for name in
    ("device-roaming-status", "device-reachability-status", "connected-network-type", "sim-swap", "geofencing"))
BASES = {ROAMING: "v0.8", REACH: "v0.8", NETWORK: "v0.2", SWAP: "v0.3", FENCE: "v0.5"}
documented = pytest.mark.skipif(not os.path.isdir(SPECIFICATIONS), reason=f"CAMARA's OpenAPI documents are not in {SPECIFICATIONS}")


@pytest.fixture(scope="module")
def plain():
    """A sink on this machine, without TLS."""
    sink = Sink(tls=False)
    yield sink
    sink.stop()


@pytest.fixture
def sink(plain, simulator):
    simulator.control("POST", "/reset")
    plain.forget()
    plain.answer = 204
    return plain


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """A simulator of which subscriptions begin after a second, with a script of its own."""
    data = subprocess.run([BINARY, "simulate", "--print-data"], capture_output=True, text=True, check=True).stdout
    data = data.replace('"activation": "0s"', '"activation": "1s"')
    start = data.index('  "script": {')
    script = {"every": "2s", "steps": [{"at": "0s", "phoneNumber": ALICE, "change": {"act": "go-abroad"}},
                                       {"at": "1s", "phoneNumber": ALICE, "change": {"act": "come-home"}},
                                       {"at": "1s", "event": {"phoneNumber": BOB, "type": "swapped"}}]}
    file = tmp_path_factory.mktemp("data") / "operator.json"
    file.write_text(f'{data[:start]}"script": {json.dumps(script)}}}\n')
    running = Simulator("--data", str(file), "--script")
    yield running
    running.stop()


def subject(api, number=ALICE):
    return {"phoneNumber": number} if api == SWAP else device(number) | ({"area": circle(2000)} if api == FENCE else {})


def subscribe(simulator, sink, api, kind, number=ALICE, path="/events", credential=None, **config):
    body = {"protocol": "HTTP", "types": [f"org.camaraproject.{api}.v0.{kind}"],
            "config": {"subscriptionDetail": subject(api, number)} | config} | (credential or sink.request(path))
    answer = requests.post(f"{simulator.url}/{api}/{BASES[api]}/subscriptions", json=body, timeout=10)
    assert answer.status_code in (201, 202), answer.text
    return answer.json()["id"]


def change(simulator, number=ALICE, **body):
    answer = simulator.control("POST", f"/subscribers/{number.replace('+', '%2B')}/state", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def verb(simulator, *words):
    result = subprocess.run([BINARY, "simulate", *words, "--url", simulator.url], capture_output=True, text=True, timeout=30)
    return result.returncode, result.stdout, result.stderr


def check(simulator, api, event):
    """As the API's document describes what comes to a sink."""
    document = Document(simulator, api + ".yaml")
    document.validate(event, {"$ref": "#/components/schemas/CloudEvent"})


@documented
@pytest.mark.parametrize("api, kind, changes, data", [
    (ROAMING, "roaming-status", [{"act": "go-abroad"}], {"roaming": True, "countryCode": 214, "countryName": ["ES"]}),
    (ROAMING, "roaming-on", [{"act": "go-abroad"}], {}), (ROAMING, "roaming-off", [{"act": "go-abroad"}, {"act": "come-home"}], {}),
    (ROAMING, "roaming-change-country", [{"act": "go-abroad"}, {"act": "go-further"}], {"countryCode": 268}),
    (REACH, "reachability-disconnected", [{"act": "switch-off"}], {}), (REACH, "reachability-sms", [{"act": "sms-only"}], {}),
    (REACH, "reachability-data", [{"act": "switch-off"}, {"act": "switch-on"}], {}),
    (NETWORK, "network-type-changed", [{"type": "5G"}], {"connectedNetworkType": "5G"}),
    (SWAP, "swapped", [{"act": "swap-sim"}], {}), (FENCE, "area-left", [{"act": "to-lyon"}], {}),
    (FENCE, "area-entered", [{"act": "to-lyon"}, {"act": "to-paris"}], {}),
])
def test_what_happens_is_told_as_the_document_says(simulator, sink, api, kind, changes, data):
    identifier = subscribe(simulator, sink, api, kind, subscriptionMaxEvents=1)
    for one in changes:
        change(simulator, **one)
    happened, ended = sink.wait(2)
    assert happened["type"] == f"org.camaraproject.{api}.v0.{kind}" and happened["data"]["subscriptionId"] == identifier
    assert happened["data"].items() >= data.items()
    assert ended["type"].endswith(".subscription-ended") and ended["data"]["terminationReason"] == "MAX_EVENTS_REACHED"
    for event in (happened, ended):
        check(simulator, api, event)
    assert {r.headers["authorization"] for r in sink.received} == {"Bearer sink-token"}


def test_the_initial_event_comes_at_once_and_no_credential_sends_none(simulator, sink):
    subscribe(simulator, sink, ROAMING, "roaming-status", credential={"sink": sink.url()}, initialEvent=True)
    (event,) = sink.wait(1)
    assert event["data"]["roaming"] is False and "authorization" not in sink.received[0].headers
    sink.stays(1, 0.5)


def test_each_end_has_its_reason(simulator, sink):
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)).isoformat()
    subscribe(simulator, sink, SWAP, "swapped", path="/expired", subscriptionExpireTime=soon)
    subscribe(simulator, sink, SWAP, "swapped", path="/token", credential=sink.request("/token", seconds=3))
    deleted = subscribe(simulator, sink, SWAP, "swapped", path="/deleted")
    requests.delete(f"{simulator.url}/{SWAP}/{BASES[SWAP]}/subscriptions/{deleted}", timeout=10).raise_for_status()
    for path, reason in (("/expired", "SUBSCRIPTION_EXPIRED"), ("/token", "ACCESS_TOKEN_EXPIRED"), ("/deleted", "SUBSCRIPTION_DELETED")):
        (ended,) = sink.wait(1, path=path)
        assert ended["data"]["terminationReason"] == reason
        if os.path.isdir(SPECIFICATIONS):
            check(simulator, SWAP, ended)


def test_what_begins_later_says_so_and_a_script_makes_things_happen(late):
    sink = Sink(tls=False)
    subscribe(late, sink, ROAMING, "roaming-on")
    started, on, again = sink.at_least(3, path="/events")[:3]
    assert started["data"]["initiationReason"] == "SUBSCRIPTION_CREATED" and started["type"].endswith(".subscription-started")
    assert [event["type"].rsplit(".", 1)[1] for event in (on, again)] == ["roaming-on"] * 2
    if os.path.isdir(SPECIFICATIONS):
        check(late, ROAMING, started)
    subscribe(late, sink, SWAP, "swapped", number=BOB, path="/swap")
    assert sink.at_least(1, path="/swap")[0]["type"].endswith(".swapped")
    sink.stop()


@documented
def test_sessions_and_assignments_tell_their_states(simulator, sink):
    session = {"applicationServer": {"ipv4Address": "198.51.100.7"}, "qosProfile": "QOS_E", "duration": 1} | device(CAROL)
    made = requests.post(simulator.url + "/quality-on-demand/v1/sessions", json=session | sink.request("/session"), timeout=10).json()
    there, over = sink.wait(2, path="/session")
    assert [e["data"].get("statusInfo") for e in (there, over)] == [None, "DURATION_EXPIRED"]
    assert {e["data"]["sessionId"] for e in (there, over)} == {made["sessionId"]}
    assignments = simulator.url + "/qos-provisioning/v0.3/qos-assignments"
    made = requests.post(assignments, json=device(CAROL) | {"qosProfile": "QOS_E"} | sink.request("/assignment"), timeout=10).json()
    sink.wait(1, path="/assignment")
    requests.delete(f"{assignments}/{made['assignmentId']}", timeout=10).raise_for_status()
    gone = sink.wait(2, path="/assignment")
    assert [e["data"]["status"] for e in gone] == ["AVAILABLE", "UNAVAILABLE"]
    for api, events in (("quality-on-demand", (there, over)), ("qos-provisioning", gone)):
        for event in events:
            check(simulator, api, event)


@documented
def test_payments_and_refunds_tell_theirs(simulator, sink):
    made = requests.post(simulator.url + "/carrier-billing/v0.5/payments", json=transaction(ALICE) | sink.request("/paid"), timeout=10).json()
    (paid,) = sink.wait(1, path="/paid")
    assert paid["type"].endswith(".payment-completed") and paid["data"]["paymentId"] == made["paymentId"]
    check(simulator, "carrier-billing", paid)
    back = requests.post(f"{simulator.url}/carrier-billing-refund/v0.3/payments/{made['paymentId']}/refunds",
                         json={"type": "total", "amountTransaction": partial(1)["amountTransaction"]} | sink.request("/back"), timeout=10)
    assert back.status_code == 201, back.text
    (refunded,) = sink.wait(1, path="/back")
    assert refunded["type"].endswith(".refund-completed") and refunded["data"]["refundId"] == back.json()["refundId"]
    check(simulator, "carrier-billing-refund", refunded)


def test_verbs_change_raise_and_show(simulator, sink):
    identifier = subscribe(simulator, sink, ROAMING, "roaming-status")
    code, out, _ = verb(simulator, "change", ALICE, "go-abroad")
    assert code == 0 and json.loads(out)["roaming"]["countryCode"] == 214
    code, out, _ = verb(simulator, "change", ALICE, "restore")
    assert code == 0 and json.loads(out)["roaming"] is None
    assert [e["data"]["roaming"] for e in sink.wait(2)] == [True, False]
    code, out, _ = verb(simulator, "raise", ALICE, "roaming-status", "--members", '{"countryCode": 999, "device": null}', "--repeat", "2", "--json")
    assert code == 0 and json.loads(out) == {"subscriptionIds": [identifier]}
    first, second = sink.wait(4)[2:]
    assert first == second and first["data"]["countryCode"] == 999 and "device" not in first["data"]
    code, out, _ = verb(simulator, "raise", identifier, "subscription-ended")
    assert code == 0 and out.strip() == identifier and sink.wait(5)[-1]["type"].endswith(f"{ROAMING}.v0.subscription-ended")
    code, out, _ = verb(simulator, "raise", ALICE, "swapped")
    assert code == 0 and "nobody has subscribed" in out
    code, out, _ = verb(simulator, "events", "--json")
    assert code == 0 and [e["outcome"] for e in json.loads(out)] == ["delivered"] * 5
    code, out, _ = verb(simulator, "events")
    assert code == 0 and len(out.splitlines()) == 6 and "delivered" in out
    assert verb(simulator, "events", "more")[0] == 2 and verb(simulator, "change", ALICE)[0] == 2
    code, _, err = verb(simulator, "change", ALICE, "fly")
    assert code == 1 and "go-abroad" in err
    assert subprocess.run([BINARY, "simulate", "events", "--url", "http://127.0.0.1:1"], capture_output=True, timeout=30).returncode == 1


def test_binary_mode_is_cloud_events_other_one(simulator, sink):
    subscribe(simulator, sink, ROAMING, "roaming-on")
    answer = simulator.control("POST", "/events", {"phoneNumber": ALICE, "type": "roaming-on", "mode": "binary"})
    assert answer.status_code == 202
    end = time.monotonic() + 10
    while not sink.received and time.monotonic() < end:
        time.sleep(0.05)
    (got,) = sink.received
    assert got.headers["content-type"] == "application/json" and got.headers["ce-type"].endswith(".roaming-on")
    assert got.headers["ce-specversion"] == "1.0" and "subscriptionId" in json.loads(got.body)


@pytest.mark.parametrize("status, headers", [(503, {}), (429, {"Retry-After": "0"}), (500, {})])
def test_what_a_sink_does_not_take_comes_again_in_order(simulator, sink, status, headers):
    sink.answer = Sink.failing(2, status, headers)
    subscribe(simulator, sink, ROAMING, "roaming-status")
    change(simulator, act="go-abroad")
    change(simulator, act="come-home")
    events = sink.wait(4)
    assert [e["data"]["roaming"] for e in events] == [True, True, True, False] and len({e["id"] for e in events}) == 2


def test_a_dead_sink_gets_its_events_when_it_is_there_again(simulator, sink):
    subscribe(simulator, sink, ROAMING, "roaming-on")
    with sink.dead():
        change(simulator, act="go-abroad")
        time.sleep(0.5)
    assert len(sink.wait(1, 15)) == 1


@pytest.mark.parametrize("status", [404, 410])
def test_a_sink_that_wants_nothing_more_gets_nothing_more(simulator, sink, status):
    sink.answer = status
    identifier = subscribe(simulator, sink, ROAMING, "roaming-status")
    change(simulator, act="go-abroad")
    sink.wait(1)
    change(simulator, act="come-home")
    sink.stays(1, 0.7)
    shown = requests.get(f"{simulator.url}/{ROAMING}/{BASES[ROAMING]}/subscriptions/{identifier}", timeout=10).json()
    assert shown["status"] == "EXPIRED"


def test_a_sink_of_https_is_believed_by_its_authority_alone(tmp_path):
    sink = Sink(folder=tmp_path)
    believer, stranger = Simulator("--ca", str(sink.ca)), Simulator()
    try:
        for simulator, path in ((stranger, "/never"), (believer, "/events")):
            subscribe(simulator, sink, ROAMING, "roaming-on", path=path)
            change(simulator, act="go-abroad")
        sink.wait(1)
        sink.stays(0, 0.5, path="/never")
    finally:
        for one in (believer, stranger, sink):
            one.stop()


@pytest.mark.parametrize("url", ["http://192.0.2.1/events", "ftp://127.0.0.1/", "https://", "http://localhost.evil.example/"])
def test_a_sink_in_the_clear_is_on_this_machine_or_refused(simulator, url):
    body = {"protocol": "HTTP", "types": [f"org.camaraproject.{ROAMING}.v0.roaming-on"], "sink": url,
            "config": {"subscriptionDetail": device(ALICE)}}
    answer = requests.post(f"{simulator.url}/{ROAMING}/{BASES[ROAMING]}/subscriptions", json=body, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_SINK")


def test_what_is_posted_is_called_json_and_says_what_is_known(simulator, sink):
    state = f"{simulator.url}/simulator/subscribers/{ALICE}/state"
    assert requests.post(state, data='{"act": "go-abroad"}', headers={"Content-Type": "text/plain"}, timeout=10).status_code == 415
    assert requests.post(state, json={"act": "go-abroad"}, headers={"Origin": "https://evil.example"}, timeout=10).status_code == 404
    for body in ({"act": "fly"}, {"battery": 3}, {}):
        assert requests.post(state, json=body, timeout=10).status_code == 400
    assert simulator.control("POST", "/subscribers/%2B999/state", {"act": "go-abroad"}).status_code == 404
    assert simulator.control("PUT", f"/subscribers/{ALICE}/state", {}).status_code == 405
    people = {one["phoneNumber"]: one for one in simulator.control("GET", "/subscribers").json()["subscribers"]}
    assert people[ALICE]["roaming"] is None


def test_reset_forgets_changes_and_events(simulator, sink):
    subscribe(simulator, sink, ROAMING, "roaming-on")
    change(simulator, act="go-abroad")
    sink.wait(1)
    simulator.control("POST", "/reset")
    assert simulator.control("GET", "/events").json() == {"events": []}
    assert simulator.control("GET", f"/subscribers/{ALICE}/state").json()["roaming"] is None
