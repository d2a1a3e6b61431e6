"""Single calls: that a proxy answers right, and which tokens it takes and refuses."""
import http.client, json, socket, ssl

from . import backend
from .processes import Failure

PATH = "/device-identifier/v0.3/retrieve-identifier"


def call(port, token, tls=False):
    """One call on a connection of its own; (status, body)."""
    connection = (http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=ssl._create_unverified_context()) if tls
                  else http.client.HTTPConnection("127.0.0.1", port, timeout=10))
    fields = {"Content-Type": "application/json", "Accept": "application/json"}
    if token is not None:
        fields["Authorization"] = "Bearer " + token
    try:
        connection.request("POST", PATH, "{}", fields)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def raw(connection, token):
    """One call as the load sends it, on an open connection; the whole answer, head and body."""
    connection.sendall((f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
                        "x-correlator: b4333c46-49c0-4f62-80d7-f0ef930f1c46\r\nContent-Length: 2\r\n"
                        f"Authorization: Bearer {token}\r\n\r\n{{}}").encode())
    answer, length = b"", None
    while length is None or len(answer) < length:
        received = connection.recv(65536)
        if not received:
            raise Failure("the proxy closed a connection in the middle of an answer")
        answer += received
        head, end, _ = answer.partition(b"\r\n\r\n")
        if end:
            field = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            length = len(head) + 4 + int(field.partition(b":")[2])
    return answer


def answer_bytes(running, token):
    """Size of a right answer with its head, as the load gets it."""
    with socket.create_connection(("127.0.0.1", running.port), 10) as connection:
        if not running.tls:
            return len(raw(connection, token))
        with ssl._create_unverified_context().wrap_socket(connection) as protected:
            return len(raw(protected, token))


def resumes(running, token):
    """Whether a second TLS connection resumes the session of the first: then wrk's handshakes would not be full ones."""
    context, session = ssl._create_unverified_context(), None
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", running.port), 10) as connection:
            with context.wrap_socket(connection, session=session) as protected:
                raw(protected, token)  # tickets of TLS 1.3 come with the first data
                session, resumed = protected.session, protected.session_reused
    return resumed


def altered(token):
    """The same token with one character of its signature changed."""
    head, claims, signature = token.split(".")
    return f"{head}.{claims}.{signature[:9]}{'A' if signature[9] != 'A' else 'B'}{signature[10:]}"


def is_right(peer, status, body):
    """Passerelle releases what was consented to, the others pass on what the backend said."""
    if status != 200:
        return False
    return json.loads(body) == backend.RELEASED if peer.filters else body == backend.ANSWER


def demand(peer, running, installation):
    """A good token is answered and a forged one is not; a proxy that fails this is not measured."""
    status, body = call(running.port, installation.token(), running.tls)
    if not is_right(peer, status, body):
        raise Failure(f"{peer.name} answered {status}: {body[:300]}")
    if peer.checks_tokens:
        status, _ = call(running.port, altered(installation.token()), running.tls)
        if status != 401:
            raise Failure(f"{peer.name} answered {status} to a forged token")
    if running.tls and resumes(running, installation.token()):
        raise Failure(f"{peer.name} resumes TLS sessions")


def cases(installation):
    """(what, token, what a proxy that checks tokens must answer, what one that knows consent must answer)"""
    good = installation.token()
    head, claims, signature = good.split(".")
    other_head, other_claims, _ = installation.withdrawn.split(".")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"
    refused = {401, 403}
    return [("good", good, {200}, {200}), ("none", None, refused, refused),
            ("signature altered", altered(good), refused, refused),
            ("claims of another token", f"{head}.{other_claims}.{signature}", refused, refused),
            ("alg none", f"{unsigned}.{claims}.", refused, refused),
            ("expired", installation.expired, refused, refused),
            ("without the scope", installation.other_scope, refused, refused),
            ("consent withdrawn", installation.withdrawn, {200}, {403})]


def table(peers, installation, start):
    """Markdown: what each proxy answers to each token. Raises where one that checks tokens takes a bad one."""
    rows = cases(installation)
    installation.wait_for_expiry()
    lines = [[what] for what, *_ in rows]
    wrong = []
    for peer in peers:
        with start(peer) as running:
            for line, (what, token, checked, consented) in zip(lines, rows):
                status, body = call(running.port, token)
                wanted = consented if peer.filters else checked if peer.checks_tokens else {200}
                if status not in wanted or status == 200 and not is_right(peer, status, body):
                    wrong.append(f"{peer.name}, token {what}: {status}")
                line.append(str(status))
    if wrong:
        raise Failure("; ".join(wrong))
    heading = ["token", *(peer.name for peer in peers)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [heading, ["---"] * len(heading), *lines])
