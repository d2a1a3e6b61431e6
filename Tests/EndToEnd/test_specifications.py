"""Answers against CAMARA's own OpenAPI documents, by an independent validator. Skipped where the documents are not at hand."""
import os

import jsonschema
import pytest
import yaml

from harness import ALICE, IDENTIFIER, MATCH, PPID, SPECIFICATIONS, TYPE, V01, V03, V04

FILES = {V01: "device-identifier-0.1.0.yaml", V03: "device-identifier-0.3.0.yaml", V04: "device-identifier.yaml"}

pytestmark = pytest.mark.skipif(not os.path.isdir(SPECIFICATIONS),
                                reason=f"CAMARA's OpenAPI documents are not in {SPECIFICATIONS}; PASSERELLE_SPECS may name the folder")


def validate(document, path, answer):
    """The answer is one that the operation's responses describe."""
    responses = document["paths"][path]["post"]["responses"]
    assert str(answer.status_code) in responses, f"{path} does not document {answer.status_code}"
    response = responses[str(answer.status_code)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    schema = {"components": document["components"], **response["content"]["application/json"]["schema"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(answer.json())


@pytest.mark.parametrize("version", [V01, V03, V04])
def test_every_operation_answers_as_its_document_says(demo, version):
    document = yaml.safe_load(open(os.path.join(SPECIFICATIONS, FILES[version])))
    token = demo.token(ALICE, (IDENTIFIER, TYPE, PPID, MATCH))
    machine = demo.machine_token(IDENTIFIER, TYPE, PPID, MATCH)
    device = {"phoneNumber": ALICE}
    for path in document["paths"]:
        extra = {"providedIdentifierType": "TAC", "providedIdentifier": "49015420"} if "match" in path else {}
        named = device if version == V01 else {"device": device, **extra}
        for caller, body in [(token, device if version == V01 else extra), (machine, named), (None, {}), (token, {"device": {}}),
                             (machine, {"device": {"phoneNumber": "+33639981234"}} if version != V01 else {"phoneNumber": "+33639981234"}),
                             (machine, {} | extra)]:
            validate(document, path, demo.call(caller, version + path, body))
        assert demo.call(token, version + path, device if version == V01 else extra).status_code == 200
        assert demo.call(machine, version + path, named).status_code == 200
