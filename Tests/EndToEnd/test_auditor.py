"""The auditor's page on the admin listener: who may enter, what it finds, what it never shows, and that each look is in the ledger."""
import html
import os
import re

import pytest
import requests

from harness import ALICE, BOB, PURPOSE, Demo


class Auditor:
    """A browser in front of /auditor."""

    def __init__(self, demo, sign_in=True):
        self.demo, self.session = demo, requests.Session()
        self.origin = demo.description["admin"]["url"]
        if sign_in:
            answer = self.sign_in(demo.description["admin"]["token"])
            assert answer.status_code == 303 and answer.headers["location"] == "/auditor", answer.text

    def get(self, path="/auditor", headers=None, **parameters):
        return self.session.get(self.origin + path, params=parameters, headers=headers, timeout=30, allow_redirects=False)

    def post(self, path, headers=None, **form):
        return self.session.post(self.origin + path, data=form, timeout=30, allow_redirects=False,
                                 headers={"Origin": self.origin} if headers is None else headers)

    def sign_in(self, token, headers=None):
        return self.post("/auditor/sign-in", headers, **{"admin-token": token})

    @property
    def token(self):
        return re.search(r'name="token" value="([^"]+)"', self.get().text)[1]

    def search(self, **fields):
        answer = self.post("/auditor/search", token=self.token, **fields)
        assert answer.status_code == 200, answer.text
        return html.unescape(answer.text)

    def rows(self, **fields):
        return [[re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
                for row in re.findall(r"<tr>(<th scope=\"row\".*?)</tr>", self.search(**fields))]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    demo = Demo(tmp_path_factory.mktemp("auditor")).start()
    token = demo.token(ALICE)
    demo.call(token, **{"x-correlator": "story-1"})
    demo.call(token, body={"device": {"phoneNumber": ALICE}}, **{"x-correlator": "story-2<b>"})
    demo.call(demo.token(BOB), **{"x-correlator": "story-3"})
    yield demo
    demo.stop()


@pytest.fixture(scope="module")
def auditor(demo):
    return Auditor(demo)


# Who may enter.

def test_without_the_token_there_is_only_the_way_in(demo):
    stranger = Auditor(demo, sign_in=False)
    for path in ("/auditor", "/auditor/subscriptions", "/auditor/entry?seq=1", "/auditor/statement?client_id=demo-all&month=2026-11"):
        page = stranger.get(path).text
        assert 'name="admin-token"' in page and "demo-all" not in page.replace(path, "")
    for path in ("/auditor/search", "/auditor/verify", "/auditor/sign-out"):
        assert stranger.post(path, token="x").status_code == 403
    assert stranger.get("/auditor/nothing").status_code == 404
    assert stranger.post("/auditor").status_code == 405 and stranger.get("/auditor/search").status_code == 405


def test_the_token_opens_a_short_session_and_never_stands_in_an_address(demo):
    visitor = Auditor(demo, sign_in=False)
    answer = visitor.sign_in(demo.description["admin"]["token"])
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/auditor" in cookie and "Max-Age=1800" in cookie
    assert demo.description["admin"]["token"] not in cookie + answer.text + answer.headers["location"]
    assert "Search the ledger" in visitor.get().text
    stranger = Auditor(demo, sign_in=False)
    for query in (f"?admin-token={demo.description['admin']['token']}", f"?token={demo.description['admin']['token']}"):
        assert "Search the ledger" not in stranger.get("/auditor" + query).text
        assert stranger.post("/auditor/sign-in" + query).status_code == 403
    # A bearer token is for the API, a session for the pages: neither opens the other.
    assert "Search the ledger" not in stranger.get(headers={"Authorization": "Bearer " + demo.description["admin"]["token"]}).text
    assert visitor.get("/admin/v1/clients").status_code == 401


def test_signing_out_ends_the_session_also_for_a_copy_of_its_cookie(demo):
    visitor = Auditor(demo)
    copy = dict(visitor.session.cookies)
    answer = visitor.post("/auditor/sign-out", token=visitor.token)
    assert answer.status_code == 200 and "Max-Age=0" in answer.headers["set-cookie"]
    assert "Search the ledger" not in requests.get(visitor.origin + "/auditor", cookies=copy, timeout=10).text


def test_forms_of_others_do_nothing(demo):
    visitor = Auditor(demo)
    token = visitor.token
    before = demo.json("audit", "search", "--event", "admin.ledger_searched")
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": visitor.origin, "Sec-Fetch-Site": "cross-site"},
                    {"Origin": visitor.origin, "Sec-Fetch-Dest": "iframe"}):
        assert visitor.post("/auditor/search", headers, token=token).status_code == 403
        assert visitor.sign_in(demo.description["admin"]["token"], headers).status_code == 403
    for wrong in ("", "x", Auditor(demo).token):
        assert visitor.post("/auditor/search", token=wrong).status_code == 403
    assert visitor.session.post(visitor.origin + "/auditor/search?token=" + token, timeout=10).status_code == 403
    assert visitor.session.post(visitor.origin + "/auditor/search", data=[("token", token), ("token", token)], timeout=10).status_code == 403
    for field in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "cors"}, {"Sec-Purpose": "prefetch"}):
        assert visitor.get(headers=field).status_code == 403
    assert demo.json("audit", "search", "--event", "admin.ledger_searched") == before


