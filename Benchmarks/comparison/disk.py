"""What one flush costs on the disk that holds the ledger: a peer with a durable log would pay it too."""
import os, time

from . import processes


def flush_microseconds(folder, byte_count, count=300, seconds=2.0):
    """Appending so many bytes and fdatasync, on the proxy's processor: latencies, sorted, at least 20; and what else the machine did."""
    path = os.path.join(folder, "flush")
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    mine, data, found = os.sched_getaffinity(0), b"x" * byte_count, []
    os.sched_setaffinity(0, {processes.PROXY_CPU})
    clock = processes.Clock()
    try:
        end = time.monotonic() + seconds
        while len(found) < count and (len(found) < 20 or time.monotonic() < end):
            begun = time.perf_counter_ns()
            os.write(descriptor, data)
            os.fdatasync(descriptor)
            found.append((time.perf_counter_ns() - begun) / 1000)
    finally:
        os.sched_setaffinity(0, mine)
        os.close(descriptor)
        os.unlink(path)
    return {"us": sorted(found), "other": clock.stopped()["other"]}


def quantile(ordered, p):
    return ordered[min(len(ordered) - 1, int(len(ordered) * p))]


def sum_quantile(one, other, p):
    """The quantile of a sum of two independent latencies, from samples of each: not the sum of their quantiles, which is larger."""
    step = max(1, len(other) // 300)
    sums = sorted(a + b for a in one for b in other[step // 2::step])
    return quantile(sums, p)
