#!/usr/bin/env python3
"""A long time with everything going wrong at once, and whether anything stays.

    python3 Benchmarks/soak.py [--minutes 10] [--connections 32] [--share 0.7] [--faults 0.1]

The gateway serves over TLS with a durable ledger, before three backends that die, hang, trickle, reset, lie about their lengths and say what
is not JSON. Callers of several kinds, each of whom knows what may be seen, call at a share of what they reach without faults; others leave in
the middle of a request or an answer. Each second certificates, policies and settings change, some of them wrong, and are read again by SIGHUP;
each other second a consent is withdrawn and given again. What must hold:

    no answer is another than its caller may see; a withdrawal holds for the next call; what fails at one backend is no reason for 503;
    memory and descriptors are the same in the last quarter as in the one before it;
    the gateway drains and ends with 0; each answer is in the ledger, once; `audit verify` and `usage check` find nothing.

It ends with status 1 when one of these does not, and keeps the data.
"""
import argparse, asyncio, json, logging, os, signal, ssl, statistics, sys, tempfile, time
from shutil import rmtree

from soaking.callers import IDENTIFIER, Caller, Load
from soaking.installation import SCOPES, Installation, Wrong, number

# By how much the median of the last quarter may lie above that of the quarter before.
MEMORY_BYTES, DESCRIPTORS = 4 << 20, 12


def sample(pid):
    """Resident bytes and open descriptors."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd"))


def context(installation):
    return ssl.create_default_context(cafile=os.path.join(installation.folder, "ca.pem"))


async def watch(installation, load, samples, say):
    """Each second what the process holds, and other files to read again."""
    second = 0
    while time.monotonic() < load.ends - 1:
        await asyncio.sleep(1)
        second += 1
        if installation.process.poll() is not None:
            raise Wrong(f"the gateway ended with {installation.process.returncode}; see {installation.log}")
        samples.append(sample(installation.process.pid))
        installation.change(second)
        if second % 10 == 0:
            say(f"{second} s: {load.count} calls, {len(load.wrong)} wrong, {samples[-1][0] >> 20} MB, {samples[-1][1]} descriptors")


async def withdraw(installation, load, index, withdrawals):
    """Again and again one consent is taken back, and given back; the call after that is refused, and answered."""
    scopes = " ".join(SCOPES.values())
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, installation.consent, index, scopes)
    token = await loop.run_in_executor(None, installation.token, index, scopes)
    refused = Caller("just withdrawn", token, IDENTIFIER, 403)
    while time.monotonic() < load.ends - 4:
        await loop.run_in_executor(None, installation.withdraw, index)
        try:
            stream = await load.open()
            await load.once(stream, refused)
            stream[1].close()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            load.cut += 1
        await loop.run_in_executor(None, installation.consent, index, scopes)
        # The token's grant ended with the withdrawal: a new one works again.
        token = await loop.run_in_executor(None, installation.token, index, scopes)
        answered, refused = Caller("given again", token, IDENTIFIER, number=number(index)), Caller("just withdrawn", token, IDENTIFIER, 403)
        try:
            stream = await load.open()
            await load.once(stream, answered)
            stream[1].close()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            load.cut += 1
        withdrawals.append(time.monotonic())
        await asyncio.sleep(1)


def steady(samples, memory=MEMORY_BYTES):
    """Raises when the last quarter of the run holds more than the one before it."""
    quarter = max(1, len(samples) // 4)
    before, last = samples[-2 * quarter:-quarter], samples[-quarter:]
    for index, (what, allowed) in enumerate((("bytes of memory", memory), ("descriptors", DESCRIPTORS))):
        earlier, later = (statistics.median(s[index] for s in part) for part in (before, last))
        if later > earlier + allowed:
            raise Wrong(f"{what}: {earlier:.0f} in the third quarter, {later:.0f} in the last")


def run(folder, seconds, connections=32, share=0.7, faults=0.1, memory=MEMORY_BYTES, say=lambda text: None):
    """Gives a summary; raises `Wrong`."""
    installation = Installation(folder, faults)
    # asyncio tells of each connection that a client has left by itself.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        installation.start()
        callers = installation.callers()
        trust = context(installation)
        calibration = Load(installation.port, trust, callers, connections)
        asyncio.run(calibration.run(min(5, seconds / 8)))
        reached = calibration.count / min(5, seconds / 8)
        load = Load(installation.port, trust, callers, connections)
        load.count = calibration.count
        samples, withdrawals = [], []

        async def all_at_once():
            load.ends = time.monotonic() + seconds
            await asyncio.gather(load.run(seconds, reached * share, leaving=8), watch(installation, load, samples, say), withdraw(installation, load, 60, withdrawals))
        asyncio.run(all_at_once())
        status = installation.stop()
        answers = calibration.answers | load.answers
        wrong = calibration.wrong + load.wrong
        if wrong:
            raise Wrong(f"{len(wrong)} wrong answers, such as\n  " + "\n  ".join(wrong[:5]))
        if status != 0:
            raise Wrong(f"the gateway ended with {status} instead of draining; see {installation.log}")
        steady(samples, memory)
        calls = installation.examine(answers)
        statuses = {}
        for (_, status), count in load.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
        if statuses.get(200, 0) * 2 < sum(statuses.values()):
            raise Wrong(f"less than half of the calls had an answer of a backend, so this shows little: {statuses}")
        return {"seconds": seconds, "calls": load.count - calibration.count, "per_second_reached": round(reached), "statuses": dict(sorted(statuses.items())),
                "cut": load.cut, "connections": load.opened, "left": load.left, "reloads": installation.reloads, "withdrawals": len(withdrawals), "ledger_calls": calls,
                "memory_mb": [round(samples[i][0] / 2**20, 1) for i in (len(samples) // 2, -1)], "descriptors": [samples[i][1] for i in (len(samples) // 2, -1)]}
    finally:
        installation.stop()


def main():
    # Also who is ended from outside stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--share", type=float, default=0.7, help="of the calls a second that these callers reach without faults or a pace")
    parser.add_argument("--faults", type=float, default=0.1, help="share of the requests with which a backend does something wrong")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="passerelle-soak-")
    try:
        summary = run(folder, options.minutes * 60, options.connections, options.share, options.faults, say=lambda text: print(text, flush=True))
    except Wrong as wrong:
        sys.exit(f"WRONG: {wrong}\nthe data is kept in {folder}")
    rmtree(folder)
    print(json.dumps(summary, indent=1))
    print("no wrong answer, memory and descriptors as before, the ledger verified with each answer in it, usage exact")


if __name__ == "__main__":
    main()
