"""Attacks by addresses: where a browser is sent (A15, A16, A17), and where the server itself would go (A19, A20)."""
import subprocess, time

import pytest
import requests

from forge import (ALICE, PURPOSE, TYPE, agreed, authorize_pairs, back, client_authentication, client_key, compact, get, listener, object_claims,
                   operator, post, told,
                   visitors)
from harness import BINARY, Demo, wait_ready

HOST, REGISTERED = "127.0.0.1:8090", "http://127.0.0.1:8090/callback"

# Each has led a server to send a browser, with a code, to somebody else.
ADDRESSES = [
    # Who is the host?
    "http://127.0.0.1:8090@evil.example/callback", "http://evil.example@127.0.0.1:8090/callback", "http://evil.example:8090@@127.0.0.1:8090/callback",
    "http://127.0.0.1:8090@evil.example@127.0.0.1:8090/callback", "http://a:b@127.0.0.1:8090/callback",
    "http://127.0.0.1:8090%40evil.example/callback",
    "http://127.0.0.1:8090\\@evil.example/callback", "http://evil.example\\@127.0.0.1:8090/callback", "http://evil.example#@127.0.0.1:8090/callback",
    "http://evil.example?@127.0.0.1:8090/callback", "http://127.0.0.1:8090.evil.example/callback", "http://127.0.0.1.evil.example:8090/callback",
    "http://evil.example/http://127.0.0.1:8090/callback", "http:evil.example/callback", "http:///evil.example/callback",
    "http:/\\evil.example/callback", "http:\\\\evil.example",
    "//127.0.0.1:8090/callback", "///127.0.0.1:8090/callback", "\\\\127.0.0.1:8090\\callback", "/callback", "callback", "127.0.0.1:8090/callback",
    "?", "#", "*",
    # The same host by another name.
    "http://localhost.:8090/callback", "http://LOCALHOST:8090/callback", "http://127.1:8090/callback", "http://2130706433:8090/callback",
    "http://0x7f000001:8090/callback",
    "http://0177.0.0.1:8090/callback", "http://127.0.0.1.:8090/callback", "http://[::ffff:127.0.0.1]:8090/callback", "http://[::1]:8090/callback",
    "http://127。0。0。1:8090/callback",
    "http://①②⑦.0.0.1:8090/callback", "http://127.0.0.1\u200b:8090/callback", "http://127.0.0.1\u00ad:8090/callback",
    # Port and scheme.
    "http://127.0.0.1:08090/callback", "http://127.0.0.1:8090:80/callback", "http://127.0.0.1:/callback", "http://127.0.0.1/callback",
    "http://127.0.0.1:80901/callback",
    "http://127.0.0.1:8091/callback", "http://127.0.0.1:73626/callback", "https://127.0.0.1:8090/callback", "HTTP://127.0.0.1:8090/callback",
    "hTTp://127.0.0.1:8090/callback",
    "ftp://127.0.0.1:8090/callback", "ws://127.0.0.1:8090/callback", "http+x://127.0.0.1:8090/callback", " http://127.0.0.1:8090/callback",
    "http ://127.0.0.1:8090/callback",
    "javascript://127.0.0.1:8090/callback%0aalert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,x",
    "DATA:text/html;base64,eA==", "vbscript:x", "blob:x",
    "about:blank", "view-source:http://127.0.0.1:8090/callback", "file:///etc/passwd", "urn:ietf:wg:oauth:2.0:oob",
    # Path, query and fragment.
    REGISTERED + "/", REGISTERED + "//", REGISTERED + "?", REGISTERED + "#", REGISTERED + "?code=forged", REGISTERED + "&x=1", REGISTERED + ";x",
    REGISTERED + "%20", REGISTERED + "+",
    REGISTERED + "%00", REGISTERED + "%0a", REGISTERED + "%0d%0aX:y", REGISTERED + "\n", REGISTERED + "\r\nLocation: https://evil.example",
    REGISTERED + "\t", REGISTERED + " ",
    REGISTERED + ".evil", REGISTERED + "/../evil", REGISTERED + "/..;/evil", REGISTERED + "/%2e%2e/evil", REGISTERED + "/%252e%252e/evil",
    REGISTERED + "/..%2fevil",
    REGISTERED + "\\..\\evil", "http://127.0.0.1:8090/./callback", "http://127.0.0.1:8090//callback", "http://127.0.0.1:8090/x/../callback",
    "http://127.0.0.1:8090/callbac",
    "http://127.0.0.1:8090/CALLBACK", "http://127.0.0.1:8090/%63allback", "http://127.0.0.1:8090/%2563allback", "http://127.0.0.1:8090/callbac\u212a",
    "http://127.0.0.1:8090",
    "http://127.0.0.1:8090/", "http%3A%2F%2F127.0.0.1%3A8090%2Fcallback", REGISTERED + "," + REGISTERED, REGISTERED + " " + REGISTERED,
    REGISTERED + "\u0301", REGISTERED + "x" * 3000]


