"""`kill -9` under load, a few times: `Benchmarks/kill9.py` does it a hundred times."""
import os
import sys

from harness import REPOSITORY

sys.path.insert(0, os.path.join(REPOSITORY, "Benchmarks"))
import kill9  # noqa: E402


def test_no_answer_is_lost_and_usage_equals_the_ledger(tmp_path):
    answers, calls, _, starts = kill9.run(str(tmp_path), kills=4, threads=6, seconds=0.4)
    assert answers > 40 and calls >= answers and len(starts) == 4


def test_the_examination_notices_a_missing_answer_and_a_wrong_count(tmp_path):
    import pytest
    import sqlite3
    installation = kill9.Installation(str(tmp_path))
    installation.prepare()
    installation.load(0, threads=2, seconds=0.1)
    installation.examine()
    installation.answers["never-sent"] = 200
    with pytest.raises(kill9.Loss, match="without their one entry"):
        installation.examine()
    del installation.answers["never-sent"]
    with sqlite3.connect(os.path.join(installation.data, "data", "passerelle.sqlite")) as database:
        database.execute("UPDATE usage SET calls = calls + 1, succeeded = succeeded + 1 WHERE succeeded > 0")
    with pytest.raises(kill9.Loss, match="DIFFERS|differs|false|differences"):
        installation.examine()
