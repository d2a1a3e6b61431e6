"""System calls per call of each proxy, counted by strace: one token, 64 connections. strace slows everything, so batches are larger."""
import os, re, signal, subprocess, time

from . import load, processes

SECONDS = 2


def table(peers, fleet, installation):
    lines = ["| proxy | system calls per call | of them |", "|---|---|---|"]
    for peer in peers:
        with fleet.running(peer) as running:
            load.saturate(running, installation.tokens["one"], "one", 64, 1)
            output = os.path.join(running.folder, "strace.txt")
            pids = [word for pid in processes.tree(running.process.pid) for word in ("-p", str(pid))]
            tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", output, *pids], stderr=subprocess.DEVNULL)
            time.sleep(0.7)
            result = load.saturate(running, installation.tokens["one"], "one", 64, SECONDS)
            tracer.send_signal(signal.SIGINT)
            tracer.wait(20)
            counts = sorted(((int(count), name) for count, name in re.findall(r"^\s*(\d+)\s+(\w+)\s*$", processes.read(output), re.M)
                             if name != "total"), reverse=True)
        total = sum(count for count, _ in counts) / result["calls"]
        shares = ", ".join(f"{name} {count / result['calls']:.2f}" for count, name in counts if count / result["calls"] >= 0.005)
        lines.append(f"| {peer.name} | {total:.1f} | {shares} |")
    return "\n".join(lines)