@pytest.fixture(scope="module", autouse=True)
def consent(demo):
    agreed(demo)


def changed(demo, **changes):
    return [(k, v) for k, v in (dict(authorize_pairs(demo)) | changes).items() if v is not None]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a15_no_browser_is_sent_to_an_address_that_only_looks_like_the_registered_one(demo, address):
    """Plainly, pushed, in a signed request: a page or a refusal, and never a redirect (profile item 18)."""
    for pairs in (changed(demo, redirect_uri=address), changed(demo, redirect_uri=address, prompt="none", scope="x"),
                  changed(demo, redirect_uri=address, response_type="x")):
        answer = get(demo, pairs)
        assert answer.status_code == 400 and "location" not in answer.headers, answer.headers
        assert "evil.example" not in answer.text and "alert(" not in answer.text
    answer = post(demo, "/par", changed(demo, redirect_uri=address) + client_authentication(demo))
    assert (answer.status_code, told(answer)) == (400, "invalid_request"), answer.text


def test_a15_the_address_in_a_signed_request_is_the_one_beside_it(demo):
    header = {"alg": "ES256", "kid": demo.clients["demo-all"]["kid"]}
    for inner, outer in [("https://evil.example/", REGISTERED), (REGISTERED, "https://evil.example/"),
                         ("https://evil.example/", "https://evil.example/"),
                         ("http://localhost:8090/callback", REGISTERED), (REGISTERED + "/", REGISTERED)]:
        claims = object_claims(demo, demo.issuer + "/authorize", redirect_uri=inner)
        query = {k: claims[k] for k in ("client_id", "response_type", "scope")} | {"redirect_uri": outer,
            "request": compact(header, claims, client_key(demo))}
        answer = get(demo, query)
        assert "code" not in back(answer) and "evil.example" not in answer.headers.get("location", "") + answer.text
        text = compact(header, object_claims(demo, demo.issuer + "/par", redirect_uri="https://evil.example/"), client_key(demo))
        assert post(demo, "/par", [("request", text), *client_authentication(demo)]).status_code == 400


@pytest.mark.parametrize("client_id", ["nobody", "demo-disabled", "", None, "demo-all ", "DEMO-ALL", "demo-all\u0000", "../demo-all",
                                       "<script>alert(1)</script>", "x" * 5000])
def test_a16_a_client_that_is_none_has_no_address(demo, client_id):
    """Even a registered address of somebody else's."""
    answer = get(demo, changed(demo, client_id=client_id))
    assert answer.status_code == 400 and "location" not in answer.headers and "<script" not in answer.text


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example;proto=https"}, {"X-Forwarded-Proto": "https"},
    {"X-Original-URL": "/token"},
    {"X-Rewrite-URL": "http://evil.example/"}, {"X-Forwarded-Prefix": "//evil.example"}, {"Referer": "https://evil.example/"}],
    ids=lambda headers: next(iter(headers)))
def test_a16_no_header_leads_a_browser_or_a_client_away(demo, headers):
    """Redirects to our own pages are relative, and the metadata say the configured issuer."""
    network = headers | {"x-network-msisdn": ALICE}
    for prompt in (None, "consent", "none"):
        answer = requests.get(demo.issuer + "/authorize", params=changed(demo, prompt=prompt), headers=network, timeout=5, allow_redirects=False)
        if answer.status_code != 421:
            assert answer.is_redirect and answer.headers["location"].startswith(("/consent?", REGISTERED + "?")), answer.headers
    for path in ("/.well-known/openid-configuration", "/", "/no-such"):
        answer = requests.get(demo.issuer + path, headers=headers, timeout=5, allow_redirects=False)
        assert "evil.example" not in answer.text + str(answer.headers) and "https://127" not in answer.text


