"""Every operation of every shipped policy, through the gateway to the simulated operator: with a subscriber's token that names nobody, and
with an application's own token that names the subscriber. The answers are held against CAMARA's documents."""
import glob, os, re, uuid

import pytest
import requests

from harness import ALICE, BOB, DAVE, PURPOSE, REPOSITORY, V01
from simulator import SINK, SPECIFICATIONS, Document, circle, moment, partial, square, transaction

pytestmark = pytest.mark.skipif(not os.path.isdir(SPECIFICATIONS),
                                reason=f"CAMARA's OpenAPI documents are not in {SPECIFICATIONS}; PASSERELLE_SPECS may name the folder")
SHIPPED = {re.search(r'"basePath": "([^"]+)"', text)[1] for text in
           (open(f, encoding="utf-8").read() for f in glob.glob(os.path.join(REPOSITORY, "policies", "*.json"))) if '"basePath"' in text}


class Published(Document):
    """A document as the gateway publishes it, called with one token."""

    # Counts of a list that may be of more than the caller's own.
    withheld = {"retrievePayments"}

    def __init__(self, demo, file, legs, number=ALICE):
        super().__init__(None, file)
        if self.base not in SHIPPED:
            pytest.skip(f"no policy is shipped for {self.base}")
        self.demo, self.legs, self.number = demo, legs, number
        scopes = sorted({scope for _, _, o in self.operations.values() for entry in o["security"] for scope in entry.get("openId", [])})
        subscriber = demo.token(number, scopes)
        self.token = subscriber if legs == 3 else demo.machine_token(*scopes)

    def __call__(self, operation, body=None, status=200, query=None, headers=None, **parameters):
        method, template, definition = self.operations[operation]
        answer = requests.request(method.upper(), self.demo.issuer + self.base + template.format(**parameters), json=body, params=query, timeout=10,
                                  headers={"Authorization": f"Bearer {self.token}", "x-correlator": "abc-123"} | (headers or {}))
        assert answer.status_code == status, (operation, answer.status_code, answer.text)
        self.check(operation, definition, answer)
        self.called.add(operation)
        return answer.json() if answer.content else None

    def named(self, name="device"):
        """Who the call is about, where the token does not say it."""
        value = {"phoneNumber": self.number}
        return {} if self.legs == 3 else {name: value} if name == "device" else value

    def done(self):
        assert not self.uncalled, self.uncalled


@pytest.fixture(scope="module", autouse=True)
def application(sink):
    """Where all events of this file go."""
    Published.sink = sink


@pytest.fixture(params=[3, 2], ids=["subscriber's token", "application's token"])
def legs(request):
    return request.param


PLAIN = {
    "device-identifier-0.3.0.yaml": {o: ("device", {}) for o in ("retrieveIdentifier", "retrieveType", "retrievePPID")},
    "device-identifier.yaml": {o: ("device", {}) for o in ("retrieveIdentifier", "retrieveType", "retrievePPID")} | {
        "matchIdentifier": ("device", {"providedIdentifierType": "TAC", "providedIdentifier": "49015420"})},
    "device-roaming-status.yaml": {"getRoamingStatus": ("device", {})},
    "device-reachability-status.yaml": {"getReachabilityStatus": ("device", {})},
    "connected-network-type.yaml": {"getConnectedNetworkType": ("device", {})},
    "location-retrieval.yaml": {"retrieveLocation": ("device", {"maxAge": 60})},
    "location-verification.yaml": {"verifyLocation": ("device", {"area": circle(1000)})},
    "sim-swap.yaml": {"retrieveSimSwapDate": ("phoneNumber", {}), "checkSimSwap": ("phoneNumber", {"maxAge": 5})},
    "device-swap.yaml": {"retrieveDeviceSwapDate": ("phoneNumber", {}), "checkDeviceSwap": ("phoneNumber", {"maxAge": 5})},
    "kyc-match.yaml": {"KYC_Match": ("phoneNumber", {"givenName": "Alice", "familyName": "Martine"})},
    "kyc-fill-in.yaml": {"KYC_Fill-in": ("phoneNumber", {})},
    "kyc-age-verification.yaml": {"verifyAge": ("phoneNumber", {"ageThreshold": 18, "includeContentLock": True})},
    "simple-edge-discovery.yaml": {"readClosestEdgeCloudZone": ("device", {})},
}


@pytest.mark.parametrize("file", PLAIN)
def test_questions_about_a_subscriber(demo, file, legs):
    call = Published(demo, file, legs)
    for operation, (name, body) in PLAIN[file].items():
        answer = call(operation, body | call.named(name))
        assert answer and "device" not in answer
    call.done()


