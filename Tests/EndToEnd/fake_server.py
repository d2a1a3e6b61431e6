"""An authorization server that does what a test tells it to, right or wrong: what a client must notice is shown with it."""
import base64, hashlib, json, secrets, ssl, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlparse

from joserfc import jwt
from joserfc.jwk import ECKey


def unverified(token, part=1):
    text = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class FakeServer:
    """Attributes are behaviour: change them, and the next answer is so. `requests` keeps what came."""

    def __init__(self, certificate=None, key=None):
        self.key, self.other_key = (ECKey.generate_key("P-256", {"kid": "k1"}) for _ in range(2))
        self.requests = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.issuer = f"{'https' if certificate else 'http'}://127.0.0.1:{self.server.server_address[1]}"
        self.reset()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self):
        self.requests.clear()
        self.metadata = {}  # changes of the discovery document
        self.answer = {}  # changes of the answer at the redirect URI
        self.claims = {}  # changes of the ID token
        self.token = {}  # changes of the token answer
        self.token_headers = {"Cache-Control": "no-store"}
        self.polls = []  # errors that polls get before the token
        self.signing_key = self.key
        self.nonce_wanted = None
        self.page = None  # (status, HTML) instead of the redirect at /authorize
        self.api = (200, {"ok": True})
        self.nonce = None

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    # The documents.

    def discovery(self):
        document = {"issuer": self.issuer, "authorization_endpoint": self.issuer + "/a", "token_endpoint": self.issuer + "/t",
                    "jwks_uri": self.issuer + "/keys", "backchannel_authentication_endpoint": self.issuer + "/b",
                    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                    "backchannel_token_delivery_modes_supported": ["poll"], "code_challenge_methods_supported": ["S256"],
                    "authorization_response_iss_parameter_supported": True,
                    "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token",
                                              "urn:openid:params:grant-type:ciba", "urn:ietf:params:oauth:grant-type:jwt-bearer"]}
        return {k: v for k, v in (document | self.metadata).items() if v is not None}

    def id_token(self, client):
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "someone", "aud": client, "iat": now, "exp": now + 60, "nonce": self.nonce} | self.claims
        return jwt.encode({"alg": "ES256", "kid": "k1"}, {k: v for k, v in claims.items() if v is not None}, self.signing_key)

    # The answers: (status, headers, body).

    def respond(self, method, target, headers, body):
        url = urlparse(target)
        form = {k: v[0] for k, v in parse_qs(body.decode()).items()} if b"=" in body else {}
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        self.requests.append({"method": method, "path": url.path, "headers": headers, "form": form, "query": query, "body": body})
        match url.path:
            case "/.well-known/openid-configuration":
                return 200, {}, self.discovery()
            case "/keys":
                return 200, {}, {"keys": [self.key.as_dict(private=False) | {"alg": "ES256", "use": "sig"}]}
            case "/a":
                self.nonce = query["nonce"]
                if self.page:
                    return self.page[0], {"Content-Type": "text/html"}, self.page[1].encode()
                answer = {"code": "code-" + secrets.token_hex(16), "state": query["state"], "iss": self.issuer} | self.answer
                answer = urlencode({k: v for k, v in answer.items() if v is not None})
                return 302, {"Location": query["redirect_uri"] + "?" + answer}, b""
            case "/b":
                return 200, {"Cache-Control": "no-store"}, {"auth_req_id": "request-" + secrets.token_hex(16), "expires_in": 60, "interval": 1}
            case "/t":
                return self.respond_with_token(headers, form)
            case _:
                if self.nonce_wanted and unverified(headers["dpop"]).get("nonce") != self.nonce_wanted:
                    return 401, {"DPoP-Nonce": self.nonce_wanted, "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}, b""
                return self.api[0], {"X-Correlator": headers.get("x-correlator", "")}, self.api[1]

    def respond_with_token(self, headers, form):
        if self.nonce_wanted and unverified(headers["dpop"]).get("nonce") != self.nonce_wanted:
            return 400, {"DPoP-Nonce": self.nonce_wanted}, {"error": "use_dpop_nonce"}
        if form["grant_type"].endswith("ciba") and self.polls:
            return 400, {}, {"error": self.polls.pop(0)}
        client = unverified(form.get("client_assertion") or form["assertion"])["iss"]
        token = {"access_token": "token-" + secrets.token_hex(16), "token_type": "DPoP" if "dpop" in headers else "Bearer", "expires_in": 120}
        if form["grant_type"] == "authorization_code" or form["grant_type"].endswith("ciba"):
            token["id_token"] = self.id_token(client)
        return 200, self.token_headers, {k: v for k, v in (token | self.token).items() if v is not None}

    def handler(fake):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def go(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, fields, content = fake.respond(
                    self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                if isinstance(content, dict):
                    fields, content = {"Content-Type": "application/json"} | fields, json.dumps(content).encode()
                self.send_response(status)
                for name, value in (fields | {"Content-Length": str(len(content))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = go

            def log_message(self, *arguments):
                pass

        return Handler


def challenge_of(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
