#!/usr/bin/env python3
"""The authorization server and cold tokens: how many a second and core, everything durable.

    make bench            (or: python3 Benchmarks/tokens.py [--count 20000] [--connections 64])

Signs client assertions beforehand (private_key_jwt, ES256, each with its own jti), sends each once to the token endpoint and to the
introspection endpoint, then calls an API with tokens that the gateway has never seen, each once, and with one that it knows.
Processor time is user and system time of the gateway, from /proc; "per second and core" is what one processor would do if it did
nothing else. Beside it what `openssl speed` says of this machine's ECDSA. Compare rows of one run only.
"""
import argparse, base64, json, os, re, secrets, selectors, shutil, signal, socket, subprocess, sys, tempfile, time
from urllib.parse import urlencode

from hot_path import PATH, cpu_seconds, free_port, register, run, start_backend, start_gateway

try:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
except ImportError:
    sys.exit("python3-cryptography is not installed")

PURPOSE, SCOPE = "dpv:FraudPreventionAndDetection", "device-identifier:retrieve-type"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_client(folder, config):
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    file = os.path.join(folder, "issuing.json")
    with open(file, "w") as f:
        json.dump({"client_id": "issuing", "client_name": "Issuing", "grant_types": ["client_credentials"], "scope": SCOPE,
                   "purposes": [PURPOSE], "two_legged_purposes": [PURPOSE], "access_token_lifetime_seconds": 3600,
                   "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "x": b64(numbers.x.to_bytes(32)),
                                      "y": b64(numbers.y.to_bytes(32))}]}}, f)
    run("clients", "add", file, "--config", config)
    return key


def assertions(key, issuer, count):
    head = b64(json.dumps({"alg": "ES256", "kid": "k"}).encode())
    now = int(time.time())
    for _ in range(count):
        claims = {"iss": "issuing", "sub": "issuing", "aud": issuer, "iat": now, "exp": now + 290, "jti": secrets.token_hex(12)}
        text = head + "." + b64(json.dumps(claims).encode())
        r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        yield text + "." + b64(r.to_bytes(32) + s.to_bytes(32))


def once(port, path, bodies, connections, gateway, tokens=None):
    """Sends each request once over kept connections; gives the number answered, the processor time and the time that passed."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: "
    if tokens:
        requests = [f"{head}application/json\r\nAuthorization: Bearer {token}\r\nContent-Length: 2\r\n\r\n{{}}" for token in tokens]
    else:
        requests = [f"{head}application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}" for body in bodies]
    waiting = [request.encode() for request in reversed(requests)]
    selector, answered = selectors.DefaultSelector(), 0
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
    before, begun = cpu_seconds(gateway.pid), time.time()
    for key in list(selector.get_map().values()):
        key.fileobj.sendall(waiting.pop())
    while answered < len(requests):
        for key, _ in selector.select(10) or sys.exit("no answer"):
            answer = key.fileobj.recv(65536)  # small answers come whole
            if not answer.startswith(b"HTTP/1.1 200"):
                sys.exit(f"a request failed: {answer[:300]!r}")
            answered += 1
            if waiting:
                key.fileobj.sendall(waiting.pop())
    elapsed, used = time.time() - begun, cpu_seconds(gateway.pid) - before
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    return answered, used, elapsed


def openssl_speed():
    out = subprocess.run(["openssl", "speed", "-seconds", "1", "ecdsap256"], capture_output=True, text=True).stdout
    found = re.search(r"256 bits ecdsa \(nistp256\)\s+\S+s\s+\S+s\s+([\d.]+)\s+([\d.]+)", out)
    return (float(found[1]), float(found[2])) if found else (0, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="passerelle-bench-")
    os.chmod(folder, 0o755)
    port, admin, backend_port = free_port(), free_port(), free_port()
    backend = start_backend(folder, backend_port)
    rows = []
    gateway, config = start_gateway(folder, port, admin, backend_port, "durable", 1)
    try:
        issuer = f"http://127.0.0.1:{port}"
        register(folder, config)
        key = new_client(folder, config)
        common = {"client_assertion_type": ASSERTION}
        tokens = [urlencode(dict(grant_type="client_credentials", scope=f"{PURPOSE} {SCOPE}", client_assertion=one, **common))
                  for one in assertions(key, issuer, options.count)]
        rows.append(("tokens issued, private_key_jwt, durable", *once(port, "/token", tokens, options.connections, gateway)))
        token = run("token", "issue", "--config", config, "--client", "issuing", "--scope", f"{PURPOSE} {SCOPE}").strip()
        asked = [urlencode(dict(token=token, client_assertion=one, **common)) for one in assertions(key, issuer, options.count)]
        rows.append(("introspections, private_key_jwt", *once(port, "/introspect", asked, options.connections, gateway)))
        cold = run("token", "issue", "--config", config, "--client", "bench", "--subject", "tel:+33639980001", "--scope",
                   f"{PURPOSE} device-identifier:retrieve-identifier", "--count", str(min(options.count, 10000))).split()
        rows.append(("calls, each with a token never seen", *once(port, PATH, None, options.connections, gateway, cold)))
        rows.append(("calls, each with a known token", *once(port, PATH, None, options.connections, gateway, cold)))
    finally:
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(20)
        backend.terminate()
        backend.wait(5)
        shutil.rmtree(folder, ignore_errors=True)
    sign, verify = openssl_speed()
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    print(f"\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors ({model}), shared by this client, nginx and the gateway; 1 event loop, "
          f"{options.connections} connections\n")
    print("| what | requests | per second | processor µs each | per second and core |\n|---|---|---|---|---|")
    for what, count, used, elapsed in rows:
        print(f"| {what} | {count:,} | {count / elapsed:,.0f} | {used / count * 1e6:.0f} | {count / used:,.0f} |")
    if verify:
        print(f"\n`openssl speed ecdsap256`: {1e6 / sign:.0f} µs a signature, {1e6 / verify:.0f} µs a verification")


main()
