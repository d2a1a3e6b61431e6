"""`policies import` of documents that are broken, huge, endless or hostile: file, line and reason, within moments, nothing written."""
import json
import resource
import subprocess
import time

import pytest

from harness import BINARY
from test_policy_import import DOCUMENT, failed, imported, reads_yaml, run

SECONDS_MAXIMUM = 60
BYTES_MAXIMUM = 4 << 30


@pytest.fixture(scope="module")
def yaml(tmp_path_factory):
    if not reads_yaml(tmp_path_factory.mktemp("probe")):
        pytest.skip("this program was built without YAML")


def reference(name):
    return {"$ref": f"#/components/schemas/{name}"}


def document(schema, schemas):
    content = {"application/json": {"schema": schema}}
    operation = {"operationId": "doIt", "security": [{"openId": ["t:do"]}], "requestBody": {"required": True, "content": content},
                 "responses": {"200": {"description": "-", "content": content}}}
    return json.dumps({"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "servers": [{"url": "{apiRoot}/t/v1"}],
                       "components": {"schemas": schemas}, "paths": {"/do": {"post": operation}}}, indent=1)


def wide(kind):
    """Each of twelve levels names the next ten times."""
    levels = {f"L{level}": {"type": "object", "properties": {f"p{n}": reference(f"L{level + 1}") for n in range(10)}}
              if kind == "properties" else {kind: [reference(f"L{level + 1}")] * 10} for level in range(12)}
    return document(reference("L0"), {**levels, "L12": {"type": "object", "properties": {"a": {"type": "string"}}}})


def each_names_each(count):
    return document(reference("S0"), {f"S{n}": {"type": "object", "properties": {f"p{m}": reference(f"S{m}") for m in range(count)}}
                                      for n in range(count)})


def bomb():
    """Aliases of aliases: 700 bytes that would be ten thousand million values."""
    lines = ["openapi: 3.0.3", "a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]" for n in range(9)]
    return "\n".join(lines)


def refused(path, folder):
    """Runs it with little memory and little time; the reason without the place."""
    began = time.monotonic()
    result = subprocess.run(
        [BINARY, "policies", "import", str(path), "--output", str(folder)], capture_output=True, text=True, timeout=SECONDS_MAXIMUM,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (BYTES_MAXIMUM, BYTES_MAXIMUM)))
    assert result.returncode == 1, (result.returncode, result.stdout, result.stderr, time.monotonic() - began)
    place, _, reason = result.stderr.removeprefix(f"passerelle: {path}:").partition(": ")
    line, _, column = place.partition(":")
    assert int(line) >= 1 and int(column) >= 1, result.stderr
    assert not folder.exists()
    return int(line), reason


@pytest.mark.parametrize("text, line, reason", [
    (bomb(), 7, "more than 200000 values"), ("[" * 100_000, 1, "deeper than 64"), ("a: " + "x" * (9 << 20), 1, "larger than 8 MiB"),
    ("a: [" + "1," * 400_000 + "1]", 1, "more than 200000 values"), ("", 1, "empty"),
    ("openapi: 3.0.3\ninfo:\n\ttitle: x\n", 3, "not YAML"), ('openapi: 3.0.3\ninfo:\n  title: "x\n', 4, "not YAML"),
    ("openapi: 3.0.3\nopenapi: 3.0.3\n", 2, "stands twice"), ("openapi: 3.0.3\n---\nopenapi: 3.0.3\n", 2, "second document"),
    ("x: &x {a: 1}\ny:\n  <<: *x\n", 3, "merge keys"), ("openapi: 3.0.3\nx: !!python/object/apply:os.system [ls]\n", 2, "tag"),
    ("x: !local y\n", 1, "tag"), ("x: *nobody\n", 1, "no anchor"), ("x: &x [*x]\n", 1, "no anchor"), ("- a\n- b\n", 1, "no OpenAPI document"),
    ('swagger: "2.0"\n', 1, "Swagger 2.0"), ("openapi: 3.0.3\ninfo: {title: t, version: 1}\npaths: []\n", 1, "no paths"),
    ("openapi: 3.0.3\ninfo: {title: t, version: 1}\npaths:\n  /a: {$ref: 'https://example.com/x.yaml'}\n", 4, "nothing is fetched")])
def test_yaml_that_cannot_be_read(yaml, tmp_path, text, line, reason):
    path = tmp_path / "api.yaml"
    path.write_text(text)
    found, said = refused(path, tmp_path / "p")
    assert found == line and reason in said, (found, said)


@pytest.mark.parametrize("text, reason", [
    ('{"a":' * 100_000, "too many levels"), (wide("properties"), "too often"), (wide("allOf"), "too often"), (each_names_each(12), "too often"),
    (document(reference("A"), {"A": reference("B"), "B": reference("A")}), "in a circle"),
    (document({"type": "text"}, {}), "no type"), (document({"type": ["string", "null"]}, {}), "OpenAPI 3.1"), (document("x", {}), "an object"),
    (document({"$ref": "/etc/passwd"}, {}), "nothing is fetched"), (document({"$ref": "gone.yaml#/a"}, {}), "not there")])