def test_the_first_release_of_device_identifier(demo, legs):
    call = Published(demo, "device-identifier-0.1.0.yaml", legs)
    for operation in call.operations:
        assert call(operation, {"phoneNumber": ALICE})["tac"]
    call.done()


def test_what_is_about_nobody(demo):
    density = Published(demo, "population-density-data.yaml", 2)
    start, end = moment(1), moment(2)
    assert density("retrievePopulationDensity", {"area": square(48.85, 2.35), "startTime": start, "endTime": end})["status"] == "SUPPORTED_AREA"
    assert density("retrievePopulationDensity", {"area": square(48, 2, 0.2), "startTime": start, "endTime": end} | SINK, status=202)["operationId"]
    count = Published(demo, "region-device-count.yaml", 2)
    assert count("count", {"area": circle(5000)})["count"] > 100


def test_number_verification(demo):
    call = Published(demo, "number-verification.yaml", 3)
    assert call("phoneNumberVerify", {"phoneNumber": ALICE}) == {"devicePhoneNumberVerified": True}
    assert call("phoneNumberVerify", {"phoneNumber": BOB}) == {"devicePhoneNumberVerified": False}
    assert call("phoneNumberShare") == {"devicePhoneNumber": ALICE}
    call.done()


def test_one_time_passwords(demo):
    call = Published(demo, "one-time-password-sms.yaml", 2)
    sent = call("sendCode", {"phoneNumber": ALICE, "message": "{{code}}"})["authenticationId"]
    messages = requests.get(demo.description["backend"] + "/simulator/messages", params={"phoneNumber": ALICE}, timeout=5).json()["messages"]
    call("validateCode", {"authenticationId": sent, "code": messages[-1]["text"]}, status=204)
    call.done()


def nameless(resource):
    return {name: value for name, value in resource.items() if name != "device"}


def test_quality_on_demand(demo, legs):
    call = Published(demo, "quality-on-demand.yaml", legs)
    body = {"applicationServer": {"ipv4Address": f"198.51.100.{legs}"}, "qosProfile": "QOS_E", "duration": 600}
    made = call("createSession", body | call.named() | call.sink.request(), status=201)
    assert "sinkCredential" not in made and nameless(made) == made
    read = call("getSession", sessionId=made["sessionId"])
    assert nameless(read) == made and ("device" in read) == (legs == 2), "a device is named to who named it"
    assert made in map(nameless, call("retrieveSessionsByDevice", call.named()))
    assert call("extendQosSessionDuration", {"requestedAdditionalDuration": 60}, sessionId=made["sessionId"])["duration"] == 660
    call("deleteSession", status=204, sessionId=made["sessionId"])
    call.refused("NOT_FOUND", "getSession", status=404, sessionId=made["sessionId"])
    call.done()


def test_qos_provisioning(demo, legs):
    call = Published(demo, "qos-provisioning.yaml", legs)
    made = call("createQosAssignment", call.named() | {"qosProfile": "QOS_E"}, status=201)
    assert nameless(call("getQosAssignmentById", assignmentId=made["assignmentId"])) == made == nameless(call("getQosAssignmentByDevice", call.named()))
    call("revokeQosAssignment", status=204, assignmentId=made["assignmentId"])
    slow = call("createQosAssignment", call.named() | {"qosProfile": "QOS_S"}, status=201)
    assert call("revokeQosAssignment", status=202, assignmentId=slow["assignmentId"])["status"] == "REQUESTED"
    call.done()


def test_qos_profiles(demo, legs):
    call = Published(demo, "qos-profiles.yaml", legs)
    assert {p["status"] for p in call("retrieveQoSProfiles", call.named())} == {"ACTIVE"}
    assert call("getQosProfile", name="QOS_E")["name"] == "QOS_E"
    call.done()


def bought(call, amount=9.99):
    body = transaction(call.number, amount)
    if call.legs == 3:
        del body["amountTransaction"]["phoneNumber"]
    return body


def test_carrier_billing(demo, legs):
    call = Published(demo, "carrier-billing.yaml", legs)
    made = call("createPayment", bought(call) | call.sink.request(), status=201)["paymentId"]
    assert call("retrievePayment", paymentId=made)["paymentStatus"] == "succeeded"
    who = call.named("phoneNumber")
    held = call("preparePayment", bought(call), status=201)["paymentId"]
    call("confirmPayment", who, status=202, paymentId=held)
    held = call("preparePayment", bought(call), status=201)["paymentId"]
    call("cancelPayment", who, status=202, paymentId=held)
    call.refused("CARRIER_BILLING.INVALID_AUTHORIZATION_ID", "validatePayment", {"authorizationId": "x", "code": "x"}, status=400, paymentId=held)
    if legs == 3:
        listed = call("retrievePayments", query={"perPage": 100})
        assert {made, held} <= {p["paymentId"] for p in listed}


