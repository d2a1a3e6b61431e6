"""`passerelle serve` beside a stand-in for the operator's servers."""
import contextlib
import json
import os
import re
import sqlite3
import subprocess

import requests

from harness import BINARY, Demo, Visit, wait_ready


class Gateway(Demo):
    """`passerelle serve` over the clients, keys and policies that a demo made, with a configuration of its own."""

    def __init__(self, folder, operator):
        super().__init__(folder)
        self.operator = operator
        Demo.start(self)
        Demo.stop(self)

    def serve(self, recognition=None, ciba=None, **more):
        self.stop()
        token = os.path.join(self.data, "operator-token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("secret-of-the-operator\n")
        # Comments and trailing commas are for people.
        text = re.sub(r"^\s*//.*$", "", open(self.description["configuration"]).read(), flags=re.M)
        written = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))

        def hook(path):
            return {"url": self.operator.url + path, "bearerTokenFile": token, "timeoutMilliseconds": 800}

        settings = {name: written[name] for name in ("issuer", "listen", "admin", "data", "keys", "policies", "upstreams")} | {
            "recognition": {
                "headerEnrichment": {"header": "x-network-msisdn", "trustedProxies": ["127.0.0.0/8"]},
                "browserAddress": {"header": "x-real-address", "trustedProxies": ["127.0.0.0/8"]},
                "addressLookup": hook("/by-address"), "operatorToken": hook("/by-token"), "numberDirectory": hook("/by-number"),
                "oneTimeCode": hook("/sms") | {"countryCode": "33", "codesPerAddressAndHour": 1000},
            } | (recognition or {}),
            "ciba": ciba or {"channel": {"webhook": hook("/questions")}, "intervalSeconds": 1, "lifetimeSeconds": 120},
        } | more
        settings["recognition"] = {k: v for k, v in settings["recognition"].items() if v is not None}
        self.file = os.path.join(self.data, "real.json")
        json.dump(settings, open(self.file, "w"))
        return self.start()

    def start(self):
        log = open(os.path.join(self.folder, "serve.stderr"), "a")
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.file], stdout=subprocess.PIPE, stderr=log, text=True)
        wait_ready(self.process)
        return self

    @property
    def configuration(self):
        return self.file

    def check(self, *options):
        return subprocess.run([BINARY, "check", "--config", self.file, *options], capture_output=True, text=True, timeout=30)

    def forget_codes(self):
        """What counts against the limits of numbers and addresses; between two tests, while nothing runs."""
        with contextlib.closing(sqlite3.connect(os.path.join(self.data, "data", "passerelle.sqlite"))) as database, database:
            if database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'one_time_codes'").fetchone():
                database.execute("DELETE FROM one_time_codes")

    @property
    def ledger(self):
        folder = os.path.join(self.data, "data", "ledger")
        return "".join(open(os.path.join(folder, name)).read() for name in sorted(os.listdir(folder)) if name.endswith(".jsonl"))

    # A person's browser on /subscriber.

    def arrive(self, **parameters):
        visit = self.authorize(None, **parameters)
        assert visit.answer.status_code == 200 and 'type="tel"' in visit.answer.text, visit.answer.text
        return visit

    def type(self, visit, session=None, headers=None, **fields):
        """Posts the form of the page; gives the page that follows, or the way back to the client."""
        handle = re.search(r'name="interaction" value="([^"]+)"', visit.answer.text)[1] if visit.answer.text else visit.handle
        session = session or visit.session
        answer = session.post(self.issuer + "/subscriber", data={"interaction": handle} | fields, timeout=10,
                              headers=headers or {"Origin": self.issuer}, allow_redirects=False)
        while answer.is_redirect and answer.headers["location"].startswith("/"):
            answer = session.get(self.issuer + answer.headers["location"], timeout=10, allow_redirects=False)
        following = Visit(self, visit.session, answer, visit.verifier, visit.query)
        following.handle = handle
        return following
