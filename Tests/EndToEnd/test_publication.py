"""/apis: what is published, for programs and for people; and every command on it works as it stands."""
import html.parser, re, subprocess
from urllib.parse import quote

import pytest
import requests

from harness import ALICE, PURPOSE
from policy_gateway import PolicyGateway
from reload_gateway import ReloadGateway

HTML = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def published(demo):
    answer = requests.get(demo.issuer + "/apis", timeout=5)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "accept, accept-language"
    return answer.json()


def test_every_policy_is_there(demo, published):
    listed = demo.json("policies", "list")
    operations = {(api["api"], api["version"], operation["operation"]) for api in published["apis"] for operation in api["operations"]}
    assert operations == {(row["api"], row["version"], row["operation"]) for row in listed}
    for api in published["apis"]:
        assert api["url"].startswith(demo.issuer + "/") and set(api["title"]) == {"en", "fr", "es", "de"}
        assert requests.get(api["page"], timeout=5).json() == api
    discovery = requests.get(published["openid_configuration"], timeout=5).json()
    scopes = {scope for api in published["apis"] for operation in api["operations"] for some in operation["scopes"] for scope in some}
    assert scopes <= set(discovery["scopes_supported"])
    assert {"dpv:FraudPreventionAndDetection"} < {row["purpose"] for row in published["purposes"]}


def test_an_operation_says_what_it_releases_and_what_it_costs(published):
    api = next(api for api in published["apis"] if (api["api"], api["version"]) == ("device-identifier", "0.3.0"))
    operation = next(row for row in api["operations"] if row["operation"] == "retrieveIdentifier")
    assert (operation["method"], operation["path"], operation["legs"]) == ("POST", "/retrieve-identifier", [2, 3])
    assert operation["price"] == {"amount": "0.03", "currency": "EUR"} and operation["personal_data"] is True
    assert [(row["category"], row["required"]) for row in operation["data"]] == [("device-serial-number", True), ("device-make-model", False)]


def test_each_command_works_when_it_is_copied(demo, published, sink):
    """With the token of a subscriber who agreed to it. What wants something else first (a resource, a recognition by the network) says so."""
    # The times of an example stay what they are; a forecast of the past is refused.
    first = {"number-verification": 403, "population-density-data": 400}
    answers = {}
    for api in published["apis"]:
        for operation in api["operations"]:
            name = f"{api['api']} {api['version']} {operation['operation']}"
            assert "$BODY" not in operation["curl"], f"{name} has no example"
            scopes = sorted({scope for some in operation["scopes"][:20] for scope in some})
            who = ["--client", "demo-all"] + (["--subject", f"tel:{ALICE}"] if 3 in operation["legs"] else [])
            if 3 in operation["legs"]:
                demo.command("consents", "grant", *who, "--purpose", PURPOSE, "--scope", " ".join(scopes), "--reason", "test")
            token = demo.command("token", "issue", *who, "--scope", " ".join([PURPOSE] + scopes), "--ttl", "1h").stdout.strip()
            # An application has a sink of its own.
            command = re.sub(r'("sink":")[^"]*', lambda found: found[1] + sink.url(), operation["curl"])
            command = command.replace("curl ", "curl -s -o /dev/null -w '%{http_code}' ", 1)
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20, env={"TOKEN": token, "PATH": "/usr/bin:/bin"})
            answers[name] = int(done.stdout)
            # Capitals stand for the id of something that the application made before.
            names = re.search(r"/[A-Z_]+_ID[/'?]", operation["curl"])
            expected = {400, 404} if names else {first[api["api"]]} if api["api"] in first else {200, 201, 202, 204, 404}
            assert answers[name] in expected, (name, done.stdout, operation["curl"])
    assert sum(status < 300 for status in answers.values()) > 40, answers


@pytest.mark.parametrize("language, title, word", [("en", "APIs", "Scopes"), ("fr-CA, en;q=0.5", "API", "Abonné"), ("es", "API", "Abonado"),
                                                  ("de", "APIs", "Anschluss")])
def test_people_read_it_in_their_language(demo, published, language, title, word):
    page = requests.get(demo.issuer + "/apis", headers=HTML | {"accept-language": language}, timeout=5)
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{title}</h1>" in page.text and f'<html lang="{language[:2]}">' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for api in published["apis"]:
        assert api["page"].removeprefix(demo.issuer) in page.text
        one = requests.get(api["page"], headers=HTML | {"accept-language": language}, timeout=5)
        assert one.status_code == 200 and word in one.text
        assert len(re.findall("<section", one.text)) == len(api["operations"])


def test_what_is_not_there(demo):
    answer = requests.get(demo.issuer + "/apis/nothing/1.0", timeout=5)
    assert answer.status_code == 404 and answer.json()["code"] == "NOT_FOUND"
    page = requests.get(demo.issuer + "/apis/nothing/1.0", headers=HTML | {"accept-language": "en"}, timeout=5)
    assert page.status_code == 404 and "There is no such API here" in page.text
    assert requests.post(demo.issuer + "/apis", timeout=5).status_code == 405
    # Nothing of an address is on the page.
    assert "<script" not in requests.get(demo.issuer + "/apis/<script>", headers=HTML, timeout=5).text


