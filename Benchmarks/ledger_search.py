#!/usr/bin/env python3
"""How long `passerelle audit search` takes, by subject, client, correlator and more, in a ledger of so many entries.

    python3 Benchmarks/ledger_search.py [--entries 1000000] [--short] [--rounds 5] [--cold] [--folder DIR] [--keep DIR]
    python3 Benchmarks/ledger_search.py --entries 100000000 --short     (the whole of it: 35 GB of disk, half an hour)

It fills a ledger with synthetic calls through the gateway's own writer (`make-ledger`), lets `audit index --rebuild` make the index, and
runs each search as a user does, as a process of its own, whose start is a part of the time. The first run of each search is told apart.
--cold asks the system to forget the ledger's files before each run, so that they come from the disk. --short writes entries without what
no search looks at. --keep makes the ledger in a folder of its own and leaves it there, or takes the one that is there.
"""
import argparse, json, os, shutil, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(HERE)
BINARY = os.environ.get("PASSERELLE_BINARY", os.path.join(REPOSITORY, ".build", "release", "passerelle"))
MAKER = os.environ.get("MAKE_LEDGER_BINARY", os.path.join(REPOSITORY, ".build", "release", "make-ledger"))


def size(folder):
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names)


def forget(folder):
    """Clean pages of the files leave the system's memory."""
    for place, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(os.path.join(place, name), os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def entry_at(ledger, part):
    """An entry that stands at that part of the ledger."""
    segments = sorted(name for name in os.listdir(ledger) if name.endswith(".jsonl"))
    path = os.path.join(ledger, segments[min(len(segments) - 1, int(part * len(segments)))])
    with open(path, "rb") as file:
        file.seek(os.path.getsize(path) // 2)
        file.readline()
        return json.loads(file.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--folder", help="where the ledger is made, and removed afterwards")
    parser.add_argument("--keep", help="where the ledger stays")
    options = parser.parse_args()
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
        return measure(options, options.keep)
    folder = tempfile.mkdtemp(prefix="passerelle-search-", dir=options.folder)
    try:
        measure(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(options, folder):
    ledger, config = os.path.join(folder, "data", "ledger"), os.path.join(folder, "passerelle.json")
    is_there = os.path.exists(ledger)
    os.makedirs(ledger, mode=0o700, exist_ok=True)
    with open(config, "w") as file:
        json.dump({"issuer": "http://127.0.0.1:8080", "data": "data", "keys": "keys", "upstreams": {},
                   "policies": os.path.join(REPOSITORY, "policies")}, file)
    if not is_there:
        subprocess.run([BINARY, "keys", "generate", "--config", config], check=True, capture_output=True)
    begun = time.monotonic()
    if not is_there:
        subprocess.run([MAKER, ledger, str(options.entries), *(["--short"] if options.short else [])], check=True)
    written = time.monotonic() - begun

    def audit(*words):
        return subprocess.run([BINARY, "audit", *words, "--config", config], check=True, capture_output=True, text=True).stdout

    begun = time.monotonic()
    if not is_there:
        audit("index", "--rebuild")
    indexed = time.monotonic() - begun
    index_bytes = size(os.path.join(ledger, "index"))
    bytes_written = size(ledger) - index_bytes
    segments = sum(name.endswith(".jsonl") for name in os.listdir(ledger))
    made = f", written in {written:.0f} s, index made in {indexed:.0f} s" if not is_there else ""
    print(f"{options.entries:,} entries in {segments} segments, {bytes_written / 1e9:.1f} GB, index {index_bytes / 1e9:.2f} GB{made}",
          file=sys.stderr)
    early, middle, late = (entry_at(ledger, part) for part in (0, 0.5, 0.99))
    day = middle["time"]
    searches = [
        ("a subject", ["--subject", middle["subject"]]),
        ("another subject, all its entries", ["--subject", early["subject"], "--limit", "1000000"]),
        ("a client with half of all calls, the last 100", ["--client", "client-000"]),
        ("the same, the last 100 before the middle", ["--client", "client-000", "--to", day]),
        ("a client with few calls, the last 100", ["--client", "client-099"]),
        ("a correlator of the beginning", ["--correlator", early["correlator"]]),
        ("a correlator of the end", ["--correlator", late["correlator"]]),
        ("a correlator that never was", ["--correlator", "c-never"]),
        ("a subject's refusals", ["--subject", middle["subject"], "--decision", "refused"]),
        ("a client's refusals up to the middle", ["--client", "client-099", "--decision", "refused", "--to", day]),
    ]
    print(f"\n{time.strftime('%Y-%m-%d')}, {options.entries:,} entries, {'short, ' if options.short else ''}"
          f"{'files not in memory' if options.cold else 'files in memory as far as they fit'}; milliseconds, the whole command\n")
    print("| search | found | first | median | longest |")
    print("|---|---|---|---|---|")
    for name, words in searches:
        times = []
        for _ in range(options.rounds):
            if options.cold:
                forget(ledger)
            begun = time.monotonic()
            found = audit("search", *words, "--json")
            times.append((time.monotonic() - begun) * 1000)
        print(f"| {name} | {found.count(chr(10) + '{') + found.startswith('[{'):,} | {times[0]:.0f} | {statistics.median(times):.0f} | {max(times):.0f} |", flush=True)


if __name__ == "__main__":
    main()
