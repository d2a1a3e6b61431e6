"""`passerelle serve` with TLS on all sides: certificates of its own making, a backend over TLS, and clients with certificates."""
import base64, datetime, http.client, ipaddress, json, os, secrets, signal, socket, ssl, subprocess, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc import jwt
from joserfc.jwk import ECKey

from harness import ALICE, BINARY, IDENTIFIER, PURPOSE, REPOSITORY, V03, free_port

DAY = datetime.timedelta(days=1)
ANSWER = {"lastChecked": "2024-02-20T10:41:38.657Z", "imeisv": "4901542032375181", "imei": "490154203237518", "tac": "49015420",
          "model": "3110", "manufacturer": "Nokia", "imsi": "208010123456789"}


class Authority:
    """Signs certificates into files of a folder."""

    def __init__(self, folder, name="Test"):
        self.folder, self.name = str(folder), name
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        self.certificate = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(self.key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + 90 * DAY)
            .add_extension(x509.BasicConstraints(True, None), True).sign(self.key, hashes.SHA256()))
        self.file = self.write(f"ca-{name}.pem", self.certificate.public_bytes(serialization.Encoding.PEM))

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        return path

    def issue(self, name, hosts=(), kind="ec", is_client=False, days=(-1, 60), files=None):
        """A certificate and its key, as `certificateFile` and `keyFile`; `files` names the files when it is not `name`."""
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.certificate.subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(False, None), True)
            .add_extension(x509.ExtendedKeyUsage([
                ExtendedKeyUsageOID.CLIENT_AUTH if is_client else ExtendedKeyUsageOID.SERVER_AUTH]), False))
        if hosts:
            def general(host):
                try:
                    return x509.IPAddress(ipaddress.ip_address(host))
                except ValueError:
                    return x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([general(host) for host in hosts]), False)
        certificate = builder.sign(self.key, hashes.SHA256())
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        issued = Issued({"certificateFile": self.write(f"{files or name}.pem", pem),
                         "keyFile": self.write(f"{files or name}.key", private)})
        issued.certificate = certificate
        return issued

    def staple(self, issued, status=ocsp.OCSPCertStatus.GOOD, until=7):
        """An OCSP response about a certificate, in a file beside it."""
        now = datetime.datetime.now(datetime.timezone.utc)
        response = (
            ocsp.OCSPResponseBuilder().add_response(
                issued.certificate, self.certificate, hashes.SHA256(), status, now - DAY, now + until * DAY,
                None if status == ocsp.OCSPCertStatus.GOOD else now - DAY, None)
            .responder_id(ocsp.OCSPResponderEncoding.NAME, self.certificate).sign(self.key, hashes.SHA256()))
        return self.write(os.path.basename(issued["certificateFile"])[:-4] + ".ocsp",
                          response.public_bytes(serialization.Encoding.DER))


