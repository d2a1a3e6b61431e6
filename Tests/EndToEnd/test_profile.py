"""What CAMARA's profile leaves to the operator's configuration: docs/camara-profile.md names these tests."""
import pytest
import requests
from joserfc.jwk import ECKey

from harness import ALICE, IDENTIFIER, PURPOSE, TYPE
from operator_server import Operator
from real_gateway import Gateway
from test_dpop import digest, proof

SCOPE = f"{PURPOSE} {TYPE}"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    operator = Operator()
    running = Gateway(tmp_path_factory.mktemp("profile"), operator)
    yield running
    running.stop()
    operator.stop()


def ask(gateway, the_proof=None, claims=None):
    """Client credentials with a proof over the body that is sent, as CAMARA's camara:bh wants it."""
    request = requests.Request("POST", gateway.issuer + "/token", data={
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": gateway.assertion("demo-all"),
        "grant_type": "client_credentials", "scope": SCOPE}).prepare()
    if the_proof:
        request.headers["DPoP"] = the_proof
    elif claims is not None:
        made = {name: digest(request.body.encode()) if value is ... else value for name, value in claims.items()}
        request.headers["DPoP"] = proof(ECKey.generate_key("P-256"), "POST", request.url, **made)
    return requests.Session().send(request, timeout=10)


def metadata(gateway):
    return requests.get(gateway.issuer + "/.well-known/openid-configuration", timeout=5).json()


def test_where_proofs_are_not_supported_they_are_no_error_and_the_token_is_a_bearer_token(gateway):
    gateway.serve(dpop={"mode": "off"})
    for answer in (ask(gateway), ask(gateway, claims={}), ask(gateway, "x.y.z")):
        assert answer.status_code == 200 and answer.json()["token_type"] == "Bearer", answer.text
    assert not [name for name in metadata(gateway) if "dpop" in name]


def test_where_proofs_are_required_there_is_no_token_without(gateway):
    gateway.serve(dpop={"mode": "required"})
    answer = ask(gateway)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    answer = ask(gateway, claims={})
    assert answer.status_code == 200 and answer.json()["token_type"] == "DPoP", answer.text
    found = metadata(gateway)
    assert found["dpop_bound_access_tokens"] and "camara_dpop_claims_required" not in found


def test_where_the_proof_has_to_cover_the_request_the_metadata_says_so_and_a_proof_without_is_refused(gateway):
    gateway.serve(dpop={"mode": "required", "claims": ["camara:bh", "camara:qh"]})
    assert sorted(metadata(gateway)["camara_dpop_claims_required"]) == ["camara:bh", "camara:qh"]
    for claims in ({}, {"camara:bh": digest(b"other")}):
        answer = ask(gateway, claims=claims)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof"), answer.text
    assert ask(gateway, claims={"camara:bh": ...}).json()["token_type"] == "DPoP"


def test_claims_that_are_demanded_of_voluntary_proofs_are_announced_too(gateway):
    gateway.serve(dpop={"mode": "supported", "claims": ["camara:bh"]})
    assert ask(gateway, claims={}).json()["error"] == "invalid_dpop_proof"
    assert metadata(gateway)["camara_dpop_claims_required"] == ["camara:bh"]


def test_a_backchannel_request_that_nobody_can_be_asked_about_is_access_denied_with_403(gateway):
    gateway.serve(ciba={"intervalSeconds": 1})
    answer = gateway.backchannel(ALICE)
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied"), answer.text


def test_every_endpoint_is_under_the_issuer(gateway):
    gateway.serve()
    found = metadata(gateway)
    endpoints = [value for name, value in found.items() if name.endswith("_endpoint") or name == "jwks_uri"]
    assert len(endpoints) == 7 and all(value.startswith(gateway.issuer + "/") for value in endpoints), endpoints
    assert found["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]


def test_claims_of_openid_connect_are_not_asked_for_without_openid(gateway):
    gateway.serve()
    asked = {"scope": f"{PURPOSE} {IDENTIFIER}", "claims": '{"id_token":{"email":null}}'}
    answer = gateway.backchannel(ALICE, **asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), answer.text
    visit = gateway.authorize(ALICE, **asked)
    assert visit.answer.status_code == 302 and visit.result["error"] == "invalid_request"


def test_a_purpose_is_a_term_of_the_vocabulary_and_no_legal_basis(gateway):
    gateway.serve()
    for purpose in ("dpv:LegitimateInterest", "dpv:Consent", f"{PURPOSE}#{TYPE}", "dpv:fraudpreventionanddetection"):
        assert gateway.authorize(ALICE, scope=f"openid {purpose} {TYPE}").result["error"] == "invalid_scope", purpose


def test_the_bodies_of_refusals_are_of_oauth_and_the_gateways_of_camara(gateway):
    gateway.serve()
    answer = requests.post(gateway.issuer + "/token", data={"grant_type": "password"}, timeout=5)
    assert (answer.status_code, set(answer.json())) == (400, {"error", "error_description"})
    assert answer.json()["error"] == "unsupported_grant_type" and answer.headers["cache-control"] == "no-store"
    answer = gateway.call("x")
    assert (answer.status_code, set(answer.json())) == (401, {"status", "code", "message"})
    assert answer.headers["www-authenticate"].startswith("Bearer ")
