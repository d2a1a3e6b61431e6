"""What could go wrong between a backend's events and a client's sink, and must not: races, half-done acts, others' faults."""
import json, os, re, resource, signal, sqlite3, subprocess, threading, time

import pytest
import requests

from harness import ALICE, BINARY, BOB, CAROL, REPOSITORY, Demo, refused, sinks_authority, wait_ready
from policy_gateway import PolicyGateway
from sinks import Sink, TokenEndpoint
from test_my_data import Person, interest  # noqa: F401
from test_event_subscriptions import ROAMING, TYPE, Application, control, entries, listed, raised, until

SESSIONS = "/quality-on-demand/v1/sessions"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    running = Demo(tmp_path_factory.mktemp("attacks")).start()
    yield running
    running.stop()


@pytest.fixture
def sink():
    running = Sink(authority=sinks_authority())
    yield running
    running.stop()


@pytest.fixture
def roaming(demo):
    return Application(demo, ROAMING, ["roaming-on", "roaming-off"])


def operator(demo, method, path, body=None):
    answer = requests.request(method, demo.description["backend"] + "/simulator" + path, json=body, timeout=10)
    assert answer.ok, answer.text


def operator_calls(demo, base):
    calls = requests.get(demo.description["backend"] + "/simulator/statistics", timeout=5).json()
    return sum(count for path, count in calls.items() if base in path)


class Sessions:
    """Quality on demand, which tells of itself by the way."""

    def __init__(self, demo, sink):
        self.demo, self.sink = demo, sink
        token = demo.token(ALICE, [f"quality-on-demand:sessions:{act}" for act in ("create", "read", "update", "delete")])
        self.headers = {"Authorization": "Bearer " + token}

    def call(self, method, path="", body=None):
        return requests.request(method, self.demo.issuer + SESSIONS + path, json=body, headers=self.headers, timeout=10)

    def make(self, sink=None, **more):
        answer = self.call("POST", body={"applicationServer": {"ipv4Address": "198.51.100.77"}, "qosProfile": "QOS_E", "duration": 600}
                           | (sink or self.sink.request()) | more)
        assert answer.status_code == 201, answer.text
        return answer.json()["sessionId"]

    def lives(self, id):
        return requests.get(self.demo.description["backend"] + SESSIONS + "/" + id, timeout=5).status_code == 200


class TestSessions:
    """What is no subscription but has one ends with its session, and the session never with it."""

    @pytest.fixture
    def sessions(self, demo, sink):
        """One session of a subscriber at a time: none of an earlier test is there."""
        operator(demo, "POST", "/reset")
        return Sessions(demo, sink)

    def test_one_that_was_made_longer_lives_on(self, demo, sink, sessions):
        id = sessions.make(duration=2)
        assert sessions.call("POST", f"/{id}/extend", {"requestedAdditionalDuration": 600}).status_code == 200
        time.sleep(4)
        assert sessions.lives(id), "it was paid for"
        assert listed(demo, backend_id=id)[0]["status"] in ("requested", "active")

    def test_the_end_of_its_time_is_told(self, sink, sessions):
        sessions.make(duration=2)
        last = sink.at_least(2, seconds=8)[-1]
        assert last["data"]["qosStatus"] == "UNAVAILABLE" and last["data"]["statusInfo"] == "DURATION_EXPIRED"

    def test_its_deletion_is_told(self, demo, sink, sessions):
        id = sessions.make()
        sink.at_least(1)
        assert sessions.call("DELETE", "/" + id).status_code == 204
        last = sink.at_least(2)[-1]
        assert last["data"]["qosStatus"] == "UNAVAILABLE" and last["data"]["statusInfo"] == "DELETE_REQUESTED"
        assert listed(demo, backend_id=id)[0]["expires_at"]

    def test_a_sink_that_is_gone_costs_no_session(self, demo, sink, sessions):
        sink.answer = 410
        id = sessions.make()
        until(lambda: listed(demo, backend_id=id, status="deleted"))
        time.sleep(1)
        assert sessions.lives(id)

    def test_nor_does_a_token_that_runs_out(self, demo, sink, sessions):
        id = sessions.make(sink.request(seconds=31))
        until(lambda: listed(demo, backend_id=id, status="expired"))
        time.sleep(1)
        assert sessions.lives(id)

    def test_a_withdrawal_ends_both(self, demo, sink, sessions):
        id = sessions.make()
        demo.withdraw(ALICE)
        until(lambda: listed(demo, backend_id=id, status="inactive"))
        until(lambda: not sessions.lives(id))


