"""The flows beside the plain authorization code: pushed and signed requests, CIBA, JWT bearer, refresh, introspection, revocation."""
import concurrent.futures
import time

import requests

from harness import ALICE, BOB, CAROL, DAVE, ERIN, IDENTIFIER, PURPOSE, TYPE, Visit, pkce, refused

REDIRECT = "http://127.0.0.1:8090/callback"


def error(answer, status, code):
    assert (answer.status_code, answer.json().get("error")) == (status, code), answer.text
    return answer.json()


def parameters(**changes):
    verifier, challenge = pkce()
    form = {"response_type": "code", "client_id": "demo-all", "redirect_uri": REDIRECT, "scope": f"openid {PURPOSE} {IDENTIFIER}",
            "state": "s-1", "nonce": "n-1", "code_challenge": challenge, "code_challenge_method": "S256"} | changes
    return verifier, {k: v for k, v in form.items() if v is not None}


def follow(demo, query, number=ALICE):
    """Opens the authorization endpoint as a browser does and agrees to what is asked."""
    session = requests.Session()
    answer = session.get(demo.issuer + "/authorize", params=query, headers={"x-network-msisdn": number}, timeout=10,
                         allow_redirects=False)
    while answer.is_redirect and answer.headers["location"].startswith("/"):
        answer = session.get(demo.issuer + answer.headers["location"], timeout=10, allow_redirects=False)
    return Visit(demo, session, answer, None, {"redirect_uri": REDIRECT, "client_id": "demo-all"})


def code(demo, query, number=ALICE):
    visit = follow(demo, query, number)
    return (visit.decide("allow") if visit.answer.status_code == 200 else visit).result["code"]


# Pushed requests (RFC 9126).

def test_a_pushed_request_is_used_once(demo):
    verifier, form = parameters()
    answer = demo.form("/par", "demo-all", **form)
    assert answer.status_code == 201 and answer.headers["cache-control"] == "no-store"
    uri = answer.json()["request_uri"]
    assert uri.startswith("urn:ietf:params:oauth:request_uri:") and answer.json()["expires_in"] == 60
    query = {"client_id": "demo-all", "request_uri": uri}
    redeemed = demo.token_request("demo-all", grant_type="authorization_code", code=code(demo, query), redirect_uri=REDIRECT,
                                  code_verifier=verifier)
    assert redeemed.status_code == 200 and redeemed.json()["id_token"]
    again = follow(demo, query).answer
    assert again.status_code == 400 and "invalid_request_uri" in again.text


def test_what_stands_beside_a_pushed_request_counts_for_nothing(demo):
    verifier, form = parameters()
    uri = demo.form("/par", "demo-all", **form).json()["request_uri"]
    visit = follow(demo, {"client_id": "demo-all", "request_uri": uri, "redirect_uri": "https://evil.example/", "state": "other",
                          "scope": "openid"}, BOB)
    visit = visit.decide("allow") if visit.answer.status_code == 200 else visit
    assert visit.result["state"] == "s-1"


