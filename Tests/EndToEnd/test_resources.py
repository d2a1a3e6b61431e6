"""What calls make, and what becomes of it when things go wrong: whose it is, how many there may be, and how its id stands in a path."""
import concurrent.futures, http.client, json, threading, time, uuid
from urllib.parse import quote

import pytest

from harness import ALICE, BOB, refused
from policy_gateway import TEXT, PolicyGateway

ALWAYS = {"release": "always"}
ID = {"required": True} | ALWAYS


def operation(method, path, *scopes, **more):
    return {"method": method, "path": path, "title": TEXT, "scopes": list(scopes), "response": {"status": [204]}} | more


def api(name, operations, **more):
    return {"api": name, "version": "1.0.0", "basePath": f"/{name}/v1", "title": TEXT, "operations": operations} | more


CHECKED = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "count": {"type": "integer", "maximum": 9}}}
OWN = {"name": "things", "parameter": "thingId"}
THINGS = api("things", {
    "create": operation("POST", "/things", "things:use", resource={"name": "things", "creates": "id"},
                        response={"status": [201], "location": "read", "validate": "refuse", "schema": CHECKED, "fields": {"id": ID, "count": ALWAYS}}),
    # What the field `places` holds has a scope of its own: without it an answer of this operation cannot be whole.
    "createWhole": operation("POST", "/whole", "things:name", "things:place", subject={"rule": "tokenOrBody", "at": "phoneNumber", "kind": "phoneNumber"},
                             request={"schema": {"type": "object", "properties": {"phoneNumber": {"type": "string"}}}},
                             resource={"name": "things", "creates": "id"},
                             response={"status": [201], "location": "read", "fields": {
                                 "id": ID, "name": {"category": "name"},
                                 "places": {"required": True, "entries": {"category": "place", "scopes": ["things:place"]}}}}),
    "read": operation("GET", "/things/{thingId}", "things:use", resource=OWN, response={"fields": {"id": ID}}),
    "list": operation("GET", "/things", "things:use", resource={"name": "things", "lists": {"id": "id"}}, response={"items": {"fields": {"id": ID}}}),
    "end": operation("DELETE", "/things/{thingId}", "things:use", resource=OWN | {"deletes": True}),
})
PLAIN = api("plain", {
    "act": operation("POST", "/act", "plain:use"),
    "ask": operation("POST", "/ask", "plain:use", legs=[3], subject={"rule": "token", "header": "x-number"}, personalData=False),
    "head": operation("GET", "/head", "plain:use", headers={"transactionId": {"maxLength": 40}}),
    "heads": operation("GET", "/heads", "plain:use", headers={"transactionId": {"maxLength": 40, "required": True}}),
})
DEVICE = {"type": "object", "properties": {"phoneNumber": {"type": "string"}}}
PAIR = {"id": ID, "device": {"named": True, "fields": {"phoneNumber": ALWAYS}}}
PAIRS = api("pairs", {
    "create": operation("POST", "/pairs", "pairs:use", personalData=False, subject={"rule": "tokenOrBody", "at": "device"},
                        request={"schema": {"type": "object", "properties": {"device": DEVICE}}},
                        resource={"name": "pairs", "creates": "id"}, response={"status": [201], "fields": PAIR}),
    "read": operation("GET", "/pairs/{pairId}", "pairs:use", personalData=False, subject={"rule": "token", "header": "x-number"},
                      headers={"besideId": {"maxLength": 64}},
                      resource=[{"name": "pairs", "header": "besideId"}, {"name": "pairs", "parameter": "pairId"}], response={"fields": PAIR}),
})
PATH = "/things/v1/things"
PLACES = 3


def started(folder, **configuration):
    return PolicyGateway(folder, {policy["api"]: policy for policy in (THINGS, PAIRS, PLAIN)}, ["name", "place"], **configuration)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = started(tmp_path_factory.mktemp("resources"))
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """One that lets its clients have few of them."""
    gateway = started(tmp_path_factory.mktemp("few"), limits={"resourcesPerClient": PLACES})
    yield gateway
    gateway.stop()


@pytest.fixture(autouse=True)
def fresh(request):
    """The backend knows of nothing; where places are few, nobody has one."""
    for name in {"gateway", "few"} & set(request.fixturenames):
        gateway = request.getfixturevalue(name)
        for client in made if name == "few" else ():
            for thing in listed(gateway, client):
                gateway.backend.answer = (204, {}, None)
                assert gateway.call("DELETE", f"{PATH}/{thing}", gateway.token("things:use", client=client)).status_code == 204
        gateway.backend.requests.clear()
        gateway.backend.answer = (204, {}, None)
    made.clear()


