"""A simulated consent master: records, look-ups, what it is told, and telling of its own changes. docs/consent-master.md, version 1."""
import contextlib
import json
import socket
import ssl
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

TOKEN, PUSH_TOKEN = "secret-of-the-master", "secret-for-the-master"
PATH = "/consents"


def moment(**later):
    return (datetime.now(timezone.utc) + timedelta(**later)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ConsentMaster:
    """`behaviour` is what it does instead of answering: a number of seconds to wait, a status, a body, or a function of what was sent
    that gives one of these."""

    def __init__(self, tls=None):
        master = self
        self.records, self.events, self.asked, self.open, self.connections = {}, [], [], [], 0
        self.behaviour, self.event_behaviour, self.lock = None, None, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                master.connections += 1
                master.open.append(self.request)
                super().setup()

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, answer = master.answer(self.path, body, self.headers["authorization"])
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.handler, self.tls, self.port = Handler, tls, 0
        self.start()

    def start(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{PATH}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        while self.open:
            with contextlib.suppress(OSError):
                self.open.pop().shutdown(socket.SHUT_RDWR)

    def answer(self, path, body, authorization):
        if authorization != "Bearer " + TOKEN:
            return 401, {}
        assert body["version"] == 1 and body["subject"].startswith("tel:+")
        behaviour = self.behaviour if path == PATH + "/v1/records" else self.event_behaviour
        behaviour = behaviour(body) if callable(behaviour) else behaviour
        if path == PATH + "/v1/records":
            self.asked.append((body["subject"], body.get("client_id"), body.get("purpose")))
        if isinstance(behaviour, (int, float)) and behaviour < 100:
            time.sleep(behaviour)
        elif isinstance(behaviour, int):
            return behaviour, {}
        elif behaviour is not None:
            return 200, behaviour
        if path == PATH + "/v1/records":
            with self.lock:
                found = [dict(r) for r in self.records.values() if r["subject"] == body["subject"]
                         and body.get("client_id", r["client_id"]) == r["client_id"]
                         and body.get("purpose", r["purpose"]) == r["purpose"]]
            return 200, {"version": 1, "records": found}
        assert path == PATH + "/v1/events", path
        with self.lock:
            if body["event_id"] not in [event["event_id"] for event in self.events]:
                self.events.append(body)
                self.apply(body)
        return 202, {}

    def apply(self, event):
        record = self.records.setdefault((event["subject"], event["client_id"], event["purpose"]), {
            "id": f"m-{len(self.records) + 1}", "subject": event["subject"], "client_id": event["client_id"],
            "purpose": event["purpose"], "status": "pending", "scopes": [], "categories": []})
        match event["event"]:
            case "granted":
                record |= {"status": "granted", "scopes": event["scopes"], "categories": event["categories"],
                           "granted_at": event["time"], "expires_at": event.get("expires_at")}
            case "objected":
                record |= {"status": "objected", "withdrawn_at": event["time"], "objected_at": event["time"]}
            case "revoked" | "denied":
                record |= {"status": event["event"], "withdrawn_at": event["time"]}

    # What happens at the master itself.

    def put(self, number, client, purpose, scopes, categories, status="granted", **more):
        with self.lock:
            record = self.records.setdefault((f"tel:{number}", client, purpose), {"id": f"m-{len(self.records) + 1}"})
            record |= {"subject": f"tel:{number}", "client_id": client, "purpose": purpose, "status": status,
                       "scopes": list(scopes), "categories": list(categories), "granted_at": moment(), "comment": "not ours"} | more
        return record

    def withdraw(self, number, client, purpose):
        with self.lock:
            self.records[f"tel:{number}", client, purpose] |= {"status": "revoked", "withdrawn_at": moment()}

    def push(self, admin, *changes, token=PUSH_TOKEN, **body):
        return requests.post(admin + "/consent-master/v1/changes", timeout=10, json={"version": 1, "changes": list(changes)} | body,
                             headers={"Authorization": f"Bearer {token}"} if token else {})
