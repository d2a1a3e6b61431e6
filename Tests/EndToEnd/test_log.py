"""What `serve` writes on standard error: one line for each thing that happened, as text or as JSON, from a level on."""
import json, re

from reading_gateway import ReadingGateway, eventually


def lines(tmp_path):
    return open(tmp_path / "stderr").read().splitlines()


def run(tmp_path, **log):
    gateway = ReadingGateway(tmp_path)
    gateway.configure(log=log)
    gateway.start()
    gateway.calls("correlator-one")
    gateway.stop()
    return lines(tmp_path)


def test_text(tmp_path):
    written = run(tmp_path)
    assert [line.split(" ")[2] for line in written] == ["service.started", "service.stopping", "service.stopped"]
    for line in written:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z info [a-z_.]+ .+", line), line
    assert written[0].endswith("version=0.1.0")


def test_json(tmp_path):
    written = [json.loads(line) for line in run(tmp_path, format="json", level="info")]
    assert [line["event"] for line in written] == ["service.started", "service.stopping", "service.stopped"]
    for line in written:
        assert list(line)[:4] == ["time", "level", "event", "message"] and line["level"] == "info"


def test_a_level_leaves_out_what_matters_less_and_calls_are_not_logged(tmp_path):
    assert run(tmp_path, level="warning") == []


def test_a_fault_is_a_line_with_its_fields(tmp_path):
    gateway = ReadingGateway(tmp_path, streams=[{"name": "siem", "http": {"url": "http://127.0.0.1:9/x"}}])
    gateway.configure(log={"format": "json", "level": "warning"})
    gateway.start()
    try:
        gateway.calls("one")
        line = json.loads(eventually(lambda: lines(tmp_path))[0])
        assert (line["level"], line["event"], line["stream"]) == ("warning", "ledger.stream_failed", "siem")
    finally:
        gateway.stop()


def test_what_is_not_known_is_refused(tmp_path):
    gateway = ReadingGateway(tmp_path)
    for log, word in (({"level": "debug"}, 'wants "error", "warning" or "info"'), ({"format": "xml"}, "json"), ({"levels": "info"}, 'did you mean "level"')):
        gateway.configure(log=log)
        refused = gateway.run("check", check=False)
        assert refused.returncode == 1 and word in refused.stderr, refused.stderr
