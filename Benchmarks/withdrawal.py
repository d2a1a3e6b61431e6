#!/usr/bin/env python3
"""From a withdrawal to the first refusal, under load: milliseconds, over many withdrawals.

    python3 Benchmarks/withdrawal.py [--withdrawals 50] [--callers 2] [--connections 4] [--loops 2]

Several processes call over kept connections with one subscriber's token, as fast as they can, while wrk loads the gateway with calls about
another subscriber. Consent is entered and withdrawn over the admin API. For each withdrawal and each caller it notes: the time from the
answer to the withdrawal to the first refusal (below zero: the refusal was faster than the answer), the time from sending the
withdrawal to the first refusal, and when the last call was begun that still succeeded: after the answer there must be none. A refusal
has the latency of any call under that load in it; the third row has not, and says how long the withdrawal itself takes to hold. The last
row is that latency, of all calls before the withdrawals: what is longer than the first row is the load, and not the withdrawal.
"""
import argparse, http.client, json, multiprocessing, os, shutil, signal, subprocess, sys, tempfile, time

from hot_path import BINARY, PATH, free_port, register, run, start_backend, start_gateway

PURPOSE, SCOPE = "dpv:FraudPreventionAndDetection", "device-identifier:retrieve-identifier"
NUMBER = "tel:+33639980002"


class Caller:
    """A process that calls over one connection until it is stopped; gives when each call began and ended, and how."""

    def __init__(self, port, token):
        self.ours, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.run, args=(port, token, theirs), daemon=True)
        self.process.start()

    @staticmethod
    def run(port, token, ours):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        calls = []
        while not ours.poll():
            begun = time.monotonic()
            connection.request("POST", PATH, "{}", fields)
            answer = connection.getresponse()
            answer.read()
            calls.append((begun, time.monotonic(), answer.status))
        ours.send(calls)

    def stop(self):
        self.ours.send(None)
        calls = self.ours.recv()
        self.process.join()
        return calls


class Admin:
    def __init__(self, port, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, path, **body):
        self.connection.request("POST", "/admin/v1" + path, json.dumps(body), self.fields)
        answer = self.connection.getresponse()
        document = json.loads(answer.read())
        if answer.status >= 300:
            sys.exit(f"{path}: {answer.status} {document}")
        return document


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report(name, values):
    milliseconds = [value * 1000 for value in values]
    print(f"| {name} | {len(values)} | " + " | ".join(
        f"{percentile(milliseconds, share):.2f}" for share in (0, 0.5, 0.9, 0.99, 1)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--withdrawals", type=int, default=50)
    parser.add_argument("--callers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=4, help="of wrk, which loads the gateway")
    parser.add_argument("--loops", type=int, default=2)
    options = parser.parse_args()
    for tool in ("nginx", "wrk", "openssl"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    folder = tempfile.mkdtemp(prefix="passerelle-withdrawal-")
    os.chmod(folder, 0o755)
    backend_port, port, admin_port = free_port(), free_port(), free_port()
    backend, gateway, load = start_backend(folder, backend_port), None, None
    answered, sent, last, usual, late = [], [], [], [], 0
    try:
        gateway, config = start_gateway(folder, port, admin_port, backend_port, "durable", options.loops)
        other = register(folder, config)
        admin = Admin(admin_port, open(os.path.join(folder, "data", "admin-token")).read().strip())
        grant = {"subject": NUMBER, "client_id": "bench", "purpose": PURPOSE, "scope": SCOPE, "reason": "benchmark"}
        consent = admin.post("/consents", **grant)["id"]
        issue = {"client_id": "bench", "subject": NUMBER, "scope": f"{PURPOSE} {SCOPE}"}
        script = os.path.join(folder, "call.lua")
        with open(script, "w") as file:
            file.write(f'wrk.method = "POST"\nwrk.body = "{{}}"\nwrk.headers["Content-Type"] = "application/json"\n'
                       f'wrk.headers["Authorization"] = "Bearer {other}"\n')
        load = subprocess.Popen(["wrk", "-t1", f"-c{options.connections}", "-d3600s", "-s", script, f"http://127.0.0.1:{port}{PATH}"],
                                stdout=subprocess.DEVNULL)
        for _ in range(options.withdrawals):
            # A token of after the last withdrawal: those of before stay dead.
            callers = [Caller(port, admin.post("/tokens", **issue)[0]) for _ in range(options.callers)]
            time.sleep(0.3)
            begun = time.monotonic()
            admin.post(f"/consents/{consent}/revoke", reason="benchmark")
            done = time.monotonic()
            time.sleep(0.05)
            for calls in [caller.stop() for caller in callers]:
                if not any(status == 200 for _, _, status in calls):
                    sys.exit("no call succeeded before the withdrawal")
                usual += [end - start for start, end, _ in calls if end < begun]
                refusal = next((end for _, end, status in calls if status == 403), None)
                if refusal is None:
                    sys.exit("no call was refused after the withdrawal")
                answered.append(refusal - done)
                sent.append(refusal - begun)
                last.append(max(start for start, _, status in calls if status == 200) - begun)
                late += sum(1 for start, _, status in calls if start > done and status == 200)
            admin.post("/consents", **grant)
    finally:
        for process in (load, gateway, backend):
            if process:
                process.send_signal(signal.SIGTERM)
                process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    print(f"\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors ({model}), shared by all; {options.loops} event loops, durable "
          f"ledger, wrk with {options.connections} connections beside {options.callers} callers; {options.withdrawals} withdrawals\n")
    print("| milliseconds | samples | least | p50 | p90 | p99 | most |")
    print("|---|---|---|---|---|---|---|")
    report("from the answer to the withdrawal to the first refusal", answered)
    report("from sending the withdrawal to the first refusal", sent)
    report("from sending it to the begin of the last call that succeeded", last)
    report("any call before it, from its begin to its answer", usual)
    print(f"\ncalls begun after the answer that succeeded: {late}")
    if late:
        sys.exit(1)


if __name__ == "__main__":
    main()
