"""The Device Identifier API through the gateway: what each of its three versions demands, on the wire."""
import pytest
import requests

from harness import (ALICE, BOB, CAROL, BROKEN, CLOSING, DAVE, FAILING, FAILING_HTML, IDENTIFIER, INCOMPLETE, LANDLINE, MATCH, PPID,
                     SLOW, TALKATIVE, TRUNCATED, TYPE, UNKNOWN, V01, V03, V04, refused)

FIELDS = {"lastChecked", "imei", "imeisv", "tac", "model", "manufacturer"}


@pytest.fixture(scope="module")
def alice(demo):
    return demo.token(ALICE, (IDENTIFIER, TYPE, PPID, MATCH))


@pytest.fixture(scope="module")
def machine(demo, alice):
    return demo.machine_token(IDENTIFIER, TYPE, PPID, MATCH)


# A subscriber's token.

@pytest.mark.parametrize("version", [V03, V04])
def test_a_subscribers_token_gets_what_was_agreed_to(demo, alice, version):
    answer = demo.call(alice, version + "/retrieve-identifier")
    assert answer.status_code == 200
    assert set(answer.json()) == FIELDS
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_the_first_version_wants_the_subscriber_in_the_body(demo, alice):
    assert set(demo.call(alice, V01 + "/retrieve-identifier", {"phoneNumber": ALICE}).json()) == FIELDS
    assert set(demo.call(alice, V01 + "/retrieve-type", {"phoneNumber": ALICE[1:]}).json()) == FIELDS - {"imei", "imeisv"}
    refused(demo.call(alice, V01 + "/retrieve-identifier", {"phoneNumber": BOB}), 403, "PERMISSION_DENIED")
    refused(demo.call(alice, V01 + "/retrieve-identifier", {"ipv6Address": "2001:db8::1"}), 403, "PERMISSION_DENIED")
    body = refused(demo.call(alice, V01 + "/retrieve-identifier", {}), 400, "INVALID_ARGUMENT")
    assert body["message"].startswith("At least one of phoneNumber")


@pytest.mark.parametrize("version", [V03, V04])
@pytest.mark.parametrize("number", [ALICE, BOB])
def test_an_identifier_beside_a_subscribers_token_is_unnecessary(demo, alice, version, number):
    refused(demo.call(alice, version + "/retrieve-identifier", {"device": {"phoneNumber": number}}), 422, "UNNECESSARY_IDENTIFIER")


def test_pseudonym_and_match(demo, alice):
    ppid = demo.call(alice, V03 + "/retrieve-ppid").json()
    assert set(ppid) == {"lastChecked", "ppid"} and len(ppid["ppid"]) == 64
    imei = demo.call(alice).json()["imei"]
    path = V04 + "/match-identifier"
    assert demo.call(alice, path, {"providedIdentifierType": "IMEI", "providedIdentifier": imei}).json()["match"] is True
    assert demo.call(alice, path, {"providedIdentifierType": "TAC", "providedIdentifier": "12345678"}).json()["match"] is False
    for body in ({"providedIdentifierType": "IMEI", "providedIdentifier": "12345678"}, {"providedIdentifierType": "IMEI"},
                 {"providedIdentifierType": "MAC", "providedIdentifier": imei}):
        refused(demo.call(alice, path, body), 400, "INVALID_ARGUMENT")


# A token without a subscriber.

@pytest.mark.parametrize("version", [V03, V04])
def test_a_machines_token_names_the_subscriber(demo, machine, version):
    path = version + "/retrieve-identifier"
    assert set(demo.call(machine, path, {"device": {"phoneNumber": ALICE}}).json()) == FIELDS
    refused(demo.call(machine, path), 422, "MISSING_IDENTIFIER")
    refused(demo.call(machine, path, {"device": {}}), 400, "INVALID_ARGUMENT")


def test_a_machines_token_with_the_first_version(demo, machine):
    path = V01 + "/retrieve-identifier"
    assert set(demo.call(machine, path, {"phoneNumber": ALICE}).json()) == FIELDS
    assert set(demo.call(machine, path, {"phoneNumber": ALICE[1:]}).json()) == FIELDS
    refused(demo.call(machine, path, {}), 400, "INVALID_ARGUMENT")
    refused(demo.call(machine, path, {"phoneNumber": "0639980001"}), 404, "NOT_FOUND")


