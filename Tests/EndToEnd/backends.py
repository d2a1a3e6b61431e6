"""Backends that do what a test tells them: answer, hang, drop, trickle, flood, lie, die and return on the same port."""
import json, socket, struct, threading, time

GOOD = json.dumps({"lastChecked": "2024-02-20T10:41:38.657Z", "imei": "490154203237518", "tac": "49015420", "model": "3110"}).encode()


def whole(status="200 OK", body=GOOD):
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


class Backend:
    """`behave` takes a connection with a request read from it, and says whether the connection goes on."""

    def __init__(self, port=0, host="127.0.0.1"):
        self.host, self.port = host, port
        self.behave = self.good
        self.calls = 0
        self.open = set()
        self.server = None
        self.rise()

    def rise(self):
        self.server = socket.create_server((self.host, self.port), backlog=256)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.server,), daemon=True).start()

    def die(self):
        """Nobody listens any more, and what is open is reset."""
        server, self.server = self.server, None
        if server:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        for connection in list(self.open):
            self.reset(connection)

    stop = die

    def accept(self, server):
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            while self.request(connection):
                self.calls += 1
                if not self.behave(connection):
                    break
        except OSError:
            pass
        finally:
            self.open.discard(connection)
            connection.close()

    @staticmethod
    def request(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return False
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields.get(b"content-length", 0))
        while len(body) < length:
            body += connection.recv(65536)
        return True

    # What a backend may do to a call.

    @staticmethod
    def good(connection):
        connection.sendall(whole())
        return True

    @staticmethod
    def failing(connection):
        connection.sendall(whole("503 Service Unavailable", b'{"status":503,"code":"UNAVAILABLE","message":"Not now."}'))
        return True

    @staticmethod
    def dropping(connection):
        return False

    @staticmethod
    def reset(connection):
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RD)
            connection.close()
        except OSError:
            pass
        return False

    @staticmethod
    def hanging(connection):
        while connection.recv(65536):
            pass
        return False

    @staticmethod
    def trickling(connection):
        answer = whole()
        for place in range(len(answer)):
            connection.sendall(answer[place:place + 1])
            time.sleep(0.05)
        return True

    @staticmethod
    def flooding_head(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-Filler: " + b"x" * 4000 + b"\r\n")

    @staticmethod
    def flooding_interim(connection):
        while True:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100)

    @staticmethod
    def flooding_body(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    @staticmethod
    def flooding_without_length(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            connection.sendall(b" " * 0x10000)

    @staticmethod
    def announcing_too_much(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n" + GOOD)
        return True

    @staticmethod
    def announcing_more_than_it_has(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n" + GOOD)
        return False

    @staticmethod
    def announcing_less_than_it_has(connection):
        """What follows is no part of the answer, nor of the next one."""
        connection.sendall(whole() + whole(body=b'{"imei":"999999999999999"}'))
        return True
