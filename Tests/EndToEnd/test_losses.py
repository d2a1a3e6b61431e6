"""Parts of an installation that are not there: nothing begins anew beside what is left, and each message says what to restore."""
import contextlib, glob, json, os, shutil, signal, socket, sqlite3, subprocess, threading

import pytest
import requests

from harness import BINARY, IDENTIFIER, SLOW, V03, Demo, free_port
from reading_gateway import ReadingGateway, eventually


@pytest.fixture
def gateway(tmp_path):
    """One that has served, and stands still."""
    gateway = ReadingGateway(tmp_path).start()
    gateway.calls(*(f"c-{number}" for number in range(40)))
    gateway.stop()
    yield gateway
    gateway.stop()


def fails(gateway, *texts, words=("serve", "check", "clients list"), lines=1):
    """No command begins anew: each says the same, in one line unless there is more to say."""
    for verb in words:
        result = gateway.run(*verb.split(), check=False)
        assert result.returncode == 1, (verb, result.stdout)
        assert result.stderr.startswith("passerelle: ") and result.stderr.count("\n") == lines, (verb, result.stderr)
        for text in texts:
            assert text in result.stderr, (verb, result.stderr)


def inside(gateway, *path):
    return os.path.join(gateway.folder, *path)


@pytest.mark.parametrize("name", ["subject-lookup.key", "subject-sealing.key", "pairwise.key", "audit.pem", "signing.pem", ""])
def test_keys_are_not_made_anew_beside_data(gateway, name):
    path, away = inside(gateway, "keys", name).rstrip("/"), inside(gateway, "away")
    os.rename(path, away)
    fails(gateway, path + ": is missing although there is data: restore it from the backup",
          words=("serve", "check", "clients list", "audit search", "keys generate"))
    assert not os.path.exists(path)
    os.rename(away, path)
    gateway.run("check")
    gateway.start()


def test_check_names_all_that_is_missing_or_cannot_be_read(gateway):
    os.remove(inside(gateway, "keys", "audit.pem"))
    path = inside(gateway, "keys", "pairwise.key")
    os.remove(path)
    os.symlink(path, path)
    fails(gateway, "audit.pem: is missing", "pairwise.key: Too many levels of symbolic links", words=("check",), lines=2)


def test_the_key_that_rotations_make_is_made_anew_but_not_by_who_only_reads(gateway):
    path = inside(gateway, "keys", "signing-next.pem")
    os.remove(path)
    gateway.run("check")
    gateway.run("audit", "search")
    assert not os.path.exists(path)
    gateway.start()
    assert os.path.exists(path)


def test_a_lost_ledger_is_not_begun_anew_and_its_loss_can_be_accepted(gateway):
    away, last = inside(gateway, "away"), gateway.entries()[-1]["seq"]
    fails(gateway, f"nothing is lost: the ledger goes to entry {last}", words=("audit accept-loss", "audit accept-loss --yes"))
    os.rename(gateway.ledger, away)
    fails(gateway, f"the ledger ends at entry 0, but entry {last} was durable", "is its disk mounted", "accept-loss",
          words=("serve", "check", "usage rebuild", "clients list"))
    shutil.rmtree(gateway.ledger)
    os.rename(away, gateway.ledger)
    gateway.run("check")
    # The file that says where it ends may be behind after a loss of power.
    os.remove(os.path.join(gateway.ledger, "head.json"))
    gateway.run("check")
    gateway.start()
    gateway.calls("again")
    gateway.stop()
    assert gateway.json("audit", "verify")["ok"] is True
    # For good.
    last = gateway.entries()[-1]["seq"]
    shutil.rmtree(gateway.ledger)
    asked = gateway.run("audit", "accept-loss", check=False)
    assert asked.returncode == 2 and f"entries 1 to {last} are missing" in asked.stderr
    assert f"behind entry {last}" in gateway.run("audit", "accept-loss", "--yes").stdout
    gateway.start()
    gateway.calls("behind")
    gateway.stop()
    first = gateway.entries()[0]
    assert (first["event"], first["seq"], first["detail"]["last_missing"]) == ("ledger.lost", last + 1, str(last))
    assert gateway.run("audit", "verify", check=False).returncode == 1, "the gap stays to see"


def test_a_lost_database_is_not_begun_anew_beside_its_ledger(gateway):
    for path in glob.glob(inside(gateway, "data", "passerelle.sqlite*")):
        os.rename(path, inside(gateway, "away-" + os.path.basename(path)))
    # Also by who only reads: an empty one would be taken for it at the next start.
    fails(gateway, "passerelle.sqlite: is missing", words=("audit search --subject tel:+33612345678",))
    fails(gateway, "passerelle.sqlite: is missing", "is its disk mounted", gateway.ledger)
    assert not os.path.exists(inside(gateway, "data", "passerelle.sqlite"))
    os.rename(gateway.ledger, inside(gateway, "ledger-of-before"))
    gateway.start()
    gateway.calls("new")
    assert gateway.entries()[0]["seq"] == 1


