"""TLS on the front: what is agreed on, which certificate is shown, what sessions do, and what happens while certificates change."""
import os, signal, socket, ssl, subprocess, threading, time

import pytest

from tls_gateway import Authority, TLSGateway

GET = b"GET /.well-known/openid-configuration HTTP/1.1\r\nHost: localhost\r\n\r\n"
HOSTS = ("localhost", "127.0.0.1", "a.test")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, authority):
    ecdsa, other = authority.issue("ecdsa", HOSTS), authority.issue("other", ("*.b.test",))
    ecdsa["ocspFile"] = authority.staple(ecdsa)
    running = TLSGateway(tmp_path_factory.mktemp("tls"), authority, [ecdsa, authority.issue("rsa", HOSTS, "rsa"), other])
    running.settings["listen"]["headSecondsMaximum"] = 1
    running.settings["admin"]["tls"] = {"certificates": [authority.issue("admin", ("admin.test",))]}
    running.write()
    yield running.start()
    running.stop()


def s_client(gateway, *options, text=b""):
    result = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-CAfile", gateway.authority.file, *options],
                            input=text, capture_output=True, timeout=20)
    return (result.stdout + result.stderr).decode(errors="replace")


def read_answer(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(65536)
        assert more, data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int([line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")][0].split(b":")[1])
    while len(body) < length:
        body += stream.recv(65536)
    return head, body


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_answer(gateway, version):
    with gateway.connect(gateway.context(minimum_version=version, maximum_version=version)) as stream:
        for _ in range(3):
            stream.sendall(GET)
            assert read_answer(stream)[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
def test_older_versions_are_refused(gateway, option):
    assert "Cipher is (NONE)" in s_client(gateway, option, "-cipher", "ALL:@SECLEVEL=0")


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "NULL", "aNULL",
                                    "DHE-RSA-AES128-GCM-SHA256"])
def test_weak_ciphers_are_refused(gateway, cipher):
    assert "Cipher is (NONE)" in s_client(gateway, "-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")


@pytest.mark.parametrize("options, subject", [
    ([], "ecdsa"), (["-servername", "a.test"], "ecdsa"), (["-servername", "A.TEST"], "ecdsa"), (["-servername", "x.b.test"], "other"),
    (["-servername", "x.y.b.test"], "ecdsa"), (["-servername", "unknown.test"], "ecdsa"), (["-noservername"], "ecdsa"),
    (["-sigalgs", "RSA-PSS+SHA256"], "rsa"), (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "rsa"),
    (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"], "ecdsa")])
def test_the_certificate_is_for_the_name_and_the_kind_of_key(gateway, options, subject):
    text = s_client(gateway, *options)
    assert f"subject=CN = {subject}\n" in text and "Verify return code: 0 (ok)" in text, text


def test_alpn(gateway):
    assert "ALPN protocol: http/1.1" in s_client(gateway, "-alpn", "h2,http/1.1")
    assert "alert no application protocol" in s_client(gateway, "-alpn", "h2")
    assert "No ALPN negotiated" in s_client(gateway)


def test_no_compression_no_renegotiation(gateway):
    assert "Compression: NONE" in s_client(gateway, "-tls1_2")
    text = s_client(gateway, "-tls1_2", "-legacy_renegotiation", text=b"R\n")
    assert "no renegotiation" in text, text


def test_no_early_data(gateway, tmp_path):
    session = str(tmp_path / "session")
    process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-CAfile", gateway.authority.file,
                                "-tls1_3", "-sess_out", session, "-ign_eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    output = process.communicate(b"GET /jwks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 20)[0].decode()
    assert "Max Early Data: 0" in output, output
    assert "Early data was not sent" in s_client(gateway, "-sess_in", session)
    assert "Reused, TLSv1.3" in s_client(gateway, "-sess_in", session)


def test_the_ocsp_response_is_stapled_where_it_is_asked_for(gateway):
    assert "OCSP Response Status: successful" in s_client(gateway, "-status")
    assert "OCSP response: no response sent" in s_client(gateway, "-status", "-servername", "x.b.test")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_whatever_loop_the_connection_comes_to(gateway, version):
    context = gateway.context(minimum_version=version, maximum_version=version)
    session, reused = None, []
    for _ in range(6):
        with gateway.connect(context, session=session) as stream:
            stream.sendall(GET)
            read_answer(stream)
            reused.append(stream.session_reused)
            session = stream.session
    assert reused == [False] + [True] * 5


def test_the_end_is_told_by_both(gateway):
    with gateway.connect() as stream:
        stream.sendall(GET.replace(b"Host", b"Connection: close\r\nHost"))
        read_answer(stream)
        # Without close_notify this would be an error.
        assert stream.recv(1) == b""
    with gateway.connect() as stream:
        stream.sendall(GET)
        read_answer(stream)
        stream.unwrap().close()


def test_large_pipelines_and_slow_readers_get_everything(gateway):
    plain = socket.socket()
    # Small, so that the gateway's writes fall short.
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(30)
    plain.connect(("127.0.0.1", gateway.port))
    with gateway.context().wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as stream:
        stream.sendall(GET)
        one = sum(map(len, read_answer(stream))) + 4
        stream.sendall(GET * 2000)
        data = bytearray()
        while len(data) < 2000 * one:
            more = stream.recv(3000)
            assert more, len(data)
            data += more
    assert data.count(b"HTTP/1.1 200 OK") == 2000 and len(data) == 2000 * one


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"POST /token HTTP/1.1\r\n\r\n"])
def test_plain_http_is_told_that_tls_is_wanted(gateway, data):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as stream:
        stream.sendall(data)
        text = b""
        while more := stream.recv(4096):
            text += more
    assert text.startswith(b"HTTP/1.1 400 ") and b"TLS is wanted" in text


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", os.urandom(300), b"\x80" * 20_000])
def test_handshakes_that_lead_nowhere_are_cut(gateway, data):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as stream:
        try:
            stream.sendall(data)
            while stream.recv(4096):
                pass
        except ConnectionError:
            pass
    assert s_client(gateway).count("Verify return code: 0") >= 1


def test_a_slow_handshake_is_cut_too(gateway):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as stream:
        with pytest.raises(OSError):
            for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500):
                stream.send(bytes([byte]))
                stream.settimeout(0.05)
                try:
                    if not stream.recv(1):
                        raise ConnectionError
                except TimeoutError:
                    pass
    assert time.monotonic() - began < 9


def test_a_request_that_is_cut_never_counts(gateway):
    context = gateway.context()
    stream = gateway.connect(context)
    stream.sendall(b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant")
    # The socket ends without close_notify.
    os.close(stream.detach())
    assert gateway.request("GET", "/jwks").status == 200


def test_commands_reach_an_admin_listener_with_tls(gateway):
    rows = gateway.command("certificates", "list").stdout
    assert rows.count("listen.tls") == 3 and "admin.tls" in rows
    with socket.create_connection(("127.0.0.1", gateway.admin_port), timeout=5) as stream:
        stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert stream.recv(100).startswith(b"HTTP/1.1 400 ")


def test_the_auditors_cookie_goes_over_tls_alone(gateway):
    token = open(os.path.join(gateway.folder, "data", "admin-token")).read().strip()
    origin = f"https://admin.test:{gateway.admin_port}"
    words = ["curl", "-sS", "-i", "--cacert", gateway.authority.file, "--resolve", f"admin.test:{gateway.admin_port}:127.0.0.1",
             "-H", "Origin: " + origin, "--data-urlencode", "admin-token=" + token, origin + "/auditor/sign-in"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=20)
    cookie, = [line for line in result.stdout.splitlines() if line.lower().startswith("set-cookie:")]
    assert cookie.endswith("; Secure") and "HttpOnly" in cookie


def test_curl(gateway):
    words = ["curl", "-sS", "--cacert", gateway.authority.file, "-w", " %{http_code} %{ssl_verify_result}", gateway.issuer + "/jwks"]
    for options in ([], ["--tlsv1.3"], ["--tls-max", "1.2"]):
        result = subprocess.run(words + options, capture_output=True, text=True, timeout=20)
        assert result.stdout.endswith(" 200 0"), result


# While certificates change.


@pytest.fixture
def changing(tmp_path, authority):
    files = Authority(tmp_path, "Changing")
    running = TLSGateway(tmp_path, files, [files.issue("first", HOSTS, files="front")]).start()
    yield running
    running.stop()


def subject(gateway, context=None):
    with gateway.connect(context) as stream:
        return stream.getpeercert()["subject"][0][0][1]


def test_certificates_change_under_load_without_a_lost_request(changing):
    stop, counts, faults = threading.Event(), [0], []

    def visit(keeps):
        try:
            while not stop.is_set():
                with changing.connect() as stream:
                    for _ in range(50 if keeps else 1):
                        stream.sendall(GET)
                        assert read_answer(stream)[0].startswith(b"HTTP/1.1 200 ")
                        counts[0] += 1
        except Exception as error:
            faults.append(error)

    visitors = [threading.Thread(target=visit, args=(keeps,)) for keeps in (True, True, False, False)]
    for visitor in visitors:
        visitor.start()
    for turn in range(5):
        changing.authority.issue(f"turn-{turn}", HOSTS, "rsa" if turn % 2 else "ec", files="front")
        changing.process.send_signal(signal.SIGHUP)
        for _ in range(100):
            if subject(changing) == f"turn-{turn}":
                break
            time.sleep(0.05)
        assert subject(changing) == f"turn-{turn}"
    stop.set()
    for visitor in visitors:
        visitor.join()
    assert not faults and counts[0] > 20
    assert changing.logged(f"reloaded {changing.configuration}: changed: certificates")


@pytest.mark.parametrize("name, change, text", [
    ("garbage", lambda a: open(os.path.join(a.folder, "front.pem"), "w").write("nonsense"), "not a readable certificate"),
    ("another key", lambda a: os.replace(a.issue("x", HOSTS)["keyFile"], os.path.join(a.folder, "front.key")), "is not the key"),
    ("nothing", lambda a: os.remove(os.path.join(a.folder, "front.key")), "No such file"),
    ("expired", lambda a: a.issue("late", HOSTS, days=(-3, -1), files="front"), "has expired"),
    ("open to all", lambda a: os.chmod(os.path.join(a.folder, "front.key"), 0o644), "can be read by everybody")])
def test_a_wrong_certificate_changes_nothing_and_is_said(changing, name, change, text):
    change(changing.authority)
    changing.process.send_signal(signal.SIGHUP)
    assert changing.logged("everything stays as it was: ") and text in open(changing.log).read()
    assert "PRIVATE" not in open(changing.log).read()
    assert subject(changing) == "first"
    refused = changing.command("certificates", "reload", check=False)
    assert refused.returncode == 1 and text in refused.stderr
    checked = changing.command("check", check=False)
    assert text in checked.stdout + checked.stderr and checked.returncode == (0 if name == "expired" else 1)


def test_resumption_outlives_a_reload(changing):
    context = changing.context()
    with changing.connect(context) as stream:
        stream.sendall(GET)
        read_answer(stream)
        session = stream.session
    changing.command("certificates", "reload")
    with changing.connect(context, session=session) as stream:
        assert stream.session_reused


# What `check` says.


def check(tmp_path, authority, certificates, **more):
    gateway = TLSGateway(tmp_path, authority, certificates, **more)
    return gateway.command("check", check=False)


def test_check_names_what_is_wrong(tmp_path, authority):
    good, late = authority.issue("good", HOSTS), authority.issue("late", HOSTS, days=(-9, -1))
    soon, far = authority.issue("soon", HOSTS, days=(-9, 5.5)), authority.issue("far", ("far.test",))
    assert check(tmp_path, authority, [good]).returncode == 0
    assert "has expired" in check(tmp_path, authority, [late]).stdout
    assert "expires in 5 days" in check(tmp_path, authority, [soon]).stdout
    assert "no certificate is for localhost" in check(tmp_path, authority, [far]).stdout
    for wrong, text in (({"keyFile": far["keyFile"]}, "is not the key"), ({"keyFile": "/nowhere"}, "No such file"),
                        ({"ocspFile": authority.staple(far)}, "is not about the certificate"),
                        ({"ocspFile": good["keyFile"]}, "is not an OCSP response"),
                        ({"ocspFile": authority.staple(good, until=-0.5)}, "is not valid at this time")):
        result = check(tmp_path, authority, [good | wrong])
        assert result.returncode == 1 and text in result.stderr and result.stderr.count("\n") == 1, result.stderr
    result = check(tmp_path, authority, [{"certificatFile": "x", "keyFile": "y"}])
    assert 'did you mean "certificateFile"' in result.stderr or "certificateFile" in result.stderr
