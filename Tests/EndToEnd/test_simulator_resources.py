"""What calls make of the simulated operator (sessions, payments, subscriptions, calls): made, read, changed and ended as CAMARA's documents
say, with an independent validator. Skipped where the documents are not at hand."""
import os, uuid

import pytest

from harness import ALICE, BOB, CAROL, DAVE, ERIN, LANDLINE, UNKNOWN
from simulator import (
    ASYNCHRONOUS, BARRED, BORDER, COMING_AND_GOING, DENIED, OFF, SINK, SPECIFICATIONS, VALIDATED, Document, circle, device, moment, partial,
    transaction, until, wrong_devices)

pytestmark = pytest.mark.skipif(not os.path.isdir(SPECIFICATIONS),
                                reason=f"CAMARA's OpenAPI documents are not in {SPECIFICATIONS}; PASSERELLE_SPECS may name the folder")


def test_quality_on_demand(document):
    call = document("quality-on-demand.yaml")
    body = {"applicationServer": {"ipv4Address": "198.51.100.7"}, "qosProfile": "QOS_E", "duration": 600,
            "devicePorts": {"ports": [5010], "ranges": [{"from": 6000, "to": 6010}]}}
    made = call("createSession", body | device(ALICE) | SINK, status=201)
    assert made["qosStatus"] == "AVAILABLE" and "sinkCredential" not in made and made["device"] == {"phoneNumber": ALICE}
    assert call("getSession", sessionId=made["sessionId"]) == made
    assert call("retrieveSessionsByDevice", device(ALICE)) == [made] and call("retrieveSessionsByDevice", device(BOB)) == []
    call.refused("CONFLICT", "createSession", body | device(ALICE), status=409)
    assert call("extendQosSessionDuration", {"requestedAdditionalDuration": 60}, sessionId=made["sessionId"])["duration"] == 660
    assert call("extendQosSessionDuration", {"requestedAdditionalDuration": 999_999}, sessionId=made["sessionId"])["duration"] == 86_400
    call("deleteSession", status=204, sessionId=made["sessionId"])
    call.refused("NOT_FOUND", "getSession", status=404, sessionId=made["sessionId"])
    call.refused("NOT_FOUND", "extendQosSessionDuration", {"requestedAdditionalDuration": 1}, status=404, sessionId=str(uuid.uuid4()))
    call.refused("INVALID_ARGUMENT", "deleteSession", status=400, sessionId="no-uuid")

    slow = call("createSession", body | device(BOB) | {"qosProfile": "QOS_S"}, status=201)
    assert slow["qosStatus"] == "REQUESTED" and "startedAt" not in slow
    call.refused("QUALITY_ON_DEMAND.SESSION_EXTENSION_NOT_ALLOWED", "extendQosSessionDuration", {"requestedAdditionalDuration": 1}, status=409,
                 sessionId=slow["sessionId"])
    until(lambda: call("getSession", sessionId=slow["sessionId"]), lambda s: s["qosStatus"] == "AVAILABLE" and s["startedAt"])
    short = call("createSession", body | device(CAROL) | {"duration": 1}, status=201)
    over = until(lambda: call("getSession", sessionId=short["sessionId"]), lambda s: s["qosStatus"] == "UNAVAILABLE")
    assert (over["statusInfo"], over["duration"], over["expiresAt"]) == ("DURATION_EXPIRED", 1, short["expiresAt"])
    busy = call("createSession", body | device(DAVE) | {"qosProfile": "QOS_BUSY"}, status=201)
    until(lambda: call("getSession", sessionId=busy["sessionId"]), lambda s: s.get("statusInfo") == "NETWORK_TERMINATED")

    call.refused("QUALITY_ON_DEMAND.DURATION_OUT_OF_RANGE", "createSession", body | device(BOB) | {"qosProfile": "QOS_L", "duration": 14_401}, status=400)
    call.refused("QUALITY_ON_DEMAND.QOS_PROFILE_NOT_APPLICABLE", "createSession", body | device(BOB) | {"qosProfile": "QOS_OLD"}, status=422)
    call.refused("INVALID_ARGUMENT", "createSession", body | device(BOB) | {"qosProfile": "QOS_NONE"}, status=400)
    call.refused("INVALID_TOKEN", "createSession", body | SINK | {"sinkCredential": SINK["sinkCredential"] | {"accessTokenType": "x"}}, status=400)
    wrong_devices(call, "createSession", body)
    wrong_devices(call, "retrieveSessionsByDevice")


