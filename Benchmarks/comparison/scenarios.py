"""What is measured, and one measurement with the checks that keep a fast wrong answer out of the tables."""
from dataclasses import dataclass

from . import calls, gateway, load, processes
from .processes import Failure


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    connections: int = 64
    # saturate.lua's modes, and of latency.lua: closed (one call after another), paced (a share of what the proxy can do).
    mode: str = "one"
    # Relative to --seconds.
    length: float = 1
    tls: bool = False
    close: bool = False
    checkers_only: bool = False


SCENARIOS = [
    Scenario("hot", "one token, 64 connections"),
    Scenario("thousand", "1,000 tokens of 40 subscribers in random order, 64 connections", mode="any", length=0.7, checkers_only=True),
    Scenario("cold", "every token once, 64 connections", mode="once", checkers_only=True),
    Scenario("connections", "one token, 1,000 connections", connections=1000, length=0.7),
    Scenario("p99", "one token, one connection", connections=1, mode="closed"),
    Scenario("load70", "one token, 64 connections, calls at random times at 70 % of the proxy's own rate", mode="paced"),
    Scenario("tls", "as hot, TLS 1.3", tls=True),
    Scenario("handshakes", "TLS 1.3, a full handshake for every call", tls=True, close=True, length=0.7),
]
LOAD_SHARE = 0.7
# Answers of the same call differ by a digit of a date or of a limit.
ANSWER_BYTES_TOLERANCE = 8


class Measurement:
    """Measures scenarios of one run; keeps what each proxy reached with 64 connections, for the load of `load70`."""

    def __init__(self, fleet, installation, backend, seconds):
        self.fleet, self.installation, self.backend, self.seconds = fleet, installation, backend, seconds
        self._rates = {}

    def take(self, peer, scenario):
        """Starts the proxy, loads it, stops it; one row. Raises Failure where anything was not as it must be."""
        before = self.backend.count()
        with self.fleet.running(peer, scenario.tls) as running:
            calls.demand(peer, running, self.installation)
            started = processes.resident_mib(running.process.pid)
            warm = load.saturate(running, self.installation.tokens["one"], "one", min(scenario.connections, 64), 1)
            row = self._measured(peer, scenario, running, self._load(peer, scenario, warm))
            row["memory_started_mib"] = started
            processes.stop(running.process)
            forwarded = self.backend.count() - before
            if peer.name == "passerelle":
                row["ledger_calls"] = self._audited(running, forwarded)
        if scenario.name == "hot":
            self._rates[peer.name] = row["calls_per_second"]
        return row

    def _load(self, peer, scenario, warm):
        """The load of the scenario as a function of the running proxy."""
        seconds = max(1, round(self.seconds * scenario.length))
        tokens = self.installation.tokens.get(scenario.mode, self.installation.tokens["one"])
        if scenario.mode == "closed":
            return lambda running: load.latency(running, tokens, scenario.connections, seconds)
        if scenario.mode == "paced":
            rate = LOAD_SHARE * self._rates.get(peer.name, warm["calls"] / warm["seconds"])
            return lambda running: load.latency(running, tokens, scenario.connections, seconds, rate)
        return lambda running: load.saturate(running, tokens, scenario.mode, scenario.connections, seconds, scenario.close)

    def _measured(self, peer, scenario, running, put_load):
        pid, backend = running.process.pid, self.backend.process.pid
        reached = self.backend.settled_count()
        length = calls.answer_bytes(running, self.installation.token())
        clock = processes.Clock(pid, backend)
        result = put_load(running)
        used = clock.stopped()
        count = result["calls"]
        self._demand(peer, scenario, result, self.backend.settled_count() - reached - 1, length)
        return {"peer": peer.name, "scenario": scenario.name, "calls": count, "calls_per_second": count / result["seconds"],
                "cpu_us": 1e6 * (used["user"] + used["system"]) / count, "user_us": 1e6 * used["user"] / count,
                "system_us": 1e6 * used["system"] / count, "busy": (used["user"] + used["system"]) / result["seconds"],
                "backend_us": 1e6 * used["backend"] / count, "other": used["other"], "steal": used["steal"],
                "p50_us": result["p50"], "p99_us": result["p99"], "p999_us": result["p999"], "quantiles_us": result.get("quantiles"),
                "memory_mib": processes.resident_mib(pid)}

    def _demand(self, peer, scenario, result, reached, length):
        """No refusal, no broken connection; every call reached the backend; answers are of the right size on the average.

        When wrk ends, calls of its connections are under way: the backend may have seen so many more than have an answer.
        """
        what = f"{peer.name}, {scenario.name}"
        if result["calls"] == 0 or result["refused"] or result["broken"]:
            raise Failure(f"{what}: {result['calls']} calls, {result['refused']} refused, {result['broken']} broken")
        if not 0 <= reached - result["calls"] <= scenario.connections:
            raise Failure(f"{what}: {result['calls']} calls were answered and {reached} reached the backend")
        if "bytes" in result:
            slack = ANSWER_BYTES_TOLERANCE * result["calls"] + length * scenario.connections
            if not scenario.close and abs(result["bytes"] - length * result["calls"]) > slack:
                raise Failure(f"{what}: {result['bytes']} bytes for {result['calls']} answers of {length}")

    def _audited(self, running, forwarded):
        """The ledger verifies and counts just the calls that reached the backend as successful."""
        _, succeeded = gateway.audit(running.config)
        if succeeded != forwarded:
            raise Failure(f"passerelle: {forwarded} calls reached the backend and {succeeded} are in the ledger as successful")
        return succeeded
