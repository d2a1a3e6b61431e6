#!/usr/bin/env python3
"""Passerelle beside HAProxy, nginx and Envoy: same backend, same tokens, same load, one after another.

    make bench-compare        (or: python3 Benchmarks/compare.py [--only hot,cold] [--seconds 3] [--rounds 3] [--peers haproxy])

The proxy has processor 0 for itself, wrk and the backend processor 1. A measurement starts one proxy from nothing, sees that it answers
a good token and refuses a forged one, warms it up, loads it and stops it. Processor time is user and system time of all processes of the
proxy, children included, from /proc, divided by the calls that were answered. After each measurement the calls are counted at the
backend; Passerelle's ledger must verify and count as many. Whatever does not fit ends the run without a table.

A measurement beside which something else used more than 0.3 of a processor is taken again, whatever it is of and whatever it found; the
first ones stay in the JSON and out of the tables. Rows of hot, thousand, cold, connections, tls and handshakes come from a closed loop at
its limit: their percentiles are queueing. p99 and load70 are for latency. Compare rows of one run only. The folder must be on a disk that
keeps what is flushed, not on a tmpfs.
"""
import argparse, json, os, platform, shutil, signal, subprocess, sys, tempfile, time

from comparison import calls, disk, gateway, peers, processes, report, syscalls
from comparison.backend import Backend
from comparison.scenarios import SCENARIOS, Measurement

# Scenarios whose target has a flush of the disk in it, and how many entries of the ledger one flush holds.
FLUSHES = {"p99": 1, "load70": 64}
HERE = os.path.dirname(os.path.abspath(__file__))
# A round that would end later than this is not begun; nothing is taken again when a round has had its share.
MINUTES_MAXIMUM = 9.3
# Of one processor, used by what is not part of the measurement, and how often it is then taken again.
OTHER_MAXIMUM, RETAKES_MAXIMUM = 0.3, 2


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--only", default=",".join(names), help=f"scenarios, of {', '.join(names)}")
    parser.add_argument("--peers", default=",".join(peer.name for peer in peers.PEERS), help="proxies; passerelle is always there")
    parser.add_argument("--seconds", type=float, default=3, help="of load in a measurement (3)")
    parser.add_argument("--rounds", type=int, default=3, help="of all measurements (3)")
    parser.add_argument("--cold-tokens", type=int, default=60_000, help="for cold: as many as can be used up (60000; 100000 at most)")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the ledger and all else is, for the time of the run")
    parser.add_argument("--json", metavar="FILE", help="writes all measurements")
    parser.add_argument("--syscalls", action="store_true", help="system calls per call with strace, instead of a measurement")
    parser.add_argument("--no-install", action="store_true", help="leaves out what is not installed")
    parser.add_argument("--keep", action="store_true", help="keeps the folder")
    options = parser.parse_args()
    options.only, options.peers = options.only.split(","), {"passerelle", *options.peers.split(",")}
    for given, known in ((options.only, names), (options.peers, [peer.name for peer in peers.PEERS])):
        if unknown := sorted(set(given) - set(known)):
            parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    return options


def prepare(options):
    """What is missing is installed; gives the proxies that can be measured here, and says which cannot and why."""
    if not options.no_install:
        subprocess.run([os.path.join(HERE, "..", ".ci", "install"), "bench-compare"], check=True)
    if os.cpu_count() < 2:
        sys.exit("this wants two processors: one for the proxy, one for load and backend")
    if "envoy" in options.peers and not options.no_install:
        peers.install_envoy()
    there = []
    for peer in (peer for peer in peers.PEERS if peer.name in options.peers):
        if why := peers.missing(peer):
            if peer.name == "passerelle":
                sys.exit(why)
            say(f"{peer.name} is left out: {why}")
        else:
            there.append(peer)
    return there


def say(text):
    print(text, file=sys.stderr, flush=True)


def plan(options, installation, there):
    """(scenario, proxies) to be measured."""
    chosen = [scenario for scenario in SCENARIOS if scenario.name in options.only]
    without_tls = installation.why_no_tls() if any(scenario.tls for scenario in chosen) else None
    if without_tls:
        say(f"tls and handshakes are left out, as this Passerelle does not serve TLS: {without_tls}")
    return [(scenario, [peer for peer in there if peer.checks_tokens or not scenario.checkers_only])
            for scenario in chosen if not (scenario.tls and without_tls)]


