#!/usr/bin/env python3
"""TLS beside HAProxy: processor time per call and per handshake, and handshakes per second, with the same certificate.

    python3 Benchmarks/tls.py [--seconds 3] [--rounds 3]

Both have one thread, one ECDSA certificate (P-256), and the same nginx behind them. `call` is an API call on kept connections: Passerelle
does everything (token, scope, limits, consent, filter, durable ledger); HAProxy verifies the same ES256 token anew each time, as it has
no memory for it, looks at issuer, audience, expiry and scope, and proxies. `proxy` is HAProxy without the token. `handshake` is a new
connection with a full handshake for each request, which both answer themselves with 404; `resumed` is the same with session tickets of
TLS 1.2 and one connection at a time (`openssl s_time -reuse`), so there the rate says little.
Measurements of the two take turns; a ratio is Passerelle's processor time by HAProxy's, so below 1 is ahead.
"""
import argparse, json, os, re, shutil, signal, socket, ssl, statistics, subprocess, sys, tempfile, time

from hot_path import BINARY, HERE, PATH, cpu_seconds, free_port, register, run, start_backend

SCOPE = "device-identifier:retrieve-identifier"


def certificate(folder):
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{folder}/tls.key", "-out",
             f"{folder}/tls.crt"]
    subprocess.run(words, check=True, capture_output=True)
    with open(f"{folder}/tls.pem", "w") as both:
        both.write(open(f"{folder}/tls.crt").read() + open(f"{folder}/tls.key").read())
    os.chmod(f"{folder}/tls.key", 0o600)


def start_gateway(folder, port, admin, backend, resumes):
    config = os.path.join(folder, "passerelle.json")
    tls = {"certificates": [{"certificateFile": "tls.crt", "keyFile": "tls.key"}], "sessionMinutes": 60 if resumes else 0}
    with open(config, "w") as file:
        json.dump({"issuer": "https://localhost", "listen": {"port": port, "tls": tls}, "admin": {"port": admin}, "data": "data",
                   "keys": "keys", "policies": os.path.abspath(os.path.join(HERE, "..", "policies")), "loops": 1,
                   "upstreams": {"*": {"url": f"http://127.0.0.1:{backend}"}}}, file)
    process = subprocess.Popen([BINARY, "serve", "--config", config], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if not process.stdout.readline().startswith("ready"):
        sys.exit("the gateway did not start")
    return process, config


def start_haproxy(folder, ports, backend):
    tls = f"ssl crt {folder}/tls.pem alpn http/1.1 ssl-min-ver TLSv1.2 curves X25519:P-256:P-384"
    config = os.path.join(folder, "haproxy.cfg")
    with open(config, "w") as file:
        file.write(f"""global
  nbthread 1
  maxconn 4096
  tune.ssl.cachesize 0
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend call
  bind 127.0.0.1:{ports['call']} {tls}
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str ES256 }}
  http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{folder}/token.pub") -m int 1 }}
  http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_payload_query('$.iss') -m str "https://localhost" }}
  http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_payload_query('$.aud') -m str "https://localhost" }}
  http-request set-var(txn.now) date()
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request deny deny_status 401 unless {{ var(txn.exp),sub(txn.now) -m int gt 0 }}
  http-request deny deny_status 403 unless {{ var(txn.bearer),jwt_payload_query('$.scope') -m reg '(^| ){SCOPE}( |$)' }}
  default_backend origin
frontend proxy
  bind 127.0.0.1:{ports['proxy']} {tls}
  default_backend origin
frontend handshake
  bind 127.0.0.1:{ports['handshake']} {tls} no-tls-tickets
  http-request return status 404 content-type application/json string "{{}}"
frontend resumed
  bind 127.0.0.1:{ports['resumed']} {tls}
  http-request return status 404 content-type application/json string "{{}}"
backend origin
  server o1 127.0.0.1:{backend} pool-max-conn 256
""")
    process = subprocess.Popen(["haproxy", "-db", "-f", config], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    if process.poll() is not None:
        sys.exit("haproxy did not start: " + subprocess.run(["haproxy", "-c", "-f", config], capture_output=True, text=True).stderr)
    return process


def resumes(port):
    """Whether a second connection goes on from the first: what a row claims is tried."""
    context, session, reused = ssl.create_default_context(), None, False
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(2):
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), session=session) as stream:
            stream.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
            stream.recv(4096)
            session, reused = stream.session, stream.session_reused
    return reused


