"""Attacks by the form of a request: a parameter left out, given twice, by another spelling, in another place (A23, A31)."""
import http.client, json
from urllib.parse import urlencode, urlparse

import pytest
import requests

from forge import (ALICE, POSTED, PURPOSE, REQUESTS, TYPE, agreed, authorize_pairs, back, client_authentication, client_key, compact, get,
                   is_refusal,
                   post, told)
from harness import CAROL
from test_assertions import CARRIERS


@pytest.fixture(scope="module", autouse=True)
def consent(demo):
    agreed(demo)


@pytest.fixture(params=REQUESTS)
def request_(request):
    return REQUESTS[request.param]


@pytest.fixture(params=[name for name in REQUESTS if name != "authorize"])
def posted(request):
    return REQUESTS[request.param]


def names(demo, request_):
    return [name for name, _ in request_.pairs(demo)]


def refused(answer, request_):
    assert not (answer.status_code < 300 and request_.succeeds(answer)) and is_refusal(answer, request_), answer.text
    return answer


def test_each_request_is_good_as_it_is(demo, request_):
    """Else every refusal below would be for the wrong reason."""
    assert request_.succeeds(request_.send(demo, request_.pairs(demo)))


# A23: what is left out.

def test_a23_a_parameter_that_is_left_out_or_empty_is_missed(demo, request_):
    for name in names(demo, request_):
        for value in (None, ""):
            pairs = [(n, v if n != name else value) for n, v in request_.pairs(demo) if n != name or value is not None]
            answer = request_.send(demo, pairs)
            if name in request_.optional:
                assert request_.succeeds(answer), (name, answer.text)
            else:
                refused(answer, request_)


OPTIONAL_CLAIMS = {"client_assertion": {"iat"}, "request_object": {"state", "nonce", "nbf"}}


@pytest.mark.parametrize("name", CARRIERS)
def test_a23_a_claim_that_is_left_out_null_or_empty_is_missed(demo, name):
    carrier = CARRIERS[name]
    for claim in carrier.claims(demo):
        for replacement in ({}, {claim: None}, {claim: ""}, {claim: []}, {claim: {}}):
            claims = {k: v for k, v in carrier.claims(demo).items() if k != claim} | replacement
            answer = carrier.send(demo, compact(carrier.header(demo), claims, client_key(demo)))
            if not replacement and claim in OPTIONAL_CLAIMS.get(name, ()):
                assert answer.status_code in (200, 201), (claim, answer.text)
            elif claim not in OPTIONAL_CLAIMS.get(name, ()) or answer.status_code >= 300:
                assert answer.status_code in (400, 401) and is_refusal(answer), (claim, replacement, answer.text)


def test_a23_nothing_at_all_is_refused(demo, request_):
    refused(request_.send(demo, []), request_)
    refused(request_.send(demo, [("x", "y")]), request_)


@pytest.mark.parametrize("scope", [PURPOSE, TYPE, "openid", f"openid {PURPOSE}", f"openid {TYPE}", f"dpv: {TYPE}", f"dpv:NoSuch {TYPE}",
                                   f"DPV:FraudPreventionAndDetection {TYPE}",
                                   f"{PURPOSE}#{TYPE}", f"{PURPOSE} {PURPOSE} x:y", f"{PURPOSE} dpv:Marketing {TYPE}", f"{PURPOSE},{TYPE}",
                                   f"{PURPOSE}\t{TYPE}", f"{PURPOSE}\n{TYPE}",
                                   f"{PURPOSE}\u00a0{TYPE}", f"{PURPOSE} {TYPE}*", f"{PURPOSE} *", f"{PURPOSE} device-identifier",
                                   f"{PURPOSE} device-identifier:*", f"{PURPOSE} {TYPE.upper()}",
                                   " ".join([PURPOSE] + [f"x:{number}" for number in range(70)]), "x" * 5000], ids=lambda scope: scope[:40])
