"""`policies import`: a policy from an OpenAPI document, for a person to review."""
import glob
import json
import os
import shutil

import pytest

from harness import REPOSITORY, SPECIFICATIONS
from test_commands import failed, run

SHIPPED = os.path.join(REPOSITORY, "policies")
# Templates: no API of anybody's.
TEMPLATES = ("CAMARA_", "info-description", "sample-")

DOCUMENT = """{
  "openapi": "3.0.3",
  "info": { "title": "Lamp", "version": "1.0.0" },
  "servers": [ { "url": "{apiRoot}/lamp/v1" } ],
  "paths": { "/retrieve": { "post": {
    "operationId": "readLamp", "summary": "Read a lamp", "security": [ { "openId": ["lamp:read"] } ],
    "requestBody": { "required": true, "content": { "application/json": { "schema": {
      "type": "object", "properties": { "phoneNumber": { "type": "string", "pattern": "^\\\\+[1-9][0-9]{4,14}$" } } } } } },
    "responses": {
      "200": { "description": "-", "content": { "application/json": { "schema": {
        "type": "object", "required": ["imei"], "properties": { "imei": { "type": "string" }, "colour": { "type": "string" } } } } } },
      "422": { "description": "-", "content": { "application/json": { "examples": {
        "a": { "value": { "status": 422, "code": "UNNECESSARY_IDENTIFIER", "message": "-" } },
        "b": { "value": { "status": 422, "code": "MISSING_IDENTIFIER", "message": "-" } } } } } } } } } }
}"""


@pytest.fixture
def lamp(tmp_path):
    path = tmp_path / "lamp.json"
    path.write_text(DOCUMENT)
    return path


def done(*words, **options):
    result = run(*words, **options)
    assert result.returncode == 0, (result.stdout, result.stderr)
    return result.stdout


def imported(lamp, folder, *words):
    return json.loads(done("policies", "import", str(lamp), "--output", str(folder), "--json", *words))


def review(path, *replacements):
    """What a person does: takes the marks away and says what fields are."""
    text = path.read_text()
    for old, new in (('      "review": true,\n', ""), ('"review": true, ', ""), (', "review": true', ""), ('{ "review": true }', '{ "release": "always" }'), *replacements):
        text = text.replace(old, new)
    path.write_text(text)


def test_a_policy_is_written_and_waits_for_a_review(lamp, tmp_path):
    folder = tmp_path / "new" / "policies"
    out = imported(lamp, folder)
    assert out["new"] and out["written"] and out["api"] == "lamp" and out["file"].endswith("lamp-1.json")
    assert out["unreviewed"] == ["operations.readLamp", "operations.readLamp.response.fields.imei", "operations.readLamp.response.fields.colour"]
    text = (folder / "lamp-1.json").read_text()
    assert text.startswith("// Lamp 1.0.0") and '"category": "device-serial-number", "review": true' in text
    # It is right, and nothing of it is served.
    checked = json.loads(done("policies", "check", str(folder), "--json"))
    assert checked["policies"] == 1 and checked["operations"] == 0 and len(checked["unreviewed"]) == 3
    assert json.loads(done("policies", "list", str(folder), "--json")) == []
    failed(run("policies", "check", str(folder), "--reviewed"), "lamp-1.json:", "operations.readLamp waits for a review")
    # With the marks gone it is.
    review(folder / "lamp-1.json")
    assert "1 policies with 1 operations are right" in done("policies", "check", str(folder), "--reviewed")
    assert json.loads(done("policies", "list", str(folder), "--json"))[0]["scope"] == "lamp:read"


def test_it_says_what_it_wrote_and_what_comes_next(lamp, tmp_path):
    folder = tmp_path / "p"
    out = done("policies", "import", str(lamp), "--output", str(folder))
    for name in ("lamp-1.json", "categories.json", "purposes.json", "legal-bases.json", "imports/lamp-1.json"):
        assert f"{folder}/{name}: " in out and (folder / name).exists(), name
    assert f"passerelle policies check {folder} --reviewed" in out
    again = imported(lamp, folder)
    assert again["beside"] == [f"{folder}/imports/lamp-1.json"]
    dry = done("policies", "import", str(lamp), "--output", str(tmp_path / "none"), "--dry-run")
    assert "imports/" not in dry and "--reviewed" not in dry


def test_a_required_field_that_waits_keeps_its_operation_back(lamp, tmp_path):
    imported(lamp, tmp_path / "p")
    path = tmp_path / "p" / "lamp-1.json"
    path.write_text(path.read_text().replace('      "review": true,\n', "").replace('"colour": { "review": true }', '"colour": { "release": "always" }'))
    assert json.loads(done("policies", "list", str(tmp_path / "p"), "--json")) == []
    path.write_text(path.read_text().replace('"category": "device-serial-number", "review": true', '"category": "device-serial-number"'))
    assert len(json.loads(done("policies", "list", str(tmp_path / "p"), "--json"))) == 1


