"""Runs `passerelle flow`, and reads what it reports."""
import json, subprocess

from harness import BINARY, IDENTIFIER, PURPOSE, TYPE, V03

SCOPES = f"{PURPOSE} {IDENTIFIER} {TYPE}"
OPENID = f"openid {SCOPES}"
CALL = ("--call", f"POST {V03}/retrieve-identifier", "--body", "{}")


def run(*words, stdin=None, seconds=60):
    return subprocess.run([BINARY, "flow", *words], capture_output=True, text=True, timeout=seconds, input=stdin)


def flow(demo, name, *words, **options):
    return run(name, "--demo", demo.data, *words, **options)


def once(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def report(result, ok=True):
    """The JSON report; it and the exit status say the same."""
    assert result.returncode == (0 if ok else 1), (result.stdout, result.stderr)
    value = json.loads(result.stdout, object_pairs_hook=once)
    assert value["ok"] is ok
    if ok:
        assert result.stderr == ""
        assert all(check["ok"] for step in value["steps"] for check in step["checks"] if check["mandatory"])
    else:
        assert result.stderr.startswith("passerelle: ") and result.stderr.count("\n") == 1
    return value


def step(value, title):
    return next(s for s in value["steps"] if s["title"] == title)


def checks(value):
    return {check["text"]: check["ok"] for s in value["steps"] for check in s["checks"]}


def refused(result, *texts):
    assert result.returncode == 1, (result.stdout, result.stderr)
    assert result.stderr.startswith("passerelle: ") and result.stderr.count("\n") == 1, result.stderr
    for text in texts:
        assert text in result.stderr, result.stderr


def network(number):
    return ("--header", f"x-network-msisdn: {number}")
