"""Attacks on backchannel authentication (A45; CIBA Core, profile items 25 to 33)."""
import re, time

import pytest
import requests

from forge import ALICE, GRANT_CIBA, IDENTIFIER, TYPE, agreed, client_authentication, edited, given, post, told, withdrawn
from harness import BOB, CAROL, DAVE, ERIN, refused


def ask(demo, number=CAROL, **form):
    """A request that the subscriber has to be asked about."""
    withdrawn(demo, agreed(demo, number))
    return demo.backchannel(number, **form).json()["auth_req_id"]


def poll(demo, identifier, client_id="demo-all"):
    answer = demo.poll(identifier, client_id)
    return (answer.status_code, told(answer))


def later(demo, seconds):
    """As if all that was polled had been polled so many seconds before."""
    edited(demo, "UPDATE backchannel_requests SET polled_at = polled_at - ? WHERE polled_at IS NOT NULL", seconds * 1_000_000)


PENDING, SLOW, DENIED, EXPIRED, GONE = ((400, code) for code in ("authorization_pending", "slow_down", "access_denied", "expired_token",
                                                                 "invalid_grant"))


def test_a45_who_polls_too_fast_waits_longer_each_time(demo):
    """Five seconds more for this and all later polls (profile item 32): the demo's 2, then 7, 12, 17."""
    identifier = ask(demo)
    phone = demo.phone(CAROL)
    assert poll(demo, identifier) == PENDING
    assert [poll(demo, identifier) for _ in range(3)] == [SLOW] * 3
    later(demo, 16)  # Enough for 2, 7 and 12, not for 17; and it grows to 22.
    assert poll(demo, identifier) == SLOW
    later(demo, 21)
    assert poll(demo, identifier) == SLOW
    later(demo, 28)
    assert poll(demo, identifier) == PENDING
    # What was allowed meanwhile is not told to who polls too fast either.
    assert phone.decide("allow").answer.status_code == 200
    assert poll(demo, identifier) == SLOW
    later(demo, 36)
    assert demo.poll(identifier).status_code == 200


def test_a45_polls_of_others_neither_slow_down_nor_learn_anything(demo):
    identifier = ask(demo)
    for client_id in ("demo-few", "demo-limit"):
        for _ in range(3):
            assert poll(demo, identifier, client_id) == GONE
    demo.phone(CAROL).decide("allow")
    for client_id in ("demo-few", "demo-limit"):
        assert poll(demo, identifier, client_id) == GONE
    assert demo.poll(identifier).status_code == 200


@pytest.mark.parametrize("allowed", [False, True])
def test_a45_a_request_ends_with_its_time_whatever_was_decided(demo, allowed):
    identifier = ask(demo)
    phone = demo.phone(CAROL)
    if allowed:
        assert phone.decide("allow").answer.status_code == 200
    edited(demo, "UPDATE backchannel_requests SET expires_at = ? WHERE status != 'redeemed'", int(time.time() * 1e6) - 1)
    assert poll(demo, identifier) == EXPIRED
    if not allowed:
        edited(demo, "UPDATE interactions SET expires_at = ? WHERE finished_at IS NULL", int(time.time() * 1e6) - 1)
        assert phone.decide("allow").answer.status_code >= 400
        assert poll(demo, identifier) == EXPIRED
        assert "decision" not in demo.phone(CAROL).answer.text


@pytest.mark.parametrize("first, second, outcome", [("allow", "allow", 200), ("allow", "deny", 200), ("deny", "allow", DENIED),
                                                    ("deny", "deny", DENIED)])
def test_a45_the_first_decision_holds(demo, first, second, outcome):
    """Again, or the other way round, it is told that it was decided."""
    identifier = ask(demo)
    phone = demo.phone(CAROL)
    assert phone.decide(first).answer.status_code == 200
    assert phone.decide(second).answer.status_code == 409
    answer = demo.poll(identifier)
    assert answer.status_code == 200 if outcome == 200 else (answer.status_code, told(answer)) == outcome


def test_a45_a_denial_stays_one(demo):
    identifier = ask(demo)
    demo.phone(CAROL).decide("deny")
    assert poll(demo, identifier) == DENIED
    agreed(demo, CAROL)
    later(demo, 60)
    assert poll(demo, identifier) == DENIED
    demo.withdraw(CAROL)


def test_a45_an_identifier_is_redeemed_once(demo):
    agreed(demo, BOB)
    identifier = demo.backchannel(BOB).json()["auth_req_id"]
    token = demo.poll(identifier).json()["access_token"]
    later(demo, 60)
    assert [poll(demo, identifier) for _ in range(3)] == [GONE] * 3
    assert demo.call(token).status_code == 200


