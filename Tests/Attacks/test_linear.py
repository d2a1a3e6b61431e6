"""Texts of any length that strangers choose are read in linear time (A36): by counted instructions, never by a clock.

The gateway runs under callgrind. A request with a text of n, 2n and 4n characters must not cost more than in proportion; the same text
that is refused early costs less.
"""
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
import requests

from harness import ALICE, BINARY, IDENTIFIER, PURPOSE, V03, Demo, wait_ready
from test_wire import raw, statuses

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("valgrind", "callgrind_control", "strip", "clang"))), reason="valgrind is not there: .ci/install test installs it")


# Valgrind writes into the set of signals that libdispatch lends it from memory that cannot be written. This lends it a copy.
SHIM = """
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
int sigsuspend(const sigset_t *mask) { sigset_t copy = *mask; return syscall(SYS_rt_sigsuspend, &copy, 8); }
"""


class Counted:
    """A gateway whose instructions are counted."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.demo = Demo(folder).start()
        self.demo.token(ALICE)
        # It outlives what valgrind takes.
        self.token = self.demo.command("token", "issue", "--client", "demo-all", "--subject", f"tel:{ALICE}", "--scope", f"{PURPOSE} {IDENTIFIER}", "--ttl",
                                       "24h").stdout.strip()
        self.demo.stop()
        # Valgrind does not understand Swift's debug information.
        stripped = self.folder + "/passerelle"
        subprocess.run(["strip", "--strip-debug", "-o", stripped, BINARY], check=True)
        subprocess.run(["clang", "-x", "c", "-", "-shared", "-fPIC", "-o", self.folder + "/shim.so"], input=SHIM, text=True, check=True)
        self.process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.folder}/counts.%p", "--dump-instr=no", "--separate-threads=no", stripped, "serve",
             "--config", self.demo.configuration], stdout=subprocess.PIPE, stderr=open(self.folder + "/valgrind", "w"), text=True,
            env=os.environ | {"LD_PRELOAD": self.folder + "/shim.so"})
        wait_ready(self.process, 240)

    def control(self, *words):
        subprocess.run(["callgrind_control", *words, str(self.process.pid)], check=True, capture_output=True, timeout=60)

    def instructions(self, data, times=2):
        """Of one exchange, the least of several, for other threads have work of their own; with the statuses that it was answered."""
        least = None
        for _ in range(times):
            before = self.total()
            answer, _ = raw(self.demo.port, data, 60)
            spent = self.total() - before
            least = spent if least is None else min(least, spent)
        return least, statuses(answer)

    def total(self):
        """All instructions until now."""
        shown = subprocess.run(["callgrind_control", "-e", str(self.process.pid)], check=True, capture_output=True, text=True, timeout=60).stdout
        return sum(int(number.replace(",", "")) for number in re.findall(r"^\s*Th\s*\d+\s+([\d,]+)", shown, re.M))

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    running = Counted(tmp_path_factory.mktemp("counted"))
    yield running
    running.stop()


def request(path=V03 + "/retrieve-identifier", head="", body="{}", kind="application/json", token=""):
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{head}\r\n{body}").encode()


def form(**parameters):
    return request("/token", body="&".join(f"{name}={value}" for name, value in parameters.items()), kind="application/x-www-form-urlencoded")


GRANT = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
TEXTS = {
    # Up to what a head may be, 16 KB, and a target, 8 KB.
    "path": (1500, lambda n, t: request("/" + "a/" * (n // 2))),
    "path below an API": (1500, lambda n, t: request(V03 + "/x" * (n // 2))),
    "escapes in a path": (1500, lambda n, t: request(V03 + "/" + "%2e" * (n // 3))),
    "query": (1500, lambda n, t: request(V03 + "/retrieve-identifier?" + "a=b&" * (n // 4), token=t)),
    "one parameter": (1500, lambda n, t: request(V03 + "/retrieve-identifier?a=" + "%41" * (n // 3), token=t)),
    "correlator": (3000, lambda n, t: request(head="X-Correlator: " + "a" * n + "\r\n", token=t)),
    "Accept": (3000, lambda n, t: request(head="Accept: " + "a/b;q=0.1," * (n // 10) + "*/*\r\n", token=t)),
    "Content-Type": (3000, lambda n, t: request(kind="application/json" + ";a=b" * (n // 4), token=t)),
    "Connection": (3000, lambda n, t: request(head="Connection: " + "a," * (n // 2) + "\r\n", token=t)),
    "cookies": (3000, lambda n, t: request("/subscriber", head="Cookie: " + "a=b; " * (n // 5) + "\r\n", kind="application/x-www-form-urlencoded")),
    "dots in a token": (1900, lambda n, t: request(token="." * n)),
    "token": (1900, lambda n, t: request(token="eyJhbGciOiJFUzI1NiJ9." + "e" * n + ".AAAA")),
    "proof": (1900, lambda n, t: request(head="DPoP: eyJhbGciOiJFUzI1NiJ9." + "e" * n + ".AAAA\r\n", token=t)),
    "fields": (20, lambda n, t: request(head="".join(f"X-{i}: a\r\n" for i in range(n)))),
    # 64 KB and more, in bodies.
    "scope": (16_000, lambda n, t: form(grant_type="client_credentials", client_id="demo-all", scope="a+" * (n // 2) + "a")),
    "one scope": (16_000, lambda n, t: form(grant_type="client_credentials", client_id="demo-all", scope="a" * n)),
    "assertion": (16_000, lambda n, t: form(grant_type=GRANT, assertion="e" * n + ".e.e")),
    "names of a form": (16_000, lambda n, t: form(**{"a" * n: "b"})),
    "pairs of a form": (30, lambda n, t: form(**{f"a{i}": "b" for i in range(n)})),
    "JSON string": (16_000, lambda n, t: request(body='{"a":"' + "\\u0041" * (n // 6) + '"}', token=t)),
    "JSON keys": (16_000, lambda n, t: request(body="{" + ",".join(f'"k{i:07}":1' for i in range(n // 12)) + "}", token=t)),
    "JSON keys that look alike": (16_000, lambda n, t: request(body="{" + ",".join(f'"aaaaaaaa{i:07}bbbbbbbb":1' for i in range(n // 27)) + "}", token=t)),
    "JSON arrays": (16_000, lambda n, t: request(body='{"a":[' + "[]," * (n // 3) + "1]}", token=t)),
    "JSON depth": (16_000, lambda n, t: request(body="[" * n, token=t)),
    "JSON number": (16_000, lambda n, t: request(body='{"a":' + "1" * n + "}", token=t)),
    "JSON white space": (16_000, lambda n, t: request(body="{" + " \n" * (n // 2) + "}", token=t)),
    "number of a subscriber": (16_000, lambda n, t: request(body='{"device":{"phoneNumber":"+' + "1" * n + '"}}', token=t)),
    "address of a subscriber": (16_000, lambda n, t: request(body='{"device":{"ipv6Address":"' + ":" * n + '"}}', token=t)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a36_a_text_costs_in_proportion_to_its_length(counted, name):
    count, make = TEXTS[name]
    texts = [make(length, counted.token) for length in (count, 2 * count, 4 * count)]
    costs = [counted.instructions(text) for text in texts]
    for _ in range(4):
        if in_proportion(*(spent for spent, _ in costs)):
            break
        # What else the process had to do is counted too, and more rarely each time.
        costs = [(min(spent, counted.instructions(text)[0]), found) for (spent, found), text in zip(costs, texts)]
    print(name, costs)
    (one, first), (two, second), (four, third) = costs
    assert first and first == second == third, f"answered differently: {costs}"
    assert in_proportion(one, two, four), f"{name}: {one}, {two}, {four} instructions"


def in_proportion(one, two, four):
    """Twice as long costs twice as much when it is linear, four times as much when it is quadratic. A million is what else may run."""
    return two <= 2.6 * one + 1_000_000 and four <= 2.6 * two + 1_000_000


def test_a36_64_kilobytes_in_a_head_are_refused_before_they_are_there(counted):
    for data, status in ((request("/" + "a" * 65_536), 414), (request(head="X-Correlator: " + "a" * 65_536 + "\r\n"), 431)):
        cost, found = counted.instructions(data)
        assert found == [status] and cost < 20_000_000
