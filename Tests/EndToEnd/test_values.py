"""Whatever somebody sends to the admin API is answered: with what was asked, or with what is wrong about it."""
import itertools

import requests

from harness import ALICE, IDENTIFIER, PURPOSE, Demo

# At and behind the ends of numbers, times and texts.
VALUES = ["", "0", "-1", "1", "18446744073709551615", "18446744073709551616", "9223372036854775807", "1e9", "9999-12", "0000-01", "2026-13",
          "9999-12-31", "0000-01-01", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "2026-01-31T24:00:00Z", "é", "\0", "\n", "=1+1",
          "dpv:", PURPOSE, "tel:+", "tel:" + ALICE, "+" * 300, "demo-all", "hour", "month", "html", "csv", "true", "x" * 5000]
QUERIES = {
    "/consents": ["subject", "client_id", "purpose", "status", "limit", "after"], "/consents/export": ["limit", "after", "numbers"],
    "/subjects": ["subject"], "/subjects/report": ["subject"], "/usage": ["client_id", "api", "operation", "from", "to", "by"],
    "/usage/statement": ["client_id", "month", "format"], "/usage/records": ["client_id", "month"], "/consents/{}": [], "/clients/{}": []}
BODIES = {
    "/consents": {"subject": "tel:" + ALICE, "client_id": "demo-all", "purpose": PURPOSE, "scope": IDENTIFIER, "reason": "r", "channel": "shop"},
    "/consents/revoke": {"subject": "tel:" + ALICE, "client_id": "demo-all", "purpose": PURPOSE, "reason": "r", "dry_run": True, "after": "a"},
    "/consents/object": {"subject": "tel:" + ALICE, "client_id": "demo-all", "purpose": PURPOSE, "reason": "r"},
    "/tokens": {"client_id": "demo-all", "scope": IDENTIFIER, "count": 1, "ttl": 60}, "/ledger/retain": {"dry_run": True}}


def test_every_value_is_answered(tmp_path):
    demo = Demo(tmp_path).start()
    session = requests.Session()
    session.headers["Authorization"] = "Bearer " + demo.description["admin"]["token"]
    admin = demo.description["admin"]["url"] + "/admin/v1"

    def answered(method, path, **request):
        answer = session.request(method, admin + path, timeout=20, **request)
        assert answer.status_code in (200, 201, 400, 404, 409), (path, request, answer.text)

    try:
        for (path, names), value in itertools.product(QUERIES.items(), VALUES):
            good = {"client_id": "demo-all", "month": "2026-11", "subject": "tel:" + ALICE}
            for name in names or [None]:
                query = {n: v for n, v in good.items() if n in names} | ({name: value} if name else {})
                answered("GET", path.format(requests.utils.quote(value, safe="") or "-"), params=query)
        for first, second in itertools.product(VALUES, VALUES):
            if "-" in first and "-" in second:
                answered("GET", "/usage", params={"from": first, "to": second, "by": "month"})
        for (path, body), value in itertools.product(BODIES.items(), [*VALUES, None, 2**63, -2**63, 2**64, 0.5, [], {}, True]):
            for name in body:
                answered("POST", path, json=body | {name: value})
        assert demo.process.poll() is None
    finally:
        demo.stop()