def test_a23_a_scope_has_one_purpose_and_known_scopes_or_is_refused(demo, scope):
    """In every request that has one (profile items 44, 54, 57, 58)."""
    assert back(get(demo, dict(authorize_pairs(demo)) | {"scope": scope}))["error"] in ("invalid_scope", "invalid_request")
    for path, form in (("/par", dict(authorize_pairs(demo))), ("/bc-authorize", {"login_hint": f"tel:{ALICE}"}),
                       ("/token", {"grant_type": "client_credentials"})):
        if (path, scope) == ("/token", PURPOSE):
            continue  # refused for another reason, in test_oauth.py
        answer = post(demo, path, list((form | {"scope": scope}).items()) + client_authentication(demo))
        assert (answer.status_code, told(answer)) in ((400, "invalid_scope"), (400, "invalid_request")), (path, answer.text)
    assert told(demo.jwt_bearer(scope=scope)) == "invalid_scope"


# A31: what is there twice.

def test_a31_a_parameter_twice_is_refused_whatever_it_says(demo, request_):
    """The same value, another, an empty one, first or last; also a parameter that nobody knows."""
    for name in [*names(demo, request_), "unknown"]:
        for value, first in ((None, False), ("x", True), ("", False)):
            pairs = request_.pairs(demo)
            own = dict(pairs).get(name, "y")
            if name == "unknown":
                pairs.append((name, own))
            again = [(name, own if value is None else value)]
            answer = refused(request_.send(demo, again + pairs if first else pairs + again), request_)
            assert back(answer).get("error", "invalid_request") == "invalid_request"
            if request_.path != "/authorize":
                assert (answer.status_code, told(answer)) == (400, "invalid_request"), (name, answer.text)


def test_a31_the_array_notation_is_another_spelling_of_twice(demo, request_):
    for name in names(demo, request_):
        for form in ("[]", "[0]", "[a]"):
            pairs = request_.pairs(demo)
            refused(request_.send(demo, pairs + [(name + form, "x")]), request_)
            refused(request_.send(demo, [(n + form if n == name else n, v) for n, v in pairs]), request_)


def test_a31_a_names_other_spellings_are_other_names(demo, posted):
    """They neither count for it nor beside it."""
    for name in set(names(demo, posted)) - posted.optional:
        for other in (name.upper(), name + " ", name + "\u0301"):
            refused(posted.send(demo, [(other if n == name else n, v) for n, v in posted.pairs(demo)]), posted)


def test_a31_parameters_come_in_the_body_or_not_at_all(demo, posted):
    """What stands in an address stands in logs."""
    pairs = posted.pairs(demo)
    for query, body in ((pairs, []), (pairs[:1], pairs[1:]), (pairs[-1:], pairs[:-1]), (pairs, pairs), ([("unknown", "x")], pairs)):
        answer = requests.post(f"{demo.issuer}{posted.path}?{urlencode(query)}", data=urlencode(body), headers=POSTED, timeout=5)
        assert (answer.status_code, told(answer)) == (400, "invalid_request"), answer.text
    assert requests.get(f"{demo.issuer}{posted.path}?{urlencode(pairs)}", timeout=5).status_code == 405
    for method in ("PUT", "PATCH", "DELETE", "POSTX"):
        assert requests.request(method, demo.issuer + posted.path, data=urlencode(pairs), headers=POSTED, timeout=5).status_code in (400, 405, 501)


def test_a31_the_authorization_endpoint_takes_the_query_or_the_body(demo):
    pairs, url, network = authorize_pairs(demo), demo.issuer + "/authorize", {"x-network-msisdn": ALICE}
    options = {"allow_redirects": False, "timeout": 5}
    assert "code" in back(requests.post(url, data=urlencode(pairs), headers=network | POSTED, **options))
    for query, body in ((pairs[:3], pairs[3:]), (pairs, pairs), (pairs, [("x", "y")]), ([("x", "y")], pairs)):
        for method in ("POST", "GET"):
            answer = requests.request(method, f"{url}?{urlencode(query)}", data=urlencode(body), headers=network | POSTED, **options)
            assert answer.status_code == 400 and "location" not in answer.headers
    assert requests.put(url, params=pairs, headers=network, **options).status_code == 405


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", "",
                                          "application/x-www-form-urlencoded-x", "x-www-form-urlencoded",
                                          "application/x-www-form-urlencoded, text/plain", "text/plain, application/x-www-form-urlencoded", "*/*"])
