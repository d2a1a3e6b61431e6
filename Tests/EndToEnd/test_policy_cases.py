"""Turns of CAMARA's files that a policy has to follow, beside those of `test_policies.py`; each API is made up by this file."""
import glob, json, os, re, subprocess, uuid

import pytest

from harness import ALICE, BINARY, BOB, refused
from policy_gateway import TEXT, PolicyGateway

NUMBER = {"type": "string", "pattern": r"^\+[1-9][0-9]{4,14}$"}
DEVICE = {"type": "object", "minProperties": 1, "properties": {
    "phoneNumber": NUMBER, "networkAccessIdentifier": {"type": "string"},
    "ipv4Address": {"type": "object", "properties": {"publicAddress": {"type": "string", "format": "ipv4"}}}}}
ALWAYS = {"release": "always"}
UNKNOWN = "+33699999999"


def operation(method, path, *scopes, **more):
    return {"method": method, "path": path, "title": TEXT, "scopes": list(scopes), "response": {"status": [204]}} | more


def api(name, operations, **more):
    return {"api": name, "version": "1.0.0", "basePath": f"/{name}/v1", "title": TEXT, "operations": operations} | more


QUERY = {"phoneNumber": {"pattern": NUMBER["pattern"]}, "page": {"type": "integer"}}
LOOKUP = api("lookup", {
    "find": operation("GET", "/state", "lookup:read", query=QUERY, subject={"rule": "tokenOrBody", "query": "phoneNumber"},
                      response={"fields": {"state": {"required": True, "category": "state"}}}),
    "findTold": operation("GET", "/told", "lookup:read", query=QUERY, subject={"rule": "mayConfirm", "query": "phoneNumber", "header": "x-number"},
                          response={"fields": {"state": {"required": True, "category": "state"}}}),
})

SMS = api("sms", {
    "send": operation(
        "POST", "/send-code", "sms:send", personalData=False, subject={"rule": "alwaysInBody", "at": "phoneNumber", "kind": "phoneNumber"},
        request={"schema": {"type": "object", "required": ["phoneNumber", "message"], "properties": {
            "phoneNumber": NUMBER, "message": {"type": "string", "maxLength": 160, "pattern": r".*\{\{code\}\}.*"}}}},
        response={"fields": {"authenticationId": {"required": True, "release": "always"}}}),
    "sendOwn": operation(
        "POST", "/send-own", "sms:send sms:own", personalData=False,
        subject={"rule": "alwaysInBody", "at": "phoneNumber", "kind": "phoneNumber", "mustMatchToken": True},
        request={"schema": {"type": "object", "required": ["phoneNumber"], "properties": {"phoneNumber": NUMBER}}}),
}, errors={"specific": [{"status": 403, "code": "SMS.PHONE_NUMBER_BLOCKED", "message": "The number is blocked."}]})

NESTED = {"type": "object", "properties": {"area": {"type": "object", "properties": {
    "points": {"type": "array", "maxItems": 15, "items": {"type": "object", "required": ["latitude"], "properties": {
        "latitude": {"type": "number", "minimum": -90, "maximum": 90}}}}}},
    "endsAt": {"type": "string", "format": "date-time"}}}
STRICT = api("strict", {"count": operation("POST", "/count", "strict:count", request={"schema": NESTED})}, strictBodies=True)
REGION = api("region", {
    "count": operation("POST", "/count", "region:count", request={"schema": NESTED}),
    "profile": operation("GET", "/profiles/{name}", "region:count", parameters={"name": {"pattern": "^[a-zA-Z0-9_.-]+$", "minLength": 3, "maxLength": 8}},
                         response={"fields": {"name": ALWAYS}}),
    "list": operation("GET", "/profiles", "region:count", response={"items": {"fields": {"name": {"required": True, "release": "always"}}}}),
}, basePath="/regionDeviceCount/vwip")

STATUS = {"roaming": {"required": True, "category": "state"}, "countryCode": {"category": "country"}}
DEVICES = api("devices", {
    "status": operation("POST", "/retrieve", "devices:read", subject={"rule": "tokenOrBody", "at": "device"},
                        request={"schema": {"type": "object", "properties": {"device": DEVICE}}},
                        response={"namesDevice": True, "fields": STATUS}),
    "whole": operation("POST", "/whole", "devices:read", subject={"rule": "tokenOrBody"}, request={"schema": {"type": "object", "properties": DEVICE["properties"]}},
                       response={"fields": STATUS | {"device": {"named": True, "fields": {
                           "phoneNumber": ALWAYS, "ipv4Address": {"fields": {"publicAddress": ALWAYS}}}}}}),
    "pay": operation(
        "POST", "/payments", "devices:pay", subject={"rule": "tokenOrBody", "at": "amountTransaction.phoneNumber", "kind": "phoneNumber"},
        request={"schema": {"type": "object", "required": ["amountTransaction"], "properties": {
            "amountTransaction": {"type": "object", "required": ["amount"], "properties": {
                "phoneNumber": NUMBER, "amount": {"type": "number", "minimum": 0.001, "multipleOf": 0.001}}}}}},
        response={"status": [201], "fields": {"amountTransaction": {"required": True, "fields": {
            "phoneNumber": {"required": True, "category": "number"}, "amount": {"required": True, "category": "purchases"}}}}}),
})