def test_wrong_tokens_are_limited_and_in_the_ledger(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        visitor = Auditor(demo, sign_in=False)
        answers = [visitor.sign_in(f"wrong-{n}").status_code for n in range(8)]
        assert answers == [403] * 5 + [429] * 3
        right = visitor.sign_in(demo.description["admin"]["token"])
        assert right.status_code == 429 and right.headers["retry-after"] == "60", "not even the right one, for a minute"
        entries = demo.json("audit", "search", "--event", "admin.auditor_signed_in")
        assert [entry["reason"] for entry in entries] == ["wrong_token"] * 5 + ["too_many_attempts"]
        assert all(entry["decision"] == "refused" and entry["detail"]["source"] == "127.0.0.1" for entry in entries)
        assert "wrong-0" not in str(entries)
    finally:
        demo.stop()


# What it shows.

def test_pages_cannot_be_framed_kept_or_made_to_load_anything(auditor):
    seq = auditor.rows(correlator="story-1")[0][0]
    for path in ("/auditor", "/auditor/subscriptions", f"/auditor/entry?seq={seq}"):
        answer = auditor.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy and "script" not in policy
        assert answer.headers["x-frame-options"] == "DENY" and answer.headers["cache-control"] == "no-store"
        assert "<script" not in answer.text and " style=" not in answer.text and "<img" not in answer.text
        assert set(re.findall(r'(?:src|href|action)="([^"]+)"', answer.text)) <= {
            "/auditor/style.css", "/auditor", "/auditor/subscriptions", "/auditor/search", "/auditor/verify",
            "/auditor/sign-out"} | set(
            re.findall(r'href="(/auditor/(?:entry|statement)\?[^"]+)"', answer.text))


def test_the_overview_has_health_usage_and_refusals(demo, auditor):
    page = auditor.get().text
    for word in ("Entries", "Writing", "Free on its disk", "<svg", "demo-all",
                 "identifier_unnecessary", "Refusals by reason"):
        assert word in page, word


def test_search_by_number_finds_the_pseudonym_and_shows_no_number(demo, auditor):
    text = auditor.search(subject=f"tel:{ALICE}", event="api.call")
    assert "2 entries about +33*****01" in text and ALICE not in text and ALICE[1:] not in text
    assert len(auditor.rows(subject=ALICE, event="api.call")) == 2
    assert len(auditor.rows(subject=f"tel:{BOB}", event="api.call")) == 1
    entries = demo.json("audit", "search", "--event", "admin.ledger_searched", "--subject", f"tel:{ALICE}")
    assert len(entries) >= 2 and entries[-1]["detail"]["event"] == "api.call"
    assert ALICE[1:] not in str(demo.json("audit", "search"))
    assert "No entry about +33*****99" in auditor.search(subject="+33699999999")
    assert demo.json("audit", "search", "--event", "admin.ledger_searched")[-1]["reason"] == "unknown_subject"
    assert auditor.post("/auditor/search", token=auditor.token, subject="+33x").status_code == 400


def test_search_by_everything_else(auditor):
    assert [row[6] for row in auditor.rows(correlator="story-2<b>")] == ["identifier_unnecessary"]
    assert len(auditor.rows(decision="refused", client="demo-all", api="device-identifier", operation="retrieveIdentifier")) == 1
    assert auditor.rows(event="nothing.such") == []
    assert auditor.rows(event="api.call", to="2020-01-01") == [] and len(auditor.rows(event="api.call", **{"from": "2020-01-01"})) == 3
    assert auditor.post("/auditor/search", token=auditor.token, **{"from": "yesterday"}).status_code == 400


def test_what_was_typed_is_shown_as_text(auditor):
    answer = auditor.post("/auditor/search", token=auditor.token, client='"><script>alert(1)</script>', correlator="<b>")
    assert "<script>" not in answer.text and "&lt;script&gt;" in answer.text
    assert 'value="&lt;b&gt;"' in answer.text


def test_one_calls_whole_story(demo, auditor):
    row, = auditor.rows(correlator="story-1")
    page = html.unescape(auditor.get("/auditor/entry", seq=row[0]).text)
    for words in ("consent.granted", "token.issued", "The backend answered", "Serial number of your phone", "device-serial-number",
                  PURPOSE, "retrieveIdentifier", "pseudonym", '"seq":' + row[0]):
        assert words in page, words
    assert ALICE[1:] not in page
    # The refused call has the same token, and is named beside it.
    other, = auditor.rows(correlator="story-2<b>")
    assert f"/auditor/entry?seq={other[0]}" in page
    assert demo.json("audit", "search", "--event", "admin.entry_read")[-1]["detail"]["seq"] == row[0]
    absent = auditor.get("/auditor/entry", seq="18446744073709551615")
    assert absent.status_code == 404 and "There is no entry 18446744073709551615." in absent.text
    assert auditor.get("/auditor/entry", seq="x").status_code == 400
    token = next(r for r in auditor.rows(event="token.issued", subject=ALICE))
    assert f"/auditor/entry?seq={row[0]}" in auditor.get("/auditor/entry", seq=token[0]).text, "from the token to its calls"


def test_verification_says_what_it_found(demo, auditor):
    answer = auditor.post("/auditor/verify", token=auditor.token)
    assert answer.status_code == 303
    page = auditor.get().text
    assert "unbroken" in page and "equals the ledger" in page
    assert demo.json("audit", "search", "--event", "admin.ledger_verified")
    assert auditor.get("/auditor/verify").status_code == 405


def test_a_statement_from_the_page(auditor):
    address = html.unescape(re.search(r'href="(/auditor/statement\?[^"]+)"', auditor.get().text)[1])
    answer = auditor.get(address)
    assert answer.status_code == 200 and "Statement for" in answer.text and "0.06 EUR" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert auditor.get("/auditor/statement?client_id=nobody&month=2026-11").status_code == 404


def test_a_broken_ledger_is_called_broken(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        token = demo.token(ALICE)
        demo.call(token)
        visitor = Auditor(demo)
        folder = os.path.join(demo.data, "data", "ledger")
        path = os.path.join(folder, sorted(name for name in os.listdir(folder) if name.endswith(".jsonl"))[0])
        with open(path, "r+b") as file:
            place = file.read().index(b'"status":200') + 9
            file.seek(place)
            file.write(b"201")
        assert visitor.post("/auditor/verify", token=visitor.token).status_code == 303
        assert "BROKEN" in visitor.get().text
    finally:
        demo.stop()


def test_what_lies_at_the_ends_of_time_is_looked_up_like_everything_else(auditor):
    for times in ({"from": "9999-12-31T23:59:59-23:59"}, {"to": "0000-01-01T00:00:00+23:59"}, {"from": "9999-12-31", "to": "0000-01-01"}):
        assert "No entry." in auditor.search(**times)
    for month in ("9999-12", "0000-01"):
        assert auditor.get("/auditor/statement", client_id="demo-all", month=month).status_code == 200
    assert auditor.get("/auditor").status_code == 200