def test_who_has_not_agreed_is_not_told_from_who_does_not_exist(demo, machine):
    before = demo.backend_calls()
    answers = [demo.call(machine, body={"device": {"phoneNumber": n}}) for n in ("+33639980016", "+33639981234")]
    bodies = [refused(answer, 403, "PERMISSION_DENIED") for answer in answers]
    assert bodies[0] == bodies[1]
    assert demo.backend_calls() == before, "nothing may reach the backend"


def test_several_identifiers_are_no_error_and_the_used_one_is_named(demo, machine):
    device = {"phoneNumber": ALICE, "ipv4Address": {"publicAddress": "192.0.2.77", "publicPort": 4711}}
    answer = demo.call(machine, body={"device": device}).json()
    assert answer["device"] == {"phoneNumber": ALICE}
    assert "device" not in demo.call(machine, body={"device": {"phoneNumber": ALICE}}).json()


def test_unsupported_identifiers(demo, machine):
    for device in ({"networkAccessIdentifier": "1@example.com"}, {"ipv6Address": "2001:db8::1"},
                   {"ipv4Address": {"publicAddress": "192.0.2.1", "publicPort": 65535}}):
        for version in (V03, V04):
            refused(demo.call(machine, version + "/retrieve-identifier", {"device": device}), 422, "UNSUPPORTED_IDENTIFIER")
        refused(demo.call(machine, V01 + "/retrieve-identifier", device), 404, "NOT_FOUND")


# The schema of bodies.

@pytest.mark.parametrize("device", [
    {"phoneNumber": "33639980001"}, {"phoneNumber": "+0339980001"}, {"phoneNumber": 33639980001}, {"phoneNumber": ""},
    {"ipv4Address": {"publicAddress": "192.0.2.1"}}, {"ipv4Address": {"publicAddress": "192.0.2.256", "publicPort": 80}},
    {"ipv4Address": {"publicAddress": "192.0.2.1", "publicPort": "80"}}, {"ipv6Address": "::zz"}, [], "x", None])