def test_a16_the_page_sends_nobody_anywhere_that_its_form_says(demo):
    """Fields that a form might be made to carry are not looked at."""
    page = demo.authorize(ALICE, prompt="consent")
    address, hidden, categories = page.form()
    answer = page.session.post(address, data=[*hidden, ("decision", "allow"), *(("category", c) for c in categories),
                                              ("redirect_uri", "https://evil.example/"),
                                              ("callbackUrl", "https://evil.example/"), ("return_to", "https://evil.example/")],
                               headers={"Origin": demo.issuer}, allow_redirects=False, timeout=5)
    assert "evil.example" not in str(answer.headers) + answer.text


def is_registered(demo, identifier, **changes):
    """True when the operator's API takes the client."""
    registration = {"client_id": identifier, "client_name": "Addresses", "grant_types": ["authorization_code"], "scope": TYPE, "purposes": [PURPOSE],
                    "redirect_uris": ["https://client.example/callback"], "jwks": operator(demo, "GET", "/clients/demo-few").json()["jwks"]} | changes
    answer = operator(demo, "POST", "/clients", {k: v for k, v in registration.items() if v is not None})
    assert answer.status_code in (201, 400), answer.text
    return answer.status_code == 201


SCHEMES = ["JaVaScRiPt:alert(1)", "javascript:alert(1)", "javascript://client.example/%0aalert(1)", "data:text/html,x", "DATA:text/html;base64,eA==",
           "vbscript:x", "blob:https://client.example/x",
           "file:///etc/passwd", "about:blank", "ftp://client.example/", "http://client.example/", "//client.example/", "client.example", "",
           " https://client.example/",
           "https://client.example/\n", "https://client.example/#x", "https://user@client.example/", "https://client.example\\@evil.example/",
           "https://client.example/<script>",
           "https://", "https:client.example", "https:///client.example", "https://client.example/a b", "https://client.example/%zz",
           "https://client_.example/", "https://-x.example/",
           "https://client.example:0/", "https://client.example:99999/", "https://clïent.example/", "java\tscript:alert(1)",
           "https://client.example/\"onload=x", "https://x.example/'",
           "h" * 3000, 7, None]


@pytest.mark.parametrize("field", ["client_uri", "logo_uri", "redirect_uris"])
def test_a17_no_address_of_a_registration_can_do_anything_but_be_followed(demo, field):
    """And the page that shows it has no scheme of its own making."""
    accepted = []
    for address in SCHEMES:
        value = [address] if field == "redirect_uris" else address
        if field != "redirect_uris" and address is None:
            continue
        if is_registered(demo, f"scheme-{field}-{len(accepted)}", **{field: value}):
            accepted.append(address)
    assert accepted in ([], ["https://x.example/'"]), "an apostrophe is a character of a URI"


def test_a17_a_private_scheme_is_one_of_somebodys_domain(demo):
    for number, (address, works) in enumerate([("com.example.app:/callback", True), ("com.example.app://callback", True), ("myapp://callback", False),
                                               ("javascript.:x", False),
                                               (".javascript:x", False), ("java..script:x", False), ("mailto:a@b.example", False),
                                               ("intent://x#Intent;end", False)]):
        assert is_registered(demo, f"private-{number}", redirect_uris=[address]) is works, address


# Where the server itself would go.

@pytest.mark.parametrize("uri", ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:{port}/x", "https://127.0.0.1:{port}/x",
                                 "http://localhost:{port}/x", "http://[::1]:{port}/x",
                                 "http://[::ffff:127.0.0.1]:{port}/x", "http://2130706433:{port}/", "file:///etc/passwd",
                                 "gopher://127.0.0.1:{port}/", "urn:ietf:params:oauth:request_uri",
                                 "urn:example:bwc4JK-ESC0w8acc191e-Y1LTC2", "URN:IETF:PARAMS:OAUTH:REQUEST_URI:x",
                                 " urn:ietf:params:oauth:request_uri:x", "x"])
