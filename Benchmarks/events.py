#!/usr/bin/env python3
"""Events to a fast sink: how many are taken from a backend, and delivered, in a second, and what each costs.

    python3 Benchmarks/events.py [--sinks 1] [--subscriptions 100] [--seconds 5] [--tls]

Subscriptions are made through the gateway; wrk posts their events as a backend does, with the sink away, so that they wait in the durable
queue; the gateway is started again, with the sink there (one nginx worker that answers 204), and empties the queue. Every event is judged by
consent, filtered and in the ledger before it leaves; all is durable. Printed are processor microseconds of the gateway's process for each, and
what that makes in a second of one processor. wrk and nginx have the machine's processors too.
"""
import argparse, os, shutil, signal, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Tests", "EndToEnd"))

from harness import free_port, sinks_authority  # noqa: E402
from test_event_attacks import Own  # noqa: E402

SINK = """worker_processes 1; error_log /dev/null; pid {folder}/nginx.pid; daemon off; master_process off;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen 0.0.0.0:{port} {tls} location / {{ add_header WebHook-Allowed-Origin * always; return 204; }} }} }}"""
BACKEND = """local orders = {%s}
local count = 0
request = function()
  count = count + 1
  local order = orders[count %% #orders + 1]
  return wrk.format("POST", order[1], {["Content-Type"] = "application/cloudevents+json", ["Authorization"] = "Bearer " .. order[2]},
    '{"specversion":"1.0","id":"' .. count .. '","source":"https://backend.example/x","type":"%s","time":"2026-01-01T00:00:00Z",' ..
    '"datacontenttype":"application/json","data":{"subscriptionId":"' .. order[3] .. '"}}')
end
"""
TYPE = "org.camaraproject.device-roaming-status-subscriptions.v0.roaming-on"


class Sinks:
    """One server under several addresses of loopback: to the gateway each is a server of its own."""

    def __init__(self, folder, count, tls):
        self.folder, self.count, self.tls, self.port = folder, count, tls, free_port()
        words = ";"
        if tls:
            files = sinks_authority().issue("server", [f"127.0.0.{number + 1}" for number in range(count)])
            words = f"ssl; ssl_certificate {files['certificateFile']}; ssl_certificate_key {files['keyFile']};"
        with open(os.path.join(folder, "nginx.conf"), "w") as file:
            file.write(SINK.format(folder=folder, port=self.port, tls=words))

    def __enter__(self):
        self.process = subprocess.Popen(["nginx", "-c", os.path.join(self.folder, "nginx.conf"), "-p", self.folder])
        time.sleep(0.5)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def request(self, number):
        address = f"{'https' if self.tls else 'http'}://127.0.0.{number % self.count + 1}:{self.port}/{number}"
        return {"sink": address, "sinkCredential": {"credentialType": "ACCESSTOKEN", "accessToken": "t", "accessTokenType": "bearer",
                                                     "accessTokenExpiresUtc": "2035-01-01T00:00:00Z"}}


def processor_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waiting(gateway):
    with gateway.store() as store:
        return store.execute("SELECT waiting FROM event_totals").fetchone()[0]


def subscribe(own, sinks, count):
    lock, answer = threading.Lock(), own.answer

    def one_at_a_time(request):
        with lock:
            return answer(request)
    own.gateway.backend.answer = one_at_a_time

    def make(number):
        while True:
            try:
                return own.subscribe(sinks.request(number))
            except AssertionError as error:
                # The policy's limit.
                if "TOO_MANY_REQUESTS" not in str(error):
                    raise
                time.sleep(1)
    with sinks, ThreadPoolExecutor(4) as pool:
        return [(own.made[name], name) for name in pool.map(make, range(count))]


def take(own, orders, seconds, folder):
    """What backends post; gives how many wait then."""
    script = os.path.join(folder, "backend.lua")
    with open(script, "w") as file:
        file.write(BACKEND % (",".join('{"%s", "%s", "%s"}' % (
            order["sink"].split(str(own.gateway.port))[1], order["sinkCredential"]["accessToken"], name) for order, name in orders), TYPE))
    pid, begun = own.gateway.process.pid, time.monotonic()
    before = processor_seconds(pid)
    subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{own.gateway.port}"], check=True, stdout=subprocess.DEVNULL)
    took, count = time.monotonic() - begun, waiting(own.gateway)
    cost = (processor_seconds(pid) - before) / max(1, count)
    print(f"| taken | {count} | {count / took:.0f} | {cost * 1e6:.0f} | {1 / cost:.0f} |")
    return count


def deliver(own, sinks, count):
    own.gateway.stop()
    with own.gateway.store() as store:
        store.execute("UPDATE queued_events SET due_at = 1, attempts = 0")
    with sinks:
        own.gateway.start()
        pid, begun, left = own.gateway.process.pid, time.monotonic(), count
        before = processor_seconds(pid)
        while left and time.monotonic() - begun < 120:
            time.sleep(0.2)
            left = waiting(own.gateway)
        took, cost = time.monotonic() - begun, (processor_seconds(pid) - before) / max(1, count - left)
        memory = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM")).split()[1]
    print(f"| delivered | {count - left} | {(count - left) / took:.0f} | {cost * 1e6:.0f} | {1 / cost:.0f} |")
    print(f"\n{left} left; {int(memory) // 1024} MB resident at most")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sinks", type=int, default=1)
    parser.add_argument("--subscriptions", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=5, help="for which a backend posts")
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    for tool in ("nginx", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not there")
    if options.tls:
        os.environ["SSL_CERT_FILE"] = sinks_authority().file
    with tempfile.TemporaryDirectory(prefix="passerelle-events-") as folder:
        os.mkdir(os.path.join(folder, "gateway"))
        own = Own(os.path.join(folder, "gateway"), events={"waitingPerSubscription": 1_000_000})
        try:
            sinks = Sinks(folder, options.sinks, options.tls)
            orders = subscribe(own, sinks, options.subscriptions)
            print(f"{options.subscriptions} subscriptions, {options.sinks} sinks{', TLS' if options.tls else ''}\n")
            print("| events | count | a second | µs of a processor each | a second of one processor |\n|---|---|---|---|---|")
            deliver(own, sinks, take(own, orders, options.seconds, folder))
        finally:
            own.gateway.stop()


if __name__ == "__main__":
    main()
