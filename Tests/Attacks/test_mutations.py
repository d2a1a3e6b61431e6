"""Requests with something in them changed at random: never a fault of the server, never more than the unchanged request would give,
and afterwards all is well. The seeds are fixed."""
import http.client, json, random, socket
from urllib.parse import parse_qs, urlencode, urlparse

import pytest
from joserfc.jwk import ECKey

from forge import ALICE, IDENTIFIER, POSTED, PURPOSE, REQUESTS, TYPE, agreed, b64, client_authentication, client_key, compact, encoded, signature, unb64
from test_assertions import CARRIERS
from test_proofs import BODY, PATH, PLACES, at_token_endpoint, proof

CASES = 50
NASTY = [b"", b"\0", b"%00", b"\r\n", b"%0d%0a", b"\xff\xfe", b"\xc3\xa9", b"\xe2\x80\xa8", b"[]", b"{}", b"null", b"-1", b"1e999", b"9" * 30, b"../",
         b"' OR 1=1 --", b"&", b"=", b"&&==", b"+", b"%", b"%%",
         b"%u0041", b";", b"A" * 3000, b"[" * 300, b'{"a":' * 100, b"\\u0000", b"\xf0\x9f\x98\x80", b"\t", b" ", b'"', b"\\", b"." * 40, b"dpv:",
         b"openid ", b"client_id=demo-few&", b"scope="]