def test_qos_provisioning(document):
    call = document("qos-provisioning.yaml")
    made = call("createQosAssignment", device(ALICE) | SINK | {"qosProfile": "QOS_E"}, status=201)
    assert made["status"] == "AVAILABLE" and "sinkCredential" not in made
    assert call("getQosAssignmentById", assignmentId=made["assignmentId"]) == made == call("getQosAssignmentByDevice", device(ALICE))
    call.refused("CONFLICT", "createQosAssignment", device(ALICE) | {"qosProfile": "QOS_L"}, status=409)
    call("revokeQosAssignment", status=204, assignmentId=made["assignmentId"])
    call.refused("NOT_FOUND", "getQosAssignmentByDevice", device(ALICE), status=404)
    call.refused("NOT_FOUND", "getQosAssignmentById", status=404, assignmentId=made["assignmentId"])
    slow = call("createQosAssignment", device(ALICE) | {"qosProfile": "QOS_S"}, status=201)
    assert call("revokeQosAssignment", status=202, assignmentId=slow["assignmentId"])["status"] == "REQUESTED"
    off = call("createQosAssignment", device(OFF) | {"qosProfile": "QOS_E"}, status=201)
    until(lambda: call("getQosAssignmentById", assignmentId=off["assignmentId"]), lambda a: a.get("statusInfo") == "NETWORK_TERMINATED")
    call.refused("QOS_PROVISIONING.QOS_PROFILE_NOT_APPLICABLE", "createQosAssignment", device(BOB) | {"qosProfile": "QOS_TRIAL"}, status=422)
    wrong_devices(call, "createQosAssignment", {"qosProfile": "QOS_E"})
    wrong_devices(call, "getQosAssignmentByDevice")


def test_qos_profiles(document):
    call = document("qos-profiles.yaml")
    everything = call("retrieveQoSProfiles", {})
    assert {p["status"] for p in everything} == {"ACTIVE", "INACTIVE", "DEPRECATED"}
    assert {p["status"] for p in call("retrieveQoSProfiles", device(ALICE))} == {"ACTIVE"}
    assert [p["name"] for p in call("retrieveQoSProfiles", {"status": "INACTIVE"})] == ["QOS_TRIAL"]
    assert call("retrieveQoSProfiles", {"name": "QOS_E"}) == [call("getQosProfile", name="QOS_E")]
    call.refused("NOT_FOUND", "getQosProfile", status=404, name="QOS_NONE")
    call.refused("IDENTIFIER_NOT_FOUND", "retrieveQoSProfiles", device(UNKNOWN), status=404)
    call.refused("UNSUPPORTED_IDENTIFIER", "retrieveQoSProfiles", {"device": {"networkAccessIdentifier": "x"}}, status=422)


