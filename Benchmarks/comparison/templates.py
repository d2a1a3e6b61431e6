"""Configuration files of `Benchmarks/peers` with their @NAMES@ filled in."""
import os, re

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers")


def fill(text, values):
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def render(template, target, values, flags=()):
    """A line that begins with %flag% is kept only where the flag is set, one with %!flag% only where it is not.

    The flag `root` is set where this runs as root: nginx then keeps its worker root, which may read the benchmark's folder.
    """
    flags, kept = {*flags, *(["root"] if os.geteuid() == 0 else [])}, []
    with open(os.path.join(FOLDER, template)) as f:
        for line in f.read().split("\n"):
            if match := re.match(r"%(!?)(\w+)%(.*)", line):
                if (match[2] in flags) == bool(match[1]):
                    continue
                line = match[3]
            kept.append(line)
    with open(target, "w") as f:
        f.write(fill("\n".join(kept), values))
