"""What policies must be able to say of CAMARA's APIs, each shown with an API that this file makes up."""
import json, random, sqlite3, time, uuid

import jsonschema
import pytest

from harness import ALICE, BOB, refused
from policy_gateway import TEXT, PolicyGateway

NUMBER = {"type": "string", "pattern": r"^\+[1-9][0-9]{4,14}$"}
DEVICE = {"type": "object", "minProperties": 1, "properties": {
    "phoneNumber": NUMBER, "ipv4Address": {"type": "object", "properties": {"publicAddress": {"type": "string", "format": "ipv4"}}},
    "networkAccessIdentifier": {"type": "string"}}}
BODY = {"type": "object", "properties": {"device": DEVICE}}
ALWAYS = {"release": "always"}


def needed(**rule):
    return {"required": True} | rule


def operation(method, path, *scopes, **more):
    return {"method": method, "path": path, "title": TEXT, "scopes": list(scopes), "response": {"status": [204]}} | more


def api(name, operations, **more):
    return {"api": name, "version": "1.0.0", "basePath": f"/{name}/v1", "title": TEXT, "operations": operations} | more


SESSION = {"sessionId": needed(**ALWAYS), "state": ALWAYS, "device": {"named": True, "fields": {"phoneNumber": ALWAYS}}}
OWN = {"name": "sessions", "parameter": "sessionId"}
SESSIONS = api("sessions", {
    "create": operation(
        "POST", "/sessions", "sessions:create", personalData=False, subject={"rule": "tokenOrBody", "at": "device"},
        request={"schema": {"type": "object", "properties": {"device": DEVICE, "sinkCredential": {"type": "object"}}}},
        resource={"name": "sessions", "creates": "sessionId"},
        response={"location": "read", "answers": {"201": {"fields": SESSION}, "202": {"fields": {"sessionId": needed(**ALWAYS)}}}}),
    "read": operation("GET", "/sessions/{sessionId}", "sessions:read", personalData=False, subject={"rule": "token", "header": "x-number"},
                      parameters={"sessionId": {"format": "uuid"}}, resource=OWN, response={"fields": SESSION}),
    "list": operation("GET", "/sessions", "sessions:read", resource={"name": "sessions", "lists": {"id": "sessionId", "ofClient": True}},
                      query={"page": {"type": "integer", "minimum": 1}, "created.gte": {"format": "date-time"},
                             "state": {"enum": ["on", "off"], "repeated": True}},
                      response={"items": {"fields": SESSION}, "headers": {"X-Total-Count": {"type": "integer"}}}),
    "listAll": operation("GET", "/all-sessions", "sessions:read", resource={"name": "sessions", "lists": {"id": "sessionId"}},
                         response={"items": {"fields": SESSION}, "headers": {"X-Total-Count": {"type": "integer"}}}),
    "byDevice": operation("POST", "/retrieve-session", "sessions:read", personalData=False,
                          subject={"rule": "tokenOrBody", "at": "device"}, request={"schema": BODY},
                          resource={"name": "sessions", "shows": "sessionId"}, response={"fields": SESSION}),
    "remaining": operation("GET", "/sessions/{sessionId}/parts/remaining", "sessions:read", resource=OWN,
                           response={"fields": {"rest": needed(**ALWAYS)}}),
    "part": operation("GET", "/sessions/{sessionId}/parts/{partId}", "sessions:read",
                      resource=[OWN, {"name": "parts", "parameter": "partId"}], response={"fields": {"partId": ALWAYS}}),
    "prepare": operation("POST", "/sessions/prepare", "sessions:create", request={"required": False}, response={"status": [202]}),
    "end": operation("DELETE", "/sessions/{sessionId}", "sessions:delete", resource=OWN | {"deletes": True},
                     response={"answers": {"204": {}, "202": {"fields": {"sessionId": ALWAYS}}}}),
}, errors={"specific": [{"status": 409, "code": "SESSIONS.CONFIRMED", "message": "It is confirmed."},
                        {"status": 410, "code": "SESSIONS.OVER", "message": "It is over."}]})

CALLS = api("calls", {"start": operation(
    "POST", "/calls", "calls:start", headers={"registrationId": {"required": True, "maxLength": 64}},
    request={"schema": {"type": "object", "properties": {"media": {"type": "string"}}}},
    resource=[{"name": "sessions:sessions", "header": "registrationId"}, {"name": "calls", "creates": "callId"}],
    response={"status": [201], "fields": {"callId": needed(**ALWAYS)}})})

