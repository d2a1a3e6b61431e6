"""Applications' logos: the operator's files, served from here, on the consent page."""
import base64
import os
import re
import subprocess

import pytest
import requests

from harness import ALICE, BINARY
from operator_server import Operator
from real_gateway import Gateway

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    operator = Operator()
    gateway = Gateway(tmp_path_factory.mktemp("logos"), operator)
    folder = os.path.join(gateway.data, "logos")
    os.mkdir(folder)
    with open(os.path.join(folder, "demo-all.png"), "wb") as file:
        file.write(PIXEL)
    yield gateway.serve(logos="logos")
    gateway.stop()
    operator.stop()


def test_the_page_shows_the_logo_of_who_asks_from_our_own_address(gateway):
    page = gateway.authorize(ALICE).answer
    address = re.search(r'<img src="([^"]+)" alt=""', page.text)[1]
    assert address.startswith("/logo/") and "img-src 'self'" in page.headers["content-security-policy"]
    answer = requests.get(gateway.issuer + address, timeout=5)
    assert answer.content == PIXEL and answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff" and "set-cookie" not in answer.headers
    assert requests.get(gateway.issuer + "/logo/demo-all.png", timeout=5).status_code == 404
    visit = gateway.authorize(ALICE, client_id="demo-few", scopes=("device-identifier:retrieve-type",))
    assert "<img" not in visit.answer.text and visit.answer.status_code == 200


def test_a_file_that_is_no_image_is_named(gateway):
    file = os.path.join(gateway.data, "logos", "demo-few.png")
    with open(file, "w") as text:
        text.write("<svg xmlns='http://www.w3.org/2000/svg'/>")
    try:
        check = subprocess.run([BINARY, "check", "--config", gateway.file], capture_output=True, text=True, timeout=30)
        assert check.returncode == 1 and "demo-few.png: neither a PNG nor a JPEG nor a WebP image" in check.stderr
    finally:
        os.remove(file)
