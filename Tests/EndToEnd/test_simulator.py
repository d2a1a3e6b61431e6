"""Every operation of CAMARA's documents, asked of `passerelle simulate` itself, with an independent validator. Skipped where the documents
are not at hand."""
import datetime, hashlib, os, time, uuid

import pytest
from jsonschema import ValidationError

from harness import ALICE, BOB, CAROL, DAVE, ERIN, LANDLINE, UNKNOWN
from simulator import SPECIFICATIONS, Document, Simulator

pytestmark = pytest.mark.skipif(not os.path.isdir(SPECIFICATIONS),
                                reason=f"CAMARA's OpenAPI documents are not in {SPECIFICATIONS}; PASSERELLE_SPECS may name the folder")

OFF, SMS_ONLY, POLYGON, COMING_AND_GOING, BORDER, CHILD, WITHHELD, BARRED, ASYNCHRONOUS, VALIDATED, DENIED = (
    f"+336399800{n:02}" for n in (6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18))
TRACKER = "+33639980011"
PARIS = {"latitude": 48.8566, "longitude": 2.3522}
SINK = {"sink": "https://client.example/events", "sinkCredential": {
    "credentialType": "ACCESSTOKEN", "accessToken": "secret", "accessTokenExpiresUtc": "2030-01-01T00:00:00Z", "accessTokenType": "bearer"}}


@pytest.fixture(scope="module")
def simulator():
    running = Simulator()
    yield running
    running.stop()


@pytest.fixture
def document(simulator):
    """Reads a document; in the end all that it has must have been called."""
    read = []

    def open_document(file):
        read.append(Document(simulator, file))
        return read[-1]
    yield open_document
    for one in read:
        assert not one.uncalled, one.uncalled


def device(number, **more):
    return {"device": {"phoneNumber": number, **more}}


def moment(hours=0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).isoformat()


def square(latitude, longitude, size=0.01):
    return {"areaType": "POLYGON", "boundary": [
        {"latitude": latitude + a * size, "longitude": longitude + b * size} for a, b in ((0, 0), (0, 1), (1, 1), (1, 0))]}


def circle(radius, **center):
    return {"areaType": "CIRCLE", "center": center or PARIS, "radius": radius}


def wrong_devices(call, operation, body=None, unknown=(404, "IDENTIFIER_NOT_FOUND"), at=lambda device: device):
    """What all operations about a device refuse."""
    body = body or {}
    call.refused(unknown[1], operation, body | at(device(UNKNOWN)), status=unknown[0])
    call.refused("SERVICE_NOT_APPLICABLE", operation, body | at(device(LANDLINE)), status=422)
    call.refused("UNSUPPORTED_IDENTIFIER", operation, body | at({"device": {"networkAccessIdentifier": "me@example.com"}}), status=422)
    call.refused("MISSING_IDENTIFIER", operation, body | at({}), status=422)
    call.refused("INVALID_ARGUMENT", operation, body | at({"device": {}}), status=400)
    call.refused("INVALID_ARGUMENT", operation, body | at({"device": {"phoneNumber": "0639980001"}}), status=400)


def wrong_numbers(call, operation, body=None):
    body = body or {}
    call.refused("IDENTIFIER_NOT_FOUND", operation, body | {"phoneNumber": UNKNOWN}, status=404)
    call.refused("SERVICE_NOT_APPLICABLE", operation, body | {"phoneNumber": LANDLINE}, status=422)
    call.refused("MISSING_IDENTIFIER", operation, body, status=422)
    call.refused("INVALID_ARGUMENT", operation, body | {"phoneNumber": "0639"}, status=400)


