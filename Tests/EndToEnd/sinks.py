"""Sinks of events as applications have them: over HTTPS, with a certificate of their own making, that take events, refuse them, are slow,
dead or gone, ask for a token of their own, and remember all that came."""
import collections, contextlib, datetime, http.server, json, os, secrets, socket, ssl, threading, time
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import KeySet

from tls_gateway import Authority

Received = collections.namedtuple("Received", "time method path headers body")


def problems(event):
    """What is wrong with a structured event by CloudEvents 1.0 and CAMARA's guide; empty when it is good."""
    if not isinstance(event, dict):
        return ["no object"]
    found = [f"{name} is missing" for name in ("id", "source", "specversion", "type", "time", "data") if name not in event]
    found += [f"{name} is no text" for name in ("id", "source", "type", "time") if not (isinstance(event.get(name), str) and event[name])]
    if event.get("specversion") != "1.0":
        found.append("specversion is not 1.0")
    if event.get("datacontenttype", "application/json") != "application/json":
        found.append("datacontenttype is not JSON")
    if not str(event.get("type")).startswith("org.camaraproject."):
        found.append("type is none of CAMARA's")
    if not isinstance(event.get("data"), dict):
        found.append("data are no object")
    try:
        if datetime.datetime.fromisoformat(str(event.get("time")).replace("Z", "+00:00")).tzinfo is None:
            found.append("time has no zone")
    except ValueError:
        found.append("time is none")
    # CloudEvents §3.1: names of attributes are lower-case letters and digits.
    return found + [f"{name} is no name of an attribute" for name in event if not (name.isalnum() and name.islower())]