def test_a_pushed_request_is_checked_when_it_is_pushed(demo):
    for changes, expected in [({"redirect_uri": "https://evil.example/"}, "invalid_request"), ({"scope": "openid"}, "invalid_scope"),
                              ({"response_type": "token"}, "unsupported_response_type"), ({"code_challenge": None}, "invalid_request"),
                              ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request")]:
        error(demo.form("/par", "demo-all", **parameters(**changes)[1]), 400, expected)
    error(requests.post(demo.issuer + "/par", data=parameters()[1], timeout=5), 401, "invalid_client")


def test_another_client_cannot_use_a_pushed_request(demo):
    uri = demo.form("/par", "demo-all", **parameters()[1]).json()["request_uri"]
    answer = follow(demo, {"client_id": "demo-few", "request_uri": uri}).answer
    assert answer.status_code == 400 and "invalid_request_uri" in answer.text


# Signed requests (profile items 11 to 15).

def signed(demo, inner=None, outer=None, audience=None, typ="oauth-authz-req+jwt", **claims):
    verifier, form = parameters()
    request = demo.request_object("demo-all", audience or demo.issuer + "/authorize", typ, **(form | (inner or {}) | claims))
    query = {name: form[name] for name in ("scope", "response_type", "client_id", "redirect_uri")} | {"request": request}
    return verifier, {k: v for k, v in (query | (outer or {})).items() if v is not None}


def test_a_signed_request_gives_a_code(demo):
    verifier, query = signed(demo)
    answer = demo.token_request("demo-all", grant_type="authorization_code", code=code(demo, query), redirect_uri=REDIRECT,
                                code_verifier=verifier)
    assert answer.status_code == 200, answer.text


def test_a_signed_request_is_refused_when_it_is_not_what_it_must_be(demo):
    now = int(time.time())
    for options, expected in [
        ({"exp": None}, "invalid_request_object"), ({"iat": None}, "invalid_request_object"), ({"jti": None}, "invalid_request_object"),
        ({"iss": "demo-few"}, "invalid_request_object"), ({"audience": "https://other.example"}, "invalid_request_object"),
        ({"audience": [demo.issuer, "https://other.example"]}, "invalid_request_object"),
        ({"iat": now + 100, "exp": now + 200}, "invalid_request_object"), ({"iat": now - 300, "exp": now - 1}, "invalid_request_object"),
        ({"iat": now, "exp": now + 400}, "invalid_request_object"), ({"sub": "demo-all"}, "invalid_request_object"),
        ({"typ": "at+jwt"}, "invalid_request_object"), ({"inner": {"scope": "openid"}}, "invalid_request_object"),
        ({"inner": {"request_uri": "https://x.example"}}, "invalid_request_object"),
        ({"outer": {"scope": None}}, "invalid_request"), ({"outer": {"response_type": None}}, "invalid_request"),
    ]:
        visit = follow(demo, signed(demo, **options)[1])
        assert visit.result["error"] == expected, (options, visit.result)
    tampered = signed(demo)[1]
    tampered["request"] = tampered["request"][:-8] + "AAAAAAAA"
    assert follow(demo, tampered).result["error"] == "invalid_request_object"
    # What stands outside counts only where it must stand there too: the state is the object's.
    visit = follow(demo, signed(demo, outer={"state": "forged"})[1])
    assert (visit.decide("deny") if visit.answer.status_code == 200 else visit).result["state"] == "s-1"


# CIBA (profile items 25 to 33).

def test_the_subscriber_allows_on_the_phone_and_the_client_polls(demo):
    demo.withdraw(CAROL)
    answer = demo.backchannel(CAROL)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert set(body) == {"auth_req_id", "expires_in", "interval"}
    error(demo.poll(body["auth_req_id"]), 400, "authorization_pending")
    error(demo.poll(body["auth_req_id"]), 400, "slow_down")
    decided = demo.phone(CAROL).decide("allow").answer
    assert decided.status_code == 200 and "Thank you" in decided.text
    time.sleep(body["interval"] + 5)
    token = demo.poll(body["auth_req_id"])
    assert token.status_code == 200, token.text
    assert token.json()["id_token"] and "refresh_token" not in token.json()
    assert demo.call(token.json()["access_token"]).status_code == 200
    error(demo.poll(body["auth_req_id"]), 400, "invalid_grant")
    # What was agreed to is not asked for again.
    again = demo.backchannel(CAROL).json()
    assert demo.poll(again["auth_req_id"]).status_code == 200


def test_the_subscriber_denies_on_the_phone(demo):
    demo.withdraw(DAVE)
    body = demo.backchannel(DAVE).json()
    visit = demo.phone(DAVE)
    assert visit.decide("deny").answer.status_code == 200
    assert visit.decide("allow").answer.status_code == 409
    error(demo.poll(body["auth_req_id"]), 400, "access_denied")


def test_a_backchannel_request_is_refused_for_what_is_wrong_with_it(demo):
    for changes, expected in [
        ({"login_hint": None}, "invalid_request"), ({"login_hint": "+33639980001"}, "invalid_request"),
        ({"login_hint": "tel:+33-639980001"}, "invalid_request"), ({"login_hint": "tel:0639980001"}, "invalid_request"),
        ({"login_hint": "ipport:300.1.1.1:80"}, "invalid_request"), ({"login_hint": "ipport:2001:db8::1"}, "invalid_request"),
        ({"login_hint": "ipport:80.90.34.2:0"}, "invalid_request"), ({"login_hint": "ipport:80.90.34.2:65536"}, "invalid_request"),
        ({"login_hint": "operatortoken:"}, "invalid_request"), ({"login_hint": "mailto:a@b.example"}, "invalid_request"),
        ({"login_hint_token": "x"}, "invalid_request"), ({"id_token_hint": "x"}, "invalid_request"),
        ({"scope": IDENTIFIER}, "invalid_scope"), ({"scope": f"{PURPOSE} dpv:Marketing {IDENTIFIER}"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"), ({"scope": f"{PURPOSE} {IDENTIFIER} email"}, "invalid_request"),
    ]:
        error(demo.backchannel(**changes), 400, expected)
    error(requests.post(demo.issuer + "/bc-authorize", data={"login_hint": f"tel:{ALICE}"}, timeout=5), 401, "invalid_client")
    # These four are ignored, not refused (profile items 26 and 53).
    assert demo.backchannel(ALICE, binding_message="x", user_code="1", requested_expiry="10", acr_values="2").status_code == 200


def test_another_client_can_neither_poll_nor_slow_down(demo):
    demo.withdraw(ERIN)
    body = demo.backchannel(ERIN).json()
    for _ in range(3):
        error(demo.poll(body["auth_req_id"], "demo-limit"), 400, "invalid_grant")
    error(demo.poll(body["auth_req_id"]), 400, "authorization_pending")
    error(demo.poll("A" * 43), 400, "invalid_grant")
    demo.phone(ERIN).decide("deny")


def test_a_signed_backchannel_request_has_everything_inside(demo):
    def send(outer=None, **claims):
        request = demo.request_object("demo-all", demo.issuer + "/bc-authorize", **({
            "login_hint": f"tel:{ALICE}", "scope": f"{PURPOSE} {IDENTIFIER}"} | claims))
        return demo.form("/bc-authorize", "demo-all", request=request, **(outer or {}))
    assert send().status_code == 200
    error(send({"scope": PURPOSE}), 400, "invalid_request")
    error(send(nbf=None), 400, "invalid_request_object")
    error(send(aud="https://other.example"), 400, "invalid_request_object")


def test_of_many_polls_one_gets_the_tokens(demo):
    demo.grant(BOB)
    identifier = demo.backchannel(BOB).json()["auth_req_id"]
    assertions = [demo.assertion("demo-all") for _ in range(12)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda assertion: demo.token_request(
            "demo-all", assertion, grant_type="urn:openid:params:grant-type:ciba", auth_req_id=identifier), assertions))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 11


# JWT bearer (profile items 44 to 52).

def test_jwt_bearer_needs_the_subscribers_consent(demo):
    demo.withdraw(ALICE)
    error(demo.jwt_bearer(), 400, "invalid_grant")
    demo.grant(ALICE)
    answer = demo.jwt_bearer()
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert "refresh_token" not in body and "id_token" not in body and body["expires_in"] <= 120
    assert demo.call(body["access_token"]).status_code == 200
    demo.withdraw(ALICE)
    refused(demo.call(body["access_token"]), 403, "PERMISSION_DENIED")
    error(demo.jwt_bearer(), 400, "invalid_grant")


def test_jwt_bearer_is_refused_for_what_is_wrong_with_it(demo):
    demo.grant(ALICE)
    now = int(time.time())
    error(demo.jwt_bearer(form={"scope": IDENTIFIER}), 400, "invalid_request")
    error(demo.jwt_bearer(form={"client_assertion": demo.assertion("demo-all")}), 400, "invalid_request")
    for subject in ["ipport:80.90.34.2:80", ALICE, f"tel:{ALICE[1:]}", "demo-all"]:
        error(demo.jwt_bearer(subject), 400, "invalid_grant")
    error(demo.jwt_bearer(f"tel:{ALICE}", (TYPE,), "demo-few"), 400, "invalid_grant")  # not trusted with numbers
    for changes in [{"aud": "https://other.example"}, {"aud": demo.issuer}, {"exp": None}, {"iat": None}, {"jti": None},
                    {"iat": now + 60, "exp": now + 120}, {"exp": now + 400}, {"iat": now - 200, "exp": now + 200}, {"exp": now - 1}]:
        error(demo.jwt_bearer(**changes), 400, "invalid_grant")
    error(demo.jwt_bearer(scope=None), 400, "invalid_scope")
    error(demo.jwt_bearer(scope=IDENTIFIER), 400, "invalid_scope")
    assertion = demo.bearer_assertion(f"tel:{ALICE}")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    assert requests.post(demo.issuer + "/token", data=form, timeout=5).status_code == 200
    error(requests.post(demo.issuer + "/token", data=form, timeout=5), 400, "invalid_grant")  # A9


# Refresh (profile items 37 to 40).

def offline(demo, number=ALICE):
    answer = demo.grant(number, scope=f"openid offline_access {PURPOSE} {IDENTIFIER} {TYPE}")
    assert answer.status_code == 200 and answer.json()["refresh_token"], answer.text
    return answer.json()


def refresh(demo, token, client_id="demo-all", **form):
    return demo.token_request(client_id, grant_type="refresh_token", refresh_token=token, **form)


def test_refresh_tokens_rotate_and_a_reused_one_ends_the_family(demo):
    first = offline(demo)
    second = refresh(demo, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"] and demo.call(second["access_token"]).status_code == 200
    error(refresh(demo, first["refresh_token"]), 400, "invalid_grant")
    error(refresh(demo, second["refresh_token"]), 400, "invalid_grant")
    refused(demo.call(second["access_token"]), 401, "UNAUTHENTICATED")


def test_a_refresh_can_narrow_but_not_widen(demo):
    token = offline(demo)["refresh_token"]
    error(refresh(demo, token, scope=f"{IDENTIFIER} device-identifier:retrieve-ppid"), 400, "invalid_scope")
    error(refresh(demo, token, "demo-limit"), 400, "invalid_grant")
    narrow = refresh(demo, token, scope=TYPE).json()
    assert IDENTIFIER not in narrow["scope"] and TYPE in narrow["scope"]
    refused(demo.call(narrow["access_token"]), 403, "PERMISSION_DENIED")
    wide = refresh(demo, narrow["refresh_token"]).json()
    assert IDENTIFIER in wide["scope"]


def test_withdrawal_ends_refreshing_for_good(demo):
    token = offline(demo, BOB)["refresh_token"]
    demo.withdraw(BOB)
    error(refresh(demo, token), 400, "invalid_grant")
    demo.grant(BOB)
    error(refresh(demo, token), 400, "invalid_grant")


def test_without_offline_access_there_is_no_refresh_token(demo):
    assert "refresh_token" not in demo.grant(ALICE).json()


def test_of_many_refreshes_one_wins(demo):
    token = offline(demo)["refresh_token"]
    assertions = [demo.assertion("demo-all") for _ in range(12)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda assertion: demo.token_request(
            "demo-all", assertion, grant_type="refresh_token", refresh_token=token), assertions))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 11


# Introspection and revocation (RFC 7662, RFC 7009).

def introspect(demo, token, client_id="demo-all"):
    answer = demo.form("/introspect", client_id, token=token)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_client_sees_what_its_own_tokens_are_good_for(demo):
    tokens = offline(demo)
    seen = introspect(demo, tokens["access_token"])
    assert seen["active"] and seen["client_id"] == "demo-all" and IDENTIFIER in seen["scope"] and seen["token_type"] == "Bearer"
    assert ALICE[1:] not in str(seen)
    assert introspect(demo, tokens["refresh_token"])["active"]
    for token, client in [(tokens["access_token"], "demo-few"), ("x.y.z", "demo-all"), ("x", "demo-all"), (tokens["id_token"], "demo-all")]:
        assert introspect(demo, token, client) == {"active": False}
    error(requests.post(demo.issuer + "/introspect", data={"token": "x"}, timeout=5), 401, "invalid_client")
    demo.withdraw(ALICE)
    assert introspect(demo, tokens["access_token"]) == {"active": False}


def test_a_revoked_token_ends_its_grant_at_once(demo):
    for which in ("access_token", "refresh_token"):
        tokens = offline(demo)
        assert demo.call(tokens["access_token"]).status_code == 200
        assert demo.form("/revoke", "demo-few", token=tokens[which]).status_code == 200  # not its own: nothing happens
        assert demo.call(tokens["access_token"]).status_code == 200
        assert demo.form("/revoke", "demo-all", token=tokens[which]).status_code == 200
        refused(demo.call(tokens["access_token"]), 401, "UNAUTHENTICATED")
        error(refresh(demo, tokens["refresh_token"]), 400, "invalid_grant")
        assert introspect(demo, tokens["access_token"]) == {"active": False}
    assert demo.form("/revoke", "demo-all", token="nothing").status_code == 200
