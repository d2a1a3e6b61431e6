"""What the image promises, without a container engine: the program alone on a read-only root, as a user without privileges, with no shell and
no file of its own but those in /data."""
import json, os, re, shutil, signal, subprocess

import pytest
import requests

from harness import BINARY, REPOSITORY, free_port, wait_ready

DOCKERFILE = os.path.join(REPOSITORY, "deploy", "Dockerfile")
USER = 10001

# In a mount namespace of its own: the root read-only, /data and nothing else to write.
ENTER = """
set -e
mount --bind "$1" "$1"
mkdir -p "$1/proc" "$1/dev"
mount --rbind /dev "$1/dev"
mount --rbind /proc "$1/proc"
mount --bind "$2" "$1/data"
mount -o remount,bind,ro "$1"
exec setpriv --no-new-privs chroot --userspec=%d:%d "$1" /usr/bin/passerelle "${@:3}"
""" % (USER, USER)


@pytest.fixture
def image(tmp_path):
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "ldd"))):
        pytest.skip("no root, unshare, setpriv or ldd: the image's promises are not tested")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here: the image's promises are not tested")
    root, data = tmp_path / "root", tmp_path / "volume"
    for folder in ("usr/bin", "usr/share/passerelle", "etc/passerelle", "data"):
        os.makedirs(root / folder)
    shutil.copy(BINARY, root / "usr/bin/passerelle")
    for library in re.findall(r"(/\S+)", subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=True).stdout):
        os.makedirs(os.path.dirname(f"{root}{library}"), exist_ok=True)
        shutil.copy(os.path.realpath(library), f"{root}{library}")
    shutil.copytree(os.path.join(REPOSITORY, "policies"), root / "usr/share/passerelle/policies")
    os.mkdir(data, 0o700)
    os.chown(data, USER, USER)
    os.chmod(tmp_path, 0o755)
    return Image(root, data)


class Image:
    def __init__(self, root, data):
        self.root, self.data, self.port, self.admin_port = root, data, free_port(), free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        with open(root / "etc/passerelle/passerelle.json", "w") as file:
            json.dump({"issuer": self.issuer, "listen": {"port": self.port}, "admin": {"port": self.admin_port}, "data": "/data",
                       "keys": "/data/keys", "policies": "/usr/share/passerelle/policies", "upstreams": {}}, file)

    def command(self, verb, *words):
        return ["unshare", "--mount", "bash", "-c", ENTER, "enter", str(self.root), str(self.data), verb, "--config",
                "/etc/passerelle/passerelle.json", *words]

    def run(self, verb, *words):
        return subprocess.run(self.command(verb, *words), capture_output=True, text=True, timeout=60)


def test_it_serves_on_a_read_only_root_as_nobody(image):
    assert image.run("check").returncode == 0
    assert image.run("health").returncode == 1
    process = subprocess.Popen(image.command("serve"), stdout=subprocess.PIPE, text=True)
    try:
        wait_ready(process)
        assert requests.get(image.issuer + "/.well-known/openid-configuration", timeout=10).status_code == 200
        status = open(f"/proc/{process.pid}/status").read()
        assert re.search(rf"^Uid:\s+{USER}\s+{USER}\s+{USER}\s+{USER}$", status, re.M), status
        assert re.search(r"^CapEff:\s+0+$", status, re.M) and re.search(r"^CapPrm:\s+0+$", status, re.M)
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
        result = image.run("health")
        assert result.returncode == 0 and "status: ready" in result.stdout, result.stderr
        assert image.run("reload").returncode == 0
        assert {"keys", "ledger", "passerelle.sqlite", "admin-token"} <= set(os.listdir(image.data))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    # Nothing was written beside the volume.
    assert os.listdir(image.root / "data") == []


def test_the_image_is_what_is_tested_here():
    text = open(DOCKERFILE).read()
    images = re.findall(r"^FROM (\S+)", text, re.M)
    assert len(images) == 2 and all("." not in name.split("/")[0].split(":")[0] for name in images)
    assert f"USER {USER}:{USER}" in text and "--static-swift-stdlib" in text and "VOLUME /data" in text
    # The words of its instructions are given to the program, not to a shell that is not needed.
    for instruction in ("ENTRYPOINT", "CMD"):
        assert re.search(rf"^\s*{instruction} \[", text, re.M)
    ignored = open(os.path.join(REPOSITORY, ".dockerignore")).read().splitlines()
    assert "*" in ignored and not any(line.startswith("!keys") for line in ignored)
