#!/usr/bin/env python3
"""Ten thousand consents beside ten million: how long `serve` takes to start, how long a call takes whose consent nobody remembers,
and what it holds in memory.

    python3 Benchmarks/consents.py [--counts 10000,1000000] [--rounds 3] [--seconds 5] [--folder DIR]
    python3 Benchmarks/consents.py --counts 10000,10000000        (the whole of it: 10 GB of disk, some minutes)

For each count it makes an installation, enters 5,000 subscribers whom calls will be about through `consents import`, fills the
database up with synthetic ones by SQL, and spreads the 5,000 among them, so that neighbours in a page are strangers. Then it starts
`passerelle serve` several times, and lets wrk call for one of the 5,000 after the other over one connection, with a memory of 1,000
consents (`limits.consentsRemembered`): every call looks subscriber and consent up in the database. The counts take turns, in several
rounds, so that whatever else the machine does falls on all of them. The ledger is relaxed, so that the disk's flushes do not hide the
look-ups. The databases were just written: their pages are in the system's cache as far as they fit.
"""
import argparse, json, os, shutil, signal, sqlite3, statistics, subprocess, sys, tempfile, time

from hot_path import BINARY, PATH, free_port, load, register, resident_kib, run, start_backend

HERE = os.path.dirname(os.path.abspath(__file__))
PURPOSE, SCOPE = "dpv:FraudPreventionAndDetection", "device-identifier:retrieve-identifier"
CALLED = 5000
# Keys that grow, and are spread over all that a random one may be: five characters of base64url in the order of ASCII, then noise.
ALPHABET = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
KEY = "||".join(f"substr('{ALPHABET}', 1 + ((v >> {shift}) & 63), 1)" for shift in (24, 18, 12, 6, 0)) + \
    "||substr(hex(randomblob(9)), 1, 17)"


