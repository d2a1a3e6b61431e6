"""Tables, ratios and targets of the results."""
import os, statistics

from . import disk
from .scenarios import SCENARIOS


def text(results):
    rows = _kept(results["rows"])
    parts = [_conditions(results), _proxies(results["conditions"]), "Answers to tokens:\n\n" + results["refusals"]]
    for scenario in SCENARIOS:
        if any(row["scenario"] == scenario.name for row in rows):
            parts.append(f"**{scenario.name}**: {scenario.title}\n\n{_table(rows, scenario)}")
    if results["flushes"]:
        parts.append(_flushes(_kept(results["flushes"])))
    parts += [_targets(results), "\n".join(f"ratio {name}: {_shown(value)}" for name, value in ratios(results).items())]
    return "\n\n".join(parts)


def ratios(results):
    """Passerelle over the peer that its target names, below 1 is ahead; None where one of them was not measured.

    The median of the rounds' ratios: what changes the whole machine for a while changes both.
    """
    return {"hot": _processor(results, "hot", "nginx-jwt"), "cold": _processor(results, "cold", "haproxy"),
            "tls": _processor(results, "tls", "haproxy"), "p99": _median(ours / bound for ours, bound in
                                                                       _latencies(results, "p99", "nginx-jwt", "p99_us", 0.99))}


def _kept(taken):
    return [one for one in taken if not one["discarded"]]


def _median(values):
    values = list(values)
    return statistics.median(values) if values else None


def _by_round(taken, **wanted):
    return {one["round"]: one for one in _kept(taken) if all(one[name] == value for name, value in wanted.items())}


def _processor(results, scenario, peer):
    ours, theirs = (_by_round(results["rows"], scenario=scenario, peer=name) for name in ("passerelle", peer))
    return _median(ours[turn]["cpu_us"] / theirs[turn]["cpu_us"] for turn in ours if turn in theirs)


def _latencies(results, scenario, peer, figure, p):
    """For each round: Passerelle's latency, and what the peer's would be with one flush of that round's after each call."""
    ours, theirs = (_by_round(results["rows"], scenario=scenario, peer=name) for name in ("passerelle", peer))
    flushes = _by_round(results["flushes"], scenario=scenario)
    return [(ours[turn][figure], disk.sum_quantile(theirs[turn]["quantiles_us"], flushes[turn]["us"], p))
            for turn in ours if turn in theirs and turn in flushes]


def _shown(value):
    return "not measured" if value is None else f"{value:.2f}"


def _conditions(results):
    given, taken = results["conditions"], results["rows"] + results["flushes"]
    discarded, disturbed = len(taken) - len(_kept(taken)), sum(one["disturbed"] for one in _kept(taken))
    versions = ", ".join(given["versions"].values())
    return (f"{given['at']}; {given['processors']} processors ({given['processor']}), Linux {given['kernel']}, ledger on "
            f"{given['file_system']}, {given['openssl']}; {versions}. Proxy on one processor, wrk and backend on another; "
            f"{given['rounds']} rounds of {given['seconds']:g} s, interleaved; medians of the rounds. "
            f"{len(_kept(taken))} measurements; {discarded} more were disturbed and taken again, {disturbed} disturbed ones are among those kept.")


def _proxies(given):
    lines = ["| proxy | does | does not |", "|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {does} | {given['lacks'][name] or '-'} |" for name, does in given["does"].items()])


def _table(rows, scenario):
    lines = ["| proxy | processor µs per call | user + system | calls/s | busy | p50 ms | p99 ms | p99.9 ms | MB after start | MB loaded "
             "| rest of the machine |", "|" + "---|" * 11]
    mine = [row for row in rows if row["scenario"] == scenario.name]
    for name in dict.fromkeys(row["peer"] for row in sorted(mine, key=lambda row: row["round"])):
        median = lambda figure: statistics.median(row[figure] for row in mine if row["peer"] == name)
        spread = [row["cpu_us"] for row in mine if row["peer"] == name]
        percentiles = [median(figure) for figure in ("p50_us", "p99_us", "p999_us")]
        lines.append(f"| {name} | {median('cpu_us'):.1f} ({min(spread):.1f} to {max(spread):.1f}) | {median('user_us'):.1f} + "
                     f"{median('system_us'):.1f} | {median('calls_per_second'):,.0f} | {median('busy'):.2f} | "
                     + " | ".join(f"{value / 1000:.2f}" for value in percentiles)
                     + f" | {median('memory_started_mib'):.1f} | {median('memory_mib'):.1f} | {median('other'):.2f} |")
    return "\n".join(lines)


def _flushes(flushes):
    names = {"p99": "one entry", "load70": "64 entries"}
    found = {name: [one["us"] for one in flushes if one["scenario"] == name] for name in names}
    return "Append and `fdatasync` of the same disk, medians of the rounds: " + "; ".join(
        f"{names[name]}: " + ", ".join(f"p{100 * p:g} {_median(disk.quantile(one, p) for one in taken) / 1000:.2f} ms" for p in (0.5, 0.99))
        for name, taken in found.items() if taken) + "."


def _targets(results):
    rows, found = _kept(results["rows"]), ratios(results)
    lines = ["| target | measured | |", "|---|---|---|"]

    def target(what, value, bound, shown):
        if value is not None:
            lines.append(f"| {what} | {shown} | {'met' if value < bound else 'missed'} |")

    def latency(what, scenario, peer, figure, p):
        rounds = _latencies(results, scenario, peer, figure, p)
        if rounds:
            ours, bound = (statistics.median(values) for values in zip(*rounds))
            ratio = statistics.median(ours / bound for ours, bound in rounds)
            target(what, ratio, 1, f"ratio {ratio:.2f}: {ours / 1000:.2f} ms, bound {bound / 1000:.2f} ms")

    target("processor time, known token: below nginx's with its cached check", found["hot"], 1, f"ratio {_shown(found['hot'])}")
    target("processor time, token never seen: below 0.85 of HAProxy's", found["cold"], 0.85, f"ratio {_shown(found['cold'])}")
    target("processor time with TLS: not above HAProxy's", found["tls"], 1.005, f"ratio {_shown(found['tls'])}")
    handshakes = _processor(results, "handshakes", "haproxy")
    target("a handshake and a call: processor time not above HAProxy's", handshakes, 1.005, f"ratio {_shown(handshakes)}")
    latency("one connection, p99: below nginx's with the check, and one flush", "p99", "nginx-jwt", "p99_us", 0.99)
    latency("64 connections at 70 % load, p99: below HAProxy's and one group commit", "load70", "haproxy", "p99_us", 0.99)
    latency("the same, p99.9", "load70", "haproxy", "p999_us", 0.999)
    started = [row["memory_started_mib"] for row in rows if row["peer"] == "passerelle"]
    if started:
        memory = statistics.median(started)
        target("resident memory after start: below 20 MB", memory, 20, f"{memory:.1f} MB")
    return "\n".join(lines)


def file_system(folder):
    """The type of the file system that holds the folder."""
    best = ("", "?")
    with open("/proc/mounts") as f:
        for _, place, kind, *_ in (line.split() for line in f):
            if (os.path.realpath(folder) + "/").startswith(place.rstrip("/") + "/") and len(place) >= len(best[0]):
                best = (place, kind)
    return best[1]