CHECKED = {"type": "object", "required": ["count"], "properties": {"count": {"type": "integer", "maximum": 9}}}
ANSWER = {"schema": CHECKED, "fields": {"count": {"required": True, "release": "always"}}}
WATCHED = api("watched", {"read": operation("GET", "/count", "watched:read", response=ANSWER)})
UNWATCHED = api("unwatched", {"read": operation("GET", "/count", "unwatched:read", response=ANSWER | {"validate": "refuse"})})


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    policies = {policy["api"]: policy for policy in (LOOKUP, SMS, STRICT, REGION, DEVICES, WATCHED, UNWATCHED)}
    gateway = PolicyGateway(tmp_path_factory.mktemp("policies"), policies, ["state", "country", "number", "purchases"],
                            {"*": {"validateAnswers": "refuse"}, "unwatched": {"validateAnswers": "off"}})
    gateway.agree("lookup:read", "devices:read", "devices:pay")
    yield gateway
    gateway.stop()


@pytest.fixture(autouse=True)
def fresh(gateway):
    gateway.backend.requests.clear()
    gateway.backend.answer = (204, {}, None)


def encoded(number):
    return number.replace("+", "%2B")


# The subject in the query.

def test_a_query_names_the_subscriber_as_a_body_does(gateway):
    gateway.backend.answer = (200, {}, {"state": "on"})
    machine, person = gateway.token("lookup:read"), gateway.token("lookup:read", subscriber=ALICE)
    assert gateway.call("GET", f"/lookup/v1/state?phoneNumber={encoded(ALICE)}&page=2", machine).json() == {"state": "on"}
    assert gateway.last["path"] == f"/lookup/v1/state?page=2&phoneNumber={encoded(ALICE)}"
    assert gateway.call("GET", "/lookup/v1/state", person).json() == {"state": "on"}
    assert gateway.last["path"] == f"/lookup/v1/state?phoneNumber={encoded(ALICE)}" and gateway.last["body"] is None
    calls = len(gateway.backend.requests)
    refused(gateway.call("GET", f"/lookup/v1/state?phoneNumber={encoded(ALICE)}", person), 422, "UNNECESSARY_IDENTIFIER")
    refused(gateway.call("GET", "/lookup/v1/state", machine), 422, "MISSING_IDENTIFIER")
    for query in ("phoneNumber=12", f"phoneNumber={ALICE}", "phoneNumber=", f"phoneNumber={encoded(ALICE)}&phoneNumber={encoded(BOB)}"):
        refused(gateway.call("GET", "/lookup/v1/state?" + query, machine), 400, "INVALID_ARGUMENT")
    # Bob agreed to nothing, and a second spelling of the name leads nowhere.
    refused(gateway.call("GET", f"/lookup/v1/state?phoneNumber={encoded(BOB)}", machine), 403, "PERMISSION_DENIED")
    refused(gateway.call("GET", f"/lookup/v1/state?PhoneNumber={encoded(ALICE)}", machine), 422, "MISSING_IDENTIFIER")
    assert len(gateway.backend.requests) == calls


def test_the_backend_can_be_told_in_a_field_instead(gateway):
    gateway.backend.answer = (200, {}, {"state": "on"})
    person = gateway.token("lookup:read", subscriber=ALICE)
    for query in ("", f"?phoneNumber={encoded(ALICE)}"):
        assert gateway.call("GET", "/lookup/v1/told" + query, person).status_code == 200
        assert gateway.last["path"] == "/lookup/v1/told" and gateway.last["headers"]["x-number"] == ALICE
    refused(gateway.call("GET", f"/lookup/v1/told?phoneNumber={encoded(BOB)}", person), 403, "INVALID_TOKEN_CONTEXT")


# The subject always in the body.