def fill(path, count):
    """Synthetic subscribers, each with one consent and its event, straight into the tables."""
    now = int(time.time() * 1e6)
    database = sqlite3.connect(path, isolation_level=None)
    execute = database.execute
    triggers = execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'consent_events'").fetchall()
    called = [row[0] for row in execute("SELECT id FROM consents")]
    for setting in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-1048576", "foreign_keys=OFF"):
        execute(f"PRAGMA {setting}").fetchall()
    execute("BEGIN")
    for name, _ in triggers:
        execute(f"DROP TRIGGER {name}")
    # Those who are called move apart: their rows get odd numbers all over the range, the synthetic ones even numbers.
    step = max(1, count // max(1, len(called)))
    for index, consent in enumerate(called):
        place = 2 * index * step + 1 + 10_000_000_000
        execute("UPDATE consents SET rowid = ? WHERE id = ?", (place, consent))
        execute("UPDATE consent_events SET number = ? WHERE consent_id = ?", (place, consent))
    execute(f"""
        INSERT INTO subjects (pseudonym, lookup, sealed, created_at)
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count}),
          spread AS (SELECT i * 1073741824 / {count} AS v FROM n)
        SELECT {KEY}, randomblob(32), randomblob(40), {now} FROM spread""")
    execute(f"""
        INSERT INTO consents (rowid, id, subject, client_id, purpose, scopes, categories, legal_basis, status, granted_at, expires_at,
          updated_at)
        SELECT 10000000000 + 2 * (row_number() OVER ()), substr(pseudonym, 1, 5) || substr(hex(randomblob(9)), 1, 17), pseudonym,
          'bench', '{PURPOSE}', '{SCOPE}', 'device-make-model device-serial-number', 'consent', 'granted', {now}, {now + 31_536_000_000_000}, {now}
        FROM (SELECT pseudonym FROM subjects WHERE length(sealed) = 40 ORDER BY pseudonym)
        WHERE pseudonym NOT IN (SELECT subject FROM consents)""")
    execute(f"""
        INSERT INTO consent_events (number, consent_id, subject, client_id, purpose, legal_basis, kind, at, scopes, categories, flow,
          actor, reason, expires_at)
        SELECT rowid, id, subject, client_id, purpose, legal_basis, 'granted', {now}, scopes, categories, 'operator', 'operator',
          'synthetic', expires_at
        FROM consents WHERE rowid % 2 = 0 AND rowid > 10000000000 ORDER BY rowid""")
    for _, sql in triggers:
        execute(sql)
    execute("COMMIT")
    total = execute("SELECT count(*) FROM consents").fetchone()[0]
    execute("PRAGMA locking_mode=NORMAL").fetchall()
    execute("PRAGMA journal_mode=WAL").fetchall()
    database.close()
    return total


def serve(config):
    begun = time.monotonic()
    process = subprocess.Popen([BINARY, "serve", "--config", config], stdout=subprocess.PIPE, text=True)
    if not process.stdout.readline().startswith("ready"):
        sys.exit("the gateway did not start")
    return process, time.monotonic() - begun


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def numbers():
    return [f"+3361{index:07}" for index in range(CALLED)]


def prepare(folder, count, backend):
    os.mkdir(folder)
    port, config = free_port(), os.path.join(folder, "passerelle.json")
    with open(config, "w") as file:
        json.dump({"issuer": f"http://127.0.0.1:{port}", "listen": {"port": port}, "admin": {"port": free_port()}, "data": "data",
                   "keys": "keys", "policies": os.path.abspath(os.path.join(HERE, "..", "policies")), "loops": 1,
                   "upstreams": {"*": {"url": f"http://127.0.0.1:{backend}"}}, "ledger": {"durability": "relaxed"},
                   "limits": {"consentsRemembered": 1000}}, file)
    register(folder, config)
    # Calls without a subscriber's token, so that each can be about somebody else.
    client = os.path.join(folder, "client.json")
    with open(client) as file:
        registration = json.load(file) | {"two_legged_purposes": [PURPOSE]}
    with open(client, "w") as file:
        json.dump(registration, file)
    run("clients", "add", client, "--replace", "--config", config)
    records = os.path.join(folder, "records.jsonl")
    with open(records, "w") as file:
        for number in numbers():
            file.write(json.dumps({"phone_number": number, "client_id": "bench", "purpose": PURPOSE, "events": [
                {"event": "granted", "time": "2026-01-31T12:00:00Z", "scopes": [SCOPE],
                 "categories": ["device-make-model", "device-serial-number"]}]}) + "\n")
    begun = time.monotonic()
    run("consents", "import", records, "--config", config)
    imported = CALLED / (time.monotonic() - begun)
    database = os.path.join(folder, "data", "passerelle.sqlite")
    begun = time.monotonic()
    total = fill(database, max(1, count - CALLED))
    print(f"{total:,} consents: filled in {time.monotonic() - begun:.0f} s, {os.path.getsize(database) / 1e6:,.0f} MB; "
          f"import takes {imported:,.0f} a second", file=sys.stderr)
    return folder, port, config, total


def measure(folder, port, config, seconds):
    """One round: starts, and calls. Milliseconds; calls a second; MB."""
    starts = []
    for _ in range(5):
        process, seconds_to_ready = serve(config)
        starts.append(seconds_to_ready)
        stop(process)
    process, _ = serve(config)
    started = resident_kib(process.pid)
    try:
        token = run("token", "issue", "--config", config, "--client", "bench", "--scope", f"{PURPOSE} {SCOPE}").strip()
        script = os.path.join(folder, "call.lua")
        with open(script, "w") as file:
            file.write("local bodies, at = {}, 0\n"
                       f"for i = 0, {CALLED - 1} do bodies[i] = string.format('{{\"device\":{{\"phoneNumber\":\"+3361%07d\"}}}}', "
                       f"(i * 2741) % {CALLED}) end\n"
                       f"local fields = {{['Content-Type'] = 'application/json', ['Authorization'] = 'Bearer {token}'}}\n"
                       f"request = function() at = (at + 1) % {CALLED}\n"
                       "  return wrk.format('POST', nil, fields, bodies[at]) end\n")
        url = f"http://127.0.0.1:{port}{PATH}"
        load(url, script, 1, 2)
        requests, rate, p50, p99 = load(url, script, 1, seconds)
        resident = resident_kib(process.pid)
    finally:
        stop(process)
    return (statistics.median(starts) * 1000, max(starts) * 1000, rate, milliseconds(p50), milliseconds(p99), started / 1024,
            resident / 1024)


def milliseconds(text):
    """What wrk prints: 385.00us, 4.80ms, 1.02s."""
    for unit, factor in (("us", 1e-3), ("ms", 1), ("s", 1e3)):
        if text.endswith(unit):
            return float(text[:-len(unit)]) * factor
    raise ValueError(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="10000,1000000")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where the databases are made, and removed afterwards")
    options = parser.parse_args()
    for tool in ("nginx", "wrk", "openssl"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    folder = tempfile.mkdtemp(prefix="passerelle-consents-", dir=options.folder)
    os.chmod(folder, 0o755)
    backend_port = free_port()
    backend = start_backend(folder, backend_port)
    try:
        places = [prepare(os.path.join(folder, str(i)), int(count), backend_port) for i, count in enumerate(options.counts.split(","))]
        results = [[] for _ in places]
        for _ in range(options.rounds):
            for result, (place, port, config, _) in zip(results, places):
                result.append(measure(place, port, config, options.seconds))
    finally:
        backend.terminate()
        backend.wait(5)
        shutil.rmtree(folder, ignore_errors=True)
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    print(f"\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors ({model}), shared by wrk, nginx and the gateway; one connection, "
          f"one event loop, every consent looked up; the median of {options.rounds} rounds of {options.seconds} s, in turn\n")
    print("| consents | start, median of 5 (ms) | longest | calls/s | p50 (ms) | p99 (ms) | MB resident after start | after the calls |")
    print("|---|---|---|---|---|---|---|---|")
    for result, (_, _, _, total) in zip(results, places):
        start, longest, rate, p50, p99, started, after = (statistics.median(values) for values in zip(*result))
        print(f"| {total:,} | {start:.0f} | {longest:.0f} | {rate:,.0f} | {p50:.2f} | {p99:.2f} | {started:.1f} | {after:.1f} |")


if __name__ == "__main__":
    main()
