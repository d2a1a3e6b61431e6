"""The comparison benchmark: it takes no row of a fast wrong answer, its arithmetic is right, and a short run ends with its ratios."""
import json, os, re, shutil, subprocess, sys

import pytest

from harness import REPOSITORY

sys.path.insert(0, os.path.join(REPOSITORY, "Benchmarks"))
from comparison import calls, disk, peers, report, scenarios, templates  # noqa: E402
from comparison.processes import Failure  # noqa: E402

HOT = next(scenario for scenario in scenarios.SCENARIOS if scenario.name == "hot")
PASSERELLE = next(peer for peer in peers.PEERS if peer.name == "passerelle")
GOOD = {"calls": 1000, "refused": 0, "broken": 0, "bytes": 500_000}


def demand(result, reached, length=500):
    scenarios.Measurement._demand(None, PASSERELLE, HOT, result, reached, length)


def test_a_load_whose_calls_all_reached_the_backend_is_taken():
    demand(GOOD, 1000)
    demand(GOOD, 1064)  # under way when wrk ended


@pytest.mark.parametrize("result, reached, length", [
    (GOOD, 999, 500), (GOOD, 1065, 500), (GOOD, 1000, 700), ({**GOOD, "refused": 1}, 1000, 500), ({**GOOD, "broken": 1}, 1000, 500),
    ({**GOOD, "calls": 0}, 0, 500),
])
def test_a_load_with_a_wrong_answer_is_no_row(result, reached, length):
    with pytest.raises(Failure):
        demand(result, reached, length)


def test_passerelle_must_filter_and_the_others_must_not():
    nginx = next(peer for peer in peers.PEERS if peer.name == "nginx")
    assert calls.is_right(PASSERELLE, 200, json.dumps(calls.backend.RELEASED))
    assert not calls.is_right(PASSERELLE, 200, calls.backend.ANSWER)
    assert calls.is_right(nginx, 200, calls.backend.ANSWER)
    assert not calls.is_right(nginx, 502, calls.backend.ANSWER)


def test_the_quantile_of_a_sum_is_not_the_sum_of_quantiles():
    one = [1.0] * 99 + [101.0]
    assert disk.sum_quantile(one, [10.0], 0.5) == 11.0
    # Each is slow one time in a hundred; both together are slow two times in a hundred, and seldom twice as slow.
    assert disk.sum_quantile(one, one, 0.985) == 102.0
    assert disk.sum_quantile(one, one, 0.97) == 2.0


def rows(figures):
    return [{"round": turn, "scenario": "hot", "peer": peer, "cpu_us": figure, "discarded": False} for peer, turn, figure in figures]


def test_a_ratio_compares_within_rounds():
    found = rows([("passerelle", 0, 10), ("nginx-jwt", 0, 20), ("passerelle", 1, 100), ("nginx-jwt", 1, 200), ("passerelle", 2, 9),
                  ("nginx-jwt", 2, 10)])
    found.append({**found[0], "cpu_us": 1000, "discarded": True})
    ratios = report.ratios({"rows": found, "flushes": []})
    assert ratios == {"hot": 0.5, "cold": None, "tls": None, "p99": None}


def test_a_measurement_is_taken_again_for_what_else_the_machine_did_and_not_for_what_it_found():
    import compare
    disturbance = iter([0.9, 0.9, 0.1])
    taken = list(compare.undisturbed(lambda: {"other": next(disturbance)}, float("inf")))
    assert [one["discarded"] for one in taken] == [True, True, False]
    last = list(compare.undisturbed(lambda: {"other": 0.9}, float("inf")))
    assert [one["discarded"] for one in last] == [True, True, False] and last[-1]["disturbed"]
    assert len(list(compare.undisturbed(lambda: {"other": 0.9}, 0))) == 1  # no time left


def test_lines_of_a_template_follow_its_flags(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "FOLDER", str(tmp_path))
    (tmp_path / "in").write_text("%tls%secure @PORT@\n%!tls%plain @PORT@\nboth")
    for flags, line in ((set(), "plain 7"), ({"tls"}, "secure 7")):
        templates.render("in", str(tmp_path / "out"), {"PORT": 7}, flags)
        assert (tmp_path / "out").read_text() == line + "\nboth"


@pytest.mark.skipif(not (shutil.which("wrk") and shutil.which("nginx") and os.cpu_count() >= 2),
                    reason="wrk, nginx and two processors are wanted")
def test_a_short_run_counts_every_call_and_ends_with_its_ratios(tmp_path):
    checked = next(peer for peer in peers.PEERS if peer.name == "nginx-jwt")
    other = "nginx" if peers.missing(checked) else "nginx-jwt"
    done = subprocess.run(
        [sys.executable, os.path.join(REPOSITORY, "Benchmarks", "compare.py"), "--no-install", "--only", "hot,cold,p99", "--peers", other,
         "--seconds", "1", "--rounds", "1", "--cold-tokens", "3000", "--folder", str(tmp_path), "--json", str(tmp_path / "results.json")],
        capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    ours = [row for row in results["rows"] if row["peer"] == "passerelle" and not row["discarded"]]
    assert [row["scenario"] for row in ours] == ["hot", "cold", "p99"]
    for row in ours:
        assert row["ledger_calls"] >= row["calls"] > 0 and row["cpu_us"] > 0
    names = re.findall(r"^ratio (\w+): (.+)$", done.stdout, re.M)
    assert [name for name, _ in names] == ["hot", "cold", "tls", "p99"]
    if other == "nginx-jwt":
        assert re.fullmatch(r"\d+\.\d\d", dict(names)["hot"]) and re.fullmatch(r"\d+\.\d\d", dict(names)["p99"])
    assert os.listdir(tmp_path) == ["results.json"]