def test_a_number_that_the_schema_demands(gateway):
    gateway.backend.answer = (200, {}, {"authenticationId": "a-1"})
    machine, message = gateway.token("sms:send"), "Your code is {{code}}."
    assert gateway.call("POST", "/sms/v1/send-code", machine, {"phoneNumber": BOB, "message": message}).status_code == 200
    assert gateway.last["body"] == {"phoneNumber": BOB, "message": message}
    for body in ({"message": message}, {"phoneNumber": BOB}, {"phoneNumber": BOB, "message": "no placeholder"}, {}):
        refused(gateway.call("POST", "/sms/v1/send-code", machine, body), 400, "INVALID_ARGUMENT")
    refused(gateway.call("POST", "/sms/v1/send-code", machine), 400, "INVALID_ARGUMENT")
    gateway.backend.answer = (403, {}, {"status": 403, "code": "SMS.PHONE_NUMBER_BLOCKED", "message": f"{BOB} is blocked"})
    body = refused(gateway.call("POST", "/sms/v1/send-code", machine, {"phoneNumber": BOB, "message": message}), 403, "SMS.PHONE_NUMBER_BLOCKED")
    assert BOB not in body["message"]


def test_it_can_have_to_be_the_tokens_and_need_two_scopes(gateway):
    both = gateway.token("sms:send", "sms:own", subscriber=ALICE)
    assert gateway.call("POST", "/sms/v1/send-own", both, {"phoneNumber": ALICE}).status_code == 204
    refused(gateway.call("POST", "/sms/v1/send-own", both, {"phoneNumber": BOB}), 403, "PERMISSION_DENIED")
    for scope in ("sms:send", "sms:own"):
        refused(gateway.call("POST", "/sms/v1/send-own", gateway.token(scope, subscriber=ALICE), {"phoneNumber": ALICE}), 403, "PERMISSION_DENIED")


# What identifiers lead to.

def test_what_is_known_of_identifiers(gateway):
    machine, path = gateway.token("devices:read"), "/devices/v1/retrieve"
    gateway.backend.answer = (404, {}, {"status": 404, "code": "IDENTIFIER_NOT_FOUND", "message": ALICE})
    assert ALICE not in refused(gateway.call("POST", path, machine, {"device": {"phoneNumber": ALICE}}), 404, "IDENTIFIER_NOT_FOUND")["message"]
    gateway.backend.answer = (422, {}, {"status": 422, "code": "SERVICE_NOT_APPLICABLE", "message": "m"})
    refused(gateway.call("POST", path, machine, {"device": {"phoneNumber": ALICE}}), 422, "SERVICE_NOT_APPLICABLE")
    calls = len(gateway.backend.requests)
    # Whether a number is known here is not told to who may not ask about it (A44).
    for number in (UNKNOWN, BOB):
        refused(gateway.call("POST", path, machine, {"device": {"phoneNumber": number}}), 403, "PERMISSION_DENIED")
    for identifier in ({"networkAccessIdentifier": "a@example.com"}, {"ipv4Address": {"publicAddress": "192.0.2.1"}}):
        refused(gateway.call("POST", path, machine, {"device": identifier}), 422, "UNSUPPORTED_IDENTIFIER")
    refused(gateway.call("POST", path, machine, {"device": {}}), 400, "INVALID_ARGUMENT")
    refused(gateway.call("POST", path, machine, {}), 422, "MISSING_IDENTIFIER")
    refused(gateway.call("POST", path, gateway.token("devices:read", subscriber=ALICE), {"device": {"phoneNumber": ALICE}}), 422, "UNNECESSARY_IDENTIFIER")
    assert len(gateway.backend.requests) == calls


def test_an_answer_says_which_of_several_identifiers_was_used(gateway):
    gateway.backend.answer = (200, {}, {"roaming": True, "device": {"ipv4Address": {"publicAddress": "192.0.2.1"}}})
    machine, path = gateway.token("devices:read"), "/devices/v1/retrieve"
    several = {"device": {"phoneNumber": ALICE, "networkAccessIdentifier": "a@example.com"}}
    assert gateway.call("POST", path, machine, several).json() == {"roaming": True, "device": {"phoneNumber": ALICE}}
    assert gateway.last["body"] == {"device": {"phoneNumber": ALICE}}
    assert gateway.call("POST", path, machine, {"device": {"phoneNumber": ALICE}}).json() == {"roaming": True}
    assert gateway.call("POST", path, gateway.token("devices:read", subscriber=ALICE), {}).json() == {"roaming": True}


@pytest.mark.parametrize("device, released", [
    ({"phoneNumber": ALICE}, {"phoneNumber": ALICE}), ({"phoneNumber": BOB}, None), ({"ipv4Address": {"publicAddress": "192.0.2.1"}}, None),
    ({"phoneNumber": ALICE, "ipv4Address": {"publicAddress": "192.0.2.1"}}, {"phoneNumber": ALICE}), ({"phoneNumber": 5}, None), (None, None)])
