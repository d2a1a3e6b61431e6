"""A stand-in for the operator's own servers: look-ups, SMS gateway, channel to subscribers. It remembers what it was asked and told."""
import json
import re
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import ALICE, BOB, CAROL, DAVE, ERIN

SUBSCRIBERS = {ALICE: "192.0.2.1", BOB: "192.0.2.2", CAROL: "192.0.2.3", DAVE: "192.0.2.4", ERIN: "192.0.2.5"}


class Operator:
    def __init__(self, tls=None):
        operator = self
        self.calls, self.changed = [], {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                text = self.rfile.read(int(self.headers["content-length"] or 0))
                body = json.loads(text) if text else None
                operator.calls.append((self.path, body, self.headers))
                status, answer = operator.answer(self.path, body)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_OPTIONS(self):
                operator.calls.append((self.path, "OPTIONS", self.headers))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, body):
        if path in self.changed:
            change = self.changed[path]
            if change == "hang":
                time.sleep(3)
                return 200, {}
            return change
        if path in ("/sms", "/questions"):
            return 202, {}
        number = {"/by-address": next((n for n, ip in SUBSCRIBERS.items() if ip == body.get("ipAddress")), None),
                  "/by-token": (body.get("operatorToken") or "").removeprefix("token-of-"),
                  "/by-number": body.get("phoneNumber")}.get(path)
        return (200, {"phoneNumber": number}) if number in SUBSCRIBERS else (404, {})

    def told(self, path):
        return [body for place, body, _ in list(self.calls) if place == path]

    def wait(self, path, count=1, seconds=5):
        """What was told, once there are so many."""
        end = time.monotonic() + seconds
        while len(self.told(path)) < count and time.monotonic() < end:
            time.sleep(0.01)
        return self.told(path)

    def code(self, count=1):
        """The code in the newest of so many text messages."""
        messages = self.wait("/sms", count)
        assert len(messages) == count, messages
        return re.search(r"\b[0-9]{6}\b", messages[-1]["text"])[0]
