"""The backend behind every proxy: an nginx with one fixed answer that counts what reaches it."""
import http.client, json, os, time

from . import processes
from .templates import render

# `imsi` and `note` are no fields of the API: Passerelle takes them out, the others pass them on.
_FULL = {"lastChecked": "2024-02-20T10:41:38.657Z", "imeisv": "4901542032375181", "imei": "490154203237518", "tac": "49015420",
         "model": "3110", "manufacturer": "Nokia", "imsi": "208010123456789", "note": "an answer of about 250 bytes, as backends give them"}
ANSWER = json.dumps(_FULL, separators=(",", ":"))
RELEASED = {name: value for name, value in _FULL.items() if name not in ("imsi", "note")}


class Backend:
    def __init__(self, folder):
        self.port, self._asked = processes.free_port(), 0
        configuration = os.path.join(folder, "backend.conf")
        render("backend.conf", configuration, {"DIR": folder, "PORT": self.port, "ANSWER": ANSWER})
        errors = os.path.join(folder, "backend.err")
        self.process = processes.start(f"nginx -c {configuration}", processes.LOAD_CPU, os.devnull, errors)
        processes.wait_for_port(self.port, self.process, errors)

    def count(self):
        """Requests for the API that reached it so far. The question itself is not counted."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/requests")
        total = int(connection.getresponse().read().split(b"\n")[2].split()[2])
        connection.close()
        self._asked += 1
        return total - self._asked

    def settled_count(self):
        """The same, once nothing comes any more: what a load left behind when it ended still goes through the proxy."""
        last, equal = self.count(), 0
        for _ in range(250):
            time.sleep(0.05)
            last, before = self.count(), last
            equal = equal + 1 if last == before else 0
            if equal == 3:  # a proxy may have to wait for its processor
                break
        return last