def test_an_installation_moves_to_another_folder(gateway, tmp_path):
    gateway.folder = shutil.move(gateway.folder, str(tmp_path) + "-moved")
    gateway.ledger, gateway.configuration = inside(gateway, "data", "ledger"), inside(gateway, "passerelle.json")
    gateway.start()
    gateway.calls("moved")
    gateway.stop()
    assert gateway.json("audit", "verify")["ok"] is True
    gateway.run("usage", "rebuild")


def test_the_bill_is_not_counted_from_a_ledger_without_its_beginning(tmp_path):
    demo = Demo(tmp_path).start()
    token = demo.token()
    for _ in range(5):
        demo.call(token)
    demo.stop()

    def usage():
        with contextlib.closing(sqlite3.connect(os.path.join(demo.data, "data", "passerelle.sqlite"))) as database:
            return database.execute("SELECT * FROM usage ORDER BY 1, 2, 3, 4, 5").fetchall()

    rows = usage()
    assert rows
    ledger = os.path.join(demo.data, "data", "ledger")
    first, = glob.glob(os.path.join(ledger, "*.jsonl"))
    # The first segment goes, and the rest stands on its own: as if it had been closed before.
    lines = open(first).read().splitlines(keepends=True)
    number = json.loads(lines[3])["seq"]
    open(os.path.join(ledger, f"{number:012}.jsonl"), "w").write("".join(lines[3:]))
    os.remove(first)
    result = demo.command("usage", "rebuild", check=False)
    assert result.returncode == 1, result.stdout
    assert usage() == rows


def test_a_stream_that_is_ahead_of_the_ledger_says_so(tmp_path):
    gateway = ReadingGateway(tmp_path, streams=[{"name": "siem", "http": {"url": f"http://127.0.0.1:{free_port()}/x"}}]).start()
    gateway.calls("one")
    gateway.stop()
    with open(inside(gateway, "data", "streams", "siem.json"), "w") as place:
        json.dump({"seq": 5000, "segment": "000000000001.jsonl", "offset": 0}, place)
    gateway.start()
    try:
        assert eventually(lambda: "entry 5000 was sent" in gateway.ready()["ledger_stream_siem"])
        assert gateway.ready()["status"] == "ready"
    finally:
        gateway.stop()


def test_readiness_names_what_goes_wrong_behind_the_calls(gateway):
    # A file where the index has its folder.
    shutil.rmtree(os.path.join(gateway.ledger, "index"), ignore_errors=True)
    open(os.path.join(gateway.ledger, "index"), "w").close()
    gateway.start()
    fault = eventually(lambda: gateway.ready().get("ledger_index"))
    assert "Not a directory" in fault
    assert gateway.ready()["status"] == "ready"


def test_a_demo_whose_first_start_failed_is_a_demo(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        demo = Demo(tmp_path)
        demo.port, free = taken.getsockname()[1], demo.port
        with pytest.raises(AssertionError):
            demo.start()
    demo.process, demo.port = None, free
    demo.start("--fresh").stop()


def test_a_second_demo_in_the_same_folder_touches_nothing_of_the_first(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        before = {name: open(os.path.join(demo.data, name)).read() for name in ("passerelle.json", "demo.json")}
        for more in ([], ["--fresh"]):
            result = subprocess.run([BINARY, "demo", "--data", demo.data, "--port", str(free_port()), "--admin-port", str(free_port()),
                                     *more], capture_output=True, text=True, timeout=30)
            assert result.returncode == 1, result.stdout
            assert before == {name: open(os.path.join(demo.data, name)).read() for name in before}
        assert "a demo is running there" in result.stderr
        assert demo.call(demo.token()).status_code == 200
        assert demo.json("clients", "list")
    finally:
        demo.stop()


def test_readiness_ends_with_the_first_sign_of_the_end(tmp_path):
    demo = Demo(tmp_path).start()
    try:
        token = demo.token(SLOW, (IDENTIFIER,))
        answers = []
        call = threading.Thread(target=lambda: answers.append(demo.call(token).status_code))
        call.start()
        eventually(demo.backend_calls)
        admin = demo.description["admin"]["url"]
        assert requests.get(admin + "/readyz", timeout=5).json()["status"] == "ready"
        demo.process.send_signal(signal.SIGTERM)

        def stopping():
            answer = requests.get(admin + "/readyz", timeout=5)
            return (answer.status_code, answer.json()["status"]) == (503, "stopping")

        assert eventually(stopping, 4), "while the call is under way"
        assert requests.get(admin + "/healthz", timeout=5).status_code == 200
        call.join()
        assert len(answers) == 1
        demo.process.wait(20)
    finally:
        demo.stop()
