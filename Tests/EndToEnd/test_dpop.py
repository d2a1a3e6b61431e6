"""DPoP (RFC 9449, profile items 2 to 8): tokens that are good only with the key that they were asked for with."""
import base64, hashlib, json, secrets, time
import concurrent.futures

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from harness import ALICE, IDENTIFIER, PURPOSE, TYPE, V03, refused

PATH = V03 + "/retrieve-identifier"


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def key():
    return ECKey.generate_key("P-256")


def proof(key, method, url, token=None, header=None, **claims):
    claims = {"jti": secrets.token_hex(12), "htm": method, "htu": url, "iat": int(time.time())} | (
        {"ath": digest(token.encode())} if token else {}) | claims
    return jwt.encode({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)} | (header or {}),
                      {k: v for k, v in claims.items() if v is not None}, key)


def ask(demo, key, flow="client_credentials", the_proof=None, client_id="demo-all", **form):
    return requests.post(demo.issuer + "/token", timeout=10, headers={"DPoP": the_proof or proof(key, "POST", demo.issuer + "/token")},
                         data={"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                               "client_assertion": demo.assertion(client_id), "grant_type": flow} | form)


@pytest.fixture(scope="module")
def bound(demo, key):
    answer = ask(demo, key, scope=f"{PURPOSE} {TYPE}")
    assert answer.status_code == 200 and answer.json()["token_type"] == "DPoP", answer.text
    return answer.json()["access_token"]


def call(demo, token, the_proof, scheme="DPoP", body=b'{"device":{"phoneNumber":"+33639980001"}}', query="", **headers):
    fields = {"Authorization": f"{scheme} {token}", "Content-Type": "application/json"} | headers
    if the_proof:
        fields["DPoP"] = the_proof
    return requests.post(demo.issuer + V03 + "/retrieve-type" + query, data=body, headers=fields, timeout=10)


def good(demo, key, token, **claims):
    return proof(key, "POST", demo.issuer + V03 + "/retrieve-type", token, **claims)


def test_a_bound_token_works_with_its_key_and_not_without(demo, key, bound):
    demo.grant(ALICE)
    assert call(demo, bound, good(demo, key, bound)).status_code == 200
    refused(call(demo, bound, None, "Bearer"), 401, "UNAUTHENTICATED")
    refused(call(demo, bound, good(demo, key, bound), "Bearer"), 401, "UNAUTHENTICATED")  # A46: downgrade
    refused(call(demo, bound, None), 400, "invalid_dpop_proof")
    refused(call(demo, demo.machine_token(TYPE), good(demo, key, bound)), 401, "UNAUTHENTICATED")


def test_a_proof_that_is_not_for_this_request_is_refused(demo, key, bound):
    body = b'{"device":{"phoneNumber":"+33639980001"}}'
    now = int(time.time())
    for claims in [{"htm": "GET"}, {"htu": demo.issuer + "/token"}, {"ath": digest(b"other")}, {"ath": None}, {"iat": now - 301},
                   {"iat": now + 60}, {"camara:bh": digest(b"other")}, {"camara:qh": digest(b"a=1")}, {"jti": None}]:
        answer = refused(call(demo, bound, good(demo, key, bound, **claims), body=body), 400, "invalid_dpop_proof")
        assert answer["status"] == 400
    other = ECKey.generate_key("P-256")
    refused(call(demo, bound, good(demo, other, bound)), 400, "invalid_dpop_proof")
    refused(call(demo, bound, good(demo, key, bound, header={"typ": "JWT"})), 400, "invalid_dpop_proof")
    refused(call(demo, bound, good(demo, key, bound)[:-6] + "AAAAAA"), 400, "invalid_dpop_proof")
    assert call(demo, bound, good(demo, key, bound, **{"camara:bh": digest(body), "other": 1}), body=body).status_code == 200


def test_a_proof_works_once_also_among_many(demo, key, bound):
    one = good(demo, key, bound)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: call(demo, bound, one).status_code, range(12)))
    assert sorted(statuses) == [200] + [400] * 11


def test_the_token_endpoint_wants_a_good_proof_when_there_is_one(demo, key):
    url = demo.issuer + "/token"
    once = proof(key, "POST", url)
    assert ask(demo, key, the_proof=once, scope=f"{PURPOSE} {TYPE}").status_code == 200
    for bad in [once, proof(key, "GET", url), proof(key, "POST", demo.issuer + "/par"), "x.y.z",
                proof(key, "POST", url, iat=int(time.time()) - 301)]:
        answer = ask(demo, key, the_proof=bad, scope=f"{PURPOSE} {TYPE}")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


def test_a_code_that_was_asked_for_with_a_key_is_redeemed_with_it(demo, key):
    thumbprint = key.thumbprint()
    visit = demo.authorize(ALICE, dpop_jkt=thumbprint)
    visit = visit.decide("allow") if visit.answer.status_code == 200 else visit
    form = {"code": visit.result["code"], "redirect_uri": visit.query["redirect_uri"], "code_verifier": visit.verifier}
    other = ask(demo, ECKey.generate_key("P-256"), "authorization_code", **form)
    assert (other.status_code, other.json()["error"]) == (400, "invalid_grant")
    visit = demo.authorize(ALICE, dpop_jkt=thumbprint)
    form = {"code": visit.result["code"], "redirect_uri": visit.query["redirect_uri"], "code_verifier": visit.verifier}
    answer = ask(demo, key, "authorization_code", **form)
    assert answer.status_code == 200 and answer.json()["token_type"] == "DPoP"
    shown = demo.form("/introspect", "demo-all", token=answer.json()["access_token"]).json()
    assert shown["cnf"] == {"jkt": thumbprint}


def test_discovery_says_so(demo):
    metadata = requests.get(demo.description["discovery"], timeout=5).json()
    assert "ES256" in metadata["dpop_signing_alg_values_supported"]
