"""Requests that CAMARA's documents allow and forbid, as many as schemathesis thinks of, sent through the gateway to the simulated operator:
no answer of 5xx, and none that its document does not have."""
import os, re, shutil, subprocess, sys

import pytest

from harness import ALICE, PURPOSE, SPECIFICATIONS

pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytestmark = pytest.mark.skipif(not os.path.isdir(SPECIFICATIONS), reason="CAMARA's documents are not on this machine")

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection"
APIS = ["sim-swap", "device-roaming-status", "location-retrieval", "kyc-match", "population-density-data", "qos-provisioning", "carrier-billing"]


@pytest.mark.parametrize("name", APIS)
def test_no_answer_is_outside_the_document(demo, tmp_path, name):
    import requests
    api = next(api for api in requests.get(demo.issuer + "/apis", timeout=5).json()["apis"] if api["api"] == name)
    scopes = sorted({scope for operation in api["operations"] for some in operation["scopes"] for scope in some})
    who = ["--client", "demo-all"]
    if any(3 in operation["legs"] for operation in api["operations"]):
        who += ["--subject", f"tel:{ALICE}"]
        demo.command("consents", "grant", *who, "--purpose", PURPOSE, "--scope", " ".join(scopes), "--reason", "test")
    token = demo.command("token", "issue", *who, "--scope", " ".join([PURPOSE] + scopes), "--ttl", "1h").stdout.strip()
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "st"), "run", os.path.join(SPECIFICATIONS, name + ".yaml"), "--url", api["url"],
         "-H", f"Authorization: Bearer {token}", "--checks", CHECKS, "--max-examples", "15", "--seed", "1", "--no-color"],
        capture_output=True, text=True, timeout=240, cwd=tmp_path, env=os.environ | {"COLUMNS": "140"})
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) >= 20, done.stdout