def test_a31_a_form_is_a_form(demo, posted, content_type):
    pairs = posted.pairs(demo)
    bodies = {"application/json": json.dumps(dict(pairs)), "multipart/form-data; boundary=x": "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in pairs) + "--x--\r\n"}
    for body in [bodies[content_type], urlencode(pairs)] if content_type in bodies else [urlencode(pairs)]:
        answer = requests.post(demo.issuer + posted.path, data=body.encode(), headers={"Content-Type": content_type} if content_type else {},
                               timeout=5)
        assert (answer.status_code, told(answer)) == (400, "invalid_request"), answer.text


def test_a31_two_content_types_are_none(demo, posted):
    body, address = urlencode(posted.pairs(demo)).encode(), urlparse(demo.issuer)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=5)
    connection.putrequest("POST", posted.path)
    for value in (POSTED["Content-Type"], POSTED["Content-Type"]):
        connection.putheader("Content-Type", value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize("tail", ["&x=%", "&x=%z", "&x=%zz", "&x=%u0041", "&x=%ff", "&x=%c0%af", "&x=%ed%a0%80", "&x=%00", "&%00=x", "&x=\0", "&\0=x", "&x=\xff"],
                         ids=repr)
def test_a31_what_is_badly_encoded_is_refused(demo, posted, tail):
    answer = requests.post(demo.issuer + posted.path, data=urlencode(posted.pairs(demo)).encode() + tail.encode("latin-1"), headers=POSTED, timeout=5)
    assert (answer.status_code, told(answer)) == (400, "invalid_request"), answer.text


def test_a31_a_form_has_its_limits(demo, posted):
    """128 pairs and 64 KB: one below, at, and one above."""
    def more(pairs, count):
        return pairs + [(f"x{number}", "y") for number in range(count - len(pairs))]

    def longer(pairs, size):
        return pairs + [("x", "y" * (size - len(urlencode(pairs + [("x", "")]))))]
    for grow, limit in ((more, 128), (longer, 65_536)):
        for size in (limit - 1, limit):
            assert posted.succeeds(posted.send(demo, grow(posted.pairs(demo), size))), size
        for size in (limit + 1, limit * 4):
            answer = posted.send(demo, grow(posted.pairs(demo), size))
            assert (answer.status_code, told(answer)) == (400, "invalid_request"), answer.text


# The consent page's form.

def decide(page, extra=(), without=(), query="", **options):
    address, hidden, categories = page.form()
    pairs = [(n, v) for n, v in [*hidden, *(("category", c) for c in categories), ("decision", "allow")] if n not in without]
    return page.session.post(address + query, data=[*pairs, *extra], headers={"Origin": page.demo.issuer} | options, allow_redirects=False, timeout=5)


def test_a23_a31_the_consent_form_is_complete_and_unambiguous_or_nothing_is_agreed_to(demo):
    demo.withdraw(CAROL)
    page = demo.authorize(CAROL)
    hidden = page.form()[1]
    tries = [decide(page, without=(name,)) for name in ("interaction", "decision")]
    tries += [decide(page, extra=[(name, value)]) for name, value in hidden + [(n, "x") for n, _ in hidden]]
    tries += [decide(page, extra=[("decision", value)]) for value in ("allow", "deny", "")]
    tries += [decide(page, extra=[("decision", value)], without=("decision",)) for value in ("", "ALLOW", "yes", "true", "allow ", "allow\u0000")]
    tries += [decide(page, extra=[("category", "no-such")]), decide(page, **{"Content-Type": "text/plain"}),
              decide(page, **{"Content-Type": "application/json"})]
    tries += [decide(page, extra=[("page", "x")], without=("page",))]
    for answer in tries:
        assert answer.status_code in (400, 403, 404, 409, 415) and "location" not in answer.headers, answer.text
    assert demo.authorize(CAROL, prompt="none").result["error"] == "consent_required"
    # The page is still good: none of these was the decision.
    assert "code" in page.decide("allow").result