def test_carrier_billing(document, simulator):
    call = document("carrier-billing.yaml")
    since = moment()
    body = transaction(ALICE, **SINK)
    made = call("createPayment", body, status=201)
    assert made["paymentStatus"] == "succeeded" and made["paymentDate"] and "sinkCredential" not in made
    assert made["amountTransaction"]["paymentAmount"]["chargingInformation"]["amount"] == 9.99
    assert call("retrievePayment", paymentId=made["paymentId"]) == made
    call.refused("ALREADY_EXISTS", "createPayment", body, status=409)
    later = call("createPayment", transaction(ASYNCHRONOUS), status=201)
    assert later["paymentStatus"] == "processing" and "paymentDate" not in later
    until(lambda: call("retrievePayment", paymentId=later["paymentId"]), lambda p: p["paymentStatus"] == "succeeded")
    denied = call("createPayment", transaction(DENIED), status=201)
    until(lambda: call("retrievePayment", paymentId=denied["paymentId"]), lambda p: p["paymentStatus"] == "denied")
    call.refused("CARRIER_BILLING.PAYMENT_DENIED", "createPayment", transaction(BARRED), status=403)
    call.refused("CARRIER_BILLING.UNAUTHORIZED_AMOUNT", "createPayment", transaction(ALICE, 200.001), status=422)
    call("createPayment", transaction(ASYNCHRONOUS, 200), status=201)
    call("createPayment", transaction(ASYNCHRONOUS, 200), status=201)
    call.refused("CARRIER_BILLING.USER_AMOUNT_THRESHOLD_OVERPASSED", "createPayment", transaction(ASYNCHRONOUS, 99), status=422)
    call.refused("INVALID_ARGUMENT", "createPayment", transaction(ALICE, -1), status=400)
    call.refused("INVALID_ARGUMENT", "createPayment", transaction(ALICE, 0.0001), status=400)
    call.refused("IDENTIFIER_NOT_FOUND", "createPayment", transaction(UNKNOWN), status=404)
    call.refused("SERVICE_NOT_APPLICABLE", "createPayment", transaction(LANDLINE), status=422)
    call.refused("NOT_FOUND", "retrievePayment", status=404, paymentId="none")

    held = call("preparePayment", transaction(ALICE), status=201)["paymentId"]
    call("confirmPayment", {"phoneNumber": ALICE}, status=202, paymentId=held)
    call.refused("CARRIER_BILLING.PAYMENT_CONFIRMED", "confirmPayment", {}, status=409, paymentId=held)
    call.refused("CARRIER_BILLING.PAYMENT_CONFIRMED", "cancelPayment", {}, status=409, paymentId=held)
    held = call("preparePayment", transaction(ALICE), status=201)["paymentId"]
    call.refused("NOT_FOUND", "cancelPayment", {"phoneNumber": BOB}, status=404, paymentId=held)
    call("cancelPayment", {}, status=202, paymentId=held)
    call.refused("CARRIER_BILLING.PAYMENT_CANCELLED", "cancelPayment", {}, status=409, paymentId=held)

    waiting = call("preparePayment", transaction(VALIDATED), status=201)
    assert waiting["paymentStatus"] == "pending_validation"
    held, authorization = waiting["paymentId"], waiting["validationInfo"]["authorizationId"]
    code = simulator.messages(VALIDATED)[-1].rstrip(".").split()[-1]
    call.refused("CARRIER_BILLING.PAYMENT_DENIED", "confirmPayment", {}, status=403, paymentId=held)
    call.refused("CARRIER_BILLING.INVALID_CODE", "validatePayment", {"authorizationId": authorization, "code": "x"}, status=400, paymentId=held)
    call.refused("CARRIER_BILLING.INVALID_AUTHORIZATION_ID", "validatePayment", {"authorizationId": "x", "code": code}, status=400, paymentId=held)
    call("validatePayment", {"authorizationId": authorization, "code": code}, status=204, paymentId=held)
    assert call("retrievePayment", paymentId=held)["paymentStatus"] == "reserved"
    call.refused("ALREADY_EXISTS", "validatePayment", {"authorizationId": authorization, "code": code}, status=409, paymentId=held)
    call("confirmPayment", {}, status=202, paymentId=held)

    everything = call("retrievePayments", query={"perPage": 100, "paymentCreationDate.gte": since})
    created = [p["paymentCreationDate"] for p in everything]
    assert len(everything) == 8 and created == sorted(created, reverse=True)
    first, second = (call("retrievePayments", query={"perPage": 5, "page": page, "order": "asc"}) for page in (1, 2))
    assert first + second == everything[::-1]
    assert {p["paymentStatus"] for p in call("retrievePayments", query={"paymentStatus": "denied,cancelled"})} == {"denied", "cancelled"}
    assert call("retrievePayments", query={"merchantIdentifier": "none"}) == []
    call.refused("CARRIER_BILLING.INVALID_DATE_RANGE", "retrievePayments", status=400,
                 query={"paymentCreationDate.gte": moment(1), "paymentCreationDate.lte": moment()})
    call.refused("INVALID_ARGUMENT", "retrievePayments", status=400, query={"paymentCreationDate.gte": "yesterday"})
    call.refused("OUT_OF_RANGE", "retrievePayments", status=400, query={"page": 0})


