"""Consent over its whole life: asked for, given in part, refused, withdrawn; and what that does to tokens and calls."""
import threading
import time

import pytest
import requests

from harness import ALICE, BOB, CAROL, DAVE, ERIN, IDENTIFIER, PURPOSE, TYPE, V03, free_port, refused


def test_the_page_names_who_asks_for_what_and_why(demo):
    visit = demo.authorize(ALICE)
    page = visit.answer.text
    assert visit.answer.status_code == 200
    for text in ("Aurora Insurance", "Serial number of your phone", "Make and model of your phone"):
        assert text in page
    assert set(visit.form()[2]) == {"device-serial-number", "device-make-model"}
    assert "<script" not in page


LANGUAGES = [
    ("en", "Serial number of your phone", "Allow"), ("fr", "Numéro de série de votre téléphone", "Autoriser"),
    ("es", "Número de serie de su teléfono", "Permitir"), ("de", "Seriennummer Ihres Handys", "Erlauben"),
]


@pytest.mark.parametrize("language, category, allow", LANGUAGES)
def test_the_page_speaks_the_language_that_is_asked_for(demo, language, category, allow):
    browser = requests.Session()
    browser.headers["Accept-Language"] = f"it, {language}-CH;q=0.8, pl;q=0.5"
    other = requests.Session()
    other.headers["Accept-Language"] = "fr" if language == "en" else "en"
    for visit in (demo.authorize(ALICE, session=browser), demo.authorize(ALICE, session=other, ui_locales=f"it {language}")):
        page = visit.answer.text
        assert f'<html lang="{language}">' in page and category in page and f">{allow}</button>" in page
    assert language in requests.get(demo.issuer + "/.well-known/openid-configuration", timeout=10).json()["ui_locales_supported"]


def test_a_decision_is_recorded_in_the_language_of_its_page(demo):
    number = "+33639980013"
    demo.authorize(number, ui_locales="de").decide("allow")
    row, = demo.json("consents", "list", "--subject", "tel:" + number)
    assert demo.json("consents", "show", row["id"])["events"][-1]["language"] == "de"


def test_the_pages_headers(demo):
    headers = demo.authorize(ALICE).answer.headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_refusal_is_access_denied(demo):
    result = demo.authorize(ALICE).decide("deny").result
    assert result["error"] == "access_denied" and result["iss"] == demo.issuer and "code" not in result


def test_nothing_ticked_is_access_denied(demo):
    visit = demo.authorize(ALICE).decide("allow", untick=("device-serial-number", "device-make-model"))
    assert visit.result["error"] == "access_denied"


def test_who_agreed_before_is_not_asked_again(demo):
    demo.token(BOB)
    visit = demo.authorize(BOB)
    assert "code" in visit.result
    assert demo.authorize(BOB, prompt="none").result["code"]
    assert demo.authorize(BOB, prompt="consent").answer.status_code == 200


def test_prompt_none_never_shows_a_page(demo):
    assert demo.authorize(CAROL, prompt="none").result["error"] == "consent_required"
    assert demo.authorize(None, prompt="none").result["error"] == "login_required"


def test_the_simulated_sim_cards_stand_in_for_the_network(demo):
    visit = demo.authorize(None)
    assert 'name="subscriber"' in visit.answer.text and CAROL in visit.answer.text
    address, hidden, _ = visit.form()
    answer = visit.session.post(address, data=[*hidden, ("subscriber", CAROL)], headers={"Origin": demo.issuer}, timeout=10)
    assert answer.status_code == 200 and "Aurora Insurance" in answer.text


def test_withdrawal_is_seen_by_the_next_call_on_every_connection(demo):
    token = demo.token(DAVE)
    connections = [requests.Session() for _ in range(4)]
    assert all(demo.call(token, session=s).status_code == 200 for s in connections)
    consent = demo.json("consents", "list", "--subject", "tel:" + DAVE)[0]
    assert consent["status"] == "granted" and set(consent["scopes"]) == {IDENTIFIER, TYPE}
    demo.command("consents", "revoke", consent["id"])
    for session in connections:
        refused(demo.call(token, session=session), 403, "PERMISSION_DENIED")
    assert demo.json("consents", "list", "--subject", "tel:" + DAVE)[0]["status"] == "revoked"
    refused(demo.call(demo.machine_token(IDENTIFIER), body={"device": {"phoneNumber": DAVE}}), 403, "PERMISSION_DENIED")
    visit = demo.authorize(DAVE, prompt="none")
    assert visit.result["error"] == "consent_required"