def test_importing_again_shows_what_changed_and_keeps_what_was_edited(lamp, tmp_path):
    folder = tmp_path / "p"
    imported(lamp, folder)
    path = folder / "lamp-1.json"
    review(path, ('"title": { "en": "Read a lamp" }', '// As agreed.\n      "title": { "en": "See your lamp" }'))
    before = path.read_text()
    again = done("policies", "import", str(lamp), "--output", str(folder))
    assert "nothing changes" in again and path.read_text() == before
    lamp.write_text(DOCUMENT.replace("{4,14}", "{4,12}").replace('"colour": {', '"glow": {').replace('"Read a lamp"', '"Read one lamp"'))
    dry = done("policies", "import", str(lamp), "--output", str(folder), "--dry-run")
    lines = dry.splitlines()
    assert any(line.startswith("~ operations.readLamp.request.schema.properties.phoneNumber.pattern:") for line in lines)
    assert "+ operations.readLamp.response.fields.glow: { \"review\": true }" in lines
    assert '= operations.readLamp.title.en: "See your lamp" is kept; the document now gives "Read one lamp"' in lines
    assert path.read_text() == before
    out = imported(lamp, folder)
    assert {(c["kind"], c["place"].rsplit(".", 1)[1]) for c in out["changes"]} >= {("changed", "pattern"), ("added", "glow"), ("kept", "en")}
    text = path.read_text()
    assert "{4,12}" in text and "// As agreed." in text and "See your lamp" in text
    # A request that holds something else is looked at again; then what was served is served still, without the new field.
    assert out["unreviewed"] == ["operations.readLamp", "operations.readLamp.response.fields.glow"]
    assert json.loads(done("policies", "list", str(folder), "--json")) == []
    path.write_text(text.replace('      "review": true,\n', ""))
    assert len(json.loads(done("policies", "list", str(folder), "--json"))) == 1


def test_a_dry_run_writes_nothing(lamp, tmp_path):
    out = done("policies", "import", str(lamp), "--output", str(tmp_path / "none"), "--dry-run")
    assert '"basePath": "/lamp/v1"' in out and not (tmp_path / "none").exists()


@pytest.mark.parametrize("old, new, text", [
    ('"openapi": "3.0.3"', '"openapi": "3.1.0"', ":2:"), ('"type": "object", "required"', '"$ref": "#/components/schemas/None", "x"', "leads nowhere"),
    ('"responses": {', '"responses": ', "not JSON"), ('"summary"', '"operationId"', "lamp.json:6:")])
def test_errors_name_file_and_line_and_nothing_is_written(lamp, tmp_path, old, new, text):
    lamp.write_text(DOCUMENT.replace(old, new, 1))
    failed(run("policies", "import", str(lamp), "--output", str(tmp_path / "p")), "lamp.json:", text)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("words, text", [
    (["policies", "import"], "SPEC"), (["policies", "import", "a", "b"], "policies import?"), (["policies", "check", "--dry-run"], "is for policies import"),
    (["policies", "impart"], "policies import?")])
def test_wrong_usage(words, text):
    failed(run(*words), text, status=2)


def test_a_document_that_is_not_there(tmp_path):
    failed(run("policies", "import", str(tmp_path / "gone.json"), "--output", str(tmp_path / "p")), "gone.json:1:1: cannot be read")


def specifications():
    names = sorted(os.path.basename(path) for path in glob.glob(os.path.join(SPECIFICATIONS, "*.yaml")))
    return [name for name in names if not name.startswith(TEMPLATES)]


def reads_yaml(tmp_path):
    path = tmp_path / "probe.yaml"
    path.write_text("openapi: 2.0\n")
    return "built without" not in run("policies", "import", str(path), "--output", str(tmp_path / "probe")).stderr


def test_every_published_document_is_imported_without_a_hand_edit(tmp_path):
    names = specifications()
    if not names:
        pytest.skip(f"no OpenAPI documents in {SPECIFICATIONS} (PASSERELLE_SPECS)")
    if not reads_yaml(tmp_path):
        pytest.skip("this program was built without YAML")
    folder = tmp_path / "p"
    for name in names:
        out = imported(os.path.join(SPECIFICATIONS, name), folder)
        assert out["new"] and not any("is left out: " in note["text"] and "pattern" not in note["text"] for note in out["notes"]), (name, out["notes"])
        assert imported(os.path.join(SPECIFICATIONS, name), folder)["changes"] == []
    checked = json.loads(done("policies", "check", str(folder), "--json"))
    assert checked["policies"] == len(names) and checked["operations"] == 0


def test_a_copy_of_the_shipped_policies_takes_a_new_one(lamp, tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "p")
    before = json.loads(done("policies", "check", str(tmp_path / "p"), "--json"))
    imported(lamp, tmp_path / "p")
    after = json.loads(done("policies", "check", str(tmp_path / "p"), "--json"))
    assert after["policies"] == before["policies"] + 1 and after["operations"] == before["operations"]