def test_every_document_is_answered(simulator):
    """The list of the simulator against the folder: nothing is missing, and no operation is called otherwise."""
    known = {(o["method"], o["path"]): o["operation"] for api in simulator.control("GET", "").json()["apis"] for o in api["operations"]}
    wanted = {}
    for file in sorted(os.listdir(SPECIFICATIONS)):
        if file.endswith(".yaml") and not file.startswith(("sample-", "CAMARA_", "info-", "consent-info")):
            call = Document(simulator, file)
            wanted |= {(method.upper(), call.base + path): name for name, (method, path, _) in call.operations.items()}
    assert len(wanted) > 80 and known == wanted


def test_the_validator_notices_what_is_wrong(simulator):
    """Or the tests below would show nothing."""
    document = Document(simulator, "location-retrieval.yaml")
    schema = {"$ref": "#/components/schemas/Location"}
    good = {"lastLocationTime": "2026-01-02T03:04:05Z", "area": circle(100)}
    document.validate(good, schema)
    for bad in ({"area": circle(100)}, good | {"area": {"areaType": "CIRCLE"}}, good | {"area": {"areaType": "POLYGON", "center": PARIS, "radius": 1}},
                good | {"lastLocationTime": "2026-01-02"}, good | {"area": circle(0)}, good | {"device": {}},
                good | {"device": {"phoneNumber": ALICE, "ipv6Address": "::1"}}):
        with pytest.raises(ValidationError):
            document.validate(bad, schema)


@pytest.mark.parametrize("file", ["device-identifier-0.1.0.yaml", "device-identifier-0.3.0.yaml", "device-identifier.yaml"])
def test_device_identifier(document, file):
    call = document(file)
    body = {"phoneNumber": ALICE} if "0.1.0" in file else device(ALICE)
    assert call("retrieveIdentifier", body)["imei"].startswith(call("retrieveType", body)["tac"])
    if "0.1.0" in file:
        return
    assert call("retrievePPID", body, headers={"x-passerelle-client-id": "a"}) != call("retrievePPID", body, headers={"x-passerelle-client-id": "b"})
    wrong_devices(call, "retrieveIdentifier")
    if "matchIdentifier" in call.operations:
        assert call("matchIdentifier", body | {"providedIdentifierType": "TAC", "providedIdentifier": "49015420"})["match"] is True
        assert call("matchIdentifier", body | {"providedIdentifierType": "IMEI", "providedIdentifier": "352995111002742"})["match"] is False


def test_device_status(document):
    roaming, reachability, network = map(document, ("device-roaming-status.yaml", "device-reachability-status.yaml", "connected-network-type.yaml"))
    assert roaming("getRoamingStatus", device(ALICE))["roaming"] is False
    assert roaming("getRoamingStatus", {}, number=ALICE)["roaming"] is False, "a gateway may name the subscriber in its field"
    abroad = roaming("getRoamingStatus", device(CAROL))
    assert (abroad["roaming"], abroad["countryCode"], abroad["countryName"]) == (True, 214, ["ES"])
    answer = roaming("getRoamingStatus", device(CAROL, ipv4Address={"publicAddress": "192.0.2.1", "publicPort": 1234}))
    assert answer["device"] == {"phoneNumber": CAROL}, "of several identifiers one is used, and named"
    by_address = {"device": {"ipv4Address": {"publicAddress": "192.0.2.3", "publicPort": 1234}}}
    assert roaming("getRoamingStatus", by_address)["roaming"] is True
    assert roaming("getRoamingStatus", {"device": {"ipv6Address": "2001:db8::3"}})["roaming"] is True
    assert roaming("getRoamingStatus", device(BORDER))["roaming"] in (True, False)
    assert reachability("getReachabilityStatus", device(ALICE))["connectivity"] == ["DATA", "SMS"]
    assert reachability("getReachabilityStatus", device(SMS_ONLY))["connectivity"] == ["SMS"]
    assert reachability("getReachabilityStatus", device(OFF))["reachable"] is False
    reachability("getReachabilityStatus", device(COMING_AND_GOING))
    assert network("getConnectedNetworkType", device(ALICE))["connectedNetworkType"] == "3G"
    assert network("getConnectedNetworkType", device(OFF))["connectedNetworkType"] == "UNKNOWN"
    for call, operation in ((roaming, "getRoamingStatus"), (reachability, "getReachabilityStatus"), (network, "getConnectedNetworkType")):
        wrong_devices(call, operation)