def test_a_withdrawal_while_the_sink_is_asked(demo, sink):
    """The consent was there when the call came, and is not when the backend would hear of it."""
    application = Application(demo, ROAMING, ["roaming-on"], number=BOB)
    asked = threading.Event()
    plain = Sink(authority=sinks_authority())
    handler = plain.server.RequestHandlerClass
    answer = handler.do_OPTIONS

    def do_OPTIONS(request):
        asked.set()
        time.sleep(2.5)
        answer(request)

    handler.do_OPTIONS = do_OPTIONS
    found = []
    before = operator_calls(demo, ROAMING)
    call = threading.Thread(target=lambda: found.append(application.call("POST", body=application.wish(plain))))
    call.start()
    assert asked.wait(5)
    demo.withdraw(BOB)
    call.join()
    plain.stop()
    refused(found[0], 403, "PERMISSION_DENIED")
    assert operator_calls(demo, ROAMING) == before
    assert not [s for s in listed(demo, client_id="demo-all") if s["status"] in ("requested", "active") and not s.get("backend_id")]


def test_a_backend_that_forgot(demo, roaming, sink):
    """Deleted there, and the gateway died before it knew; or the backend lost it. It is over when the client asks for its end."""
    made = roaming.subscribe(sink)
    operator(demo, "POST", "/reset")
    assert roaming.call("DELETE", "/" + made["id"]).status_code in (204, 404)
    until(lambda: listed(demo, backend_id=made["id"], status="deleted"))


def test_one_that_was_asked_for_by_a_process_that_died(tmp_path, sink):
    """Nobody is told of it, and nobody can end it: it ends by itself."""
    demo = Demo(tmp_path).start()
    try:
        application = Application(demo, ROAMING, ["roaming-on"])
        operator(demo, "PUT", "/faults", {"faults": ["device-roaming-status-subscriptions:hang"]})

        def call():
            try:
                application.call("POST", body=application.wish(sink))
            except requests.RequestException:
                pass

        threading.Thread(target=call, daemon=True).start()
        until(lambda: listed(demo, status="requested"))
        demo.stop(signal.SIGKILL)
        [path] = [os.path.join(folder, name) for folder, _, names in os.walk(demo.data) for name in names if name.endswith(".sqlite")]
        with sqlite3.connect(path) as store:
            store.execute("UPDATE subscriptions SET created_at = created_at - 3601000000")
        demo.start()
        until(lambda: listed(demo, status="inactive"))
        assert until(lambda: entries(demo, "subscription.ended"))[-1]["reason"] == "never_made"
    finally:
        demo.stop()


# A backend of a test's own, which says what it likes.

def lenient(name):
    """A policy of ours, whose files have comments and commas at the end."""
    text = open(os.path.join(REPOSITORY, "policies", name)).read()
    text = text.replace("^https:", "^https?:")
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", re.sub(r"(?m)^\s*//.*$", "", text)))