NUMBERS = api("numbers", {
    "verify": operation(
        "POST", "/verify", "numbers:verify", legs=[3], authenticatedBy=["nba", "sc"],
        subject={"rule": "compared", "header": "x-device-number"},
        request={"schema": {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": {
            "phoneNumber": NUMBER, "hashedPhoneNumber": {"type": "string", "pattern": "^[a-fA-F0-9]{64}$"}}}},
        response={"fields": {"devicePhoneNumberVerified": needed(category="number-match")}}),
    "share": operation("GET", "/device-phone-number", "numbers:read", legs=[3], authenticatedBy=["nba", "sc"],
                       subject={"rule": "token", "header": "x-device-number"},
                       response={"fields": {"devicePhoneNumber": needed(category="number")}}),
}, errors={"wrongAuthentication": {"code": "NUMBERS.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK", "message": "Not by the network."}})

FILL = api("fill", {
    "fillIn": operation(
        "POST", "/fill-in", "fill:name", "fill:mail", "fill:all", subject={"rule": "tokenOrBody", "at": "phoneNumber", "kind": "phoneNumber"},
        request={"schema": {"type": "object", "properties": {"phoneNumber": NUMBER}}},
        response={"fields": {"name": {"category": "name", "scopes": ["fill:name", "fill:all"]},
                             "mail": {"category": "mail", "scopes": ["fill:mail", "fill:all"]}}}),
    "match": operation(
        "POST", "/match", "fill:match", subject={"rule": "mayConfirm", "at": "phoneNumber", "kind": "phoneNumber"},
        request={"schema": {"type": "object", "properties": {"phoneNumber": NUMBER, "name": {"type": "string"}}}},
        response={"fields": {"nameMatch": {"category": "name"}}}),
    "swap": operation(
        "POST", "/swap", "fill:swap:date", "fill:swap", subject={"rule": "tokenOrBody", "at": "phoneNumber", "kind": "phoneNumber"},
        request={"schema": {"type": "object", "properties": {"phoneNumber": NUMBER}}},
        response={"fields": {"latest": needed(nullable=True, withheld="null", category="swap"), "period": ALWAYS}}),
    "profiles": operation(
        "POST", "/profiles", "fill:profiles", subject={"rule": "tokenOrBody", "at": "device", "optional": True}, request={"schema": BODY},
        response={"items": ALWAYS}),
})

TYPE = "org.camaraproject.watch.v0."
WATCH = api("watch", {
    "subscribe": operation(
        "POST", "/subscriptions", *(f"watch:{TYPE}{name}:create" for name in ("entered", "left")),
        eventScopes={"at": "types", "scope": "watch:{type}:create"},
        subject={"rule": "tokenOrBody", "at": "config.subscriptionDetail.device"},
        request={"schema": {"type": "object", "required": ["sink", "protocol", "types", "config"], "properties": {
            "protocol": {"type": "string", "enum": ["HTTP"], "error": "INVALID_PROTOCOL"},
            "sink": {"type": "string", "pattern": r"^https:\/\/.+$", "error": "INVALID_SINK"},
            "types": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string", "enum": [TYPE + "entered", TYPE + "left", TYPE + "other"]}},
            "sinkCredential": {"type": "object", "additionalProperties": True},
            "config": {"type": "object", "required": ["subscriptionDetail"], "properties": {
                "subscriptionDetail": {"type": "object", "properties": {"device": DEVICE}}}}}}},
        resource={"name": "subscriptions", "creates": "id"},
        response={"status": [201], "fields": {
            "id": needed(**ALWAYS), "area": {"shapes": {"property": "areaType", "values": {
                "CIRCLE": {"fields": {"areaType": needed(**ALWAYS), "radius": needed(category="place")}},
                "POLYGON": {"fields": {"areaType": needed(**ALWAYS), "boundary": needed(items={"fields": {"x": needed(category="place")}})}}}}},
            "labels": {"entries": ALWAYS},
            "config": {"fields": {"subscriptionDetail": {"fields": {"device": {"named": True, "fields": {"phoneNumber": ALWAYS}}}}}}}}),
}, errors={"eventScopeMissing": {"code": "SUBSCRIPTION_MISMATCH"},
           "specific": [{"status": 400, "code": "INVALID_SINK", "message": "sink not valid for the specified protocol"},
                        {"status": 400, "code": "INVALID_PROTOCOL", "message": "Only HTTP is supported"}]})

CHECKED = {"type": "object", "required": ["count"], "properties": {"count": {"type": "integer", "maximum": 9}, "unit": {"type": "string"}}}
COUNTS = api("counts", {
    "report": operation("GET", "/report", "counts:read",
                        response={"validate": "report", "schema": CHECKED, "fields": {"count": needed(**ALWAYS)}}),
    "refuse": operation("GET", "/refuse", "counts:read",
                        response={"validate": "refuse", "schema": CHECKED, "fields": {"count": needed(**ALWAYS)}}),
})