def test_what_was_withdrawn_is_not_charged(demo, legs):
    """Confirming tells nothing of anybody, but costs them money: it wants the consent too. Giving up what was reserved does not."""
    call = Published(demo, "carrier-billing.yaml", legs, DAVE)
    if legs == 2:
        demo.token(DAVE, ["carrier-billing:payments:write", "carrier-billing:payments:create"])
    held = call("preparePayment", bought(call), status=201)["paymentId"]
    demo.withdraw(DAVE)
    who = call.named("phoneNumber")
    for operation, body in (("confirmPayment", who), ("validatePayment", {"authorizationId": "x", "code": "x"})):
        call.refused("PERMISSION_DENIED", operation, body, status=403, paymentId=held)
    call("cancelPayment", who, status=202, paymentId=held)


def test_carrier_billing_refund(demo):
    billing, call = Published(demo, "carrier-billing.yaml", 2), Published(demo, "carrier-billing-refund.yaml", 2)
    payment = billing("createPayment", bought(billing, 10), status=201)["paymentId"]
    made = call("createRefund", partial(2.5), status=201, paymentId=payment)
    assert call("retrieveRefund", paymentId=payment, refundId=made["refundId"]) == made
    assert [r["refundId"] for r in call("retrieveRefunds", paymentId=payment)] == [made["refundId"]]
    assert call("retrievePaymentRemainingAmount", paymentId=payment)["amount"] == 7.5
    call.done()


def test_webrtc(demo):
    registration, calls, events = (Published(demo, f"webrtc-{name}.yaml", 3) for name in ("registration", "call-handling", "events"))
    made = registration("createRegistration", {"deviceId": str(uuid.uuid4())})
    assert made["regInfo"]["phoneNumber"] == ALICE
    registration("updateRegistrationById", {}, registrationId=made["registrationId"])
    headers = {"registrationId": made["registrationId"]}
    session = calls("createSession", {"originatorAddress": f"tel:{ALICE}", "receiverAddress": f"tel:{BOB}", "offer": {"sdp": "v=0"}}, headers=headers, status=201)
    assert calls("getSessionDetailsById", mediaSessionId=session["mediaSessionId"])["receiverAddress"] == f"tel:{BOB}"
    assert calls("updateSessionStatus", {"status": "Terminated"}, mediaSessionId=session["mediaSessionId"])["status"] == "Terminated"
    calls("deleteSessionById", status=204, mediaSessionId=session["mediaSessionId"])
    subscribed(events, "session-status", {"registrationId": made["registrationId"]})
    registration("deleteRegistrationById", status=204, registrationId=made["registrationId"])
    for call in (registration, calls, events):
        call.done()


EVENTS = {"device-roaming-status-subscriptions": "roaming-status", "device-reachability-status-subscriptions": "reachability-data",
          "connected-network-type-subscriptions": "network-type-changed", "geofencing-subscriptions": "area-entered", "sim-swap-subscriptions": "swapped"}


def subscribed(call, event, detail):
    """The life of a subscription."""
    name = call.base.split("/")[1]
    create, everything, read, delete = (next(o for o, (method, path, _) in call.operations.items() if method == m and ("{" in path) == single)
                                        for m, single in (("post", False), ("get", False), ("get", True), ("delete", True)))
    made = call(create, {"protocol": "HTTP", "types": [f"org.camaraproject.{name}.v0.{event}"], "config": {"subscriptionDetail": detail}} | call.sink.request(), status=201)
    assert made["status"] == "ACTIVE" and "sinkCredential" not in made
    assert call(read, subscriptionId=made["id"]) == made and call(everything) == [made]
    call(delete, status=204, subscriptionId=made["id"])
    call.refused("NOT_FOUND", read, status=404, subscriptionId=made["id"])
    return made


@pytest.mark.parametrize("name", EVENTS)
def test_subscriptions(demo, name, legs):
    call = Published(demo, name + ".yaml", legs)
    detail = call.named("phoneNumber" if name.startswith("sim-swap") else "device") | ({"area": circle(2000)} if "geofencing" in name else {})
    assert subscribed(call, EVENTS[name], detail)["config"]["subscriptionDetail"] == detail
    call.done()
