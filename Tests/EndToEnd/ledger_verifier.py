"""A second verifier of the ledger, written from docs/ledger-format.md alone."""
import hashlib, json, os, re

from joserfc import jws
from joserfc.jwk import ECKey


class Broken(Exception):
    pass


def sha256(data):
    return hashlib.sha256(data).digest()


def tree(leaves):
    """RFC 6962 §2.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree(leaves[:split]) + tree(leaves[split:]))


def leaf(line):
    return sha256(b"\x00" + line)


def opened(text, key, typ="ledger-seal+jwt"):
    try:
        token = jws.deserialize_compact(text.encode(), key, algorithms=["ES256"])
    except Exception as error:
        raise Broken(f"it is not by the audit key: {error}")
    if token.headers().get("typ") != typ:
        raise Broken("it is typed as something else")
    return json.loads(token.payload)


def verify(folder, key, kept=()):
    """Gives (entries, seals); raises Broken."""
    key = ECKey.import_key(key)
    segments = sorted((n for n in os.listdir(folder) if re.fullmatch(r"\d{12,}\.jsonl", n)), key=lambda n: int(n[:-6]))
    sealed = {n[:-5] for n in os.listdir(folder + "/seals") if n.endswith(".seal")} if os.path.isdir(folder + "/seals") else set()
    sequence, previous, seal_before, seals, gap = 0, "0" * 64, "0" * 64, 0, False
    texts = {}
    if os.path.exists(folder + "/retention.jws"):
        mark = opened(open(folder + "/retention.jws").read().strip(), key, "ledger-retention+jwt")
        for segment in sorted((s for s in sealed if int(s[:-6]) <= mark["last"]), key=lambda s: int(s[:-6])):
            text = open(os.path.join(folder, "seals", segment + ".seal")).read().rstrip("\n")
            seal = opened(text, key)
            if (seal["segment"], seal["first"], seal["previous"]) != (segment, sequence + 1, seal_before):
                raise Broken(f"{segment}: a seal of what was removed is missing")
            sequence, seal_before, texts[segment], seals = seal["last"], sha256(text.encode()).hex(), text, seals + 1
        if (sequence, seal_before) != (mark["last"], mark["seal"]):
            raise Broken("the seals of what was removed are not all there")
        previous, removed = mark["hash"], sequence
        segments = [s for s in segments if int(s[:-6]) > removed]
        sealed = {s for s in sealed if int(s[:-6]) > removed}
    for segment in segments:
        if int(segment[:-6]) != sequence + 1:
            raise Broken(f"{segment}: does not begin with entry {sequence + 1}")
        lines = open(os.path.join(folder, segment), "rb").read().split(b"\n")
        unfinished = lines.pop()
        if unfinished and segment != segments[-1]:
            raise Broken(f"{segment}: its last line has no end")
        for line in lines:
            entry = json.loads(line)
            if entry["seq"] != sequence + 1 or entry["prev"] != previous:
                raise Broken(f"{segment}: entry {sequence + 1} does not follow")
            sequence, previous = sequence + 1, sha256(line).hex()
        if segment == segments[-1]:
            if segment in sealed:
                raise Broken(f"{segment}: sealed, and nothing follows")
            break
        if segment not in sealed:
            gap = True
            continue
        if gap:
            raise Broken(f"{segment}: a seal before it is missing")
        text = open(os.path.join(folder, "seals", segment + ".seal")).read().rstrip("\n")
        seal = opened(text, key)
        if (seal["segment"], seal["first"], seal["last"]) != (segment, int(segment[:-6]), sequence):
            raise Broken(f"{segment}: its seal is of other entries")
        if seal["previous"] != seal_before or seal["root"] != tree([leaf(line) for line in lines]).hex():
            raise Broken(f"{segment}: is not what was sealed")
        seal_before, texts[segment], seals = sha256(text.encode()).hex(), text, seals + 1
    if sealed - set(segments):
        raise Broken("a sealed segment is missing")
    for text in kept:
        if texts.get(opened(text.strip(), key)["segment"]) != text.strip():
            raise Broken("a seal that was kept is not the one that is there")
    return sequence, seals


def prove(proof, key):
    """Raises Broken unless the entry is in its sealed segment (RFC 9162 §2.1.3.2)."""
    seal = opened(proof["seal"], ECKey.import_key(key))
    line = proof["line"].encode()
    index, last = proof["seq"] - seal["first"], seal["last"] - seal["first"]
    if not 0 <= index <= last or json.loads(line)["seq"] != proof["seq"]:
        raise Broken("the line is not the entry")
    digest = leaf(line)
    for sibling in map(bytes.fromhex, proof["path"]):
        if last == 0:
            raise Broken("the path is too long")
        if index % 2 or index == last:
            digest = sha256(b"\x01" + sibling + digest)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            digest = sha256(b"\x01" + digest + sibling)
        index, last = index // 2, last // 2
    if last or digest.hex() != seal["root"]:
        raise Broken("the entry is not in the tree")
