#!/usr/bin/env python3
"""The hot path beside the backend itself: calls per second, processor time per call, latency, memory.

    make bench            (or: python3 Benchmarks/hot_path.py [--seconds 5] [--connections 1,64,1000])

Starts nginx with a fixed answer as the backend and `passerelle serve` before it (everything on: token, scope, limits, consent,
filter, durable ledger), registers a client, enters a consent, issues a token, and lets wrk send one call over and over: first to the
backend directly, then through the gateway. Processor time is user and system time of the process, from /proc. Everything runs on
this machine and shares its processors: compare the rows of one run, and runs of one machine only.
"""
import argparse, json, os, re, shutil, signal, subprocess, sys, tempfile, time, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("PASSERELLE_BINARY", os.path.join(HERE, "..", ".build", "release", "passerelle"))
PATH = "/device-identifier/v0.3/retrieve-identifier"
ANSWER = ('{"lastChecked":"2024-02-20T10:41:38.657Z","imeisv":"4901542032375181","imei":"490154203237518","tac":"49015420",'
          '"model":"3110","manufacturer":"Nokia","imsi":"208010123456789"}')
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])


def run(*words, **options):
    return subprocess.run([BINARY, *words], check=True, capture_output=True, text=True, **options).stdout


def start_backend(folder, port):
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w") as f:
        f.write(f"""worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}; proxy_temp_path {folder};
fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{ANSWER}'; }} }} }}
""")
    process = subprocess.Popen(["nginx", "-c", conf], stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    return process


def start_gateway(folder, port, admin, backend, durability, loops):
    config = os.path.join(folder, "passerelle.json")
    with open(config, "w") as f:
        json.dump({"issuer": f"http://127.0.0.1:{port}", "listen": {"port": port}, "admin": {"port": admin}, "data": "data",
                   "keys": "keys", "policies": os.path.abspath(os.path.join(HERE, "..", "policies")), "loops": loops,
                   "upstreams": {"*": {"url": f"http://127.0.0.1:{backend}"}}, "ledger": {"durability": durability}}, f)
    process = subprocess.Popen([BINARY, "serve", "--config", config], stdout=subprocess.PIPE, text=True)
    if not process.stdout.readline().startswith("ready"):
        sys.exit("the gateway did not start")
    return process, config


def register(folder, config):
    client = os.path.join(folder, "client.json")
    key = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"], check=True, capture_output=True).stdout
    public = subprocess.run(["openssl", "ec", "-pubout", "-outform", "DER"], input=key, check=True, capture_output=True).stdout[-64:]
    import base64
    b64 = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=").decode()
    scope = "device-identifier:retrieve-identifier"
    with open(client, "w") as f:
        json.dump({"client_id": "bench", "client_name": "Bench", "grant_types": ["client_credentials"], "scope": scope,
                   "purposes": ["dpv:FraudPreventionAndDetection"],
                   "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": b64(public[:32]), "y": b64(public[32:])}]}}, f)
    run("clients", "add", client, "--config", config)
    run("consents", "grant", "--config", config, "--client", "bench", "--subject", "tel:+33639980001", "--purpose",
        "dpv:FraudPreventionAndDetection", "--scope", scope, "--reason", "benchmark")
    return run("token", "issue", "--config", config, "--client", "bench", "--subject", "tel:+33639980001", "--scope",
               "dpv:FraudPreventionAndDetection " + scope).strip()


def load(url, script, connections, seconds):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script, url], check=True,
                         capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit("calls failed:\n" + out)
    requests = int(re.search(r"(\d+) requests in", out)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    percentile = lambda name: re.search(rf"^\s+{name}%\s+(\S+)", out, re.M)[1]
    return requests, rate, percentile("50"), percentile("99")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", default="1,64,1000")
    parser.add_argument("--loops", type=int, default=1)
    options = parser.parse_args()
    for tool in ("nginx", "wrk", "openssl"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    folder = tempfile.mkdtemp(prefix="passerelle-bench-")
    os.chmod(folder, 0o755)  # nginx's worker is another user when this runs as root
    script = os.path.join(folder, "call.lua")
    backend_port = free_port()
    backend = start_backend(folder, backend_port)
    rows = []
    try:
        for durability in ("durable", "relaxed", "none"):
            port, admin = free_port(), free_port()
            place = os.path.join(folder, durability)
            os.mkdir(place)
            gateway, config = start_gateway(place, port, admin, backend_port, durability, options.loops)
            started = resident_kib(gateway.pid)
            try:
                token = register(place, config)
                with open(script, "w") as f:
                    f.write(f'wrk.method = "POST"\nwrk.body = "{{}}"\nwrk.headers["Content-Type"] = "application/json"\n'
                            f'wrk.headers["Authorization"] = "Bearer {token}"\n')
                load(f"http://127.0.0.1:{port}{PATH}", script, 8, 1)
                for connections in map(int, options.connections.split(",")):
                    if durability == "durable":
                        before = cpu_seconds(backend.pid)
                        n, rate, p50, p99 = load(f"http://127.0.0.1:{backend_port}{PATH}", script, connections, options.seconds)
                        rows.append(("backend alone", connections, rate, "-", p50, p99, "-"))
                    before = cpu_seconds(gateway.pid)
                    n, rate, p50, p99 = load(f"http://127.0.0.1:{port}{PATH}", script, connections, options.seconds)
                    used = (cpu_seconds(gateway.pid) - before) / n * 1e6
                    rows.append((f"passerelle, {durability} ledger" if durability != "none" else "passerelle, calls not recorded", connections, rate, f"{used:.1f}", p50, p99,
                                 f"{started / 1024:.1f}"))
                print(run("audit", "verify", "--config", config).strip(), file=sys.stderr)
            finally:
                gateway.send_signal(signal.SIGTERM)
                gateway.wait(20)
    finally:
        backend.terminate()
        backend.wait(5)
        shutil.rmtree(folder, ignore_errors=True)
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    print(f"\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors ({model}), shared by wrk, nginx and the gateway; "
          f"{options.loops} event loop(s); one token, {options.seconds} s a row\n")
    print("| what | connections | calls/s | processor µs per call | p50 | p99 | MB resident after start |")
    print("|---|---|---|---|---|---|---|")
    for what, connections, rate, used, p50, p99, memory in rows:
        print(f"| {what} | {connections} | {rate:,.0f} | {used} | {p50} | {p99} | {memory} |")


if __name__ == "__main__":
    main()
