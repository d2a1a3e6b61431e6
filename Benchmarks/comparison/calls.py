"""Single calls: that a proxy answers right, and which tokens it takes and refuses."""
import http.client, json, ssl

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
