"""Tables, ratios and targets of the results."""
import os, statistics

from . import disk
from .scenarios import SCENARIOS


def text(results):
    rows = results["rows"]
    parts = [_conditions(results["conditions"]), _proxies(results["conditions"]), "Answers to tokens:\n\n" + results["refusals"]]
    for scenario in SCENARIOS:
        if any(row["scenario"] == scenario.name for row in rows):
            parts.append(f"**{scenario.name}**: {scenario.title}\n\n{_table(rows, scenario)}")
    if results["flushes_us"]:
        parts.append(_flushes(results["flushes_us"]))
    parts += [_targets(results), "\n".join(f"ratio {name}: {_shown(value)}" for name, value in ratios(results).items())]
    return "\n\n".join(parts)


def ratios(results):
    """Passerelle over the peer that its target names, below 1 is ahead; None where one of them was not measured."""
    rows = results["rows"]
    latency = _with_flush(results, "p99", "nginx-jwt", "entry", 0.99)
    return {"hot": _per_round(rows, "hot", "nginx-jwt"), "cold": _per_round(rows, "cold", "haproxy"),
            "tls": _per_round(rows, "tls", "haproxy"), "p99": latency and _quantile(rows, "p99", "passerelle", 0.99) / latency}


def _per_round(rows, scenario, peer, figure="cpu_us"):
    """The median of the rounds' ratios: what changes the whole machine for a while changes both."""
    of = lambda name: {row["round"]: row[figure] for row in rows if (row["scenario"], row["peer"]) == (scenario, name)}
    ours, theirs = of("passerelle"), of(peer)
    found = [ours[turn] / theirs[turn] for turn in ours if turn in theirs]
    return statistics.median(found) if found else None


def _pooled(rows, scenario, peer):
    """Latencies of all rounds, sorted."""
    return sorted(value for row in rows if (row["scenario"], row["peer"]) == (scenario, peer) for value in row["quantiles_us"] or [])


def _quantile(rows, scenario, peer, p):
    pooled = _pooled(rows, scenario, peer)
    return disk.quantile(pooled, p) if pooled else None


def _with_flush(results, scenario, peer, flush, p):
    """What the peer's latency would be with one flush after each call."""
    pooled = _pooled(results["rows"], scenario, peer)
    flushes = results["flushes_us"].get(flush)
    return disk.sum_quantile(pooled, flushes, p) if pooled and flushes else None


def _shown(value):
    return "not measured" if value is None else f"{value:.2f}"


def _conditions(given):
    versions = ", ".join(given["versions"].values())
    return (f"{given['at']}; {given['processors']} processors ({given['processor']}), Linux {given['kernel']}, ledger on "
            f"{given['file_system']}, {given['openssl']}; {versions}. Proxy on one processor, wrk and backend on another; "
            f"{given['rounds']} rounds of {given['seconds']:g} s, interleaved; medians of the rounds.")


def _proxies(given):
    lines = ["| proxy | does | does not |", "|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {does} | {given['lacks'][name] or '-'} |" for name, does in given["does"].items()])


def _table(rows, scenario):
    latency = scenario.mode in ("closed", "paced")
    lines = ["| proxy | processor µs per call | user + system | calls/s | busy | p50 ms | p99 ms | p99.9 ms | MB after start | MB loaded "
             "| rest of the machine |", "|" + "---|" * 11]
    mine = [row for row in rows if row["scenario"] == scenario.name]
    for name in dict.fromkeys(row["peer"] for row in sorted(mine, key=lambda row: row["round"])):
        median = lambda figure: statistics.median(row[figure] for row in mine if row["peer"] == name)
        spread = [row["cpu_us"] for row in mine if row["peer"] == name]
        percentiles = ([_quantile(rows, scenario.name, name, p) for p in (0.5, 0.99)] + [median("p999_us")] if latency
                       else [median(figure) for figure in ("p50_us", "p99_us", "p999_us")])
        lines.append(f"| {name} | {median('cpu_us'):.1f} ({min(spread):.1f} to {max(spread):.1f}) | {median('user_us'):.1f} + "
                     f"{median('system_us'):.1f} | {median('calls_per_second'):,.0f} | {median('busy'):.2f} | "
                     + " | ".join(f"{value / 1000:.2f}" for value in percentiles)
                     + f" | {median('memory_started_mib'):.1f} | {median('memory_mib'):.1f} | {median('other'):.2f} |")
    return "\n".join(lines)


def _flushes(flushes):
    names = {"entry": "one entry", "batch": "64 entries"}
    return "Append and `fdatasync` of the same disk: " + "; ".join(
        f"{names[name]}: p50 {disk.quantile(found, 0.5) / 1000:.2f} ms, p99 {disk.quantile(found, 0.99) / 1000:.2f} ms ({len(found)} samples)"
        for name, found in flushes.items()) + "."


def _targets(results):
    rows, found = results["rows"], ratios(results)
    lines = ["| target | measured | |", "|---|---|---|"]

    def target(what, value, bound, shown):
        if value is not None:
            lines.append(f"| {what} | {shown} | {'met' if value < bound else 'missed'} |")

    def latency(what, p, scenario, peer, flush):
        ours, theirs = _quantile(rows, scenario, "passerelle", p), _with_flush(results, scenario, peer, flush, p)
        if ours and theirs:
            target(what, ours / theirs, 1, f"{ours / 1000:.2f} ms, bound {theirs / 1000:.2f} ms")

    target("processor time, known token: below nginx's with its cached check", found["hot"], 1, f"ratio {_shown(found['hot'])}")
    target("processor time, token never seen: below 0.85 of HAProxy's", found["cold"], 0.85, f"ratio {_shown(found['cold'])}")
    target("processor time with TLS: not above HAProxy's", found["tls"], 1.005, f"ratio {_shown(found['tls'])}")
    handshakes = _per_round(rows, "handshakes", "haproxy")
    target("a handshake and a call: processor time not above HAProxy's", handshakes, 1.005, f"ratio {_shown(handshakes)}")
    latency("one connection, p99: below nginx's with the check, and one flush", 0.99, "p99", "nginx-jwt", "entry")
    latency("64 connections at 70 % load, p99: below HAProxy's and one group commit", 0.99, "load70", "haproxy", "batch")
    latency("the same, p99.9", 0.999, "load70", "haproxy", "batch")
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
