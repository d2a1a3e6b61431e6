"""A running `passerelle simulate`, and CAMARA's documents as an independent validator reads them."""
import copy, datetime, os, signal, subprocess, time, uuid

import requests
import yaml
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker

from harness import ALICE, BINARY, LANDLINE, SPECIFICATIONS, UNKNOWN, wait_ready

SUBSCRIBER_HEADER = "x-phone-number"
OFF, SMS_ONLY, POLYGON, COMING_AND_GOING, BORDER, CHILD, WITHHELD, BARRED, ASYNCHRONOUS, VALIDATED, DENIED = (
    f"+336399800{n:02}" for n in (6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18))
TRACKER = "+33639980011"
PARIS = {"latitude": 48.8566, "longitude": 2.3522}
SINK = {"sink": "https://client.example/events", "sinkCredential": {
    "credentialType": "ACCESSTOKEN", "accessToken": "secret", "accessTokenExpiresUtc": "2030-01-01T00:00:00Z", "accessTokenType": "bearer"}}


class Simulator:
    """`passerelle simulate` on a port of its own."""

    def __init__(self, *options):
        self.process = subprocess.Popen([BINARY, "simulate", "--port", "0", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = wait_ready(self.process).split()[1]

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()

    def control(self, method, path, body=None):
        return requests.request(method, self.url + "/simulator" + path, json=body, timeout=10)

    def messages(self, number):
        return [m["text"] for m in requests.get(self.url + "/simulator/messages", params={"phoneNumber": number}, timeout=10).json()["messages"]]


class Document:
    """One of CAMARA's documents, and the calls that its operations describe."""

    # Operations of which the fields of the head are held back.
    withheld = frozenset()

    def __init__(self, simulator, file):
        self.simulator, self.called = simulator, set()
        self.document = yaml.safe_load(open(os.path.join(SPECIFICATIONS, file), encoding="utf-8"))
        self.base = self.document["servers"][0]["url"].replace("{apiRoot}", "")
        self.operations = {o["operationId"]: (method, path, o) for path, item in self.document["paths"].items()
                           for method, o in item.items() if method != "parameters"}
        self.components = resolve_discriminators(self.document["components"])

    def __call__(self, operation, body=None, status=200, query=None, headers=None, number=None, **parameters):
        """Calls an operation, and gives the answer's JSON once both are as the document says."""
        method, template, definition = self.operations[operation]
        path = self.base + template.format(**parameters)
        headers = {"x-correlator": "abc-123"} | (headers or {}) | ({SUBSCRIBER_HEADER: number} if number else {})
        if body is not None and status < 300:
            self.validate(body, self.follow(definition["requestBody"])["content"]["application/json"]["schema"])
        answer = requests.request(method.upper(), self.simulator.url + path, json=body, params=query, headers=headers, timeout=10)
        assert answer.status_code == status, (operation, answer.status_code, answer.text)
        self.check(operation, definition, answer)
        if status < 300:
            self.called.add(operation)
        return answer.json() if answer.content else None

    def check(self, operation, definition, answer):
        assert answer.headers["x-correlator"] == "abc-123"
        responses = definition["responses"]
        assert str(answer.status_code) in responses, f"{operation} does not document {answer.status_code}: {answer.text}"
        response = self.follow(responses[str(answer.status_code)])
        for name in response.get("headers", {}):
            assert (name in answer.headers) == (operation not in self.withheld or name == "x-correlator"), f"{operation}: {name}"
        content = response.get("content")
        if not content:
            assert not answer.content
            return
        assert answer.headers["content-type"] == "application/json"
        self.validate(answer.json(), content["application/json"]["schema"])

    def refused(self, code, operation, *arguments, **named):
        """A call that the document says is refused with this code."""
        answer = self(operation, *arguments, **named)
        assert answer["code"] == code and answer["message"], answer

    def validate(self, value, schema):
        OAS30ReadValidator({"components": self.components, **schema} if "$ref" not in schema else {"components": self.components, "allOf": [schema]},
                           format_checker=oas30_format_checker).validate(value)

    def follow(self, part):
        while "$ref" in part:
            name = part["$ref"].split("/")[1:]
            part = self.document
            for key in name:
                part = part[key]
        return part

    @property
    def uncalled(self):
        return sorted(set(self.operations) - self.called)


def resolve_discriminators(components):
    """OpenAPI says with `discriminator` what JSON Schema says with `oneOf`: a value is what its property says. The schemas that it leads to
    build upon the one that has it, which is kept for them under another name."""
    components = copy.deepcopy(components)
    schemas = components["schemas"]
    for name, schema in list(schemas.items()):
        discriminator = schema.get("discriminator") if isinstance(schema, dict) else None
        if not discriminator or "mapping" not in discriminator:
            continue
        key = discriminator["propertyName"]
        own = {k: v for k, v in schema.items() if k != "discriminator"}
        leads = {v.rsplit("/", 1)[1] for v in discriminator["mapping"].values()} & set(schemas)
        for other in leads - {name}:
            schemas[other] = replace(schemas[other], f"#/components/schemas/{name}", f"#/components/schemas/{name}.own")
        schemas[f"{name}.own"] = own
        schemas[name] = {"allOf": [{"$ref": f"#/components/schemas/{name}.own"}], "oneOf": [
            {"allOf": [{"$ref": ref}, {"type": "object", "required": [key], "properties": {key: {"enum": [value]}}}]}
            for value, ref in discriminator["mapping"].items() if ref.rsplit("/", 1)[1] in schemas]}
    return components


def replace(part, old, new):
    if isinstance(part, dict):
        return {k: new if k == "$ref" and v == old else replace(v, old, new) for k, v in part.items()}
    return [replace(v, old, new) for v in part] if isinstance(part, list) else part


# What requests are made of.

def device(number, **more):
    return {"device": {"phoneNumber": number, **more}}


def moment(hours=0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).isoformat()


def square(latitude, longitude, size=0.01):
    return {"areaType": "POLYGON", "boundary": [
        {"latitude": latitude + a * size, "longitude": longitude + b * size} for a, b in ((0, 0), (0, 1), (1, 1), (1, 0))]}


def circle(radius, **center):
    return {"areaType": "CIRCLE", "center": center or PARIS, "radius": radius}


def transaction(number, amount=9.99, **more):
    return {"amountTransaction": {"phoneNumber": number, "clientCorrelator": str(uuid.uuid4()), "referenceCode": "ref-1", "paymentAmount": {
        "chargingInformation": {"amount": amount, "currency": "EUR", "description": "A song"},
        "chargingMetaData": {"merchantIdentifier": "shop-1"},
        "paymentDetails": [{"id": "a", "amount": amount, "currency": "EUR", "description": "A song"}]}}} | more


def partial(amount, **more):
    return {"type": "partial", "amountTransaction": {"referenceCode": "r", "refundAmount": {
        "chargingInformation": {"amount": amount, "currency": "EUR", "description": "Back"} | more}}}


def wrong_devices(call, operation, body=None, unknown=(404, "IDENTIFIER_NOT_FOUND"), at=lambda device: device):
    """What all operations about a device refuse."""
    body = body or {}
    call.refused(unknown[1], operation, body | at(device(UNKNOWN)), status=unknown[0])
    call.refused("SERVICE_NOT_APPLICABLE", operation, body | at(device(LANDLINE)), status=422)
    call.refused("UNSUPPORTED_IDENTIFIER", operation, body | at({"device": {"networkAccessIdentifier": "me@example.com"}}), status=422)
    call.refused("MISSING_IDENTIFIER", operation, body | at({}), status=422)
    call.refused("INVALID_ARGUMENT", operation, body | at({"device": {}}), status=400)
    call.refused("INVALID_ARGUMENT", operation, body | at({"device": {"phoneNumber": "0639980001"}}), status=400)


def until(ask, wanted, seconds=8):
    """Asks again until the answer is the one that time brings."""
    end = time.monotonic() + seconds
    while not wanted(answer := ask()):
        assert time.monotonic() < end, answer
        time.sleep(0.1)
    return answer