def load(url, script, connections, seconds):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, url], check=True, capture_output=True,
                         text=True).stdout
    return int(re.search(r"(\d+) requests in", out)[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), out


def measure_resumed(pid, port, path, seconds):
    before = cpu_seconds(pid)
    words = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-reuse", "-time", str(seconds), "-www", path, "-tls1_2"]
    out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    count, real = map(int, re.search(r"(\d+) connections in (\d+) real seconds", out).groups())
    return (cpu_seconds(pid) - before) / count * 1e6, count / real


def measure(pid, url, script, connections, seconds, expects_failure):
    before = cpu_seconds(pid)
    count, rate, out = load(url, script, connections, seconds)
    used = cpu_seconds(pid) - before
    if not count or ("Non-2xx" in out) != expects_failure:
        sys.exit(f"{url}: other answers than expected:\n{out}")
    return used / count * 1e6, rate


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    for tool in ("nginx", "wrk", "openssl", "haproxy"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    folder = tempfile.mkdtemp(prefix="passerelle-tls-")
    os.chmod(folder, 0o755)
    processes = []
    try:
        certificate(folder)
        backend = free_port()
        nginx = start_backend(folder, backend)
        processes.append(nginx)
        # Two gateways, for tickets are a setting of a listener; the one that is not measured sleeps.
        gateways, ours = {}, {}
        for name in ("full", "resuming"):
            place = os.path.join(folder, name)
            os.mkdir(place)
            for file in ("tls.crt", "tls.key"):
                shutil.copy(os.path.join(folder, file), place)
            port = free_port()
            process, config = start_gateway(place, port, free_port(), backend, name == "resuming")
            processes.append(process)
            gateways[name] = (process, config, f"https://127.0.0.1:{port}", port)
        place = os.path.join(folder, "resuming")
        token = register(place, gateways["resuming"][1])
        # The public half of the key that signed the token, for HAProxy.
        public = subprocess.run(["openssl", "pkey", "-in", os.path.join(place, "keys", "signing.pem"), "-pubout"], check=True,
                                capture_output=True).stdout
        with open(f"{folder}/token.pub", "wb") as file:
            file.write(public)
        ports = {name: free_port() for name in ("call", "proxy", "handshake", "resumed")}
        haproxy = start_haproxy(folder, ports, backend)
        processes.append(haproxy)
        scripts = {"call": f'wrk.method = "POST"\nwrk.body = "{{}}"\nwrk.headers["Content-Type"] = "application/json"\n'
                           f'wrk.headers["Authorization"] = "Bearer {token}"\n',
                   "close": 'wrk.headers["Connection"] = "close"\n'}
        for name, text in scripts.items():
            with open(f"{folder}/{name}.lua", "w") as file:
                file.write(text)
            scripts[name] = f"{folder}/{name}.lua"
        assert not resumes(ports["handshake"]) and not resumes(gateways["full"][3]), "full handshakes were wanted"
        assert resumes(ports["resumed"]) and resumes(gateways["resuming"][3]), "resumption was wanted"
        rows = {  # name: (script, HAProxy's address, ours)
            "call": ("call", PATH, "resuming", "call"), "proxy": ("call", PATH, "resuming", "proxy"),
            "handshake": ("close", "/nothing", "full", "handshake"), "resumed": ("close", "/nothing", "resuming", "resumed")}
        found = {}
        for _ in range(options.rounds):
            for name, (script, path, gateway, peer) in rows.items():
                process, _, url, _ = gateways[gateway]
                for who, pid, address in (("haproxy", haproxy.pid, f"https://127.0.0.1:{ports[peer]}{path}"),
                                          ("passerelle", process.pid, url + path)):
                    if name == "resumed":
                        figures = measure_resumed(pid, address.split("/")[2].split(":")[1], path, options.seconds)
                    else:
                        figures = measure(pid, address, scripts[script], options.connections, options.seconds, script == "close")
                    found.setdefault((name, who), []).append(figures)
        print(run("audit", "verify", "--config", gateways["resuming"][1]).strip(), file=sys.stderr)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    version = subprocess.run(["haproxy", "-v"], capture_output=True, text=True).stdout.split()[2]
    print(f"\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors ({model}), shared by wrk, nginx and the proxy; HAProxy {version}; "
          f"{options.connections} connections, {options.rounds} rounds of {options.seconds} s, medians\n")
    print("| what | HAProxy µs | Passerelle µs | HAProxy per s | Passerelle per s |")
    print("|---|---|---|---|---|")
    ratios = []
    for name in rows:
        (his, his_rate), (mine, my_rate) = (
            [statistics.median(column) for column in zip(*found[name, who])] for who in ("haproxy", "passerelle"))
        print(f"| {name} | {his:.1f} | {mine:.1f} | {his_rate:,.0f} | {my_rate:,.0f} |")
        ratios.append(f"ratio tls {name}: {mine / his:.2f} (per second: {my_rate / his_rate:.2f})")
    print("\n" + "\n".join(ratios))


if __name__ == "__main__":
    main()