def test_carrier_billing_refund(document, simulator):
    call, billing = document("carrier-billing-refund.yaml"), Document(simulator, "carrier-billing.yaml")
    payment = billing("createPayment", transaction(ALICE, 10), status=201)["paymentId"]
    first = call("createRefund", partial(2.5) | SINK | {"reason": "too long"}, status=201, paymentId=payment)
    assert first["refundStatus"] == "succeeded" and "sinkCredential" not in first
    assert call("retrieveRefund", paymentId=payment, refundId=first["refundId"]) == first
    assert call("retrievePaymentRemainingAmount", paymentId=payment) == {"amount": 7.5, "currency": "EUR", "isTaxIncluded": False}
    total = {"type": "total", "amountTransaction": {"referenceCode": "r", "refundAmount": {}}}
    problem = "CARRIER_BILLING_REFUND."
    call.refused(problem + "UNAUTHORIZED_AMOUNT", "createRefund", total, status=422, paymentId=payment)
    call.refused(problem + "UNAUTHORIZED_AMOUNT", "createRefund", partial(7.501), status=422, paymentId=payment)
    call.refused(problem + "TAXES_MANAGEMENT_MISMATCH", "createRefund", partial(1, isTaxIncluded=True), status=422, paymentId=payment)
    details = partial(1)
    details["amountTransaction"]["refundAmount"]["refundDetails"] = [{"paymentItemId": "b", "amount": 1, "currency": "EUR", "description": "x"}]
    call.refused(problem + "REFUND_DETAILS_MISMATCH", "createRefund", details, status=422, paymentId=payment)
    details["amountTransaction"]["refundAmount"]["refundDetails"][0]["paymentItemId"] = "a"
    call("createRefund", details, status=201, paymentId=payment)
    assert [r["type"] for r in call("retrieveRefunds", paymentId=payment, query={"order": "asc", "refundStatus": "succeeded"})] == ["partial"] * 2
    other = billing("createPayment", transaction(ALICE, 10), status=201)["paymentId"]
    assert call("createRefund", total, status=201, paymentId=other)["type"] == "total"
    assert call("retrievePaymentRemainingAmount", paymentId=other)["amount"] == 0
    call.refused("NOT_FOUND", "retrieveRefund", status=404, paymentId=other, refundId=first["refundId"])
    held = billing("preparePayment", transaction(ALICE), status=201)["paymentId"]
    call.refused(problem + "INVALID_PAYMENT_STATUS", "createRefund", total, status=422, paymentId=held)
    call.refused("NOT_FOUND", "createRefund", total, status=404, paymentId="none")


def test_webrtc(document):
    registration, calls = document("webrtc-registration.yaml"), document("webrtc-call-handling.yaml")
    # The document's pattern of a deviceId (the word "uuid") is a mistake: no UUID matches it.
    registration.components["schemas"]["regSessionRequest" if "regSessionRequest" in registration.components["schemas"] else next(
        n for n, s in registration.components["schemas"].items() if "deviceId" in s.get("properties", {}))]["properties"]["deviceId"].pop("pattern", None)
    body = {"deviceId": str(uuid.uuid4())}
    old = registration("createRegistration", body, number=ALICE)
    assert old["regInfo"] == {"phoneNumber": ALICE, "regStatus": "Registered"}
    made = registration("createRegistration", body | {"registrationExpireTime": moment(0.5)}, number=ALICE)
    registration.refused("NOT_FOUND", "updateRegistrationById", {}, status=404, registrationId=old["registrationId"])
    assert registration("updateRegistrationById", {}, registrationId=made["registrationId"])["expiresAt"] > made["expiresAt"]
    registration.refused("OUT_OF_RANGE", "createRegistration", body | {"registrationExpireTime": moment(-1)}, status=400)

    headers = {"registrationId": made["registrationId"]}
    offer = {"originatorAddress": f"tel:{ALICE}", "receiverAddress": f"tel:{BOB}", "offer": {"sdp": "v=0"}, "clientCorrelator": "c"}
    session = calls("createSession", offer, headers=headers, status=201)
    assert session["status"] == "Initial"
    connected = until(lambda: calls("getSessionDetailsById", mediaSessionId=session["mediaSessionId"]), lambda s: s["status"] == "Connected")
    assert connected["answer"]["sdp"] and connected["receiverAddress"] == f"tel:{BOB}"
    ended = calls("updateSessionStatus", {"status": "Terminated", "reason": "done"}, mediaSessionId=session["mediaSessionId"])
    assert (ended["status"], ended["reason"]) == ("Terminated", "done")
    calls("deleteSessionById", status=204, mediaSessionId=session["mediaSessionId"])
    calls.refused("NOT_FOUND", "getSessionDetailsById", status=404, mediaSessionId=session["mediaSessionId"])
    off = calls("createSession", offer | {"receiverAddress": f"tel:{OFF}"}, headers=headers, status=201)
    until(lambda: calls("getSessionDetailsById", mediaSessionId=off["mediaSessionId"]), lambda s: s["status"] == "NotReachable")
    calls.refused("INVALID_ARGUMENT", "createSession", offer, status=400)
    calls.refused("INVALID_ARGUMENT", "createSession", offer | {"receiverAddress": "nobody"}, headers=headers, status=400)
    registration("deleteRegistrationById", status=204, registrationId=made["registrationId"])
    registration.refused("NOT_FOUND", "deleteRegistrationById", status=404, registrationId=made["registrationId"])