def test_location_retrieval(document):
    call = document("location-retrieval.yaml")
    assert call("retrieveLocation", device(ALICE))["area"]["areaType"] == "CIRCLE"
    assert len(call("retrieveLocation", device(POLYGON))["area"]["boundary"]) == 5
    first = call("retrieveLocation", device(ERIN))["area"]["center"]
    time.sleep(2.1)
    assert call("retrieveLocation", device(ERIN))["area"]["center"] != first, "this one moves"
    fresh = call("retrieveLocation", device(ALICE) | {"maxAge": 0})["lastLocationTime"]
    assert fresh > call("retrieveLocation", device(ALICE))["lastLocationTime"]
    call.refused("LOCATION_RETRIEVAL.UNABLE_TO_FULFILL_MAX_AGE", "retrieveLocation", device(OFF) | {"maxAge": 60}, status=422)
    call.refused("LOCATION_RETRIEVAL.UNABLE_TO_FULFILL_MAX_SURFACE", "retrieveLocation", device(ALICE) | {"maxSurface": 10}, status=422)
    call.refused("INVALID_ARGUMENT", "retrieveLocation", device(ALICE) | {"maxAge": "x"}, status=400)
    wrong_devices(call, "retrieveLocation")


def test_location_verification(document):
    call = document("location-verification.yaml")
    assert call("verifyLocation", device(ALICE) | {"area": circle(50_000)})["verificationResult"] == "TRUE"
    assert call("verifyLocation", device(CAROL) | {"area": circle(50_000)})["verificationResult"] == "FALSE"
    partly = call("verifyLocation", device(ALICE) | {"area": circle(400), "maxAge": 60})
    assert (partly["verificationResult"], partly["matchRate"]) == ("PARTIAL", 25), "half the radius is a quarter of the area"
    call.refused("LOCATION_VERIFICATION.INVALID_AREA", "verifyLocation", device(ALICE) | {"area": circle(2)}, status=422)
    call.refused("LOCATION_VERIFICATION.AREA_NOT_COVERED", "verifyLocation",
                 device(ALICE) | {"area": circle(1000, latitude=0, longitude=0)}, status=422)
    call.refused("LOCATION_VERIFICATION.UNABLE_TO_FULFILL_MAX_AGE", "verifyLocation", device(OFF) | {"area": circle(1000), "maxAge": 1}, status=422)
    call.refused("INVALID_ARGUMENT", "verifyLocation", device(ALICE) | {"area": {"areaType": "CIRCLE", "center": PARIS}}, status=400)
    wrong_devices(call, "verifyLocation", {"area": circle(1000)})