class Own:
    """Roaming subscriptions before a backend of a test's own."""

    def __init__(self, folder, schemas={}, **more):
        policy = lenient("device-roaming-status-subscriptions-0.8.json")
        policy["schemas"] |= schemas
        events = {"allowedSinkAddresses": ["127.0.0.0/8"], "allowPlainHttp": True} | more.pop("events", {})
        self.gateway = PolicyGateway(folder, {"roaming": policy}, lenient("categories.json"), events=events, **more)
        self.made, self.told = {}, []
        self.gateway.backend.answer = self.answer
        self.scopes = [f"device-roaming-status-subscriptions:{TYPE}{kind}:create" for kind in ("roaming-on", "roaming-off", "roaming-status")]
        self.scopes += ["device-roaming-status-subscriptions:read", "device-roaming-status-subscriptions:delete"]
        self.gateway.agree(*self.scopes)
        self.token = self.gateway.token(*self.scopes, subscriber=ALICE)

    def answer(self, request):
        if request["method"] != "POST":
            self.told.append(request["path"])
            return (204, {}, None) if request["method"] == "DELETE" else (404, {}, {"status": 404, "code": "NOT_FOUND", "message": "-"})
        id = f"backend-{len(self.made)}"
        self.made[id] = request["body"]
        return 201, {}, {"id": id, "status": "ACTIVE", "startsAt": "2026-11-22T00:00:00Z",
                         **{k: request["body"][k] for k in ("protocol", "sink", "types", "config")}}

    def subscribe(self, sink, kind="roaming-on", **config):
        body = {"protocol": "HTTP", "types": [TYPE + kind], "config": {"subscriptionDetail": {}} | config} | sink
        answer = self.gateway.call("POST", ROAMING + "/subscriptions", self.token, body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def post(self, made, kind="roaming-on", session=requests, **more):
        order = self.made[made]
        event = {"specversion": "1.0", "id": os.urandom(8).hex(), "source": "https://backend.internal/x", "type": TYPE + kind,
                 "time": "2026-11-21T10:00:00Z", "datacontenttype": "application/json", "data": {"subscriptionId": made}} | more
        return session.post(order["sink"], data=json.dumps(event), timeout=20, headers={
            "Content-Type": "application/cloudevents+json", "Authorization": "Bearer " + order["sinkCredential"]["accessToken"]})


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    running = Own(tmp_path_factory.mktemp("own"))
    yield running
    running.gateway.stop()


@pytest.fixture
def plain():
    running = Sink(tls=False)
    yield running
    running.stop()


@pytest.mark.parametrize("source", [f"/subscribers/{ALICE}", f"tel:{ALICE}", f"urn:msisdn:{ALICE[1:]}", "https://db7.operator.internal/" + ALICE])
def test_what_a_backend_calls_its_events_names_nobody(own, plain, source):
    """Source and id are no data that anybody agreed to."""
    id = own.subscribe(plain.request())
    twice = {"id": f"{ALICE}-17", "source": source}
    for more in ({}, {}):
        assert own.post(id, **twice, **more).status_code == 204
    event = plain.wait(1)[0]
    text = json.dumps(event)
    assert ALICE[1:] not in text and "operator.internal" not in text, text
    assert own.post(id, **twice | {"id": "another"}).status_code == 204
    second = plain.wait(2)[1]
    assert second["source"] == event["source"] and second["id"] != event["id"]


def test_a_retry_has_the_same_name(own, plain):
    plain.answer = Sink.failing(1)
    id = own.subscribe(plain.request())
    assert own.post(id).status_code == 204
    first, second = plain.wait(2)
    assert (first["id"], first["source"]) == (second["id"], second["source"])


class TestNeighbours:
    """One dead or slow sink harms nobody: not with its turns, not with its connections, not with what is remembered of its server."""

    @pytest.fixture(scope="class")
    @classmethod
    def few(cls, tmp_path_factory):
        """Eight turns at a time, and a third client."""
        own = Own(tmp_path_factory.mktemp("few"), events={"deliveriesAtOnce": 8, "connectionsPerSink": 2})
        gateway = own.gateway
        client = json.loads(gateway.run("clients", "show", "app", "--json")) | {"client_id": "third", "client_name": "third"}
        with open(os.path.join(gateway.folder, "third.json"), "w") as file:
            json.dump({k: client[k] for k in ("client_id", "client_name", "grant_types", "scope", "purposes", "two_legged_purposes", "jwks")}, file)
        gateway.run("clients", "add", os.path.join(gateway.folder, "third.json"))
        own.tokens = {}
        for name in ("app", "other", "third"):
            gateway.agree(*own.scopes, client=name)
            own.tokens[name] = gateway.token(*own.scopes, subscriber=ALICE, client=name)
        yield own
        gateway.stop()

    @staticmethod
    def subscribe(own, client, sink):
        own.token = own.tokens[client]
        return own.subscribe(sink)

    def test_who_has_theirs_at_the_same_server(self, few, plain):
        plain.at["/slow"] = Sink.slow(6)
        for _ in range(4):
            assert few.post(self.subscribe(few, "app", plain.request("/slow"))).status_code == 204
        plain.at_least(2, path="/slow")
        assert few.post(self.subscribe(few, "other", plain.request("/fast"))).status_code == 204
        plain.at_least(1, path="/fast", seconds=3)
        plain.at_least(4, path="/slow", seconds=15)

    def test_whose_neighbours_are_all_slow(self, few, plain):
        slow = [Sink(tls=False) for _ in range(4)]
        for number, sink in enumerate(slow):
            sink.answer = Sink.slow(6)
            for _ in range(4):
                assert few.post(self.subscribe(few, ("app", "other")[number % 2], sink.request())).status_code == 204
        for sink in slow:
            sink.at_least(1)
        assert few.post(self.subscribe(few, "third", plain.request())).status_code == 204
        plain.at_least(1, seconds=3)
        for sink in slow:
            sink.stop()


def test_what_a_client_named_is_told_only_as_long_as_it_may(own, plain):
    """A client of its own, about a device that it names: the consent is the subscriber's all the same, and no other number is told."""
    gateway = own.gateway
    gateway.agree(*own.scopes, subscriber=CAROL)
    subscriber, own.token = own.token, gateway.token(*own.scopes)
    try:
        body = {"protocol": "HTTP", "types": [TYPE + "roaming-on"], "config": {"subscriptionDetail": {"device": {"phoneNumber": CAROL}}}}
        answer = gateway.call("POST", ROAMING + "/subscriptions", own.token, body | plain.request())
        assert answer.status_code == 201, answer.text
        id = answer.json()["id"]
        for number in (CAROL, BOB):
            assert own.post(id, data={"subscriptionId": id, "device": {"phoneNumber": number}}).status_code == 204
        first, second = plain.at_least(2)
        assert first["data"]["device"] == {"phoneNumber": CAROL} and BOB not in json.dumps(second)
        plain.answer = 503
        assert own.post(id).status_code == 204
        plain.at_least(3)
        for consent in json.loads(gateway.run("consents", "list", "--subject", f"tel:{CAROL}", "--json")):
            if consent["status"] == "granted":
                gateway.run("consents", "revoke", consent["id"])
        plain.forget()
        plain.answer = 204
        assert plain.at_least(1)[0]["type"].endswith("subscription-ended")
        plain.stays(1)
        assert own.post(id).status_code == 410
        until(lambda: [path for path in own.told if path.endswith(id)])
    finally:
        own.token = subscriber


def test_an_api_that_is_not_served_for_a_while(own, plain):
    """What was taken in waits for it, and what comes is to be sent again."""
    gateway = own.gateway
    id = own.subscribe(plain.request())
    plain.answer = 503
    assert own.post(id).status_code == 204
    plain.at_least(1)
    path, other = os.path.join(gateway.policies, "roaming.json"), os.path.join(gateway.folder, "kept.json")
    gateway.write("sim-swap.json", lenient("sim-swap-subscriptions-0.3.json"))
    os.rename(path, other)
    gateway.run("reload")
    try:
        assert own.post(id).status_code == 503
        plain.forget()
        plain.answer = 204
        plain.stays(0)
    finally:
        os.rename(other, path)
        gateway.run("reload")
    plain.at_least(1, seconds=15)


def test_a_policy_that_tells_less(own, plain):
    """Under way, too: what leaves is what the policy of the moment lets leave."""
    gateway = own.gateway
    id = own.subscribe(plain.request(), kind="roaming-status")
    data = {"subscriptionId": id, "roaming": True, "countryCode": 208}
    assert own.post(id, kind="roaming-status", data=data).status_code == 204
    assert plain.at_least(1)[0]["data"]["countryCode"] == 208
    policy = lenient("device-roaming-status-subscriptions-0.8.json")
    events = next(o["events"] for o in policy["operations"].values() if "events" in o)
    del events["types"][TYPE + "roaming-status"]["fields"]["countryCode"]
    gateway.write("roaming.json", policy)
    gateway.run("reload")
    try:
        assert own.post(id, kind="roaming-status", data=data).status_code == 204
        assert "countryCode" not in plain.at_least(2)[1]["data"]
    finally:
        gateway.write("roaming.json", lenient("device-roaming-status-subscriptions-0.8.json"))
        gateway.run("reload")


def test_a_ledger_that_cannot_be_written(own, plain):
    """No event leaves that no entry knows of, and all that was taken in comes when there is room again."""
    gateway = own.gateway
    gateway.stop()
    gateway.process = subprocess.Popen([BINARY, "serve", "--config", gateway.configuration], stdout=subprocess.PIPE, stderr=gateway.log, text=True,
                                       preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
    wait_ready(gateway.process)
    id = own.subscribe(plain.request())
    plain.answer = 503
    for _ in range(3):
        assert own.post(id).status_code == 204
    plain.at_least(1)
    # The limit on the size of a file stands in for the full disk.
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        time.sleep(0.5)
        plain.forget()
        plain.answer = 204
        plain.stays(0, seconds=4)
        assert own.post(id).status_code == 503
    finally:
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: len({event["id"] for event in plain.events()}) == 3, seconds=20)


@pytest.fixture(scope="module")
def interested(request):
    """A gateway where nobody is asked for consent, that trusts our sinks."""
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = sinks_authority().file
    try:
        yield request.getfixturevalue("interest")
    finally:
        os.environ.pop("SSL_CERT_FILE")
        if before:
            os.environ["SSL_CERT_FILE"] = before


def test_an_objection_ends_it(interested, sink):
    """Nobody was asked, and whoever says no is heard at once."""
    demo = interested
    machine = Application(demo, ROAMING, ["roaming-on"], number=ALICE, token="-")
    machine.token = demo.machine_token(*machine.scopes("roaming-on"))
    made = machine.subscribe(sink, detail={"device": {"phoneNumber": ALICE}})
    raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
    assert sink.at_least(1)[0]["type"] == TYPE + "roaming-on"
    Person(demo, ALICE).act("/my/object")
    assert sink.at_least(2)[1]["type"] == TYPE + "subscription-ended"
    until(lambda: listed(demo, backend_id=made["id"], status="inactive"))
    raised(demo, TYPE + "roaming-on", subscriptionId=made["id"])
    sink.stays(2)
    until(lambda: requests.get(demo.description["backend"] + ROAMING + "/subscriptions/" + made["id"], timeout=5).status_code == 404)


def test_a_deletion_that_the_store_did_not_take(own, plain):
    """The backend has deleted it, and the gateway could not write that down: it is asked for again, and done."""
    gateway = own.gateway
    id = own.subscribe(plain.request())
    with gateway.locked_store():
        answer = gateway.call("DELETE", f"{ROAMING}/subscriptions/{id}", own.token)
        assert answer.status_code == 503, answer.text
    assert gateway.call("DELETE", f"{ROAMING}/subscriptions/{id}", own.token).status_code == 204
    assert own.post(id).status_code == 410
    assert plain.at_least(1)[0]["data"]["terminationReason"] == "SUBSCRIPTION_DELETED"
    plain.stays(1)


def test_a_subscription_that_the_store_did_not_take(own, plain):
    """What cannot be kept is not asked of a backend."""
    gateway = own.gateway
    before = len(own.made)
    body = {"protocol": "HTTP", "types": [TYPE + "roaming-on"], "config": {"subscriptionDetail": {}}} | plain.request()
    with gateway.locked_store():
        answer = gateway.call("POST", ROAMING + "/subscriptions", own.token, body)
    refused(answer, 503, "UNAVAILABLE")
    assert len(own.made) == before
    assert gateway.call("POST", ROAMING + "/subscriptions", own.token, body).status_code == 201


class TestPrivateKeyJWT:
    """Tokens for sinks, got with an assertion (commonalities, section 8: clientId and tokenUri are shared beforehand)."""

    @pytest.fixture(scope="class")
    @classmethod
    def keyed(cls, tmp_path_factory):
        running = Own(tmp_path_factory.mktemp("keyed"), schemas={"SinkCredential": {"type": "object", "additionalProperties": True}})
        yield running
        running.gateway.stop()

    @pytest.fixture
    def endpoint(self, keyed):
        running = TokenEndpoint(lambda: requests.get(keyed.gateway.issuer + "/jwks", timeout=5).json(), "the-gateway", tls=False)
        yield running
        running.stop()

    @staticmethod
    def register(own, **changes):
        shown = {name: value for name, value in json.loads(own.gateway.run("clients", "show", "app", "--json")).items()
                 if name != "enabled" and not name.startswith("event_token")}
        path = os.path.join(own.gateway.folder, "changed.json")
        with open(path, "w") as file:
            json.dump(shown | changes, file)
        own.gateway.run("clients", "add", path, "--replace")

    @staticmethod
    def wish(sink, **said):
        return {"sink": sink.url(), "sinkCredential": {"credentialType": "PRIVATE_KEY_JWT"} | said}

    def refused(self, own, body):
        answer = own.gateway.call("POST", ROAMING + "/subscriptions", own.token,
                                  {"protocol": "HTTP", "types": [TYPE + "roaming-on"], "config": {"subscriptionDetail": {}}} | body)
        refused(answer, 400, "INVALID_CREDENTIAL")

    @pytest.mark.parametrize("is_said", [False, True])
    def test_a_token_of_the_registered_endpoint(self, keyed, endpoint, plain, is_said):
        self.register(keyed, event_token_uri=endpoint.url("/token"), event_token_client_id="the-gateway")
        said = {"clientId": "the-gateway", "tokenUri": endpoint.url("/token")} if is_said else {}
        id = keyed.subscribe(self.wish(plain, **said))
        for _ in range(3):
            assert keyed.post(id).status_code == 204
        plain.wait(3)
        assert not endpoint.faults and len(endpoint.tokens) == 1, "one token is enough"
        assert {r.headers["authorization"] for r in plain.received} == {"Bearer " + endpoint.tokens[0]}

    def test_another_endpoint_is_not_asked(self, keyed, endpoint, plain):
        """The gateway would prove who it is to somebody else, and show what it gets there to this client's sink."""
        self.register(keyed)
        self.refused(keyed, self.wish(plain))
        self.refused(keyed, self.wish(plain, clientId="the-gateway", tokenUri=endpoint.url("/token")))
        self.register(keyed, event_token_uri=endpoint.url("/token"), event_token_client_id="the-gateway")
        for said in ({"clientId": "somebody"}, {"tokenUri": endpoint.url("/other")}, {"tokenUri": "https://victim.example/token"}):
            self.refused(keyed, self.wish(plain, **said))
        assert not endpoint.received and not endpoint.tokens