# Random schemas: what the gateway takes of a body is what an independent validator takes.
LEAVES = [
    {"type": "integer", "minimum": -3, "maximum": 7}, {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.25},
    {"type": "string", "minLength": 1, "maxLength": 3}, {"type": "string", "pattern": "^(a|bc)*$"}, {"type": "string", "pattern": "b+"},
    {"type": "string", "enum": ["true", "a", "é"]}, {"type": "boolean"}, {"type": "integer", "enum": [1, 2, 3]},
    {"type": "string", "pattern": "^[^a-c]{1,2}$"}, {"type": "number", "exclusiveMaximum": 5.5},
]


def random_schema(rng, depth=0):
    kind = rng.randrange(10 if depth < 3 else 4)
    if kind < 4:
        return dict(rng.choice(LEAVES)) | ({"nullable": True} if rng.random() < 0.2 else {})
    if kind < 6:
        return {"type": "array", "items": random_schema(rng, depth + 1), "maxItems": rng.randrange(1, 4), "uniqueItems": rng.random() < 0.4}
    if kind < 9:
        names = rng.sample("pqrs", rng.randrange(1, 4))
        schema = {"type": "object", "properties": {name: random_schema(rng, depth + 1) for name in names},
                  "required": [name for name in names if rng.random() < 0.4]}
        more = rng.random()
        if more < 0.3:
            schema["additionalProperties"] = False
        elif more < 0.5:
            schema["additionalProperties"] = random_schema(rng, depth + 2)
        if rng.random() < 0.2:
            schema["maxProperties"] = 2
        return schema
    return {rng.choice(["anyOf", "oneOf"]): [random_schema(rng, depth + 1) for _ in range(2)]}


def random_value(rng, schema, depth=0):
    """Mostly what the schema wants, sometimes not."""
    if rng.random() < 0.12 or depth > 6:
        return rng.choice([None, True, 0, 8, 0.3, "", "abc", "bc", [], {}, [1, 1], {"z": 1}])
    if "anyOf" in schema or "oneOf" in schema:
        return random_value(rng, rng.choice(schema.get("anyOf") or schema["oneOf"]), depth + 1)
    if schema.get("nullable") and rng.random() < 0.2:
        return None
    match schema["type"]:
        case "object":
            value = {name: random_value(rng, inner, depth + 1) for name, inner in schema["properties"].items()
                     if name in schema["required"] or rng.random() < 0.6}
            if rng.random() < 0.2:
                value["extra"] = rng.choice([1, "a", None])
            return value
        case "array":
            return [random_value(rng, schema["items"], depth + 1) for _ in range(rng.randrange(4))]
        case "string":
            return rng.choice(schema.get("enum", ["a", "bc", "abca", "bbb", "é", "dd", "x", "\U0001D11E"]))
        case "boolean":
            return rng.choice([True, False])
        case _:
            return rng.choice(schema.get("enum", [-4, 0, 1, 2.0, 5, 7, 8, 0.25, 0.75, 5.25, 5.5, 2.1]))


