"""Reading the ledger: search by index, tail, export, retention."""
import csv, io, json, os, re, select, signal, subprocess, time

import pytest

import ledger_verifier
from harness import BINARY
from reading_gateway import ReadingGateway, eventually


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = ReadingGateway(tmp_path_factory.mktemp("reading")).start()
    gateway.calls(*(f"c-{number}" for number in range(120)))
    yield gateway
    gateway.stop()


def index_of(gateway, segment):
    return os.path.join(gateway.ledger, "index", segment + ".index")


def test_a_search_by_index_finds_what_the_segments_hold(gateway):
    assert len(gateway.segments) > 4
    for number in (0, 1, 60, 119):
        found = gateway.json("audit", "search", "--correlator", f"c-{number}")
        assert [entry["correlator"] for entry in found] == [f"c-{number}"]
    assert gateway.json("audit", "search", "--correlator", "c-120") == []
    assert all(os.path.exists(index_of(gateway, segment)) for segment in gateway.segments[:-1])
    refused = gateway.json("audit", "search", "--decision", "refused", "--limit", "1000")
    assert refused == [entry for entry in gateway.entries() if entry.get("decision") == "refused"]
    times = [entry["time"] for entry in gateway.entries()]
    between = gateway.json("audit", "search", "--from", times[20], "--to", times[50], "--limit", "1000")
    assert [entry["seq"] for entry in between] == [e["seq"] for e in gateway.entries() if times[20] <= e["time"] < times[50]]


def test_the_index_is_checked_against_the_ledger_and_rebuilt_from_it(gateway):
    gateway.run("audit", "index", "--rebuild")
    assert {row["state"] for row in gateway.json("audit", "index", "--check")} == {"good"}
    path = index_of(gateway, gateway.segments[1])
    data = bytearray(open(path, "rb").read())
    data[len(data) // 2] ^= 1
    open(path, "wb").write(data)
    os.remove(index_of(gateway, gateway.segments[2]))
    result = gateway.run("audit", "index", "--check", check=False)
    assert result.returncode == 1 and gateway.segments[1] in result.stdout and "no index yet" in result.stdout
    # A search does not believe it, and puts it right.
    entry = next(e for e in map(json.loads, open(os.path.join(gateway.ledger, gateway.segments[1]))) if "correlator" in e)
    assert gateway.json("audit", "search", "--correlator", entry["correlator"]) == [entry]
    gateway.run("audit", "index", "--rebuild")
    assert {row["state"] for row in gateway.json("audit", "index", "--check")} == {"good"}


def test_index_wants_one_of_its_two_switches(gateway):
    assert gateway.run("audit", "index", check=False).returncode == 2
    assert gateway.run("audit", "index", "--check", "--rebuild", check=False).returncode == 2


def test_tail_gives_the_last_and_then_each_as_it_comes_over_segments(gateway):
    last = gateway.json("audit", "search", "--event", "api.refused_unauthenticated")
    assert last == []
    shown = [json.loads(line) for line in gateway.run("audit", "tail", "--limit", "3", "--json").stdout.splitlines()]
    assert [entry["seq"] for entry in shown] == [entry["seq"] for entry in gateway.entries()[-3:]]
    words = [BINARY, "audit", "tail", "--follow", "--limit", "1", "--json", "--decision", "refused", "--config", gateway.configuration]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    try:
        assert json.loads(process.stdout.readline())["decision"] == "refused"
        segments = len(gateway.segments)
        wanted = [f"tail-{number}" for number in range(50)]
        gateway.calls(*wanted)
        assert len(gateway.segments) > segments + 1
        found, text = [], b""
        while len(found) < len(wanted):
            assert select.select([process.stdout], [], [], 10)[0], found
            text += os.read(process.stdout.fileno(), 65536)
            *lines, text = text.split(b"\n")
            found += [json.loads(line)["correlator"] for line in lines]
        assert found == wanted
    finally:
        process.kill()
        process.wait()
    assert "refused" in gateway.run("audit", "tail", "--limit", "1", "--decision", "refused").stdout


def test_export_gives_everything_that_matches_in_four_forms(gateway, tmp_path):
    entries = gateway.entries()
    assert [json.loads(line) for line in gateway.run("audit", "export").stdout.splitlines()] == entries
    refused = [entry for entry in entries if entry.get("decision") == "refused"]
    table = list(csv.DictReader(io.StringIO(gateway.run("audit", "export", "--format", "csv", "--decision", "refused").stdout, newline="")))
    assert [row["correlator"] for row in table] == [entry["correlator"] for entry in refused]
    assert [int(row["status"]) for row in table] == [401] * len(refused)
    for form, place in (("ocsf", lambda e: e["metadata"]["sequence"]), ("ecs", lambda e: e["event"]["sequence"])):
        events = [json.loads(line) for line in gateway.run("audit", "export", "--format", form, "--decision", "refused").stdout.splitlines()]
        assert [place(event) for event in events] == [entry["seq"] for entry in refused]
    file = tmp_path / "export.jsonl"
    gateway.run("audit", "export", "--output", str(file), "--to", entries[10]["time"])
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == [e["seq"] for e in entries if e["time"] < entries[10]["time"]]
    assert gateway.run("audit", "export", "--format", "xml", check=False).returncode == 2


def test_a33_what_a_client_sends_is_no_formula_in_a_table(gateway):
    gateway.calls("-1.5", "<a>{b}")
    rows = list(csv.DictReader(io.StringIO(gateway.run("audit", "export", "--format", "csv").stdout, newline="")))
    found = [row["correlator"] for row in rows]
    assert "'-1.5" in found and "-1.5" not in found and "<a>{b}" in found


def test_retention_without_its_setting_removes_nothing(gateway):
    result = gateway.run("audit", "retain", check=False)
    assert result.returncode == 1 and "retentionDays" in result.stderr


def test_retention_is_refused_where_nothing_is_old(tmp_path):
    gateway = ReadingGateway(tmp_path, retentionDays=1).start()
    try:
        gateway.calls(*(f"c-{number}" for number in range(60)))
        before = gateway.segments
        assert gateway.json("audit", "retain", "--dry-run")["segments"] == []
        assert "nothing is old enough" in gateway.run("audit", "retain").stdout
        assert gateway.segments[:len(before)] == before
    finally:
        gateway.stop()