def test_an_answer_repeats_what_the_client_named_and_nothing_else(gateway, device, released):
    gateway.backend.answer = (200, {}, {"roaming": True} | ({"device": device} if device else {}))
    machine, person = gateway.token("devices:read"), gateway.token("devices:read", subscriber=ALICE)
    answer = gateway.call("POST", "/devices/v1/whole", machine, {"phoneNumber": ALICE})
    assert answer.json() == {"roaming": True} | ({"device": released} if released else {})
    assert gateway.call("POST", "/devices/v1/whole", person, {}).json() == {"roaming": True}
    assert gateway.last["body"] == {"phoneNumber": ALICE}


def test_a_number_that_the_api_demands_in_its_answer(gateway):
    person = gateway.token("devices:pay", subscriber=ALICE)
    gateway.backend.answer = (201, {}, {"amountTransaction": {"phoneNumber": ALICE, "amount": 1.50}})
    answer = gateway.call("POST", "/devices/v1/payments", person, {"amountTransaction": {"amount": 1.005}})
    assert answer.status_code == 201 and answer.text == '{"amountTransaction":{"phoneNumber": "%s","amount": 1.5}}' % ALICE
    assert gateway.last["body"] == {"amountTransaction": {"phoneNumber": ALICE, "amount": 1.005}}
    assert "amountTransaction.amount" in refused(gateway.call("POST", "/devices/v1/payments", person, {"amountTransaction": {"amount": 1.0005}}),
                                                 400, "INVALID_ARGUMENT")["message"]
    refused(gateway.call("POST", "/devices/v1/payments", person, {"amountTransaction": {"amount": 0}}), 400, "OUT_OF_RANGE")
    gateway.backend.answer = (201, {}, {"amountTransaction": {"amount": 1}})
    refused(gateway.call("POST", "/devices/v1/payments", person, {"amountTransaction": {"amount": 1}}), 502, "BAD_GATEWAY")


# Bodies.

@pytest.mark.parametrize("body, place", [
    ({"x": 1}, "The body"), ({"area": {"x": 1}}, "area"), ({"area": {"points": [{"latitude": 1}, {"latitude": 1, "longitude": 2}]}}, "area.points[1]")])
def test_a_strict_api_refuses_what_it_does_not_know_at_any_depth(gateway, body, place):
    message = refused(gateway.call("POST", "/strict/v1/count", gateway.token("strict:count", purpose=None), body), 400, "INVALID_ARGUMENT")["message"]
    assert message == place + " has a property that the API does not know."
    # Others leave it out.
    answer = gateway.call("POST", "/regionDeviceCount/vwip/count", gateway.token("region:count", purpose=None), body)
    assert answer.status_code == 204 and "x" not in json.dumps(gateway.last["body"]) and "longitude" not in json.dumps(gateway.last["body"])


@pytest.mark.parametrize("body, code, place", [
    ({"area": {"points": [{"latitude": 90.5}]}}, "OUT_OF_RANGE", "area.points[0].latitude"), ({"area": {"points": [{}]}}, "INVALID_ARGUMENT", "latitude"),
    ({"area": {"points": [{"latitude": "1"}]}}, "INVALID_ARGUMENT", "area.points[0].latitude"),
    ({"endsAt": "2026-01-01T00:00:00"}, "INVALID_ARGUMENT", "endsAt"), ({"area": {"points": [{"latitude": 1}] * 16}}, "INVALID_ARGUMENT", "area.points"),
    ([], "INVALID_ARGUMENT", "The body"), ('{"area": {}, "area": {}}', "INVALID_ARGUMENT", "The body"), ("{", "INVALID_ARGUMENT", "The body")])
def test_a_violation_names_its_field(gateway, body, code, place):
    answer = gateway.call("POST", "/regionDeviceCount/vwip/count", gateway.token("region:count", purpose=None), body)
    assert place in refused(answer, 400, code)["message"]
    assert not gateway.backend.requests


