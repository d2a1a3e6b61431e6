"""Everything going wrong at once, for a short time: `Benchmarks/soak.py` does it for minutes."""
import os
import sys

import pytest

from harness import REPOSITORY

sys.path.insert(0, os.path.join(REPOSITORY, "Benchmarks"))
import soak  # noqa: E402
from soaking.backend import identity  # noqa: E402
from soaking.callers import IDENTIFIER, TYPE, Caller  # noqa: E402
from soaking.installation import Wrong  # noqa: E402


def test_failing_backends_reloads_and_vanishing_clients_leave_no_trace(tmp_path):
    # The sanitizers keep what was freed, to notice who uses it.
    sanitized = any(name in os.environ for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"))
    summary = soak.run(str(tmp_path), 24, connections=16, memory=(64 << 20) if sanitized else soak.MEMORY_BYTES)
    statuses = summary["statuses"]
    assert statuses[200] > summary["calls"] / 3 and {401, 403, 422, 502} <= set(statuses), summary
    assert summary["reloads"] >= 15 and summary["withdrawals"] >= 3 and summary["left"] > 100, summary
    assert summary["ledger_calls"] >= sum(count for status, count in statuses.items() if status not in (401, 429, 503))


def test_a_caller_notices_what_it_may_not_see():
    import json
    caller = Caller("a", "t", TYPE, number="+33639000001")
    fields, known = {"x-correlator": "c"}, identity("+33639000001")
    right = {name: known[name] for name in ("lastChecked", "tac", "model", "manufacturer")}
    fault = lambda status, answer, fields=fields: caller.fault(status, fields, json.dumps(answer).encode(), "c")
    error = lambda status: {"status": status, "code": "X", "message": "x"}
    assert fault(200, right) is None and fault(502, error(502)) is None
    assert fault(200, right | {"imei": known["imei"]}) and fault(200, {"tac": known["tac"]})
    assert fault(200, right | {"tac": identity("+33639000002")["tac"]})
    assert fault(200, right, {"x-correlator": "d"}) and fault(404, error(404)) and fault(502, error(502) | {"detail": 1})
    assert Caller("b", "t", IDENTIFIER, 403).fault(200, fields, json.dumps(right).encode(), "c")


def test_what_stays_is_noticed():
    even = [(50 << 20, 40)] * 40
    soak.steady(even)
    with pytest.raises(Wrong, match="memory"):
        soak.steady([(memory + index * (1 << 20), count) for index, (memory, count) in enumerate(even)])
    with pytest.raises(Wrong, match="descriptors"):
        soak.steady([(memory, count + index * 2) for index, (memory, count) in enumerate(even)])