SUBSCRIPTIONS = {
    "device-roaming-status-subscriptions": (device(CAROL), "roaming-change-country"),
    "device-reachability-status-subscriptions": (device(COMING_AND_GOING), "reachability-data"),
    "connected-network-type-subscriptions": (device(BORDER), "network-type-changed"),
    "geofencing-subscriptions": (device(ERIN) | {"area": circle(2000)}, "area-entered"),
    "sim-swap-subscriptions": ({"phoneNumber": DAVE}, "swapped"),
    "webrtc-events": ({"registrationId": "r", "deviceId": str(uuid.uuid4())}, "session-status"),
}


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
def test_subscriptions(document, name):
    call, (detail, event) = document(name + ".yaml"), SUBSCRIPTIONS[name]
    create, read, delete = (next(o for o, (method, path, _) in call.operations.items() if method == m and ("{" in path) == single)
                            for m, single in (("post", False), ("get", True), ("delete", True)))
    everything = next(o for o, (method, path, _) in call.operations.items() if method == "get" and "{" not in path)
    body = {"protocol": "HTTP", "types": [f"org.camaraproject.{name}.v0.{event}"], **SINK, "config": {
        "subscriptionDetail": detail, "subscriptionExpireTime": moment(1), "subscriptionMaxEvents": 5}}
    made = call(create, body, status=201)
    assert made["status"] == "ACTIVE" and made["config"]["subscriptionDetail"] == detail and "secret" not in str(made)
    assert call(read, subscriptionId=made["id"]) == made and call(everything) == [made]
    call(delete, status=204, subscriptionId=made["id"])
    call.refused("NOT_FOUND", read, status=404, subscriptionId=made["id"])
    call.refused("NOT_FOUND", delete, status=404, subscriptionId=made["id"])
    assert call(everything) == []
    short = call(create, body | {"config": body["config"] | {"subscriptionExpireTime": moment(1 / 3600)}}, status=201)
    until(lambda: call(read, subscriptionId=short["id"]), lambda s: s["status"] == "EXPIRED")
    call(delete, status=204, subscriptionId=short["id"])

    call.refused("INVALID_PROTOCOL", create, body | {"protocol": "MQTT5"}, status=400)
    call.refused("INVALID_SINK", create, body | {"sink": "http://client.example"}, status=400)
    call.refused("INVALID_CREDENTIAL", create, body | {"sinkCredential": {"credentialType": "PLAIN"}}, status=400)
    call.refused("INVALID_ARGUMENT", create, body | {"types": ["org.camaraproject.other.v0.event"]}, status=400)
    past = body | {"config": body["config"] | {"subscriptionExpireTime": moment(-1)}}
    call.refused("INVALID_ARGUMENT" if name == "geofencing-subscriptions" else "OUT_OF_RANGE", create, past, status=400)
    several = body | {"types": body["types"] * 2}
    if name in ("connected-network-type-subscriptions", "sim-swap-subscriptions"):
        call.refused("INVALID_ARGUMENT", create, several, status=400)
    else:
        call.refused("MULTIEVENT_SUBSCRIPTION_NOT_SUPPORTED", create, several, status=422)
    about = lambda detail: body | {"config": body["config"] | {"subscriptionDetail": detail}}
    if "device" in detail:
        wrong_devices(call, create, body, unknown=(422, "SERVICE_NOT_APPLICABLE"), at=lambda d: about({k: v for k, v in detail.items() if k != "device"} | d))
    elif "phoneNumber" in detail:
        call.refused("MISSING_IDENTIFIER", create, about({}), status=422)
    if "area" in detail:
        call.refused("GEOFENCING_SUBSCRIPTIONS.INVALID_AREA", create, about(detail | {"area": circle(1)}), status=422)
        call.refused("GEOFENCING_SUBSCRIPTIONS.AREA_NOT_COVERED", create, about(detail | {"area": circle(100, latitude=0, longitude=0)}), status=422)