def test_a_body_that_breaks_the_schema(demo, machine, device):
    refused(demo.call(machine, body={"device": device}), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("path, port", [(V01, 1023), (V01, 65536), (V03, 65536), (V03, -1), (V04, 0), (V04, 65536)])
def test_a_port_out_of_range(demo, machine, path, port):
    device = {"ipv4Address": {"publicAddress": "192.0.2.1", "publicPort": port}}
    refused(demo.call(machine, path + "/retrieve-type", device if path == V01 else {"device": device}), 400, "OUT_OF_RANGE")


def test_unknown_properties_are_refused_by_the_strict_version_only(demo, alice, machine):
    assert demo.call(alice, V03 + "/retrieve-type", {"extra": 1}).status_code == 200
    refused(demo.call(alice, V04 + "/retrieve-type", {"extra": 1}), 400, "INVALID_ARGUMENT")
    deep = {"device": {"phoneNumber": ALICE, "extra": 1}}
    assert demo.call(machine, V03 + "/retrieve-type", deep).status_code == 200
    refused(demo.call(machine, V04 + "/retrieve-type", deep), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"device":{},"device":{}}', b"\xef\xbb\xbf{}", b'{"a":NaN}', b"{}x", b'{"\\ud800":1}'])
def test_a_body_that_is_not_a_json_object(demo, alice, body):
    refused(demo.call(alice, body=body), 400, "INVALID_ARGUMENT")


# Headers and paths.

def test_the_correlator_is_echoed_also_on_errors(demo, alice):
    for value in ("b4333c46-49c0-4f62-80d7-f0ef930f1c46", "a<b>{c};/:._-", "x" * 256):
        assert demo.call(alice, **{"x-correlator": value}).headers["x-correlator"] == value
        assert demo.call(None, **{"x-correlator": value}).headers["x-correlator"] == value


@pytest.mark.parametrize("value", ["x" * 257, "a b", "a,b", "é".encode("latin-1"), "a\"b"])
def test_a_correlator_outside_its_pattern(demo, alice, value):
    answer = demo.call(alice, **{"x-correlator": value})
    refused(answer, 400, "INVALID_ARGUMENT")
    assert answer.headers["x-correlator"] != value


def test_of_a_call_nothing_is_left_to_the_next_request_of_its_connection(demo, alice):
    """One connection: a call, then paths that lead to nothing, to the authorization server and to a page, then a call again."""
    with requests.Session() as session:
        for _ in range(2):
            assert demo.call(alice, session=session).status_code == 200
            for path in ("/no-api/v1/x", V03 + "/nothing", V03):
                refused(demo.call(alice, path, session=session, **{"x-correlator": "leads-nowhere"}), 404, "NOT_FOUND")
            refused(demo.call(None, session=session), 401, "UNAUTHENTICATED")
            assert session.get(demo.issuer + "/.well-known/openid-configuration", timeout=5).json()["issuer"] == demo.issuer
            assert "<html" in session.get(demo.issuer + "/my", timeout=5).text
            refused(demo.call(alice, "/no-api/v1/x", session=session), 404, "NOT_FOUND")
    # The backend was not asked: what belongs to no operation has no entry.
    assert demo.json("audit", "search", "--correlator", "leads-nowhere") == []


def test_paths_methods_and_media_types(demo, alice):
    refused(demo.call(alice, V03 + "/nothing"), 404, "NOT_FOUND")
    refused(demo.call(alice, "/no-api/v1/x"), 404, "NOT_FOUND")
    answer = demo.call(alice, method="GET")
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"
    refused(demo.call(alice, Accept="text/html"), 406, "NOT_ACCEPTABLE")
    refused(demo.call(alice, Accept="application/json;q=0, */*"), 406, "NOT_ACCEPTABLE")
    assert demo.call(alice, Accept="text/html, application/*;q=0.5").status_code == 200
    refused(demo.call(alice, **{"Content-Type": "text/plain"}), 415, "UNSUPPORTED_MEDIA_TYPE")
    refused(demo.call(alice, **{"Content-Type": "application/json; charset=latin1"}), 415, "UNSUPPORTED_MEDIA_TYPE")
    assert demo.call(alice, **{"Content-Type": "application/json; charset=UTF-8"}).status_code == 200


def test_what_is_refused_before_the_token_speaks_the_apis_own_words_and_is_in_the_ledger(demo, alice):
    path = V01 + "/retrieve-identifier"
    texts = {
        405: "The request method is not supported by this resource",
        406: "The server cannot produce a response matching the content requested by the client through Accept-* headers"}
    assert refused(demo.call(alice, path, method="GET"), 405, "METHOD_NOT_ALLOWED")["message"] == texts[405]
    for name, status, code, headers in [
            ("n-406", 406, "NOT_ACCEPTABLE", {"Accept": "text/html"}), ("n-415", 415, "UNSUPPORTED_MEDIA_TYPE", {"Content-Type": "text/plain"})]:
        body = refused(demo.call(alice, path, {"phoneNumber": ALICE}, **headers, **{"x-correlator": name}), status, code)
        assert body["message"] == texts.get(status, body["message"])
        entry, = demo.json("audit", "search", "--correlator", name)
        assert entry["status"] == status and entry["decision"] == "refused" and entry["operation"] == "retrieveIdentifier"
    before = len(demo.json("audit", "search", "--decision", "refused", "--limit", "10000"))
    refused(demo.call(alice, path, {"phoneNumber": ALICE}, **{"x-correlator": "a b"}), 400, "INVALID_ARGUMENT")
    after = demo.json("audit", "search", "--decision", "refused", "--limit", "10000")
    assert len(after) == before + 1 and after[-1]["reason"] == "correlator_malformed"


def test_several_accept_fields_are_one_list(demo, alice):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", demo.port)
    for values, status in ((("text/html", "application/json"), 200), (("text/html", "text/plain"), 406)):
        connection.putrequest("POST", V03 + "/retrieve-type", skip_accept_encoding=True)
        for value in values:
            connection.putheader("Accept", value)
        for name, value in (("Authorization", "Bearer " + alice), ("Content-Type", "application/json"), ("Content-Length", "2")):
            connection.putheader(name, value)
        connection.endheaders(b"{}")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status


# Tokens.

def test_without_a_good_token_there_is_401_and_a_challenge(demo, alice):
    for token in (None, "x", alice[:-4] + "AAAA", alice + ".x", "e30.e30."):
        answer = demo.call(token)
        refused(answer, 401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Bearer realm=")
    assert demo.call(None, Authorization="Basic eDp5").status_code == 401


def test_an_id_token_is_no_access_token(demo):
    answer = demo.grant(ALICE)
    refused(demo.call(answer.json()["id_token"]), 401, "UNAUTHENTICATED")


def test_a_token_opens_what_its_scope_says(demo, alice):
    token = demo.token(ALICE, (TYPE,))
    assert demo.call(token, V03 + "/retrieve-type").status_code == 200
    refused(demo.call(token), 403, "PERMISSION_DENIED")


def test_an_expired_token(demo):
    import time
    token = demo.command("token", "issue", "--client", "demo-all", "--subject", "tel:" + ALICE, "--scope",
                         f"dpv:FraudPreventionAndDetection {IDENTIFIER}", "--ttl", "1s").stdout.strip()
    time.sleep(1.2)
    refused(demo.call(token), 401, "UNAUTHENTICATED")


# What the subscriber left out.

def test_an_unticked_category_is_not_in_the_answer(demo):
    answer = demo.grant(DAVE, untick=("device-make-model",)).json()
    assert TYPE not in answer["scope"] and IDENTIFIER in answer["scope"]
    assert set(demo.call(answer["access_token"]).json()) == {"lastChecked", "imei", "imeisv"}
    refused(demo.call(answer["access_token"], V03 + "/retrieve-type"), 403, "PERMISSION_DENIED")


def test_a_scope_whose_required_category_is_unticked_falls_out(demo):
    answer = demo.grant(CAROL, untick=("device-serial-number",)).json()
    assert IDENTIFIER not in answer["scope"] and TYPE in answer["scope"]
    assert set(demo.call(answer["access_token"], V03 + "/retrieve-type").json()) == FIELDS - {"imei", "imeisv"}
    refused(demo.call(answer["access_token"]), 403, "PERMISSION_DENIED")


# Backends that misbehave.

@pytest.mark.parametrize("number, status, code", [
    (UNKNOWN, 404, "IDENTIFIER_NOT_FOUND"), (LANDLINE, 422, "SERVICE_NOT_APPLICABLE"), (SLOW, 504, "TIMEOUT"),
    (BROKEN, 502, "BAD_GATEWAY"), (FAILING, 500, "INTERNAL"), (FAILING_HTML, 502, "BAD_GATEWAY"), (CLOSING, 502, "BAD_GATEWAY"),
    (INCOMPLETE, 502, "BAD_GATEWAY"), (TRUNCATED, 502, "BAD_GATEWAY")])
def test_a_backend_that_misbehaves_is_told_by_its_code_and_releases_nothing(demo, number, status, code):
    refused(demo.call(demo.token(number)), status, code)


def test_the_first_version_says_not_found_of_an_unknown_subscriber(demo):
    body = refused(demo.call(demo.token(UNKNOWN), V01 + "/retrieve-identifier", {"phoneNumber": UNKNOWN}), 404, "NOT_FOUND")
    assert body["message"] == "No device found for the specified parameters"


def test_what_the_api_does_not_have_never_leaves(demo):
    answer = demo.call(demo.token(TALKATIVE))
    assert set(answer.json()) == FIELDS
    assert "208010123456789" not in answer.text


def test_a_backend_that_is_gone(demo, tmp_path):
    """A gateway whose backend's port nobody listens on: 503, and it says so at once."""
    from harness import Demo
    other = Demo(tmp_path).start()
    try:
        token = other.token(ALICE)
        import json
        text = open(other.configuration).read().replace(f":{other.backend_port}", ":1")
        config = other.data + "/gone.json"
        open(config, "w").write(text)
        other.stop()
        import subprocess, harness
        process = subprocess.Popen([harness.BINARY, "serve", "--config", config], stdout=subprocess.PIPE, text=True)
        harness.wait_ready(process)
        refused(other.call(token), 503, "UNAVAILABLE")
        process.terminate()
        assert process.wait(20) == 0
    finally:
        other.stop()