def mutated(chance, data):
    """One to three changes of bytes: flipped, left out, doubled, moved, something nasty put in."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at, until = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        until = min(until, at + 40)
        match chance.randrange(6):
            case 0 if data: data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 1: del data[at:until]
            case 2: data[at:at] = data[at:until]
            case 3: data[at:at] = chance.choice(NASTY)
            case 4: data[at:until] = chance.choice(NASTY)
            case _: data = data[until:] + data[:until]
    return bytes(data)


def changed(chance, pairs):
    """The same on one level up: a value, a name, the pairs themselves."""
    pairs = [list(pair) for pair in pairs]
    one = chance.choice(pairs)
    match chance.randrange(6):
        case 0: pairs.remove(one)
        case 1: pairs.append(list(one))
        case 2: one[0] = mutated(chance, one[0].encode())
        case 3: one[1] = chance.choice(NASTY)
        case 4: chance.shuffle(pairs)
        case _: one[1] = mutated(chance, one[1].encode())
    return [tuple(pair) for pair in pairs]


def exchange(demo, method, target, fields, body=b""):
    """As raw as it is made: status, header fields and body of the first answer."""
    address = urlparse(demo.issuer)
    head = method + b" " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + (b"Content-Length: %d\r\n" % len(body)
        if method == b"POST" else b"")
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        connection.sendall(head + b"".join(name.encode() + b": " + value + b"\r\n" for name, value in fields) + b"\r\n" + body)
        answer = http.client.HTTPResponse(connection, method=method.decode())
        answer.begin()
        content = answer.read()
    assert answer.status < 500, (answer.status, content)
    assert b"Fatal" not in content and b".swift" not in content
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content


FORM = [("Content-Type", POSTED["Content-Type"].encode())]


@pytest.fixture(scope="module")
def rights(demo):
    """What Alice has agreed to; and who she is to this client."""
    agreed(demo)
    return payload(demo.token(ALICE))["sub"]


def payload(token):
    return json.loads(unb64(token.split(".")[1]))


def check_token(body, subject, key=None):
    claims = payload(json.loads(body)["access_token"])
    assert claims["client_id"] == "demo-all" and claims["purpose"] == PURPOSE
    assert set(claims["scope"].split()) <= {"openid", "offline_access", PURPOSE, IDENTIFIER, TYPE}
    assert subject is None or claims["sub"] == subject
    assert claims.get("cnf", {}).get("jkt") == key


def check(demo, name, answer, subject):
    """A success is one about the same subscriber, for the same client, and with no more in it."""
    status, fields, content = answer
    if name == "authorize":
        result = parse_qs(urlparse(fields.get("location", "")).query)
        if "code" in result:
            assert fields["location"].startswith(("http://127.0.0.1:8090/callback?", "http://localhost:8090/callback?"))
        elif fields.get("location", "/").startswith("http"):
            assert "error" in result
    elif status == 200 and b"access_token" in content:
        check_token(content, None if name == "client-credentials" else subject)
    elif status == 200 and name == "bc-authorize":
        poll = demo.poll(json.loads(content)["auth_req_id"])
        if poll.status_code == 200:
            check_token(poll.content, subject)
    elif name == "introspect" and status == 200 and json.loads(content)["active"]:
        assert json.loads(content)["client_id"] == "demo-all"
    elif status >= 400 and fields.get("content-type", "").startswith("application/json"):
        assert {"error"} <= set(json.loads(content))


def is_well(demo):
    assert demo.client_credentials(f"{PURPOSE} {TYPE}").status_code == 200
    assert demo.process.poll() is None


@pytest.mark.parametrize("name", REQUESTS)
def test_a_mutated_request_gives_no_more_and_breaks_nothing(demo, rights, name):
    """Authorization requests, token requests of every grant, and the others that a client sends."""
    chance, request = random.Random("requests " + name), REQUESTS[name]
    for number in range(CASES):
        pairs = request.pairs(demo)
        body = urlencode(changed(chance, pairs)).encode() if number % 3 else mutated(chance, urlencode(pairs).encode())
        if name == "authorize":
            answer = exchange(demo, b"GET", b"/authorize?" + body, [("x-network-msisdn", ALICE.encode())])
        else:
            answer = exchange(demo, b"POST", request.path.encode(), FORM, body)
        check(demo, name, answer, rights)
    is_well(demo)


def mutated_token(chance, header, claims, key):
    """Before it is signed, so that what is inside is read; after it, so that it should not be; and by the one who may sign."""
    kind = chance.randrange(4)
    if kind == 0:
        return mutated(chance, compact(header, claims, key).encode())
    if kind == 1:
        return compact(mutated(chance, json.dumps(header).encode()), claims, key).encode()
    if kind == 2:
        return compact(header, mutated(chance, json.dumps(claims).encode()), key).encode()
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{b64(mutated(chance, signature(key, signed.encode())))}".encode()


@pytest.mark.parametrize("name", [name for name in CARRIERS if name != "proof"])
def test_a_mutated_token_of_a_client_gives_no_more_and_breaks_nothing(demo, rights, name):
    """Client assertions, bearer assertions, and request objects of both kinds."""
    chance, carrier, key = random.Random("tokens " + name), CARRIERS[name], client_key(demo)
    forms = {"client_assertion": ("/token", "client_assertion", [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}"),
                                                                 ("client_assertion_type",
                                                                  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")]),
             "bearer_assertion": ("/token", "assertion", [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")]),
             "request_object": ("/par", "request", None), "backchannel_object": ("/bc-authorize", "request", None)}
    path, field, pairs = forms[name]
    for _ in range(CASES * 2):
        text = mutated_token(chance, carrier.header(demo), carrier.claims(demo), key)
        body = urlencode((client_authentication(demo) if pairs is None else pairs) + [(field, text)]).encode()
        status, fields, content = exchange(demo, b"POST", path.encode(), FORM, body)
        if status == 201:
            uri = json.loads(content)["request_uri"]
            answer = exchange(demo, b"GET", b"/authorize?" + urlencode({"client_id": "demo-all", "request_uri": uri}).encode(),
                              [("x-network-msisdn", ALICE.encode())])
            check(demo, "authorize", answer, rights)
        else:
            check(demo, {"client_assertion": "client-credentials", "backchannel_object": "bc-authorize"}.get(name, name), (status, fields, content),
                  rights)
    is_well(demo)


def test_a_mutated_signed_authorization_request_gives_no_more_and_breaks_nothing(demo, rights):
    chance, key = random.Random("signed"), client_key(demo)
    header = {"alg": "ES256", "typ": "oauth-authz-req+jwt", "kid": demo.clients["demo-all"]["kid"]}
    for _ in range(CASES * 2):
        claims = CARRIERS["request_object"].claims(demo) | {"aud": demo.issuer + "/authorize"}
        outer = [(name, claims[name]) for name in ("client_id", "response_type", "redirect_uri", "scope")]
        outer = changed(chance, outer) if chance.random() < 0.2 else outer
        query = urlencode(outer + [("request", mutated_token(chance, header, claims, key))]).encode()
        check(demo, "authorize", exchange(demo, b"GET", b"/authorize?" + query, [("x-network-msisdn", ALICE.encode())]), rights)
    is_well(demo)


@pytest.mark.parametrize("place", PLACES)
def test_a_mutated_proof_opens_nothing_and_breaks_nothing(demo, rights, place):
    """A success is only ever by the same key."""
    chance, key, shown = random.Random("proofs " + place), ECKey.generate_key("P-256"), PLACES[place]
    bound = at_token_endpoint(demo, None, proof(key, PLACES["token"].claims(demo, ""))).json()["access_token"]
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    for _ in range(CASES * 2):
        text = mutated_token(chance, header, shown.claims(demo, bound), key)
        if place == "token":
            body = urlencode([("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}"), *client_authentication(demo)]).encode()
            status, _, content = exchange(demo, b"POST", b"/token", [*FORM, ("DPoP", text)], body)
            if status == 200:
                check_token(content, None, key.thumbprint())
        else:
            fields = [("Authorization", b"DPoP " + bound.encode()), ("Content-Type", b"application/json"), ("DPoP", text)]
            status, _, content = exchange(demo, b"POST", PATH.encode(), fields, BODY)
            assert status != 200 or "imei" not in json.loads(content)
    is_well(demo)


def test_a_mutated_access_token_opens_nothing(demo, rights):
    """Not one of its bytes can be another; without the signature's own bits there is nothing to find."""
    chance, good = random.Random("access tokens"), demo.token(ALICE).encode()
    for _ in range(CASES * 4):
        text = mutated(chance, good)
        if text.strip() == good or b"\n" in text:
            continue
        status, _, content = exchange(demo, b"POST", PATH.encode(), [("Content-Type", b"application/json"), ("Authorization", b"Bearer " + text)],
                                      b"{}")
        assert status in (400, 401, 431), content
    is_well(demo)
