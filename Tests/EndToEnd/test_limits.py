"""Rate limits and quotas: never more than they say, told by their fields, and remembered over a restart."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import ALICE, IDENTIFIER, PURPOSE, V01, Demo, refused


@pytest.fixture
def demo(tmp_path):
    """Quotas count by the day: each test gets a demo of its own."""
    running = Demo(tmp_path).start()
    yield running
    running.stop()


def limited_token(demo):
    return demo.token(ALICE, (IDENTIFIER,), "demo-limit")


def test_five_a_minute_are_five_whatever_the_concurrency(demo):
    token = limited_token(demo)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: demo.call(token), range(40)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 35
    for answer in answers:
        assert answer.headers["ratelimit-policy"] == '"calls";q=5;w=60'
        if answer.status_code == 429:
            refused(answer, 429, "TOO_MANY_REQUESTS")
            assert 1 <= int(answer.headers["retry-after"]) <= 12
            assert answer.headers["ratelimit"].startswith('"calls";r=0;t=')


def test_another_client_is_not_held_up(demo):
    token = limited_token(demo)
    for _ in range(6):
        demo.call(token)
    assert demo.call(demo.token(ALICE)).status_code == 200


def test_a_fresh_token_has_no_fresh_limit(demo):
    for _ in range(5):
        assert demo.call(limited_token(demo)).status_code == 200
    refused(demo.call(limited_token(demo)), 429, "TOO_MANY_REQUESTS")


def test_the_quota_of_the_day_outlives_a_restart(demo):
    """Ten a day: five before the restart, five after it (the rate limit starts afresh), and no eleventh."""
    token = limited_token(demo)
    assert [demo.call(token).status_code for _ in range(5)] == [200] * 5
    demo.stop()
    demo.start()
    assert [demo.call(token).status_code for _ in range(5)] == [200] * 5
    demo.stop()
    demo.start()
    refused(demo.call(token), 429, "QUOTA_EXCEEDED")
    assert int(demo.call(token).headers["retry-after"]) <= 86_400
    refused(demo.call(token, V01 + "/retrieve-identifier", {"phoneNumber": ALICE}), 429, "TOO_MANY_REQUESTS")


def test_what_the_gateway_refused_is_not_charged_to_the_quota(demo):
    token = limited_token(demo)
    for _ in range(4):
        refused(demo.call(token, body={"device": {"phoneNumber": ALICE}}), 422, "UNNECESSARY_IDENTIFIER")
    demo.stop()
    demo.start()
    assert [demo.call(token).status_code for _ in range(5)] == [200] * 5
    demo.stop()
    demo.start()
    assert [demo.call(token).status_code for _ in range(5)] == [200] * 5
