#!/usr/bin/env python3
"""Kills the gateway with SIGKILL under load, again and again, and asks each time what is left.

    python3 Benchmarks/kill9.py [--kills 100] [--threads 8] [--seconds 0.5]

Threads call over kept connections, each call with a correlator of its own, and note what they were answered, wholly. A moment after the
first answer the process is killed; then, with nothing running:

    each answer that a client received is in the ledger, once, with that status;
    the ledger verifies, seals included; an entry that was being written is cut and noted;
    usage, counted on from where it was, equals the ledger (`usage check`).

It ends with status 1 at the first kill for which that does not hold. The demo is killed, with its simulated operator in the same
process, so that a kill takes everything at once.
"""
import argparse, glob, http.client, json, os, random, signal, socket, subprocess, sys, tempfile, threading, time
from shutil import rmtree

REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
BINARY = os.environ.get("PASSERELLE_BINARY", os.path.join(REPOSITORY, ".build", "release", "passerelle"))
PURPOSE, SCOPE = "dpv:FraudPreventionAndDetection", "device-identifier:retrieve-identifier"
PATH, NUMBER = "/device-identifier/v0.3/retrieve-identifier", "tel:+33639980001"


class Loss(Exception):
    """Something that a client was told is not in the records."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Installation:
    def __init__(self, folder):
        self.data = os.path.join(folder, "data")
        self.log = open(os.path.join(folder, "stderr"), "a")
        self.port, self.ports = free_port(), [free_port(), free_port()]
        self.process = None
        self.answers = {}

    @property
    def configuration(self):
        return os.path.join(self.data, "passerelle.json")

    def start(self):
        self.process = subprocess.Popen(
            [BINARY, "demo", "--data", self.data, "--port", str(self.port), "--admin-port", str(self.ports[0]), "--backend-port",
             str(self.ports[1])], stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready"):
            raise Loss(f"it did not start: {line!r}; see {self.log.name}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def command(self, *words):
        result = subprocess.run([BINARY, *words, "--config", self.configuration], capture_output=True, text=True, timeout=300)
        if result.returncode:
            raise Loss(f"{' '.join(words)}: {result.stdout}{result.stderr}")
        return result.stdout

    def prepare(self):
        """A consent, and a token that outlives the run."""
        self.start()
        self.command("consents", "grant", "--client", "demo-all", "--subject", NUMBER, "--purpose", PURPOSE, "--scope", SCOPE,
                     "--reason", "benchmark")
        self.token = self.command("token", "issue", "--client", "demo-all", "--subject", NUMBER, "--scope", f"{PURPOSE} {SCOPE}",
                                  "--ttl", "24h").strip()

    def load(self, round_number, threads, seconds):
        """Calls until the kill; gives how many calls were answered in it."""
        first, got = threading.Event(), {}

        def call(number):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            index = 0
            while True:
                correlator = f"kill-{round_number}-{number}-{index}"
                # Now and then a refusal: those are entries too.
                body = "{}" if index % 10 else '{"device": {"phoneNumber": "+33639980002"}}'
                try:
                    connection.request("POST", PATH, body, {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
                                                            "x-correlator": correlator})
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    return
                got[correlator] = answer.status
                first.set()
                index += 1

        callers = [threading.Thread(target=call, args=(number,), daemon=True) for number in range(threads)]
        for caller in callers:
            caller.start()
        if not first.wait(20):
            raise Loss("no call was answered")
        time.sleep(random.uniform(0, seconds))
        self.kill()
        for caller in callers:
            caller.join()
        self.answers |= got
        return len(got)

    def examine(self):
        """With nothing running: the three questions."""
        usage = json.loads(self.command("usage", "report", "--by", "month", "--json"))
        verified = json.loads(self.command("audit", "verify", "--json"))
        checked = json.loads(self.command("usage", "check", "--json"))
        if not (verified["ok"] and checked["ok"]):
            raise Loss(f"{verified} {checked}")
        recorded, calls = {}, 0
        for path in sorted(glob.glob(os.path.join(self.data, "data", "ledger", "*.jsonl"))):
            for line in open(path):
                entry = json.loads(line)
                if entry["event"] == "api.call":
                    calls += 1
                    recorded.setdefault(entry.get("correlator"), []).append(entry["status"])
        missing = [c for c, status in self.answers.items() if recorded.get(c) != [status]]
        if missing:
            raise Loss(f"{len(missing)} answers without their one entry, such as {missing[:3]}")
        counted = sum(row["calls"] for row in usage)
        if counted != calls:
            raise Loss(f"{calls} calls in the ledger, {counted} in usage")
        return calls, sum("repaired" in note or "cut" in note for note in verified["notes"])


def run(folder, kills, threads, seconds, say=lambda text: None):
    """Gives answers, calls in the ledger, and seconds from a start to the next answer's end."""
    installation = Installation(folder)
    starts = []
    try:
        installation.prepare()
        for number in range(kills):
            answered = installation.load(number, threads, seconds)
            calls, repairs = installation.examine()
            say(f"kill {number + 1}: {answered} answers; {calls} calls in the ledger, each answer among them; usage equals the ledger")
            begun = time.monotonic()
            installation.start()
            starts.append(time.monotonic() - begun)
        return len(installation.answers), calls, repairs, starts
    finally:
        if installation.process and installation.process.poll() is None:
            installation.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.5, help="after the first answer, the kill comes within this time")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="passerelle-kill9-")
    begun = time.monotonic()
    try:
        answers, calls, repairs, starts = run(folder, options.kills, options.threads, options.seconds,
                                     lambda text: print(text, flush=True))
    except Loss as loss:
        sys.exit(f"LOST: {loss}\nthe data is kept in {folder}")
    rmtree(folder)
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    print(f"\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors ({model}); {options.kills} kills in "
          f"{time.monotonic() - begun:.0f} s, {options.threads} connections")
    print(f"{answers} answers received, {calls} calls in the ledger, {repairs} ends cut: 0 answers missing, usage equal after each kill; "
          f"start after a kill {sorted(starts)[len(starts) // 2]:.2f} s (median), {max(starts):.2f} s at most")


if __name__ == "__main__":
    main()