def test_a_base_path_has_its_own_spelling_and_a_name_can_be_a_parameter(gateway):
    token, path = gateway.token("region:count", purpose=None), "/regionDeviceCount/vwip/profiles"
    gateway.backend.answer = (200, {}, {"name": "QOS_E", "x": 1})
    assert gateway.call("GET", path + "/QOS_E", token).json() == {"name": "QOS_E"} and gateway.last["path"] == path + "/QOS_E"
    for name in ("ab", "QOS_EEEEE", "a$bc"):
        assert "name" in refused(gateway.call("GET", f"{path}/{name}", token), 400, "INVALID_ARGUMENT")["message"]
    refused(gateway.call("GET", "/regiondevicecount/vwip/profiles/QOS_E", token), 404, "NOT_FOUND")
    gateway.backend.answer = (200, {}, [{"name": "a", "x": 1}, {"name": "b"}])
    assert gateway.call("GET", path, token).json() == [{"name": "a"}, {"name": "b"}]
    gateway.backend.answer = (200, {}, [{"name": "a"}, {"x": 1}])
    refused(gateway.call("GET", path, token), 502, "BAD_GATEWAY")


# Answers.

def test_the_configuration_says_whether_answers_are_checked(gateway):
    for count, watched in ((9, 200), (10, 502)):
        gateway.backend.answer = (200, {}, {"count": count, "more": 1})
        answer = gateway.call("GET", "/watched/v1/count", gateway.token("watched:read", purpose=None))
        assert answer.status_code == watched and (watched == 200 or refused(answer, 502, "BAD_GATEWAY"))
        assert gateway.call("GET", "/unwatched/v1/count", gateway.token("unwatched:read", purpose=None)).json() == {"count": count}
    # Without the check the filter still holds.
    gateway.backend.answer = (200, {}, {"more": 1})
    refused(gateway.call("GET", "/unwatched/v1/count", gateway.token("unwatched:read", purpose=None)), 502, "BAD_GATEWAY")


# What is never kept.

def test_what_a_request_holds_is_in_no_log(gateway):
    secret = "Ada " + uuid.uuid4().hex
    machine = gateway.token("sms:send")
    gateway.backend.answer = (200, {}, {"authenticationId": "a-1"})
    gateway.call("POST", "/sms/v1/send-code", machine, {"phoneNumber": BOB, "message": secret + " {{code}}"})
    gateway.call("POST", "/sms/v1/send-code", machine, {"phoneNumber": BOB, "message": secret})
    gateway.call("GET", f"/lookup/v1/state?phoneNumber={encoded(BOB)}", gateway.token("lookup:read"))
    files = [name for name in glob.glob(gateway.folder + "/data/ledger/**", recursive=True) if os.path.isfile(name)]
    assert files
    for name in files + [gateway.folder + "/serve.stderr"]:
        content = open(name, "rb").read()
        assert secret.encode() not in content and BOB[1:].encode() not in content, name


# Policies that cannot hold.

MISTAKES = [
    ("strict.json", '"strict:count"]', '"strict:conut"]', 'did you mean "strict:count"'),
    ("devices.json", '"category": "country"', '"category": "contry"', 'did you mean "country"'),
    ("region.json", '"path": "/profiles"', '"path": "/profiles/{other}"', "method and path"),
    ("region.json", '"path": "/profiles"', '"path": "/{any}/other"', "alike"),
    ("sms.json", '"status": [204]', '"status": [204], "location": "snd"', 'did you mean "send"'),
    ("devices.json", '"namesDevice": true,', '"schema": {"type": "object", "required": ["since"], "properties": {"since": {"type": "string"}}},', "the filter would drop it"),
    ("lookup.json", '"query": "phoneNumber"}', '"query": "phonenumber"}', 'did you mean "phoneNumber"'),
    ("lookup.json", '"query": "phoneNumber"}', '"query": "phoneNumber", "at": "device"}', "instead of at"),
    ("devices.json", '"ipv4Address": {"fields"', '"sinkCredential": {"fields"', "secret"),
]


@pytest.mark.parametrize("file, old, new, reason", MISTAKES)
def test_a_policy_that_cannot_hold_is_refused_with_file_line_and_reason(gateway, tmp_path, file, old, new, reason):
    for name in os.listdir(gateway.policies):
        text = open(os.path.join(gateway.policies, name)).read()
        if name == "strict.json":
            text = text.replace('"strictBodies"', '"scopes": ["strict:count"], "strictBodies"')
        (tmp_path / name).write_text(text)
    good = subprocess.run([BINARY, "policies", "check", str(tmp_path)], capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    # What is wrong stands in a line of its own.
    text = (tmp_path / file).read_text()
    assert old in text
    before, after = text.split(old, 1)
    (tmp_path / file).write_text(before + "\n" + new + "\n" + after)
    result = subprocess.run([BINARY, "policies", "check", str(tmp_path)], capture_output=True, text=True)
    assert result.returncode == 1 and reason in result.stderr, result.stderr
    assert re.search(re.escape(file) + r":[123]:[0-9]+: ", result.stderr), result.stderr