def test_what_was_withdrawn_does_not_live_again_by_a_later_consent(demo):
    number = "+33639980012"
    old = demo.token(number)
    assert demo.call(old).status_code == 200
    consent = demo.json("consents", "list", "--subject", "tel:" + number)[0]
    demo.command("consents", "revoke", consent["id"])
    refused(demo.call(old), 403, "PERMISSION_DENIED")
    new = demo.token(number)
    assert demo.call(new).status_code == 200
    refused(demo.call(old), 403, "PERMISSION_DENIED")
    entry = demo.json("audit", "search", "--subject", "tel:" + number, "--decision", "refused")[-1]
    assert entry["reason"] == "consent_revoked"
    machine = {"device": {"phoneNumber": number}}
    assert demo.call(demo.machine_token(IDENTIFIER), body=machine).status_code == 200


def test_an_objection_is_noted_without_a_consent_before_it(demo):
    number = "+33639980013"
    words = ("--client", "demo-all", "--subject", "tel:" + number, "--purpose", PURPOSE, "--reason", "call centre")
    row = demo.json("consents", "object", *words)
    assert row["status"] == "objected" and row["objected_at"]
    assert demo.json("audit", "search", "--event", "consent.objected")[-1]["consent_id"] == row["id"]
    assert demo.command("consents", "object", *words[:-1], "x" * 201, check=False).returncode == 2


def test_no_call_succeeds_after_the_withdrawal_was_answered(demo):
    token = demo.token(ERIN)
    stop, late = threading.Event(), []
    revoked_at = [None]

    def caller():
        session = requests.Session()
        while not stop.is_set():
            begun = time.monotonic()
            if demo.call(token, session=session).status_code == 200 and revoked_at[0] and begun > revoked_at[0]:
                late.append(begun - revoked_at[0])

    threads = [threading.Thread(target=caller) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    consent = demo.json("consents", "list", "--subject", "tel:" + ERIN)[0]
    demo.command("consents", "revoke", consent["id"])
    revoked_at[0] = time.monotonic()
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert late == []


def test_a_consent_entered_by_the_operator_counts(demo):
    number = "+33639980010"
    row = demo.json("consents", "grant", "--client", "demo-all", "--subject", "tel:" + number, "--purpose", PURPOSE,
                    "--scope", TYPE, "--reason", "shop, form 4711")
    assert row["status"] == "granted" and row["categories"] == ["device-make-model"]
    answer = demo.call(demo.machine_token(TYPE), V03 + "/retrieve-type", {"device": {"phoneNumber": number}})
    assert answer.status_code == 200
    history = demo.json("consents", "show", row["id"])["events"]
    assert [event["event"] for event in history] == ["granted"] and history[0]["reason"] == "shop, form 4711"


def test_consent_for_one_client_is_none_for_another(demo):
    demo.token(ALICE)
    assert demo.authorize(ALICE, (TYPE,), "demo-few", prompt="none").result["error"] == "consent_required"


def test_where_the_legal_basis_is_a_contract_nobody_is_asked_and_the_ledger_knows_whom_it_was_about(tmp_path):
    import os, shutil, subprocess
    from harness import BINARY, REPOSITORY, Demo, wait_ready
    demo = Demo(tmp_path).start()
    demo.stop()
    shutil.copytree(os.path.join(REPOSITORY, "policies"), demo.data + "/policies")
    with open(demo.data + "/policies/legal-bases.json", "w") as file:
        file.write('{"default": "consent", "rules": [{"client_id": "demo-all", "purpose": "%s", "basis": "contract"}]}' % PURPOSE)
    text = open(demo.configuration).read()
    import re
    config = demo.data + "/contract.json"
    open(config, "w").write(re.sub(r'"policies": "[^"]*"', '"policies": "policies"', text))
    backend = subprocess.Popen([BINARY, "demo", "--data", str(tmp_path / "backend"), "--port", str(free_port()), "--admin-port",
                                str(free_port()), "--backend-port", str(demo.backend_port)], stdout=subprocess.PIPE, text=True)
    gateway = None
    try:
        wait_ready(backend)
        gateway = subprocess.Popen([BINARY, "serve", "--config", config], stdout=subprocess.PIPE, text=True)
        wait_ready(gateway)
        number = "+33639980012"
        answer = demo.call(demo.machine_token(IDENTIFIER), body={"device": {"phoneNumber": number}})
        assert answer.status_code == 200 and "imei" in answer.json()
        entry, = demo.json("audit", "search", "--subject", "tel:" + number)
        assert entry["legal_basis"] == "contract" and entry["decision"] == "allowed" and "consent_id" not in entry
        assert "code" in demo.authorize(number).result, "nobody is asked"
    finally:
        for process in (gateway, backend):
            if process:
                process.terminate()
                process.wait(20)