def measure(options, wanted, measurement, folder, installation, begun):
    """All rounds. In a scenario the proxies follow one another at once, in another order each round."""
    rows, flushes, round_seconds = [], [], 0
    for turn in range(options.rounds):
        round_begun = time.monotonic()
        if turn and round_begun - begun + round_seconds > MINUTES_MAXIMUM * 60:
            say(f"{turn} of {options.rounds} rounds: the next would take too long")
            break
        until = begun + MINUTES_MAXIMUM * 60 * (turn + 1) / options.rounds
        for scenario, there in wanted:
            if scenario.name in FLUSHES:
                size = FLUSHES[scenario.name] * installation.ledger_line_bytes
                for taken in undisturbed(lambda: disk.flush_microseconds(folder, size), until):
                    flushes.append({"round": turn, "scenario": scenario.name, **taken})
            first = turn % len(there)
            for peer in there[first:] + there[:first]:
                for taken in undisturbed(lambda: measurement.take(peer, scenario), until):
                    row = {"round": turn, **taken}
                    rows.append(row)
                    say(f"[{turn + 1}/{options.rounds}] {scenario.name} {peer.name}: {row['cpu_us']:.1f} us, "
                        f"{row['calls_per_second']:,.0f} calls/s, p99 {row['p99_us'] / 1000:.2f} ms, other {row['other']:.2f}"
                        + (", taken again" if row["discarded"] else ""))
        round_seconds = max(round_seconds, time.monotonic() - round_begun)
    return rows, flushes


def undisturbed(take, until):
    """Takes a measurement, and again while the machine is shared; all but the last are discarded."""
    for left in range(RETAKES_MAXIMUM, -1, -1):
        taken = take()
        taken["disturbed"] = taken["other"] > OTHER_MAXIMUM
        taken["discarded"] = taken["disturbed"] and left > 0 and time.monotonic() < until
        yield taken
        if not taken["discarded"]:
            return


def conditions(options, there, folder, rows):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.split()
    return {"at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "processor": model, "processors": os.cpu_count(),
            "kernel": platform.release(), "file_system": report.file_system(folder), "openssl": " ".join(openssl[:2]),
            "seconds": options.seconds, "rounds": 1 + max((row["round"] for row in rows), default=0),
            "versions": {peer.name: peers.version(peer) for peer in there},
            "does": {peer.name: peer.does for peer in there}, "lacks": {peer.name: peer.lacks for peer in there}}


def main():
    begun, options = time.monotonic(), arguments()
    there = prepare(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    processes.raise_descriptor_limit()
    os.sched_setaffinity(0, {processes.LOAD_CPU})
    folder = tempfile.mkdtemp(prefix="passerelle-compare-", dir=options.folder)
    os.chmod(folder, 0o755)  # nginx's workers can be another user
    try:
        backend = Backend(folder)
        modes = set() if options.syscalls else {scenario.mode for scenario in SCENARIOS if scenario.name in options.only}
        installation = gateway.Installation(os.path.join(folder, "passerelle"), backend.port, modes, options.cold_tokens)
        fleet = peers.Fleet(folder, backend, installation, options.keep)
        if options.syscalls:
            return print(syscalls.table(there, fleet, installation))
        wanted = plan(options, installation, there)
        refusals = calls.table(there, installation, fleet.running)
        measurement = Measurement(fleet, installation, backend, options.seconds)
        rows, flushes = measure(options, wanted, measurement, folder, installation, begun)
        results = {"conditions": conditions(options, there, folder, rows), "refusals": refusals, "flushes": flushes, "rows": rows}
    except processes.Failure as failure:
        sys.exit(f"no result: {failure}")
    finally:
        processes.stop_all()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        with open(options.json, "w") as f:
            json.dump(results, f, indent=1)
    say(f"{time.monotonic() - begun:.0f} s in all")
    print(report.text(results))


if __name__ == "__main__":
    main()
