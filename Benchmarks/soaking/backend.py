"""A backend of device-identifier that mostly answers, and fails in all the ways in which backends do.

    python3 -m soaking.backend PORT SEED [FAULTS]

FAULTS is the share of requests that go wrong. Whatever it answers is made from the number in the request, so that an answer that reached
somebody else can be told.
"""
import asyncio, json, logging, random, sys

FAULTS = ("status", "reset", "half", "short", "long", "hang", "trickle", "no-json", "other-shape", "missing", "twice", "bad-chunks", "garbage",
          "silent-close", "until-close", "chunked", "late")
# These come whole, in another form or later.
HARMLESS = ("until-close", "chunked", "late")


def identity(number):
    """All that a backend knows of a subscriber: more than anybody may see."""
    tail = number[-7:]
    return {"imsi": "2080" + tail, "lastChecked": "2024-02-20T10:41:38.657Z", "imei": "49015420" + tail, "imeisv": "490154200" + tail, "tac": "4" + tail,
            "model": "model " + tail, "manufacturer": "maker " + tail, "location": {"imei": "49015420" + tail}, "msisdn": number}


class Backend:
    def __init__(self, port, seed, faults):
        self.port, self.faults, self.random = port, faults, random.Random(seed)
        self.writers = set()

    async def run(self):
        """Serves, and now and then is gone for a while, with all its connections."""
        while True:
            server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, reuse_address=True, backlog=1024)
            await asyncio.sleep(self.random.uniform(4, 12) if self.faults else 1e9)
            server.close()
            for writer in list(self.writers):
                writer.transport.abort()
            await asyncio.sleep(self.random.uniform(0.1, 0.8))

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
                body = await reader.readexactly(length)
                number = json.loads(body)["device"]["phoneNumber"]
                answer = json.dumps(identity(number)).encode()
                fault = self.random.choice(FAULTS) if self.random.random() < self.faults else None
                if not await self.answer(reader, writer, answer, fault):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, OSError, asyncio.LimitOverrunError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    @staticmethod
    def whole(body, status=b"200 OK", length=None):
        return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body) if length is None else length) + body

    async def answer(self, reader, writer, body, fault):
        """True when the connection goes on."""
        whole, head = self.whole(body), b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        match fault:
            case "status":
                writer.write(self.whole(body, self.random.choice((b"500 No", b"503 No", b"404 No", b"302 No", b"206 No"))))
            case "reset":
                writer.transport.abort()
            case "half":
                writer.write(whole[:self.random.randrange(1, len(whole))])
            case "short":
                writer.write(self.whole(body, length=len(body) - 5))
            case "long":
                writer.write(self.whole(body, length=len(body) + 7))
            case "hang":
                await asyncio.sleep(5)
            case "trickle":
                for index in range(len(whole)):
                    if writer.is_closing():
                        return False
                    writer.write(whole[index:index + 1])
                    await asyncio.sleep(0.02)
            case "no-json":
                writer.write(self.whole(b"<html>" + body + b"</html>"))
            case "other-shape":
                writer.write(self.whole(b"[" + body + b"]"))
            case "missing":
                writer.write(self.whole(b'{"imsi":"208010000000000"}'))
            case "twice":
                writer.write(whole + self.whole(json.dumps(identity("+33600000000")).encode()))
            case "bad-chunks":
                writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + body)
            case "garbage":
                writer.write(bytes(self.random.randrange(256) for _ in range(300)))
            case "silent-close":
                pass
            case "until-close":
                writer.write(head + b"Connection: close\r\n\r\n" + body)
            case "chunked":
                writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            case _:
                if fault == "late":
                    await asyncio.sleep(self.random.uniform(0, 0.4))
                writer.write(whole)
        await writer.drain()
        return fault in (None, "status", "no-json", "other-shape", "missing", "chunked", "late", "trickle")


if __name__ == "__main__":
    # That a peer is gone while it is written to belongs to the game.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    port, seed = int(sys.argv[1]), int(sys.argv[2])
    asyncio.run(Backend(port, seed, float(sys.argv[3]) if len(sys.argv) > 3 else 0.1).run())
