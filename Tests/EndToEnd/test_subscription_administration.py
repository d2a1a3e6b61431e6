"""The operator's side of subscriptions to events: what the commands, the admin API and the page say, and what they refuse."""
import pytest
import requests

from harness import Demo
from test_auditor import Auditor


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    demo = Demo(tmp_path_factory.mktemp("subscription-administration")).start()
    yield demo
    demo.stop()


def api(demo, method, path, **options):
    admin = demo.description["admin"]
    return requests.request(method, admin["url"] + "/admin/v1" + path, timeout=30,
                            headers={"Authorization": "Bearer " + admin["token"]}, **options)


@pytest.mark.parametrize("runs", [True, False])
def test_the_commands_answer_with_and_without_a_gateway(demo, tmp_path, runs):
    one = demo
    if not runs:
        one = Demo(tmp_path).start()
        one.stop()
    assert one.json("subscriptions", "list") == [] and one.json("events", "dead") == []
    assert one.command("subscriptions", "list").stdout == "no subscriptions\n"
    assert one.command("events", "dead").stdout == "no dead letters\n"
    for words in (("subscriptions", "show", "none"), ("subscriptions", "end", "none", "--reason", "r", "--description", "d"),
                  ("events", "dead", "--subscription", "none"), ("events", "replay", "--subscription", "none")):
        result = one.command(*words, check=False)
        assert result.returncode == 1 and "There is no subscription none." in result.stderr, words
    assert one.json("events", "replay", "1", "2") == {"count": 0}
    assert one.command("events", "discard", "1").stdout == "0 discarded\n"
    acts = [one.json("audit", "search", "--event", event)[0]["detail"]
            for event in ("admin.events_replayed", "admin.events_discarded")]
    assert acts == [{"numbers": "1 2", "named": "2"}, {"numbers": "1", "named": "1"}]


@pytest.mark.parametrize("words", [
    ("subscriptions",), ("subscriptions", "end"), ("subscriptions", "list", "--status", "activ"), ("subscriptions", "list", "--limit", "0"),
    ("subscriptions", "list", "--subject", "tel:12"), ("subscriptions", "end", "a", "--reason", "x" * 201),
    ("subscriptions", "end", "a", "--description", "é" * 129), ("events",), ("events", "replay"), ("events", "discard", "x"),
    ("events", "replay", "1", "--subscription", "a"), ("events", "replay", "0"),
])
def test_what_cannot_be_meant_is_wrong_usage(demo, words):
    result = demo.command(*words, check=False)
    assert result.returncode == 2 and result.stdout == "", result.stderr


def test_help_says_what_the_acts_do(demo):
    text = demo.command("subscriptions", "--help", config=False).stdout
    assert "subscriptions end ID" in text and "told to the client" in text and "inactive" in text
    text = demo.command("events", "--help", config=False).stdout
    assert "events replay (NUMBER... | --subscription ID)" in text and "behind what waits" in text
    listed = demo.command("help", config=False).stdout
    assert "subscriptions" in listed and "events" in listed


def test_the_api_wants_its_token_and_knows_its_paths(demo):
    url = demo.description["admin"]["url"] + "/admin/v1"
    for path in ("/subscriptions", "/subscriptions/a", "/events/dead"):
        assert requests.get(url + path, timeout=10).status_code == 401
    assert requests.post(url + "/subscriptions/a/end", timeout=10).status_code == 401
    assert api(demo, "GET", "/subscriptions").json() == []
    assert api(demo, "GET", "/subscriptions?state=active").status_code == 400
    assert api(demo, "POST", "/subscriptions/a/end").status_code == 404
    assert api(demo, "DELETE", "/subscriptions/a").status_code == 405
    assert api(demo, "POST", "/events/dead/replay", json={}).status_code == 400


def test_the_page_is_for_who_has_signed_in(demo):
    page = Auditor(demo).get("/auditor/subscriptions")
    assert page.status_code == 200 and page.headers["cache-control"] == "no-store"
    for text in ("There is no subscription.", "No event waits, and none was given up.", "No event was given up."):
        assert text in page.text
    assert 'href="/auditor/subscriptions"' in Auditor(demo).get().text
    stranger = Auditor(demo, sign_in=False).get("/auditor/subscriptions").text
    assert 'name="admin-token"' in stranger and "Longest queues" not in stranger