class Issued(dict):
    """The two files of a certificate, as the configuration names them."""

    @property
    def thumbprint(self):
        digest = self.certificate.fingerprint(hashes.SHA256())
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Backend:
    """An HTTPS backend that answers every call the same, and counts connections, resumed ones, and the names of clients."""

    def __init__(self, issued, ca=None, host="127.0.0.1"):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(issued["certificateFile"], issued["keyFile"])
        if ca:
            self.context.load_verify_locations(ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.requests, self.connections, self.resumed, self.clients, self.answer = [], 0, 0, [], self.whole
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                self.request.settimeout(10)
                self.request = outer.context.wrap_socket(self.request, server_side=True)
                outer.connections += 1
                outer.resumed += self.request.session_reused
                outer.clients.append(self.request.getpeercert())
                super().setup()

            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.requests.append({name.lower(): value for name, value in self.headers.items()})
                outer.answer(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server((host, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def whole(handler):
        body = json.dumps(ANSWER).encode()
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class TLSGateway:
    """The gateway on `https://localhost:PORT`, with one client, `app`, and a consent of Alice's for it."""

    def __init__(self, folder, authority, certificates, **more):
        self.folder, self.authority = str(folder), authority
        self.port, self.admin_port = free_port(), free_port()
        self.issuer = f"https://localhost:{self.port}"
        self.key = ECKey.generate_key("P-256", {"kid": "k"})
        self.process = None
        self.settings = {
            "issuer": self.issuer, "data": "data", "keys": "keys", "policies": os.path.join(REPOSITORY, "policies"), "loops": 2,
            "listen": {"port": self.port, "tls": {"certificates": certificates}}, "admin": {"port": self.admin_port},
            "upstreams": {"*": {"url": "http://127.0.0.1:9"}}} | more
        self.configuration = os.path.join(self.folder, "passerelle.json")
        self.log = os.path.join(self.folder, "serve.log")
        self.write()

    def write(self):
        with open(self.configuration, "w") as file:
            json.dump(self.settings, file)

    def start(self):
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.configuration], stdout=subprocess.PIPE,
                                        stderr=open(self.log, "a"), text=True)
        line = self.process.stdout.readline()
        assert line.startswith("ready https://"), (line, open(self.log).read())
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def command(self, *words, check=True):
        result = subprocess.run([BINARY, *words, "--config", self.configuration], capture_output=True, text=True, timeout=60)
        assert not check or result.returncode == 0, result.stderr
        return result

    def register(self, name="app", **more):
        record = {"client_id": name, "client_name": "App", "scope": IDENTIFIER, "purposes": [PURPOSE], "jwt_bearer_tel": True,
                  "grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
                  "jwks": {"keys": [self.key.as_dict(private=False)]}} | more
        path = os.path.join(self.folder, name + ".json")
        json.dump(record, open(path, "w"))
        self.command("clients", "add", path)
        self.command("consents", "grant", "--client", name, "--subject", f"tel:{ALICE}", "--purpose", PURPOSE, "--scope",
                     IDENTIFIER, "--reason", "test")
        return self

    def logged(self, text, seconds=10):
        """Waits for a text in what the gateway says on standard error."""
        end = time.time() + seconds
        while time.time() < end:
            if text in open(self.log).read():
                return True
            time.sleep(0.02)
        return False

    # A client.

    def context(self, certificate=None, **changes):
        context = ssl.create_default_context(cafile=self.authority.file)
        if certificate:
            context.load_cert_chain(certificate["certificateFile"], certificate["keyFile"])
        for name, value in changes.items():
            setattr(context, name, value)
        return context

    def connect(self, context=None, name="localhost", port=None, **options):
        plain = socket.create_connection(("127.0.0.1", port or self.port), timeout=20)
        return (context or self.context()).wrap_socket(plain, server_hostname=name, **options)

    def request(self, method, path, body=None, certificate=None, port=None, **headers):
        connection = http.client.HTTPSConnection("localhost", port or self.port, timeout=20, context=self.context(certificate))
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.text = answer.read().decode()
            return answer
        finally:
            connection.close()

    def token_answer(self, certificate=None, client="app", port=None, audience=None, **headers):
        now = int(time.time())
        assertion = jwt.encode({"alg": "ES256", "kid": "k"}, {
            "iss": client, "sub": f"tel:{ALICE}", "aud": audience or self.issuer + "/token", "iat": now, "exp": now + 60,
            "jti": secrets.token_hex(16), "scope": f"{PURPOSE} {IDENTIFIER}"}, self.key)
        body = f"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
        return self.request("POST", "/token", body, certificate, port,
                            **({"Content-Type": "application/x-www-form-urlencoded"} | headers))

    def token(self, *arguments, **options):
        answer = self.token_answer(*arguments, **options)
        assert answer.status == 200, answer.text
        return json.loads(answer.text)["access_token"]

    def introspect(self, token, client="app"):
        now = int(time.time())
        assertion = jwt.encode({"alg": "ES256", "kid": "k"}, {
            "iss": client, "sub": client, "aud": self.issuer, "iat": now, "exp": now + 60, "jti": secrets.token_hex(16)}, self.key)
        body = (f"token={token}&client_assertion={assertion}"
                "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer")
        answer = self.request("POST", "/introspect", body, **{"Content-Type": "application/x-www-form-urlencoded"})
        return json.loads(answer.text)

    def call(self, token, certificate=None, port=None, **headers):
        return self.request("POST", V03 + "/retrieve-identifier", "{}", certificate, port,
                            **({"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | headers))
