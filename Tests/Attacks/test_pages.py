"""Attacks on the consent page: framing, forgery, other sessions, replay (A38, A39)."""
import pytest
import requests

from harness import ALICE, BOB, CAROL, DAVE, ERIN


def is_refused(visit):
    return visit.answer.status_code in (400, 403) and "location" not in visit.answer.headers


def test_a38_the_page_cannot_be_framed(demo):
    headers = demo.authorize(ALICE).answer.headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"] and headers["x-frame-options"] == "DENY"


def test_a39_a_decision_from_another_browser_is_refused(demo):
    visit = demo.authorize(ALICE)
    assert is_refused(visit.decide("allow", session=requests.Session()))
    other = demo.authorize(BOB)
    assert is_refused(visit.decide("allow", session=other.session))


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_a39_a_decision_from_another_site_is_refused(demo, headers):
    assert is_refused(demo.authorize(CAROL).decide("allow", headers=headers))
    assert demo.authorize(CAROL, prompt="none").result["error"] == "consent_required"


def test_a39_a_decision_counts_once(demo):
    visit = demo.authorize(DAVE)
    first = visit.decide("allow")
    assert "code" in first.result
    second = visit.decide("deny")
    assert "location" not in second.answer.headers
    assert demo.authorize(DAVE, prompt="none").result["code"]


def test_a39_a_made_up_or_missing_handle(demo):
    visit = demo.authorize(ERIN)
    assert is_refused(visit.decide("allow", interaction="x" * 43))
    assert is_refused(visit.decide("allow", interaction=""))


def test_a_category_that_was_not_offered_is_refused(demo):
    visit = demo.authorize(ERIN)
    address, hidden, _ = visit.form()
    answer = visit.session.post(address, data=[*hidden, ("category", "device-pseudonym"), ("decision", "allow")],
                                headers={"Origin": demo.issuer}, allow_redirects=False, timeout=5)
    assert answer.status_code == 400


def test_the_networks_header_is_believed_once_and_well_formed_only(demo):
    for value in ("33639980001", "+33639980001, +33639980002", "", "+0", "x"):
        visit = demo.authorize(None, prompt="none")
        query = visit.query
        answer = requests.get(demo.issuer + "/authorize", params=query, headers={"x-network-msisdn": value}, allow_redirects=False, timeout=5)
        assert answer.status_code == 302 and "error=" in answer.headers["location"] and "code=" not in answer.headers["location"].replace("error_code", "")
