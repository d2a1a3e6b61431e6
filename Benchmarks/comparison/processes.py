"""Processes of the benchmark: started on a processor of their own, stopped by their id, measured from /proc."""
import os, re, resource, shlex, signal, socket, subprocess, time

TICKS = os.sysconf("SC_CLK_TCK")
PROXY_CPU, LOAD_CPU = 0, 1
_started = []


class Failure(Exception):
    """Something did not start, answer or count as it must: the run is worth nothing."""


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except (OSError, UnicodeDecodeError):
        return ""


def tree(pid):
    """The process and all its living descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := read(f"/proc/{entry}/stat")):
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu_seconds(pid):
    """User and system seconds of the process and its descendants, ended children included."""
    user = system = 0
    for process in tree(pid):
        fields = read(f"/proc/{process}/stat").rpartition(")")[2].split()
        if fields:
            user, system = user + int(fields[11]) + int(fields[13]), system + int(fields[12]) + int(fields[14])
    return user / TICKS, system / TICKS


def resident_mib(pid):
    """Resident memory (RSS), added up over the tree; what processes share counts in each."""
    found = (re.search(r"^VmRSS:\s+(\d+)", read(f"/proc/{process}/status"), re.M) for process in tree(pid))
    return sum(int(match[1]) for match in found if match) / 1024


def machine_seconds():
    """Seconds that all processors together were busy; what the host took away (steal)."""
    fields = [int(word) for word in read("/proc/stat").split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + fields[5] + fields[6]) / TICKS, fields[7] / TICKS


def own_seconds():
    """What this program and its ended children (wrk) used."""
    return sum(os.times()[:4])


class Clock:
    """Processor time of everything from now on; of a proxy and the backend apart, where there are any."""

    def __init__(self, proxy=None, backend=None):
        self._pids = proxy, backend
        self._before = self._read()

    def _read(self):
        proxy, backend = (cpu_seconds(pid) if pid else (0, 0) for pid in self._pids)
        return (*proxy, sum(backend), own_seconds(), *machine_seconds(), time.monotonic())

    def stopped(self):
        user, system, backend, own, machine, steal, elapsed = (after - before for after, before in zip(self._read(), self._before))
        # Of one processor: what neither proxy nor backend nor load used. The disk's work for a durable log is in it.
        other = max(0, machine - user - system - backend - own) / elapsed
        return {"user": user, "system": system, "backend": backend, "other": other, "steal": steal / elapsed}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def raise_descriptor_limit():
    """A thousand connections are two thousand descriptors in a proxy; children inherit the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def start(command, cpu, output, errors):
    """Starts a server in a session of its own, on one processor."""
    words = command if isinstance(command, list) else shlex.split(command)
    with open(output, "wb") as out, open(errors, "wb") as err:
        process = subprocess.Popen(["taskset", "-c", str(cpu), *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   start_new_session=True)
    _started.append(process)
    return process


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            for pid in reversed(tree(process.pid)):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait(5)
    if process in _started:
        _started.remove(process)


def stop_all():
    for process in _started[:]:
        stop(process)


def wait_for_port(port, process, errors, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 0.3).close()
            return
        except OSError:
            time.sleep(0.02)
    stop(process)
    raise Failure(f"{process.args[3]} did not start: {read(errors)[-1500:]}")
