"""Every operation of CAMARA's documents, asked of `passerelle simulate` itself, with an independent validator. Skipped where the documents
are not at hand."""
import datetime, hashlib, os, time

import pytest
from jsonschema import ValidationError

from harness import ALICE, BOB, CAROL, DAVE, ERIN, LANDLINE, UNKNOWN
from simulator import (
    BORDER, CHILD, COMING_AND_GOING, DENIED, OFF, PARIS, POLYGON, SINK, SMS_ONLY, SPECIFICATIONS, TRACKER, WITHHELD, Document, circle, device,
    moment, square, wrong_devices)

pytestmark = pytest.mark.skipif(not os.path.isdir(SPECIFICATIONS),
                                reason=f"CAMARA's OpenAPI documents are not in {SPECIFICATIONS}; PASSERELLE_SPECS may name the folder")


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


def test_simple_edge_discovery(document):
    call = document("simple-edge-discovery.yaml")
    zone = lambda number: call("readClosestEdgeCloudZone", device(number))["edgeCloudZoneName"]
    assert (zone(ALICE), zone(POLYGON), zone(OFF)) == ("Paris North", "Lyon", "Marseille Port")
    wrong_devices(call, "readClosestEdgeCloudZone")