def test_a45_an_identifier_cannot_be_guessed_or_bent(demo):
    agreed(demo, BOB)
    found = [demo.backchannel(BOB).json()["auth_req_id"] for _ in range(20)]
    assert len(set(found)) == 20 and all(re.fullmatch(r"[\w-]{43}", one) for one in found), "256 bits"
    assert len({one[:6] for one in found}) == len({one[-6:] for one in found}) == 20, "no part of it counts"
    good = found[0]
    for made in (good[:-1], good + "A", good.swapcase(), good[::-1], " " + good, good + " ", good[1:] + good[0], "A" * 43, "A" * 5000, "' OR 1=1 --",
                 "*", "é", "../" + good,
                 "urn:" + good):
        assert poll(demo, made) == GONE
    assert demo.poll(good).status_code == 200


def test_a45_a_question_is_on_its_subscribers_phone_and_on_no_other(demo):
    for number in (CAROL, DAVE, ERIN):
        demo.withdraw(number)
        if "decision" in demo.phone(number).answer.text:
            demo.phone(number).decide("deny")
    ask(demo, CAROL)
    assert "decision" in demo.phone(CAROL).answer.text
    for number in (DAVE, ERIN, "+33639980018", CAROL + "0", CAROL[:-1], "tel:" + CAROL, "", "*"):
        assert "decision" not in demo.phone(number).answer.text, number
    answer = requests.get(demo.issuer + "/demo/phone", params=[("subscriber", DAVE), ("subscriber", CAROL)], timeout=5)
    assert 'name="decision"' not in answer.text
    demo.phone(CAROL).decide("deny")


def test_a45_one_phones_answer_decides_nothing_for_another(demo):
    """Two questions wait; each is decided by its own handle."""
    first, second = ask(demo, CAROL), ask(demo, DAVE)
    one, other = demo.phone(CAROL), demo.phone(DAVE)
    assert one.form()[1] != other.form()[1]
    one.decide("deny")
    assert (poll(demo, first), poll(demo, second)) == (DENIED, PENDING)
    other.decide("deny")


def test_a45_a_browsers_page_and_a_phones_page_are_two(demo):
    """The handle of a browser's page is good in that browser alone, also by way of the phone's page; and the reverse leads to no code."""
    identifier = ask(demo, CAROL)
    page = demo.authorize(DAVE, prompt="consent")
    handle = dict(page.form()[1])["interaction"]
    answer = demo.phone(CAROL).decide("allow", interaction=handle)
    assert answer.answer.status_code in (400, 403) and "location" not in answer.answer.headers
    phones = dict(demo.phone(CAROL).form()[1])["interaction"]
    answer = page.decide("allow", interaction=phones).answer
    assert "code=" not in answer.headers.get("location", "")
    demo.phone(CAROL).decide("deny") if answer.status_code >= 400 else None
    assert poll(demo, identifier) in (DENIED, (200, None))


def test_a45_what_is_unticked_on_the_phone_is_not_in_the_token(demo):
    identifier = ask(demo, CAROL)
    demo.phone(CAROL).decide("allow", untick=("device-serial-number",))
    body = demo.poll(identifier).json()
    assert TYPE in body["scope"] and IDENTIFIER not in body["scope"]
    refused(demo.call(body["access_token"]), 403, "PERMISSION_DENIED")
    identifier = ask(demo, CAROL)
    demo.phone(CAROL).decide("allow", untick=("device-serial-number", "device-make-model"))
    assert poll(demo, identifier) == DENIED


@pytest.mark.parametrize("hint", [
    f"tel:{ALICE} ", f" tel:{ALICE}", f"TEL:{ALICE}", f"tel:{ALICE[1:]}", f"tel:+{ALICE}", f"tel:{ALICE};ext=1", f"tel:{ALICE};phone-context=+33",
    f"tel:{ALICE},tel:{BOB}", f"tel:{ALICE} tel:{BOB}",
    "tel:+0123456789", "tel:+1", "tel:+1234567890123456", "tel:+٣٣٦٣٩٩٨٠٠٠١", "tel:+３３６３９９８０００１", "tel:%2B33639980001", "ipport:127.0.0.1:80:80",
    "ipport:127.1:80", "ipport:0x7f.1:80", "ipport:0177.0.0.1",
    "ipport:127.0.0.1:", "ipport:127.0.0.1:-1", "ipport:127.0.0.1: 80", "ipport:[::1", "ipport:[::1]80", "ipport:[127.0.0.1]:80",
    "ipport:[fe80::1%25eth0]:80", "ipport:example.com:80", "ipport:",
    "ipport:127.0.0.1/8", "operatortoken:", "operatortoken:a b", "operatortoken:a\nb", "operatortoken:" + "x" * 4096, "sub:demo", "acct:a@b.example",
    "", "x" * 5000])
def test_a45_a_hint_that_two_could_read_differently_is_refused(demo, hint):
    """Profile items 34 to 36."""
    answer = demo.backchannel(login_hint=hint)
    assert (answer.status_code, told(answer)) == (400, "invalid_request"), answer.text
