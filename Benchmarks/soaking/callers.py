"""Callers who know what each of their calls may be answered, and clients that leave in the middle."""
import asyncio, json, random, time

from .backend import identity

VERSION = "/device-identifier/v0.3"
IDENTIFIER, TYPE = VERSION + "/retrieve-identifier", VERSION + "/retrieve-type"
SEEN = {IDENTIFIER: ("lastChecked", "imei", "imeisv", "tac", "model", "manufacturer"), TYPE: ("lastChecked", "tac", "model", "manufacturer")}
# What a backend's fault, or too much to do, may become; nothing else does.
FAULT_STATUSES = {500, 502, 503, 504}


class Caller:
    """One kind of caller: a token, a request, and the one status that it is answered unless a backend fails."""

    def __init__(self, name, token, path, status=200, number=None, body=b"{}", recorded=True):
        self.name, self.token, self.path, self.status, self.number, self.body, self.recorded = name, token, path, status, number, body, recorded

    def request(self, correlator):
        token = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        return (f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\n{token}Content-Type: application/json\r\nx-correlator: {correlator}\r\n"
                f"Content-Length: {len(self.body)}\r\n\r\n").encode() + self.body

    def fault(self, status, fields, body, correlator):
        """What is wrong with an answer; nil when nothing is."""
        if fields.get("x-correlator") != correlator:
            return f"the correlator of another call: {fields.get('x-correlator')}"
        try:
            answer = json.loads(body)
        except ValueError:
            return f"no JSON: {body[:200]}"
        if status == 200:
            if self.status != 200:
                return f"answered although it is {self.status}: {sorted(answer)}"
            known = identity(self.number)
            expected = {name: known[name] for name in SEEN[self.path]}
            return None if answer == expected else f"another answer than this caller may see: {answer}"
        if set(answer) != {"status", "code", "message"} or answer["status"] != status:
            return f"an error in another form: {body[:200]}"
        # Who may not see anything hears so before a backend is asked; only too much to do comes earlier.
        allowed = FAULT_STATUSES if self.status == 200 else {self.status, 503} | ({429} if self.status == 401 else set())
        return None if status in allowed else f"{status} {answer['code']}"


class Load:
    """Callers on kept connections, at a pace; and what they were told."""

    def __init__(self, port, context, callers, connections):
        self.port, self.context, self.callers, self.connections = port, context, callers, connections
        self.answers, self.statuses, self.wrong = {}, {}, []
        self.per_second, self.ends, self.count, self.cut, self.opened, self.left = None, 0, 0, 0, 0, 0

    async def run(self, seconds, per_second=None, leaving=0):
        self.per_second, self.ends = per_second, time.monotonic() + seconds
        await asyncio.gather(*(self.call(number) for number in range(self.connections)), *(self.leave(number) for number in range(leaving)))

    async def open(self):
        self.opened += 1
        return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port, ssl=self.context, server_hostname="localhost"), 20)

    async def call(self, number):
        choose, stream = random.Random(number), None
        interval = self.connections / self.per_second if self.per_second else 0
        due = time.monotonic() + choose.random() * interval
        while time.monotonic() < self.ends:
            if interval:
                await asyncio.sleep(max(0, due - time.monotonic()))
                # Who was held up does not make up for it all at once.
                due = max(due + interval, time.monotonic() - 4 * interval)
            try:
                stream = stream or await self.open()
                await self.once(stream, choose.choice(self.callers))
                # Now and then a new connection, with the certificate of that second.
                if choose.random() < 0.01:
                    stream[1].close()
                    stream = None
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, TimeoutError):
                self.cut += 1
                if stream:
                    stream[1].transport.abort()
                stream = None
        if stream:
            stream[1].close()

    async def once(self, stream, caller):
        reader, writer = stream
        self.count += 1
        correlator = f"soak-{self.count}"
        writer.write(caller.request(correlator))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await asyncio.wait_for(reader.readexactly(int(fields.get("content-length", 0))), 20)
        status = int(first.split()[1])
        self.statuses[caller.name, status] = self.statuses.get((caller.name, status), 0) + 1
        if fault := caller.fault(status, fields, body, correlator):
            self.wrong.append(f"{caller.name} {correlator}: {fault}")
        if caller.recorded:
            self.answers[correlator] = status
        if fields.get("connection", "").lower() == "close":
            raise asyncio.IncompleteReadError(b"", None)

    async def leave(self, number):
        """Connects, says something, and is gone: before the handshake, in a head, in a body, before the answer, in the answer."""
        choose = random.Random(1000 + number)
        while time.monotonic() < self.ends:
            try:
                if choose.random() < 0.2:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.write(bytes([22, 3, 1]) + bytes(choose.randrange(256) for _ in range(choose.randrange(40))))
                else:
                    reader, writer = await self.open()
                    request = choose.choice(self.callers).request(f"left-{number}-{self.left}")
                    writer.write(request[:choose.randrange(len(request) + 1)] if choose.random() < 0.5 else request)
                    if choose.random() < 0.5:
                        await asyncio.wait_for(reader.read(choose.randrange(1, 300)), choose.uniform(0, 0.3))
            except (OSError, TimeoutError, asyncio.TimeoutError):
                pass
            else:
                writer.transport.abort() if choose.random() < 0.7 else writer.close()
            self.left += 1
            await asyncio.sleep(choose.uniform(0.02, 0.2))