class Sink:
    """An HTTPS server on 127.0.0.1. What it answers: `answer`, a status, a (status, headers) or a function of what was received; by path
    (`at`) where that is said. `origins` are whom its handshake lets in: None does not answer OPTIONS."""

    def __init__(self, authority=None, folder=None, hosts=("127.0.0.1", "localhost"), tls=True, port=0, host="127.0.0.1"):
        self.authority = authority or (Authority(folder, f"Sinks-{secrets.token_hex(4)}") if tls else None)
        self.files = self.authority.issue(f"sink-{secrets.token_hex(4)}", hosts) if tls else None
        self.host, self.port, self.tls = host, port, tls
        self.answer, self.at, self.origins, self.rate = 204, {}, ["*"], None
        self.received, self.handshakes, self.connections = [], [], 0
        self.lock = threading.Condition()
        self.server = None
        self.rise()

    # Its life.

    def rise(self):
        """Listens, on the port it had before when it was dead."""
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def handle(self):
                try:
                    super().handle()
                except (OSError, ssl.SSLError):
                    pass

            def setup(self):
                with sink.lock:
                    sink.connections += 1
                if sink.tls:
                    # In the connection's own thread: a client that does not shake hands keeps nobody waiting.
                    self.request.settimeout(20)
                    self.request = sink.context.wrap_socket(self.request, server_side=True)
                super().setup()

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                got = Received(time.time(), self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                answer = sink.at.get(self.path, sink.answer)
                with sink.lock:
                    sink.received.append(got)
                    sink.lock.notify_all()
                answer = answer(got) if callable(answer) else answer
                if answer is None:
                    self.close_connection = True
                    return
                self.reply(*(answer if isinstance(answer, tuple) else (answer, {})))

            def do_OPTIONS(self):
                origin = self.headers.get("WebHook-Request-Origin")
                with sink.lock:
                    sink.handshakes.append({k.lower(): v for k, v in self.headers.items()} | {":path": self.path})
                    sink.lock.notify_all()
                if sink.origins is None:
                    return self.reply(405, {"Allow": "POST"})
                allowed = "*" if "*" in sink.origins else origin if origin in sink.origins else None
                rate = {"WebHook-Allowed-Rate": str(sink.rate)} if sink.rate else {}
                self.reply(200 if allowed else 403, ({"WebHook-Allowed-Origin": allowed, "Allow": "POST"} | rate) if allowed else {})

            def reply(self, status, headers=(), body=b""):
                self.send_response(status)
                for name, value in dict(headers).items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request, address):
                pass

        if self.tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(self.files["certificateFile"], self.files["keyFile"])
        self.server = Server((self.host, self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def die(self):
        """Refuses connections; those that are open end with their next request."""
        server, self.server = self.server, None
        if server:
            server.shutdown()
            server.server_close()

    stop = die

    @contextlib.contextmanager
    def dead(self):
        self.die()
        try:
            yield self
        finally:
            self.rise()

    # What it is.

    @property
    def ca(self):
        """The file with the authority of its certificate."""
        return self.authority.file

    def url(self, path="/events", host=None):
        return f"{'https' if self.tls else 'http'}://{host or self.host}:{self.port}{path}"

    def request(self, path="/events", token="sink-token", seconds=86_400, **more):
        """`sink` and `sinkCredential` of a subscription."""
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return {"sink": self.url(path), "sinkCredential": {
            "credentialType": "ACCESSTOKEN", "accessToken": token, "accessTokenType": "bearer",
            "accessTokenExpiresUtc": until.isoformat().replace("+00:00", "Z")} | more}

    # What it answers.

    @staticmethod
    def slow(seconds, status=204):
        def answer(_):
            time.sleep(seconds)
            return status
        return answer

    @staticmethod
    def hanging(_):
        """No answer until the other side gives up."""
        time.sleep(60)

    @staticmethod
    def failing(times, status=500, headers=None, then=204):
        """Fails so many times, then takes what comes."""
        left, lock = [times], threading.Lock()

        def answer(_):
            with lock:
                left[0] -= 1
                return (status, headers or {}) if left[0] >= 0 else then
        return answer

    @staticmethod
    def busy(times, seconds):
        return Sink.failing(times, 429, {"Retry-After": str(seconds)})

    @staticmethod
    def redirecting(to):
        return 307, {"Location": to}

    # What came.

    def events(self, path=None):
        """Structured events in the order in which they came, each looked at."""
        with self.lock:
            received = [r for r in self.received if path in (None, r.path)]
        found = []
        for one in received:
            assert one.headers["content-type"].split(";")[0] == "application/cloudevents+json", one.headers
            event = json.loads(one.body)
            assert not problems(event), (problems(event), event)
            assert one.headers.get("x-correlator"), one.headers
            found.append(event)
        return found

    def kinds(self, path=None):
        """The last words of their types."""
        return [event["type"].rsplit(".", 1)[1] for event in self.events(path)]

    def wait(self, count, seconds=10, path=None):
        """The events, once so many came; more are no less wrong than fewer."""
        found = self.at_least(count, seconds, path)
        assert len(found) == count, found
        return found

    def at_least(self, count, seconds=10, path=None):
        end = time.monotonic() + seconds
        with self.lock:
            while len([r for r in self.received if path in (None, r.path)]) < count and time.monotonic() < end:
                self.lock.wait(max(0, end - time.monotonic()))
        found = self.events(path)
        assert len(found) >= count, f"{len(found)} of {count} events came: {found}"
        return found

    def stays(self, count, seconds=1.5, path=None):
        """Nothing more comes."""
        time.sleep(seconds)
        assert len(self.events(path)) == count, self.events(path)

    def forget(self):
        with self.lock:
            self.received, self.handshakes = [], []


class Canary:
    """A server of the inside that nobody may be led to: it counts connections."""

    def __init__(self, host="127.0.0.1"):
        self.host, self.connections = host, 0
        self.socket = socket.create_server((host, 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class TokenEndpoint(Sink):
    """An application's own token endpoint, for `private_key_jwt`: gives a bearer token for a good assertion and says what was wrong with
    another (RFC 7523 §3). `keys` is a function that gives the JWK set of who asks."""

    def __init__(self, keys, client, lifetime=300, **more):
        self.keys, self.client, self.lifetime = keys, client, lifetime
        self.tokens, self.faults, self.seen = [], [], set()
        super().__init__(**more)

    def rise(self):
        super().rise()
        handler, endpoint = self.server.RequestHandlerClass, self
        plain = handler.do_POST

        def do_POST(request):
            if request.path != "/token":
                return plain(request)
            form = parse_qs(request.rfile.read(int(request.headers.get("Content-Length") or 0)).decode())
            fault = endpoint.fault({name: values[0] for name, values in form.items()}, request.headers.get("Content-Type", ""))
            if fault:
                endpoint.faults.append(fault)
                document, status = {"error": "invalid_client", "error_description": fault}, 401
            else:
                endpoint.tokens.append(secrets.token_urlsafe(24))
                document, status = {"access_token": endpoint.tokens[-1], "token_type": "Bearer", "expires_in": endpoint.lifetime}, 200
            request.reply(status, {"Content-Type": "application/json", "Cache-Control": "no-store"}, json.dumps(document).encode())

        handler.do_POST = do_POST

    def fault(self, form, content_type):
        if not content_type.startswith("application/x-www-form-urlencoded"):
            return "not a form"
        if form.get("grant_type") != "client_credentials":
            return "grant_type is not client_credentials"
        if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
            return "client_assertion_type"
        try:
            token = jwt.decode(form.get("client_assertion", ""), KeySet.import_key_set(self.keys()), algorithms=["ES256", "RS256", "PS256"])
        except Exception as error:
            return f"assertion: {error}"
        claims, now = token.claims, time.time()
        if (claims.get("iss"), claims.get("sub")) != (self.client, self.client):
            return "iss and sub are not the client"
        if self.url("/token") not in (claims.get("aud") if isinstance(claims.get("aud"), list) else [claims.get("aud")]):
            return "aud is not this endpoint"
        if not now - 5 < claims.get("exp", 0) <= now + 600:
            return "exp is past, or too far"
        if not claims.get("jti") or claims["jti"] in self.seen:
            return "jti is missing, or was there before"
        self.seen.add(claims["jti"])
        return None