# The ids that the backend has given away, by client.
made = {}


def exact(gateway, method, path, token, *fields, body=None):
    """A call whose path and fields stand on the wire as they are written here."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in (("Authorization", f"Bearer {token}"), *fields):
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


def create(gateway, name=None, client="app", **more):
    name = name if name is not None else str(uuid.uuid4())
    made.setdefault(client, []).append(name)
    gateway.backend.answer = (201, {}, {"id": name} | more)
    return name, gateway.call("POST", PATH, gateway.token("things:use", client=client))


def listed(gateway, client="app"):
    gateway.backend.answer = (200, {}, [{"id": name} for name in sorted({name for names in made.values() for name in names})])
    return [row["id"] for row in gateway.call("GET", PATH, gateway.token("things:use", client=client)).json()]


def is_its_clients_alone(gateway, name):
    path, mine, theirs = f"{PATH}/{name}", gateway.token("things:use"), gateway.token("things:use", client="other")
    assert listed(gateway) == [name] and listed(gateway, "other") == []
    gateway.backend.answer = (200, {}, {"id": name})
    assert gateway.call("GET", path, mine).json() == {"id": name}
    calls = len(gateway.backend.requests)
    for method in ("GET", "DELETE"):
        refused(gateway.call(method, path, theirs), 404, "NOT_FOUND")
    assert len(gateway.backend.requests) == calls
    gateway.backend.answer = (204, {}, None)
    assert gateway.call("DELETE", path, mine).status_code == 204
    refused(gateway.call("GET", path, mine), 404, "NOT_FOUND")


# What was made although nobody is told.

def test_what_was_made_is_kept_although_its_answer_breaks_its_schema(gateway):
    name, answer = create(gateway, count=10)
    refused(answer, 502, "BAD_GATEWAY")
    assert "location" not in answer.headers and name not in answer.text
    is_its_clients_alone(gateway, name)


def test_what_was_made_is_kept_although_a_required_field_was_not_agreed_to(gateway):
    gateway.agree("things:name")
    name = str(uuid.uuid4())
    made["app"] = [name]
    gateway.backend.answer = (201, {}, {"id": name, "name": "Ada", "places": {"home": "Paris"}})
    answer = gateway.call("POST", "/things/v1/whole", gateway.token("things:name", subscriber=ALICE), {})
    refused(answer, 403, "PERMISSION_DENIED")
    assert "location" not in answer.headers and name not in answer.text and "Paris" not in answer.text
    # Another subscriber's token does not see it, nor does another client's of the same subscriber.
    gateway.backend.answer = (200, {}, {"id": name})
    for token in (gateway.token("things:use", subscriber=BOB), gateway.token("things:use", client="other", subscriber=ALICE)):
        refused(gateway.call("GET", f"{PATH}/{name}", token), 404, "NOT_FOUND")
    assert gateway.call("GET", f"{PATH}/{name}", gateway.token("things:use", subscriber=ALICE)).status_code == 200
    is_its_clients_alone(gateway, name)


def test_what_has_the_id_of_anothers_stays_anothers(gateway):
    name, _ = create(gateway, client="other")
    _, answer = create(gateway, name)
    refused(answer, 502, "BAD_GATEWAY")
    assert "location" not in answer.headers and listed(gateway) == [] and listed(gateway, "other") == [name]


# How many there may be.

def test_a_client_has_no_more_than_it_may(few):
    names = []
    for _ in range(PLACES):
        name, answer = create(few)
        assert answer.status_code == 201 and answer.headers["location"] == f"{few.issuer}{PATH}/{name}"
        names.append(name)
    calls = len(few.backend.requests)
    _, answer = create(few)
    refused(answer, 429, "QUOTA_EXCEEDED")
    assert len(few.backend.requests) == calls and "location" not in answer.headers
    # One client's places are not another's; one that is given up is free again.
    assert create(few, client="other")[1].status_code == 201
    few.backend.answer = (204, {}, None)
    assert few.call("DELETE", f"{PATH}/{names[0]}", few.token("things:use")).status_code == 204
    assert create(few)[1].status_code == 201
    refused(create(few)[1], 429, "QUOTA_EXCEEDED")
    assert len(listed(few)) == PLACES


def test_what_could_not_be_told_takes_a_place_too(few):
    for _ in range(PLACES):
        refused(create(few, count=10)[1], 502, "BAD_GATEWAY")
    refused(create(few)[1], 429, "QUOTA_EXCEEDED")


@pytest.mark.parametrize("free", [1, 2])
def test_calls_at_once_never_make_more_than_a_client_may_have(few, free):
    for _ in range(PLACES - free):
        assert create(few)[1].status_code == 201
    at_once, lock = 8, threading.Lock()

    def slowly(request):
        name = str(uuid.uuid4())
        with lock:
            made.setdefault("app", []).append(name)
        # Long enough for all of them to have been let through before the first is kept.
        time.sleep(0.3)
        return 201, {}, {"id": name}

    few.backend.answer = slowly
    token = few.token("things:use")
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(lambda _: few.call("POST", PATH, token), range(at_once)))
    told = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert len(told) == free, [answer.status_code for answer in answers]
    for answer in answers:
        assert answer.status_code == 201 or "location" not in answer.headers and refused(answer, 429, "QUOTA_EXCEEDED")
    kept = listed(few)
    assert len(kept) == PLACES and set(told) <= set(kept)
    refused(create(few)[1], 429, "QUOTA_EXCEEDED")


# Ids in paths.

@pytest.mark.parametrize("name", ["a b", "é", "a%2Fb", "a+b", "a:b@c", "a?b#c", "%", "\"<a>'", "...", "a&b=c", "~a_b-c.d", "a\r\nset-cookie: x"])
def test_an_id_is_escaped_in_its_address_and_found_by_it(gateway, name):
    _, answer = create(gateway, name)
    path = f"{PATH}/{quote(name, safe='')}"
    assert answer.status_code == 201 and answer.json()["id"] == name and answer.headers["location"] == gateway.issuer + path
    assert "set-cookie" not in answer.headers
    gateway.backend.answer = (200, {}, {"id": name})
    status, _, content = exact(gateway, "GET", path, gateway.token("things:use"))
    assert status == 200 and json.loads(content) == {"id": name} and gateway.last["path"] == path
    assert exact(gateway, "GET", path, gateway.token("things:use", client="other"))[0] == 404
    gateway.backend.answer = (204, {}, None)
    assert exact(gateway, "DELETE", path, gateway.token("things:use"))[0] == 204 and gateway.last["path"] == path


@pytest.mark.parametrize("name", ["a/b", "/", "../things", "a;b", "a\\b", "a\0b"])
def test_an_id_that_a_server_might_read_as_more_than_one_segment_is_named_in_no_path(gateway, name):
    """It can be made, and stands in lists; a request with it in its path, however it is written, goes nowhere (A25)."""
    _, answer = create(gateway, name)
    assert answer.status_code == 201 and answer.headers["location"] == f"{gateway.issuer}{PATH}/{quote(name, safe='')}"
    assert listed(gateway) == [name]
    calls, token = len(gateway.backend.requests), gateway.token("things:use")
    for spelling in {quote(name, safe=""), quote(name, safe="").lower(), quote(name, safe=";\\")}:
        status, _, _ = exact(gateway, "GET", f"{PATH}/{spelling}", token)
        assert status in (400, 404), (spelling, status)
    assert len(gateway.backend.requests) == calls


@pytest.mark.parametrize("name", [".", ".."])
def test_an_id_that_is_no_segment_is_none(gateway, name):
    """An address that ends in it would be that of something else."""
    _, answer = create(gateway, name)
    refused(answer, 502, "BAD_GATEWAY")
    assert "location" not in answer.headers and listed(gateway) == []


def test_one_resource_by_another_spelling_of_its_id_is_the_same_and_any_other_is_none(gateway):
    create(gateway, "a")
    create(gateway, "\ufffd", client="other")
    gateway.backend.answer = (200, {}, {"id": "a"})
    token = gateway.token("things:use")
    for path in ("a", "%61"):
        assert exact(gateway, "GET", f"{PATH}/{path}", token)[0] == 200 and gateway.last["path"] == f"{PATH}/{path}"
    calls = len(gateway.backend.requests)
    for path in ("%2561", "A", "a%", "a%6", "%+61", "%", "", ".", "..", "%2e", "%2E%2e", "a%2f", "a%2F..", "a/", "a/..", "a%00", "a;x=1", "%ff", "a%20"):
        assert exact(gateway, "GET", f"{PATH}/{path}", token)[0] in (400, 404), path
    for client in ("app", "other"):
        assert exact(gateway, "GET", f"{PATH}/%ff", gateway.token("things:use", client=client))[0] == 400, client
    assert len(gateway.backend.requests) == calls


# Several resources.

def test_a_call_is_about_the_resource_of_its_path(gateway):
    """Beside it stands one that the subscriber made: whose number the client never named. What is in the path decides what is told."""
    def made_by(token, body):
        name = str(uuid.uuid4())
        gateway.backend.answer = (201, {}, {"id": name, "device": {"phoneNumber": ALICE}})
        answer = gateway.call("POST", "/pairs/v1/pairs", token, body)
        assert answer.status_code == 201, answer.text
        return name

    machine = gateway.token("pairs:use")
    named, own = made_by(machine, {"device": {"phoneNumber": ALICE}}), made_by(gateway.token("pairs:use", subscriber=ALICE), {})
    bobs = made_by(machine, {"device": {"phoneNumber": BOB}})
    for path, beside, device in ((named, own, {"phoneNumber": ALICE}), (own, named, None), (named, None, {"phoneNumber": ALICE})):
        gateway.backend.answer = (200, {}, {"id": path, "device": {"phoneNumber": ALICE}})
        answer = gateway.call("GET", f"/pairs/v1/pairs/{path}", machine, **({"besideId": beside} if beside else {}))
        assert answer.status_code == 200 and answer.json().get("device") == device, answer.text
        assert gateway.last["headers"]["x-number"] == ALICE and gateway.last["headers"].get("besideId") == beside
    calls = len(gateway.backend.requests)
    # All of them have to be the caller's, and of one subscriber; one that is the connection's affair is not named.
    for path, beside in ((named, bobs), (bobs, named), (named, "gone"), ("gone", named)):
        refused(gateway.call("GET", f"/pairs/v1/pairs/{path}", machine, besideId=beside), 404, "NOT_FOUND")
    assert len(gateway.backend.requests) == calls
    gateway.backend.answer = (200, {}, {"id": named})
    assert exact(gateway, "GET", f"/pairs/v1/pairs/{named}", machine, ("besideId", bobs), ("Connection", "besideId"))[0] == 200
    assert "besideId" not in gateway.last["headers"]


# What of a request is forwarded.

@pytest.mark.parametrize("body", [{"a": 1}, {"device": {"phoneNumber": BOB}}, {"amount": {"sum": 1}, "phoneNumber": BOB}, [BOB], {}])
def test_nothing_of_a_body_without_a_schema_is_forwarded(gateway, body):
    for path, token in (("act", gateway.token("plain:use")), ("ask", gateway.token("plain:use", subscriber=ALICE))):
        assert gateway.call("POST", "/plain/v1/" + path, token, body).status_code == 204
        assert gateway.last["body"] is None and gateway.last["headers"].get("content-length", "0") == "0"
    assert gateway.last["headers"]["x-number"] == ALICE
    refused(gateway.call("POST", "/plain/v1/act", gateway.token("plain:use"), "{"), 400, "INVALID_ARGUMENT")


def test_a_field_that_is_there_twice_is_refused(gateway):
    token = gateway.token("plain:use")
    for path in ("head", "heads"):
        for first, second in (("transactionId", "transactionId"), ("transactionId", "TRANSACTIONID")):
            for values in (("1", "2"), ("1", "1")):
                status, _, content = exact(gateway, "GET", "/plain/v1/" + path, token, (first, values[0]), (second, values[1]))
                assert status == 400 and "transactionId is there twice" in json.loads(content)["message"]
    assert not gateway.backend.requests
    assert exact(gateway, "GET", "/plain/v1/head", token, ("TransactionID", "1"))[0] == 204
    assert gateway.last["headers"]["transactionId"] == "1"


@pytest.mark.parametrize("nominated", ["transactionId", "TRANSACTIONID", "keep-alive, transactionid ,x", "x,\ttransactionId", ",transactionId"])
def test_a_field_that_belongs_to_the_connection_goes_no_further(gateway, nominated):
    """RFC 9110 §7.6.1, A27: who stands between the client and us has used it, and the next one must not see it."""
    token = gateway.token("plain:use")
    field = ("transactionId", "1")
    for connection in ([("Connection", nominated)], [("Connection", "keep-alive"), ("Connection", nominated)]):
        assert exact(gateway, "GET", "/plain/v1/head", token, field, *connection)[0] == 204
        assert "transactionid" not in {name.lower() for name in gateway.last["headers"]}
        calls = len(gateway.backend.requests)
        status, _, content = exact(gateway, "GET", "/plain/v1/heads", token, field, *connection)
        assert status == 400 and "transactionId is missing" in json.loads(content)["message"] and len(gateway.backend.requests) == calls
    # Another name that only begins or ends like it is another.
    for other in ("transactionId2", "xtransactionId", "transaction Id", "keep-alive"):
        assert exact(gateway, "GET", "/plain/v1/heads", token, field, ("Connection", other))[0] == 204
        assert gateway.last["headers"]["transactionId"] == "1"