def test_population_density(document):
    call = document("population-density-data.yaml")
    start = moment(1)
    body = {"area": square(48.85, 2.35), "startTime": start, "endTime": str(datetime.datetime.fromisoformat(start) + datetime.timedelta(hours=2)).replace(" ", "T")}
    answer = call("retrievePopulationDensity", body)
    assert answer["status"] == "SUPPORTED_AREA" and len(answer["timedPopulationDensityData"]) == 2
    cells = [c["geohash"] for c in answer["timedPopulationDensityData"][0]["cellPopulationDensityData"]]
    assert len(cells) > 20 and all(c.startswith("u09") and len(c) == 7 for c in cells)
    assert call("retrievePopulationDensity", body) == answer, "the same place has the same people"
    kinds = {c["dataType"] for i in call("retrievePopulationDensity", body | {"area": square(47, 2, 0.2), "precision": 6})["timedPopulationDensityData"]
             for c in i["cellPopulationDensityData"]}
    assert "DENSITY_ESTIMATION" in kinds and len(kinds) > 1
    assert call("retrievePopulationDensity", body | {"area": square(10, 10)})["status"] == "AREA_NOT_SUPPORTED"
    assert call("retrievePopulationDensity", body | {"area": square(51.05, 2, 0.1), "precision": 5})["status"] == "PART_OF_AREA_NOT_SUPPORTED"
    large = body | {"area": square(48, 2, 0.2)}
    assert call("retrievePopulationDensity", large | SINK, status=202)["operationId"]
    code = "POPULATION_DENSITY_DATA."
    call.refused(code + "UNSUPPORTED_SYNC_RESPONSE", "retrievePopulationDensity", large, status=422)
    call.refused(code + "UNSUPPORTED_REQUEST", "retrievePopulationDensity", body | {"area": square(42, 0, 6)}, status=422)
    call.refused(code + "UNSUPPORTED_PRECISION", "retrievePopulationDensity", body | {"precision": 12}, status=422)
    for changes, expected in (({"endTime": moment(0.5)}, "INVALID_END_TIME"), ({"startTime": moment(-3000), "endTime": moment(-2999)}, "MIN_STARTTIME_EXCEEDED"),
                              ({"startTime": moment(3000), "endTime": moment(3001)}, "MAX_STARTTIME_EXCEEDED"), ({"endTime": moment(30)}, "MAX_TIME_PERIOD_EXCEEDED"),
                              ({"startTime": moment(-1)}, "INVALID_TIME_PERIOD"), ({"area": circle(100)}, "INVALID_AREA")):
        call.refused(code + expected, "retrievePopulationDensity", body | changes, status=400)
    call.refused("INVALID_SINK", "retrievePopulationDensity", body | {"sink": "http://client.example"}, status=400)
    call.refused("INVALID_CREDENTIAL", "retrievePopulationDensity", body | SINK | {"sinkCredential": {"credentialType": "PLAIN"}}, status=400)


def test_region_device_count(document):
    call = document("region-device-count.yaml")
    assert call("count", {"area": circle(5000)})["count"] > 100
    assert call("count", {"area": square(45.75, 4.83)})["status"] == "SUPPORTED_AREA"
    assert call("count", {"area": circle(10)})["status"] == "DENSITY_BELOW_PRIVACY_THRESHOLD"
    assert call("count", {"area": circle(5000, latitude=0, longitude=0)})["status"] == "AREA_NOT_SUPPORTED"
    call("count", {"area": circle(5000), "starttime": moment(-2), "endtime": moment(-1)})
    call.refused("REGION_DEVICE_COUNT.INVALID_CIRCLE_AREA", "count", {"area": {"areaType": "CIRCLE"}}, status=400)
    call.refused("REGION_DEVICE_COUNT.INVALID_POLYGON_AREA", "count", {"area": {"areaType": "POLYGON", "boundary": []}}, status=400)
    call.refused("REGION_DEVICE_COUNT.INVALID_END_DATE", "count", {"area": circle(5000), "starttime": moment(-1), "endtime": moment(-2)}, status=400)
    call.refused("REGION_DEVICE_COUNT.TIME_INVALID_ARGUMENT", "count", {"area": circle(5000), "starttime": moment(-1)}, status=400)


def test_number_verification(document):
    call = document("number-verification.yaml")
    hashed = lambda number: hashlib.sha256(number.encode()).hexdigest()
    assert call("phoneNumberShare", number=ALICE) == {"devicePhoneNumber": ALICE}
    assert call("phoneNumberVerify", {"phoneNumber": ALICE}, number=ALICE) == {"devicePhoneNumberVerified": True}
    assert call("phoneNumberVerify", {"phoneNumber": BOB}, number=ALICE) == {"devicePhoneNumberVerified": False}
    assert call("phoneNumberVerify", {"hashedPhoneNumber": hashed(ALICE)}, number=ALICE) == {"devicePhoneNumberVerified": True}
    assert call("phoneNumberVerify", {"hashedPhoneNumber": hashed(BOB)}, number=ALICE) == {"devicePhoneNumberVerified": False}
    call.refused("INVALID_ARGUMENT", "phoneNumberVerify", {"phoneNumber": ALICE, "hashedPhoneNumber": hashed(ALICE)}, number=ALICE, status=400)
    call.refused("NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK", "phoneNumberShare", status=403)