def test_a19_nothing_is_fetched_for_a_request_uri(demo, uri):
    with listener() as server:
        address = uri.format(port=server.getsockname()[1])
        assert back(get(demo, changed(demo, request_uri=address)))["error"] == "request_uri_not_supported"
        answer = get(demo, {"client_id": "demo-all", "request_uri": address})
        assert answer.status_code == 400 and "location" not in answer.headers
        assert told(post(demo, "/par", changed(demo, request_uri=address) + client_authentication(demo))) == "invalid_request"
        text = compact({"alg": "ES256", "kid": demo.clients["demo-all"]["kid"]}, object_claims(demo, demo.issuer + "/par", request_uri=address),
                       client_key(demo))
        assert told(post(demo, "/par", [("request", text), *client_authentication(demo)])) in ("invalid_request", "invalid_request_object")
        assert visitors(server) == 0


@pytest.mark.parametrize("uri", ["urn:ietf:params:oauth:request_uri:", "urn:ietf:params:oauth:request_uri:" + "A" * 43,
                                 "urn:ietf:params:oauth:request_uri:' OR 1=1 --",
                                 "urn:ietf:params:oauth:request_uri:" + "A" * 4000, "urn:ietf:params:oauth:request_uri:\u0301"])
def test_a19_a_reference_that_was_never_given_out(demo, uri):
    answer = get(demo, {"client_id": "demo-all", "request_uri": uri})
    assert answer.status_code == 400 and "location" not in answer.headers


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A gateway as outside of the demo: no address inside is allowed to it."""
    demo = Demo(tmp_path_factory.mktemp("strict")).start()
    demo.stop()
    config = demo.data + "/strict.json"
    text = open(demo.configuration).read()
    with open(config, "w") as file:
        file.write(text.replace('"allowedRanges": ["127.0.0.0/8", "::1/128"]', '"allowedRanges": []'))
    assert open(config).read() != text
    process = subprocess.Popen([BINARY, "serve", "--config", config], stdout=subprocess.PIPE, text=True)
    wait_ready(process)
    demo.description["configuration"] = config
    yield demo
    process.terminate()
    process.wait(20)


def asked(demo, identifier):
    """The client authenticates with a key that its jwks_uri would have to give."""
    claims = {"iss": identifier, "sub": identifier, "aud": demo.issuer, "exp": int(time.time()) + 60, "jti": str(time.time_ns())}
    text = compact({"alg": "ES256", "kid": "unknown"}, claims, client_key(demo))
    return post(demo, "/token", [("grant_type", "client_credentials"), ("scope", f"{PURPOSE} {TYPE}"), ("client_assertion", text),
                                 ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")])


INSIDE = ["127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7F.0x0.0x0.0x1", "0177.0.0.1", "017700000001", "0", "0.0.0.0",
          "127.0.0.1.", "localhost", "localhost.",
          "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::127.0.0.1]",
          "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[fe80::1%25lo]",
          "127.0.0.1%00.client.example", "①②⑦.0.0.1", "127。0。0。1"]


@pytest.mark.parametrize("host", INSIDE)
def test_a20_keys_are_not_fetched_from_this_machine_however_it_is_spelt(strict, host):
    """Not registered, or registered and never visited."""
    with listener() as server:
        for scheme in ("http", "https"):
            address = f"{scheme}://{host}:{server.getsockname()[1]}/jwks"
            identifier = f"inside-{(host[:40] + scheme).encode().hex()}"
            if is_registered(strict, identifier, grant_types=["client_credentials"], two_legged_purposes=[PURPOSE], jwks=None, jwks_uri=address):
                answer = asked(strict, identifier)
                assert (answer.status_code, told(answer)) == (401, "invalid_client")
        assert visitors(server) == 0


@pytest.mark.parametrize("host", ["169.254.169.254", "0251.0376.0251.0376", "0xA9FEA9FE", "2852039166", "[::ffff:169.254.169.254]",
                                  "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[fd00:ec2::254]",
                                  "[fe80::1]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
                                  "[ff02::1]", "[fc00::1]", "192.0.0.1", "240.0.0.1"])
def test_a20_keys_are_not_fetched_from_inside(strict, host):
    """Refused before a connection is tried: an attempt would last until its time limit, seconds later."""
    identifier = f"private-{host.encode().hex()}"
    if is_registered(strict, identifier, grant_types=["client_credentials"], two_legged_purposes=[PURPOSE], jwks=None,
                     jwks_uri=f"https://{host}/jwks"):
        answer = asked(strict, identifier)
        assert (answer.status_code, told(answer)) == (401, "invalid_client")
        assert answer.elapsed.total_seconds() < 3