# What a version may hold.
VERSION = """1</code></title><script>alert(1)</script>&lt;"'><img>"""
MARKUP = """</code></title><script>alert(1)</script>&lt;"'><img src=x onerror=alert(1)>{{curl}}"""


def test_no_text_of_a_policy_becomes_markup(tmp_path):
    """Every text and every name that may hold it, on each page of each language: what is read is what is written in the policy."""
    text = {language: f"{language} {MARKUP}" for language in ("en", "fr", "es", "de")}
    body = {"type": "object", "properties": {"word": {"type": "string"}}}
    policy = {
        "api": "marked", "version": VERSION, "basePath": "/marked/v1", "title": text, "documentation": "https://example.com/?a='&lt;b",
        "operations": {"act": {
            "method": "POST", "path": "/act/{thingId}", "title": text, "scopes": ["marked:<b>'&act"], "subject": {"rule": "tokenOrBody", "at": "phoneNumber", "kind": "phoneNumber"},
            "query": {"q": {}}, "headers": {"x-word": {}},
            "request": {"schema": {"type": "object", "properties": body["properties"] | {"phoneNumber": {"type": "string"}}}},
            "response": {"fields": {"place": {"category": "place"}}}, "price": {"amount": "0.01", "currency": "EUR"}, "limits": {"requestsPerMinute": 60},
            "example": {"path": {"thingId": MARKUP}, "query": {"q": MARKUP}, "headers": {"x-word": MARKUP}, "body": {"word": MARKUP}}}}}
    gateway = PolicyGateway(tmp_path, {"marked": policy}, ["place"])
    try:
        gateway.stop()
        gateway.write("categories.json", {"place": {"title": text, "description": text, "example": text}})
        gateway.write("purposes.json", {"FraudPreventionAndDetection": {"title": text, "description": text}})
        gateway.start()
        published = requests.get(gateway.issuer + "/apis", timeout=5).json()
        assert published["apis"][0]["title"] == text and published["purposes"][0]["description"] == text
        assert published["apis"][0]["page"] == gateway.issuer + "/apis/marked/" + quote(policy["version"], safe="")
        path = published["apis"][0]["page"].removeprefix(gateway.issuer)
        for language in text:
            listed, one = (requests.get(gateway.issuer + place, headers=HTML | {"accept-language": language}, timeout=5) for place in ("/apis", path))
            found = [Texts.of(page.text) for page in (listed, one)]
            for page, texts in zip((listed, one), found):
                assert page.status_code == 200 and "<script" not in page.text and "<img" not in page.text
                assert not {"script", "img", "b"} & texts.tags and not any(name.startswith("on") for name in texts.attributes)
            # In the row of the list, its purpose, the headings, what is released, and the example; not cut, and not escaped twice.
            assert found[0].whole.count(text[language]) == 2
            assert found[1].whole.count(text[language]) >= 3, found[1].whole
            assert "marked:<b>'&act" in found[1].whole and policy["documentation"] in found[1].whole
            assert MARKUP in found[1].whole.replace("'\\''", "'")
    finally:
        gateway.stop()


class Texts(html.parser.HTMLParser):
    """What a page says, and of which elements and attributes it is."""

    @classmethod
    def of(cls, page):
        texts = cls()
        texts.whole, texts.tags, texts.attributes = "", set(), set()
        texts.feed(page)
        texts.close()
        return texts

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.whole += data


def test_an_operator_can_keep_prices_or_all_of_it_to_himself(tmp_path):
    gateway = ReloadGateway(tmp_path)
    try:
        gateway.write(publication={"prices": False})
        gateway.start()
        url = f"http://127.0.0.1:{gateway.port}/apis"
        assert "price" not in requests.get(url, timeout=5).text
        assert "EUR" not in requests.get(url + "/device-identifier/0.3.0", headers=HTML, timeout=5).text
        gateway.write(publication={"enabled": False})
        gateway.reload()
        assert requests.get(url, timeout=5).status_code == 404
    finally:
        gateway.close()


def test_what_nobody_could_call_is_not_published(tmp_path):
    gateway = ReloadGateway(tmp_path)
    try:
        gateway.write(upstreams={"device-identifier": {"url": gateway.backend.url}})
        # What Passerelle answers itself wants no upstream.
        remarks = gateway.command("check").stdout
        assert "no upstream for sim-swap:" in remarks and "no upstream for consent-info" not in remarks
        assert "no upstream for device-identifier" not in remarks
        gateway.start()
        url = f"http://127.0.0.1:{gateway.port}/apis"
        assert {api["api"] for api in requests.get(url, timeout=5).json()["apis"]} == {"device-identifier", "consent-info"}
        assert "/apis/sim-swap/" not in requests.get(url, headers=HTML, timeout=5).text
        assert requests.get(url + "/sim-swap/2.1.0", timeout=5).status_code == 404
        assert requests.get(url + "/device-identifier/0.3.0", timeout=5).status_code == 200
        gateway.write(upstreams={"*": {"url": gateway.backend.url}})
        gateway.reload()
        assert requests.get(url + "/sim-swap/2.1.0", timeout=5).status_code == 200
    finally:
        gateway.close()