def test_swaps(document):
    sim, phone = document("sim-swap.yaml"), document("device-swap.yaml")
    assert sim("checkSimSwap", {"phoneNumber": DAVE})["swapped"] is True
    assert sim("checkSimSwap", {"phoneNumber": DAVE, "maxAge": 5})["swapped"] is False, "it was six hours ago"
    assert sim("checkSimSwap", {"phoneNumber": ALICE, "maxAge": 2400})["swapped"] is False
    assert sim("retrieveSimSwapDate", {"phoneNumber": DAVE})["latestSimChange"] > moment(-7)
    assert sim("retrieveSimSwapDate", {"phoneNumber": WITHHELD}) == {"latestSimChange": None, "monitoredPeriod": 120}
    assert phone("checkDeviceSwap", {"phoneNumber": BOB})["swapped"] is True
    assert phone("retrieveDeviceSwapDate", {"phoneNumber": BOB})["latestDeviceChange"] < moment(-47)
    assert phone("retrieveDeviceSwapDate", {}, number=WITHHELD)["latestDeviceChange"] is None
    for call, check, date in ((sim, "checkSimSwap", "retrieveSimSwapDate"), (phone, "checkDeviceSwap", "retrieveDeviceSwapDate")):
        call.refused("OUT_OF_RANGE", check, {"phoneNumber": ALICE, "maxAge": 2401}, status=400)
        wrong_numbers(call, check)
        wrong_numbers(call, date)


def test_customers(document):
    match, fill, age = map(document, ("kyc-match.yaml", "kyc-fill-in.yaml", "kyc-age-verification.yaml"))
    known = fill("KYC_Fill-in", {"phoneNumber": CAROL})
    assert (known["name"], known["middleNames"], known["locality"]) == ("Carole Garnier", "Anne Louise", "Paris")
    assert "birthdate" not in fill("KYC_Fill-in", {"phoneNumber": TRACKER})
    assert fill("KYC_Fill-in", {}, number=ALICE)["phoneNumber"] == ALICE
    answer = match("KYC_Match", {"phoneNumber": CAROL, "givenName": "CAROLE", "familyName": "Garniér", "birthdate": "1978-07-15", "nameKanaZenkaku": "x"})
    assert answer.pop("familyNameMatchScore") in range(80, 100)
    assert answer == {"givenNameMatch": "true", "familyNameMatch": "false", "birthdateMatch": "false", "nameKanaZenkakuMatch": "not_available"}
    assert match("KYC_Match", {"phoneNumber": CAROL} | {k: v for k, v in known.items() if k != "phoneNumber"})["addressMatch"] == "true"
    match.refused("KNOW_YOUR_CUSTOMER.INVALID_PARAM_COMBINATION", "KYC_Match", {"phoneNumber": CAROL}, status=400)
    match.refused("KNOW_YOUR_CUSTOMER.ID_DOCUMENT_REQUIRED", "KYC_Match", {"phoneNumber": DAVE, "name": "David Roux"}, status=403)
    match.refused("KNOW_YOUR_CUSTOMER.ID_DOCUMENT_MISMATCH", "KYC_Match", {"phoneNumber": DAVE, "idDocument": "1"}, status=403)
    assert age("verifyAge", {"phoneNumber": ALICE, "ageThreshold": 18}) == {"ageCheck": "true", "verifiedStatus": True}
    child = age("verifyAge", {"phoneNumber": CHILD, "ageThreshold": 18, "includeContentLock": True, "includeParentalControl": True, "givenName": "Maelle"})
    assert child == {"ageCheck": "false", "verifiedStatus": True, "identityMatchScore": 100, "contentLock": "true", "parentalControl": "true"}
    assert age("verifyAge", {"phoneNumber": TRACKER, "ageThreshold": 18})["ageCheck"] == "not_available"
    age.refused("OUT_OF_RANGE", "verifyAge", {"phoneNumber": ALICE, "ageThreshold": 121}, status=400)
    wrong_numbers(match, "KYC_Match", {"name": "x"})
    wrong_numbers(fill, "KYC_Fill-in")
    wrong_numbers(age, "verifyAge", {"ageThreshold": 18})