def independent(schema):
    """The same for `jsonschema`, which has no `nullable`."""
    if isinstance(schema, list):
        return [independent(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: independent(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [{"type": "null"}, plain]} if schema.get("nullable") is True else plain


SCHEMAS = [random_schema(random.Random(seed)) for seed in range(40)]
RANDOM = api("random", {
    f"take{index}": operation("POST", f"/take/{index}", "random:take", request={"schema": schema})
    for index, schema in enumerate(SCHEMAS)})


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    policies = {policy["api"]: policy for policy in (SESSIONS, CALLS, NUMBERS, FILL, WATCH, COUNTS, RANDOM)}
    gateway = PolicyGateway(tmp_path_factory.mktemp("policies"), policies,
                            ["place", "number", "number-match", "name", "mail", "swap"])
    yield gateway
    gateway.stop()


@pytest.fixture(autouse=True)
def fresh(gateway):
    gateway.backend.requests.clear()
    gateway.backend.answer = (204, {}, None)


def create(gateway, body=None, status=201, client="app", subscriber=None, **answer):
    session = str(uuid.uuid4())
    gateway.backend.answer = (status, {}, {"sessionId": session, "device": {"phoneNumber": ALICE},
                                           "sinkCredential": {"accessToken": "secret"}} | answer)
    token = gateway.token("sessions:create", client=client, subscriber=subscriber)
    made = gateway.call("POST", "/sessions/v1/sessions", token, body if body is not None else {"device": {"phoneNumber": ALICE}})
    assert made.status_code == status, made.text
    return session, made


READ = "/sessions/v1/sessions/"


# Resources.

def test_a_resource_is_its_makers_alone(gateway):
    session, made = create(gateway)
    assert made.json() == {"sessionId": session, "device": {"phoneNumber": ALICE}}
    assert made.headers["location"] == gateway.issuer + READ + session
    gateway.backend.answer = (200, {}, {"sessionId": session, "state": "on", "device": {"phoneNumber": ALICE}})
    read = gateway.call("GET", READ + session, gateway.token("sessions:read"))
    assert read.status_code == 200 and read.json()["state"] == "on" and read.json()["device"] == {"phoneNumber": ALICE}
    assert gateway.last["headers"]["x-number"] == ALICE
    # The same subscriber's own token sees it, without the number; nobody else's does.
    read = gateway.call("GET", READ + session, gateway.token("sessions:read", subscriber=ALICE))
    assert read.status_code == 200 and "device" not in read.json()
    calls = len(gateway.backend.requests)
    for token in (gateway.token("sessions:read", subscriber=BOB), gateway.token("sessions:read", client="other"),
                  gateway.token("sessions:read", client="other", subscriber=ALICE)):
        refused(gateway.call("GET", READ + session, token), 404, "NOT_FOUND")
    refused(gateway.call("GET", READ + str(uuid.uuid4()), gateway.token("sessions:read")), 404, "NOT_FOUND")
    refused(gateway.call("DELETE", READ + session, gateway.token("sessions:delete", client="other")), 404, "NOT_FOUND")
    assert len(gateway.backend.requests) == calls
    refused(gateway.call("GET", READ + "1", gateway.token("sessions:read")), 400, "INVALID_ARGUMENT")


def test_a_number_that_the_client_never_named_is_not_named_to_it(gateway):
    session, made = create(gateway, body={}, subscriber=ALICE)
    assert made.json() == {"sessionId": session}
    gateway.backend.answer = (200, {}, {"sessionId": session, "device": {"phoneNumber": ALICE}})
    assert gateway.call("GET", READ + session, gateway.token("sessions:read")).json() == {"sessionId": session}


def test_a_list_holds_ones_own_alone(gateway):
    (mine, _), (bobs, _), (theirs, _) = create(gateway), create(gateway, body={"device": {"phoneNumber": BOB}}), create(gateway, client="other")
    rows = [{"sessionId": name, "state": "on", "x": 1} for name in (mine, bobs, theirs, str(uuid.uuid4()))] + [{"state": "on"}]
    gateway.backend.answer = (200, {"X-Total-Count": "5"}, rows)
    listed = gateway.call("GET", "/sessions/v1/sessions?page=1", gateway.token("sessions:read"))
    assert [row["sessionId"] for row in listed.json()] == [mine, bobs] and "x" not in listed.json()[0]
    assert "x-total-count" not in listed.headers
    listed = gateway.call("GET", "/sessions/v1/sessions", gateway.token("sessions:read", subscriber=ALICE))
    assert [row["sessionId"] for row in listed.json()] == [mine]
    gateway.backend.answer = (200, {"X-Total-Count": "1", "X-Secret": "1"}, rows[:1])
    listed = gateway.call("GET", "/sessions/v1/sessions", gateway.token("sessions:read"))
    assert listed.headers["x-total-count"] == "1" and "x-secret" not in listed.headers
    gateway.backend.answer = (200, {"X-Total-Count": "many"}, [])
    listed = gateway.call("GET", "/sessions/v1/sessions", gateway.token("sessions:read"))
    assert listed.json() == [] and "x-total-count" not in listed.headers


def test_a_count_of_all_clients_does_not_pass(gateway):
    session, _ = create(gateway)
    gateway.backend.answer = (200, {"X-Total-Count": "1041"}, [{"sessionId": session}])
    listed = gateway.call("GET", "/sessions/v1/all-sessions", gateway.token("sessions:read"))
    assert [row["sessionId"] for row in listed.json()] == [session] and "x-total-count" not in listed.headers


def test_nothing_is_made_that_could_not_be_kept(gateway):
    """What a backend makes and nobody can find again would be paid for twice: by whoever tries again."""
    with gateway.locked_store():
        token = gateway.token("sessions:create")
        gateway.backend.answer = (201, {}, {"sessionId": str(uuid.uuid4())})
        refused(gateway.call("POST", "/sessions/v1/sessions", token, {"device": {"phoneNumber": ALICE}}), 503, "UNAVAILABLE")
        assert not gateway.backend.requests
    create(gateway)


def test_a_place_that_nothing_took_is_free_again(gateway):
    gateway.backend.answer = (409, {}, {"status": 409, "code": "SESSIONS.CONFIRMED", "message": "x"})
    for _ in range(3):
        refused(gateway.call("POST", "/sessions/v1/sessions", gateway.token("sessions:create"), {"device": {"phoneNumber": ALICE}}),
                409, "SESSIONS.CONFIRMED")
    session, _ = create(gateway)
    with gateway.store() as store:
        assert store.execute("SELECT count(*) FROM resources WHERE kind LIKE 'reserved %'").fetchone() == (0,)
        kept = store.execute("SELECT count(*) FROM resources").fetchone()
        assert store.execute("SELECT sum(count) FROM resource_counts").fetchone() == kept


def test_one_that_is_shown_must_be_ones_own(gateway):
    session, _ = create(gateway)
    gateway.backend.answer = (200, {}, {"sessionId": session})
    path, body = "/sessions/v1/retrieve-session", {"device": {"phoneNumber": ALICE}}
    assert gateway.call("POST", path, gateway.token("sessions:read"), body).json() == {"sessionId": session}
    refused(gateway.call("POST", path, gateway.token("sessions:read", client="other"), body), 404, "NOT_FOUND")
    refused(gateway.call("POST", path, gateway.token("sessions:read"), {"device": {"phoneNumber": BOB}}), 404, "NOT_FOUND")


def test_what_is_ended_is_nobodys(gateway):
    session, _ = create(gateway)
    gateway.backend.answer = (202, {}, {"sessionId": session})
    assert gateway.call("DELETE", READ + session, gateway.token("sessions:delete")).status_code == 202
    gateway.backend.answer = (200, {}, {"sessionId": session})
    assert gateway.call("GET", READ + session, gateway.token("sessions:read")).status_code == 200
    gateway.backend.answer = (204, {}, None)
    assert gateway.call("DELETE", READ + session, gateway.token("sessions:delete")).status_code == 204
    refused(gateway.call("GET", READ + session, gateway.token("sessions:read")), 404, "NOT_FOUND")


def test_owners_are_known_after_a_kill(gateway):
    session, _ = create(gateway)
    gateway.stop(9)
    gateway.start()
    gateway.backend.answer = (200, {}, {"sessionId": session})
    assert gateway.call("GET", READ + session, gateway.token("sessions:read")).status_code == 200
    refused(gateway.call("GET", READ + session, gateway.token("sessions:read", client="other")), 404, "NOT_FOUND")


def test_an_answer_without_its_id_or_with_anothers_is_not_released(gateway):
    session, _ = create(gateway)
    token = gateway.token("sessions:create", client="other")
    for answer in ({"sessionId": session}, {"sessionId": 1}, {"state": "on"}, {"sessionId": ""}):
        gateway.backend.answer = (201, {}, answer)
        refused(gateway.call("POST", "/sessions/v1/sessions", token, {"device": {"phoneNumber": BOB}}), 502, "BAD_GATEWAY")


def test_a_resource_of_another_api_is_named_in_a_field(gateway):
    session, _ = create(gateway)
    gateway.backend.answer = (201, {}, {"callId": str(uuid.uuid4())})
    token, path = gateway.token("calls:start"), "/calls/v1/calls"
    assert gateway.call("POST", path, token, {}, registrationId=session).status_code == 201
    assert gateway.last["headers"]["registrationId"] == session
    refused(gateway.call("POST", path, token, {}, registrationId=str(uuid.uuid4())), 404, "NOT_FOUND")
    refused(gateway.call("POST", path, gateway.token("calls:start", client="other"), {}, registrationId=session), 404, "NOT_FOUND")
    assert "registrationId" in refused(gateway.call("POST", path, token, {}), 400, "INVALID_ARGUMENT")["message"]
    refused(gateway.call("POST", path, token, {}, registrationId="x" * 65), 400, "INVALID_ARGUMENT")


# Routes, statuses, queries and errors.

def test_a_literal_segment_wins(gateway):
    session, _ = create(gateway)
    gateway.backend.answer = (200, {}, {"rest": 5, "partId": "remaining"})
    token = gateway.token("sessions:read")
    assert gateway.call("GET", f"{READ}{session}/parts/remaining", token).json() == {"rest": 5}
    refused(gateway.call("GET", f"{READ}{session}/parts/p1", token), 404, "NOT_FOUND")
    gateway.backend.answer = (202, {}, None)
    prepared = gateway.call("POST", "/sessions/v1/sessions/prepare", gateway.token("sessions:create"))
    assert prepared.status_code == 202 and prepared.content == b""


def test_each_status_has_its_own_content(gateway):
    _, made = create(gateway, status=202, state="on")
    assert set(made.json()) == {"sessionId"}
    gateway.backend.answer = (200, {}, {"sessionId": str(uuid.uuid4())})
    token = gateway.token("sessions:create")
    refused(gateway.call("POST", "/sessions/v1/sessions", token, {"device": {"phoneNumber": ALICE}}), 502, "BAD_GATEWAY")


def test_queries_have_types_and_names_with_dots(gateway):
    gateway.backend.answer = (200, {}, [])
    token, path = gateway.token("sessions:read"), "/sessions/v1/sessions"
    assert gateway.call("GET", path + "?created.gte=2026-01-01T00:00:00Z&state=on&state=off,on&who=x", token).status_code == 200
    assert gateway.last["path"] == path + "?created.gte=2026-01-01T00%3A00%3A00Z&state=on&state=off%2Con"
    assert "page" in refused(gateway.call("GET", path + "?page=0", token), 400, "OUT_OF_RANGE")["message"]
    for query in ("page=1.5", "page=a", "created.gte=yesterday", "state=maybe", "page=1&page=2"):
        refused(gateway.call("GET", f"{path}?{query}", token), 400, "INVALID_ARGUMENT")


def test_codes_of_an_apis_own_pass_and_others_do_not(gateway):
    session, _ = create(gateway)
    for status, code, given in ((409, "SESSIONS.CONFIRMED", None), (410, "SESSIONS.OVER", None), (409, "SESSIONS.OTHER", (502, "BAD_GATEWAY"))):
        gateway.backend.answer = (status, {}, {"status": status, "code": code, "message": ALICE})
        body = refused(gateway.call("GET", READ + session, gateway.token("sessions:read")), *(given or (status, code)))
        assert ALICE not in body["message"]


def expiry(gateway, session):
    """Days from now."""
    with sqlite3.connect(f"file:{gateway.folder}/data/passerelle.sqlite?mode=ro", uri=True) as database:
        return (database.execute("SELECT expires_at FROM resources WHERE id = ?", (session,)).fetchone()[0] / 1e6 - time.time()) / 86_400


@pytest.mark.parametrize("method, status, code, is_forgotten", [
    ("GET", 404, "NOT_FOUND", False), ("GET", 410, "SESSIONS.OVER", True), ("DELETE", 404, "NOT_FOUND", True), ("DELETE", 409, "SESSIONS.CONFIRMED", False)])
def test_what_the_backend_does_not_have_is_forgotten_in_a_day(gateway, method, status, code, is_forgotten):
    session, _ = create(gateway)
    assert expiry(gateway, session) > 399
    gateway.backend.answer = (status, {}, {"status": status, "code": code, "message": "-"})
    refused(gateway.call(method, READ + session, gateway.token("sessions:delete" if method == "DELETE" else "sessions:read")), status, code)
    # It is put down behind the answer.
    end = time.monotonic() + (5 if is_forgotten else 0.5)
    while (expiry(gateway, session) > 1) and time.monotonic() < end:
        time.sleep(0.02)
    assert (expiry(gateway, session) <= 1) is is_forgotten
    # Until then it is its client's still.
    gateway.backend.answer = (200, {}, {"sessionId": session})
    assert gateway.call("GET", READ + session, gateway.token("sessions:read")).status_code == 200


def test_resources_that_no_policy_knows_are_told_of(gateway, tmp_path):
    create(gateway)
    assert "that no policy knows" not in gateway.run("check")
    renamed = json.loads(json.dumps(SESSIONS).replace('"name": "sessions"', '"name": "seances"'))
    calls = json.loads(json.dumps(CALLS).replace("sessions:sessions", "sessions:seances"))
    try:
        for name, policy in (("sessions", renamed), ("calls", calls)):
            gateway.write(name + ".json", policy)
        remark = "that no policy knows, so nobody can read or end them here: sessions:sessions"
        assert remark in gateway.run("check")
        gateway.run("reload")
        end = time.monotonic() + 5
        while remark not in gateway.notices and time.monotonic() < end:
            time.sleep(0.02)
        assert "reload.resources_unknown" in gateway.notices and remark in gateway.notices
    finally:
        for name, policy in (("sessions", SESSIONS), ("calls", CALLS)):
            gateway.write(name + ".json", policy)
        gateway.run("reload")


# Subjects.

def test_the_number_in_the_body_is_for_the_backend_to_compare(gateway):
    gateway.agree("numbers:verify", "numbers:read")
    gateway.backend.answer = (200, {}, {"devicePhoneNumberVerified": False, "devicePhoneNumber": ALICE})
    token = gateway.token("numbers:verify", "numbers:read", subscriber=ALICE, amr=["nba"])
    for body in ({"phoneNumber": BOB}, {"hashedPhoneNumber": "0" * 64}):
        answer = gateway.call("POST", "/numbers/v1/verify", token, body)
        assert answer.status_code == 200 and answer.json() == {"devicePhoneNumberVerified": False}, answer.text
        assert gateway.last["body"] == body and gateway.last["headers"]["x-device-number"] == ALICE
    assert gateway.call("GET", "/numbers/v1/device-phone-number", token).json() == {"devicePhoneNumber": ALICE}
    assert gateway.last["headers"]["x-device-number"] == ALICE
    # A client cannot write that field itself.
    gateway.call("GET", "/numbers/v1/device-phone-number", token, **{"x-device-number": BOB})
    assert gateway.last["headers"]["x-device-number"] == ALICE
    calls = len(gateway.backend.requests)
    for body in ({}, {"phoneNumber": BOB, "hashedPhoneNumber": "0" * 64}, {"hashedPhoneNumber": "0" * 63}):
        refused(gateway.call("POST", "/numbers/v1/verify", token, body), 400, "INVALID_ARGUMENT")
    for amr in ([], ["sms", "otp"]):
        token = gateway.token("numbers:verify", subscriber=ALICE, amr=amr)
        refused(gateway.call("POST", "/numbers/v1/verify", token, {"phoneNumber": ALICE}), 403,
                "NUMBERS.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK")
    refused(gateway.call("POST", "/numbers/v1/verify", gateway.token("numbers:verify"), {"phoneNumber": ALICE}), 403, "PERMISSION_DENIED")
    assert len(gateway.backend.requests) == calls


def test_a_device_can_be_a_mere_filter(gateway):
    gateway.backend.answer = (200, {}, ["QOS_E", "QOS_S"])
    path, machine = "/fill/v1/profiles", gateway.token("fill:profiles", purpose=None)
    assert gateway.call("POST", path, machine, {}).json() == ["QOS_E", "QOS_S"]
    assert gateway.last["body"] == {}
    gateway.call("POST", path, machine, {"device": {"phoneNumber": ALICE}})
    assert gateway.last["body"] == {"device": {"phoneNumber": ALICE}}
    token = gateway.token("fill:profiles", subscriber=BOB)
    gateway.call("POST", path, token, {})
    assert gateway.last["body"] == {"device": {"phoneNumber": BOB}}
    refused(gateway.call("POST", path, token, {"device": {"phoneNumber": BOB}}), 422, "UNNECESSARY_IDENTIFIER")
    refused(gateway.call("POST", path, machine, {"device": {"ipv4Address": {"publicAddress": "192.0.2.1"}}}), 422, "UNSUPPORTED_IDENTIFIER")


def test_an_api_that_confirms_a_match_says_when_it_is_another(gateway):
    gateway.agree("fill:match")
    gateway.backend.answer = (200, {}, {"nameMatch": "true"})
    token = gateway.token("fill:match", subscriber=ALICE)
    for body in ({}, {"phoneNumber": ALICE}):
        assert gateway.call("POST", "/fill/v1/match", token, body).status_code == 200
        assert gateway.last["body"] == {"phoneNumber": ALICE}
    refused(gateway.call("POST", "/fill/v1/match", token, {"phoneNumber": BOB}), 403, "INVALID_TOKEN_CONTEXT")
    refused(gateway.call("POST", "/fill/v1/match", gateway.token("fill:match"), {}), 422, "MISSING_IDENTIFIER")


# Scopes.

def test_each_field_has_its_scope_and_its_consent(gateway):
    gateway.agree("fill:name", "fill:mail")
    gateway.backend.answer = (200, {}, {"name": "Ada", "mail": "ada@example.com", "birthdate": "1815-12-10"})

    def fields(*scopes):
        answer = gateway.call("POST", "/fill/v1/fill-in", gateway.token(*scopes, subscriber=ALICE), {})
        assert answer.status_code == 200, answer.text
        return set(answer.json())

    assert fields("fill:name") == {"name"} and fields("fill:mail") == {"mail"} and fields("fill:name", "fill:mail") == {"name", "mail"}
    refused(gateway.call("POST", "/fill/v1/fill-in", gateway.token("fill:all", subscriber=ALICE), {}), 403, "PERMISSION_DENIED")
    # The scope in the token is not enough: the subscriber agreed to the name alone.
    gateway.agree("fill:name")
    assert fields("fill:name", "fill:mail") == {"name"}
    refused(gateway.call("POST", "/fill/v1/fill-in", gateway.token("fill:mail", subscriber=ALICE), {}), 403, "PERMISSION_DENIED")
    gateway.agree("fill:all")
    assert fields("fill:all") == {"name", "mail"}


def test_any_of_the_scopes_opens_an_operation(gateway):
    gateway.agree("fill:swap", "fill:swap:date")
    gateway.backend.answer = (200, {}, {"latest": None, "period": 30})
    for scope in ("fill:swap", "fill:swap:date"):
        assert gateway.call("POST", "/fill/v1/swap", gateway.token(scope, subscriber=ALICE), {}).json() == {"latest": None, "period": 30}
    refused(gateway.call("POST", "/fill/v1/swap", gateway.token("fill:name", subscriber=ALICE), {}), 403, "PERMISSION_DENIED")


def subscription(*types, **changes):
    return {"protocol": "HTTP", "sink": "https://app.example/sink", "types": [TYPE + name for name in types],
            "config": {"subscriptionDetail": {}}} | changes


ENTERED, LEFT = (f"watch:{TYPE}{name}:create" for name in ("entered", "left"))


def test_a_subscription_needs_the_scope_of_each_event(gateway):
    gateway.agree(ENTERED, LEFT)
    gateway.backend.answer = lambda request: (201, {}, {"id": str(uuid.uuid4()), "sinkCredential": {"accessToken": "secret"}})
    token, path = gateway.token(ENTERED, subscriber=ALICE), "/watch/v1/subscriptions"
    answer = gateway.call("POST", path, token, subscription("entered", sinkCredential={"accessToken": "x"}))
    assert answer.status_code == 201 and set(answer.json()) == {"id"}, answer.text
    assert gateway.last["body"]["sinkCredential"] == {"accessToken": "x"}
    assert gateway.last["body"]["config"]["subscriptionDetail"]["device"] == {"phoneNumber": ALICE}
    refused(gateway.call("POST", path, token, subscription("entered", "left")), 403, "SUBSCRIPTION_MISMATCH")
    refused(gateway.call("POST", path, token, subscription("other")), 403, "SUBSCRIPTION_MISMATCH")
    both = gateway.token(ENTERED, LEFT, subscriber=ALICE)
    assert gateway.call("POST", path, both, subscription("entered", "left")).status_code == 201
    # The subscriber has to have agreed to each of them too.
    gateway.agree(ENTERED)
    both = gateway.token(ENTERED, LEFT, subscriber=ALICE)
    refused(gateway.call("POST", path, both, subscription("entered", "left")), 403, "PERMISSION_DENIED")
    assert gateway.call("POST", path, both, subscription("entered")).status_code == 201
    refused(gateway.call("POST", path, both, subscription("entered", sink="http://app.example")), 400, "INVALID_SINK")
    refused(gateway.call("POST", path, both, subscription("entered", protocol="MQTT3")), 400, "INVALID_PROTOCOL")
    refused(gateway.call("POST", path, both, subscription("entered", "entered")), 400, "INVALID_ARGUMENT")


# Answers.

@pytest.mark.parametrize("area, released", [
    ({"areaType": "CIRCLE", "radius": 5, "center": 1}, {"areaType": "CIRCLE", "radius": 5}),
    ({"areaType": "POLYGON", "boundary": [{"x": 1.50, "y": 2}]}, {"areaType": "POLYGON", "boundary": [{"x": 1.50}]}),
    ({"areaType": "LINE", "radius": 5}, None), ({"areaType": "CIRCLE"}, None)])
def test_an_answer_has_one_of_several_shapes(gateway, area, released):
    if area["areaType"] == "CIRCLE" and "center" in area:
        gateway.agree(ENTERED)
    gateway.backend.answer = (201, {}, {"id": str(uuid.uuid4()), "area": area, "labels": {"a": "1", "b": 2}})
    answer = gateway.call("POST", "/watch/v1/subscriptions", gateway.token(ENTERED, subscriber=ALICE), subscription("entered"))
    if released is None:
        refused(answer, 502, "BAD_GATEWAY")
    else:
        assert answer.json()["area"] == released and answer.json()["labels"] == {"a": "1", "b": 2}


def test_answers_are_checked_where_the_policy_says_so(gateway):
    token = gateway.token("counts:read", purpose=None)
    gateway.backend.answer = (200, {}, {"count": 9, "unknown": 1})
    for path in ("report", "refuse"):
        assert gateway.call("GET", "/counts/v1/" + path, token).json() == {"count": 9}
    assert "break their schema" not in gateway.notices
    gateway.backend.answer = (200, {}, {"count": 10, "unit": ALICE})
    assert gateway.call("GET", "/counts/v1/report", token).json() == {"count": 10}
    refused(gateway.call("GET", "/counts/v1/refuse", token), 502, "BAD_GATEWAY")
    notice = [line for line in gateway.notices.splitlines() if "break their schema" in line]
    assert len(notice) == 2 and "counts 1.0.0 report" in notice[0] and "count is out of range" in notice[0] and ALICE not in gateway.notices


# Schemas.

def test_what_a_schema_takes_is_what_an_independent_validator_takes(gateway):
    rng = random.Random(7)
    token = gateway.token("random:take", purpose=None)
    taken = refusals = 0
    for index, schema in enumerate(SCHEMAS):
        validator = jsonschema.Draft202012Validator(independent(schema))
        for _ in range(25):
            value = random_value(rng, schema)
            answer = gateway.call("POST", f"/random/v1/take/{index}", token, json.dumps(value))
            right = validator.is_valid(value)
            assert (answer.status_code == 204) == right, (schema, value, answer.text, [e.message for e in validator.iter_errors(value)])
            if right:
                taken += 1
            else:
                refusals += 1
                assert answer.status_code == 400 and answer.json()["code"] in ("INVALID_ARGUMENT", "OUT_OF_RANGE"), answer.text
    assert taken > 200 and refusals > 200, (taken, refusals)