def test_json_that_leads_nowhere_or_without_end(tmp_path, text, reason):
    path = tmp_path / "api.json"
    path.write_text(text)
    line, said = refused(path, tmp_path / "p")
    assert reason in said and (line > 1 or "levels" in said), (line, said)


def test_a_schema_that_names_itself_is_taken_as_far_as_it_says_something(tmp_path):
    path = tmp_path / "api.json"
    path.write_text(document(reference("Node"), {"Node": {"type": "object", "properties": {"v": {"type": "string"}, "next": reference("Node")}}}))
    out = imported(path, tmp_path / "p")
    assert any("names itself again" in note["text"] for note in out["notes"])
    assert "operations.doIt.response.fields.next" in out["unreviewed"]


def test_names_that_a_policy_cannot_have_are_left_out_and_told_of(tmp_path):
    path = tmp_path / "api.json"
    operation = '"parameters": [ { "name": "x\\r\\ny", "in": "query", "schema": { "type": "string" } } ], "operationId": "readLamp"'
    path.write_text(DOCUMENT.replace('"operationId": "readLamp"', operation).replace('"title": "Lamp"', '"title": "Lamp\\n{ \\"x\\": 1 }"'))
    out = imported(path, tmp_path / "p")
    assert any("x??y is left out" in note["text"] for note in out["notes"]), out["notes"]
    # Nothing of the document breaks out of a comment.
    assert (tmp_path / "p" / "lamp-1.json").read_text().splitlines()[0].startswith('// Lamp?{ "x": 1 } 1.0.0, drafted')


@pytest.mark.parametrize("patterns", [["^(.{0,100}){100}$"], [f"^x{n}([a-z]{{0,60}}-){{0,9}}$" for n in range(3000)]])
def test_patterns_that_take_too_much_are_refused_together(tmp_path, patterns):
    """One whose automaton takes minutes, and many each of which is good by itself."""
    path = tmp_path / "api.json"
    path.write_text(document({"type": "object", "properties": {f"p{n}": {"type": "string", "pattern": p} for n, p in enumerate(patterns)}}, {}))
    line, reason = refused(path, tmp_path / "p")
    assert "patterns of the document take too much" in reason


@pytest.mark.parametrize("version", ["1\\n2", "1 2", "1\\u001b[2J", "1\\u202e", "1é", "1" * 65, ""])
def test_a_version_is_visible_ascii(tmp_path, version):
    path = tmp_path / "api.json"
    path.write_text(DOCUMENT.replace('"version": "1.0.0"', f'"version": "{version}"'))
    line, reason = refused(path, tmp_path / "p")
    assert line == 3 and "visible ASCII" in reason


def test_nothing_that_a_terminal_obeys_is_printed(tmp_path):
    path = tmp_path / "api.json"
    hostile = "a\\u001b[2J\\u2028\\u202eb\\u2066\\u200f\\u061c"
    path.write_text(DOCUMENT.replace("colour", hostile).replace('"Read a lamp"', f'"{hostile}"').replace('"Lamp"', f'"{hostile}"'))
    for words in (["--dry-run"], [], []):
        out = run("policies", "import", str(path), "--output", str(tmp_path / "p"), *words)
        path.write_text(path.read_text().replace('"imei": {', f'"{hostile}2": {{'))
        assert not {character for character in out.stdout + out.stderr if character in "\x1b\u2028\u202e\u2066\u200f\u061c"}, out


def test_what_cannot_be_read_where_policies_are_is_named_with_the_reason(tmp_path):
    path, folder = tmp_path / "lamp.json", tmp_path / "p"
    path.write_text(DOCUMENT)
    imported(path, folder)
    large = folder / "a-large.json"
    large.write_bytes(b" " * ((16 << 20) + 1))
    for words, reason in ((("import", str(path), "--output", str(folder)), "larger than 16777216 bytes"), (("check", str(folder)), "File too large")):
        said = run("policies", *words)
        assert said.returncode == 1 and said.stderr == f"passerelle: {large}:1:1: cannot be read: {reason}\n", said.stderr
    said = run("policies", "import", str(path), "--output", str(large))
    assert said.returncode == 1 and said.stderr == f"passerelle: {large}:1:1: cannot be read: Not a directory\n", said.stderr


def test_a_policy_that_a_person_broke_is_named(tmp_path):
    path = tmp_path / "lamp.json"
    path.write_text(DOCUMENT)
    imported(path, tmp_path / "p")
    (tmp_path / "p" / "lamp-1.json").write_text("{")
    failed(run("policies", "import", str(path), "--output", str(tmp_path / "p")), "lamp-1.json:1:")
