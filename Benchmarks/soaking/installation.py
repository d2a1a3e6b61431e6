"""The gateway that is soaked: TLS, a ledger that is durable, subscribers with consents of several kinds; and what changes while it runs."""
import glob, json, os, re, shutil, signal, socket, subprocess, sys, time

from .callers import IDENTIFIER, TYPE, Caller

REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BINARY = os.environ.get("PASSERELLE_BINARY", os.path.join(REPOSITORY, ".build", "release", "passerelle"))
PURPOSE, CLIENT = "dpv:FraudPreventionAndDetection", "demo-all"
SCOPES = {IDENTIFIER: "device-identifier:retrieve-identifier", TYPE: "device-identifier:retrieve-type"}
CERTIFICATES, BACKENDS = 3, 3


class Wrong(Exception):
    """Something that must hold does not."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def number(index):
    return f"+33639{index:06}"


class Installation:
    def __init__(self, folder, faults):
        self.folder, self.data = folder, os.path.join(folder, "data")
        self.port, self.admin_port, self.backend_ports = free_port(), free_port(), [free_port() for _ in range(BACKENDS)]
        self.log = os.path.join(folder, "stderr")
        self.process, self.backends, self.faults, self.reloads = None, [], faults, 0

    def _certify(self):
        """An authority, and certificates by it that take turns."""
        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=soak", "-keyout", "ca.key", "-out", "ca.pem")
        for index in range(CERTIFICATES):
            with open(os.path.join(self.folder, "names"), "w") as file:
                file.write("subjectAltName=DNS:localhost\n")
            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN=localhost {index}", "-keyout", f"{index}.key", "-out", f"{index}.csr")
            openssl("x509", "-req", "-in", f"{index}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", f"{index}.pem")
            os.chmod(os.path.join(self.folder, f"{index}.key"), 0o600)
        self._show_certificate(0)

    def _replace(self, name, text):
        path = os.path.join(self.folder, name)
        with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        os.replace(path + ".new", path)

    def _read(self, name):
        with open(os.path.join(self.folder, name)) as file:
            return file.read()

    def _show_certificate(self, index):
        # Key and certificate are two files: between the two moments they do not belong together, and a reload keeps the old ones.
        self._replace("shown.pem", self._read(f"{index}.pem"))
        self._replace("shown.key", self._read(f"{index}.key"))

    def _configure(self):
        """A demo makes clients and keys; the gateway that is soaked serves them with a configuration of its own."""
        demo = subprocess.Popen([BINARY, "demo", "--data", self.data, "--port", str(free_port()), "--admin-port", str(self.admin_port), "--backend-port", str(free_port())],
                                stdout=subprocess.PIPE, stderr=open(self.log, "a"), text=True,
                                env=os.environ | {"PASSERELLE_POLICIES": os.path.join(REPOSITORY, "policies")})
        if not demo.stdout.readline().startswith("ready"):
            raise Wrong(f"the demo did not start: {self._read('stderr')}")
        demo.send_signal(signal.SIGTERM)
        demo.wait(20)
        text = re.sub(r"^\s*//.*$", "", self._read("data/passerelle.json"), flags=re.M)
        made = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
        for name in ("policies", "policies-kept"):
            shutil.copytree(os.path.join(REPOSITORY, "policies"), os.path.join(self.folder, name))
        self.settings = {
            "issuer": f"https://localhost:{self.port}", "admin": {"port": self.admin_port}, "policies": os.path.join(self.folder, "policies"),
            "listen": {"port": self.port, "headSecondsMaximum": 3, "tls": {"certificates": [
                {"certificateFile": os.path.join(self.folder, "shown.pem"), "keyFile": os.path.join(self.folder, "shown.key")}]}},
            "upstreams": {"*": {"targets": [{"url": f"http://127.0.0.1:{port}"} for port in self.backend_ports], "timeoutMilliseconds": 700,
                                "health": {"ejectedMilliseconds": 200, "ejectedMillisecondsMaximum": 2000}}}}
        for name in ("data", "keys"):
            self.settings[name] = os.path.join(self.data, made[name])
        self._replace("serve.json", json.dumps(self.settings))
        # The commands' own: what is wrong in the other for a second is not their business.
        self._replace("commands.json", json.dumps(self.settings | {"policies": os.path.join(self.folder, "policies-kept")}))

    def start(self):
        self._certify()
        self._configure()
        self.backends = [subprocess.Popen([sys.executable, "-m", "soaking.backend", str(port), str(seed), str(self.faults)],
                                          cwd=os.path.join(REPOSITORY, "Benchmarks")) for seed, port in enumerate(self.backend_ports, 7)]
        self.process = subprocess.Popen([BINARY, "serve", "--config", os.path.join(self.folder, "serve.json")], stdout=subprocess.PIPE, stderr=open(self.log, "a"), text=True)
        if not self.process.stdout.readline().startswith("ready"):
            raise Wrong(f"it did not start: {open(self.log).read()}")

    def stop(self):
        """Ends everything; gives the gateway's exit status."""
        status = None
        for process in (self.process, *self.backends):
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                status = process.wait(40) if process is self.process else (process.wait(10), status)[1]
        return status

    def command(self, *words):
        done = subprocess.run([BINARY, *words, "--config", os.path.join(self.folder, "commands.json")], capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise Wrong(f"{' '.join(words[:2])}: {done.stdout}{done.stderr}")
        return done.stdout

    def consent(self, index, scopes):
        self.command("consents", "grant", "--client", CLIENT, "--subject", "tel:" + number(index), "--purpose", PURPOSE, "--scope", scopes, "--reason", "soak")

    def withdraw(self, index):
        self.command("consents", "revoke", "--client", CLIENT, "--subject", "tel:" + number(index), "--reason", "soak", "--yes")

    def token(self, index, scopes):
        return self.command("token", "issue", "--client", CLIENT, "--subject", "tel:" + number(index), "--scope", f"{PURPOSE} {scopes}", "--ttl", "24h").strip()

    def callers(self):
        """Several subscribers with all scopes; and those who may not see anything, each for a reason of its own."""
        both, found = " ".join(SCOPES.values()), []
        for index in range(12):
            self.consent(index, both)
            token = self.token(index, both)
            found += [Caller("whole", token, path, number=number(index)) for path in (IDENTIFIER, TYPE)]
        other = Caller("names another", found[0].token, IDENTIFIER, 422, body=b'{"device":{"phoneNumber":"%s"}}' % number(1).encode())
        self.consent(50, both)
        narrow = Caller("scope of another operation", self.token(50, SCOPES[IDENTIFIER]), TYPE, 403)
        self.consent(51, both)
        withdrawn = Caller("withdrawn", self.token(51, both), IDENTIFIER, 403)
        self.withdraw(51)
        forged = Caller("forged", found[0].token[:-6] + "AAAAAA", IDENTIFIER, 401, recorded=False)
        return found + [other, narrow, withdrawn, forged]

    def change(self, second):
        """Other certificates, policies and settings, some of them wrong; then SIGHUP."""
        self._show_certificate(second % CERTIFICATES)
        name = "device-identifier-0.3.json"
        policy = self._read("policies-kept/" + name)
        if second % 7 == 3:
            policy = policy[:len(policy) // 2]
        elif second % 2:
            policy = policy.replace('"version": "0.3.0"', '"version": "0.3.1"')
        self._replace("policies/" + name, policy)
        settings = json.loads(json.dumps(self.settings))
        settings["upstreams"]["*"]["timeoutMilliseconds"] += second % 3 * 10
        if second % 11 == 5:
            settings["upstraems"] = {}
        self._replace("serve.json", json.dumps(settings))
        self.reloads += 1
        self.process.send_signal(signal.SIGHUP)

    def examine(self, answers):
        """With nothing running: whether the records agree with what callers were told. Gives the number of calls in the ledger."""
        verified = json.loads(self.command("audit", "verify", "--json"))
        checked = json.loads(self.command("usage", "check", "--json"))
        if not (verified["ok"] and checked["ok"]):
            raise Wrong(f"{verified} {checked}")
        recorded, calls = {}, 0
        for path in sorted(glob.glob(os.path.join(self.settings["data"], "ledger", "*.jsonl"))):
            with open(path) as file:
                for line in file:
                    entry = json.loads(line)
                    if entry["event"] == "api.call":
                        calls += 1
                        recorded.setdefault(entry.get("correlator"), []).append(entry["status"])
        # A refusal for too much to do has no entry of its own.
        missing = [c for c, status in answers.items() if recorded.get(c, [status] if status == 503 else None) != [status]]
        if missing:
            raise Wrong(f"{len(missing)} answers without their one entry, such as {[(c, answers[c], recorded.get(c)) for c in missing[:3]]}")
        return calls