def test_one_time_passwords(document, simulator):
    call = document("one-time-password-sms.yaml")
    sent = call("sendCode", {"phoneNumber": ALICE, "message": "{{code}} is your code"})["authenticationId"]
    code = simulator.messages(ALICE)[-1].split()[0]
    wrong = "0" if code != "0" else "1"
    call.refused("ONE_TIME_PASSWORD_SMS.INVALID_OTP", "validateCode", {"authenticationId": sent, "code": wrong}, status=400)
    call("validateCode", {"authenticationId": sent, "code": code}, status=204)
    call.refused("NOT_FOUND", "validateCode", {"authenticationId": sent, "code": code}, status=404)
    sent = call("sendCode", {"phoneNumber": ALICE, "message": "{{code}}"})["authenticationId"]
    for _ in range(3):
        call.refused("ONE_TIME_PASSWORD_SMS.INVALID_OTP", "validateCode", {"authenticationId": sent, "code": "x"}, status=400)
    call.refused("ONE_TIME_PASSWORD_SMS.VERIFICATION_FAILED", "validateCode", {"authenticationId": sent, "code": simulator.messages(ALICE)[-1]}, status=400)
    call.refused("ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_BLOCKED", "sendCode", {"phoneNumber": DENIED, "message": "{{code}}"}, status=403)
    call.refused("ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED", "sendCode", {"phoneNumber": LANDLINE, "message": "{{code}}"}, status=403)
    call.refused("NOT_FOUND", "sendCode", {"phoneNumber": UNKNOWN, "message": "{{code}}"}, status=404)
    call.refused("INVALID_ARGUMENT", "sendCode", {"phoneNumber": ALICE, "message": "no code"}, status=400)
    for _ in range(20):
        call("sendCode", {"phoneNumber": BOB, "message": "{{code}}"})
    call.refused("ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED", "sendCode", {"phoneNumber": BOB, "message": "{{code}}"}, status=403)


def until(ask, wanted, seconds=8):
    """Asks again until the answer is the one that time brings."""
    end = time.monotonic() + seconds
    while not wanted(answer := ask()):
        assert time.monotonic() < end, answer
        time.sleep(0.1)
    return answer


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


def transaction(number, amount=9.99, **more):
    return {"amountTransaction": {"phoneNumber": number, "clientCorrelator": str(uuid.uuid4()), "referenceCode": "ref-1", "paymentAmount": {
        "chargingInformation": {"amount": amount, "currency": "EUR", "description": "A song"},
        "chargingMetaData": {"merchantIdentifier": "shop-1"},
        "paymentDetails": [{"id": "a", "amount": amount, "currency": "EUR", "description": "A song"}]}}} | more


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


def partial(amount, **more):
    return {"type": "partial", "amountTransaction": {"referenceCode": "r", "refundAmount": {
        "chargingInformation": {"amount": amount, "currency": "EUR", "description": "Back"} | more}}}


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


def test_simple_edge_discovery(document):
    call = document("simple-edge-discovery.yaml")
    zone = lambda number: call("readClosestEdgeCloudZone", device(number))["edgeCloudZoneName"]
    assert (zone(ALICE), zone(POLYGON), zone(OFF)) == ("Paris North", "Lyon", "Marseille Port")
    wrong_devices(call, "readClosestEdgeCloudZone")


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
