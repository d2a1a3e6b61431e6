"""Load on a running proxy, from the other processor: wrk's closed loop, or latency.lua."""
import json, os, re, signal, subprocess, time

from . import calls
from .processes import Failure

HERE = os.path.dirname(os.path.abspath(__file__))


def saturate(running, tokens, mode, connections, seconds, close=False):
    """Each connection sends its next call when it has its answer. `mode` is saturate.lua's."""
    done = os.path.join(running.folder, "tokens-used-up")
    environment = {"TOKENS": tokens, "MODE": mode, "PATH": calls.PATH, "CLOSE": "1" if close else "0", "DONE": done}
    return _run("saturate.lua", environment, running, connections, seconds, done if mode == "once" else None)


def latency(running, tokens, connections, seconds, rate=0):
    """Latencies of single calls in microseconds; at `rate` calls per second, or closed for 0. Without TLS."""
    environment = {"TOKENS": tokens, "PATH": calls.PATH, "PORT": str(running.port), "CONNECTIONS": str(connections),
                   "SECONDS": str(seconds), "RATE": str(rate)}
    return _run("latency.lua", environment, running, 1, seconds)


def _run(script, environment, running, connections, seconds, done=None):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", os.path.join(HERE, script),
               f"http{'s' if running.tls else ''}://127.0.0.1:{running.port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env={**os.environ, **{f"COMPARE_{name}": value for name, value in environment.items()}})
    end = time.monotonic() + seconds + 20
    try:
        while done and process.poll() is None and time.monotonic() < end:
            if os.path.exists(done):
                time.sleep(0.1)
                process.send_signal(signal.SIGINT)  # wrk would wait for the end of its time
                break
            time.sleep(0.02)
        output = process.communicate(timeout=max(1, end - time.monotonic()))[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failure(f"{script} did not end: {process.communicate()[0][-500:]}") from None
    found = re.search(r"RESULT (\{.*\})", output)
    if not found:
        raise Failure(f"{script} failed: {output[-500:]}")
    return json.loads(found[1])
