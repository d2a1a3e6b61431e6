"""Requests of which two servers could think differently where they end (A26), each followed by two that are plain.

A variant is a name and the bytes of the first request. Every request carries a correlator that says which one it is, so that answers and
a backend tell which requests a server saw.
"""

PATH = b"/device-identifier/v0.3/retrieve-identifier"
BODY = b"{}"


def request(name, head=b"", body=b"", line=b"POST " + PATH + b" HTTP/1.1", host=b"Host: 127.0.0.1\r\n", end=b"\r\n"):
    return line + end + host.replace(b"\r\n", end) + b"X-Correlator: %s-@@\r\n".replace(b"\r\n", end) % name + head + end + body


def plain(name, more=b""):
    """A request about whose end nobody can be mistaken."""
    return request(name, more + b"Content-Length: 2\r\n", BODY)


SMUGGLED = plain(b"smuggled")
FOLLOWING = plain(b"next") + plain(b"last", b"Connection: close\r\n")
AUTH = b"Authorization: Bearer TOKEN\r\nContent-Type: application/json\r\n"


def main(head=b"", body=b"", **parts):
    return request(b"main", AUTH + head, body, **parts)


def chunk(body, size=None, end=b"\r\n", last=b"0\r\n\r\n", line_end=b"\r\n"):
    return (b"%x" % len(body) if size is None else size) + line_end + body + end + last


CHUNKED = b"Transfer-Encoding: chunked\r\n"


def lengths():
    values = [b"2", b"02", b"+2", b"-2", b" 2", b"2 ", b"\t2", b"2\t", b"0x2", b"2,2", b"2, 2", b"2,3", b"2;a", b"2.0", b"2e0", b"",
              b"\xd9\xa2", b"2\x00",
              b"2\x0b", b"\x0b2", b"\x0c2", b"2\r", b"18446744073709551618", b"9223372036854775810", b"4294967298", b"0" * 30 + b"2",
              b'"2"', b"2 2", b"0",
              b"1", b"3", b"two", b"-0", b"+0", b"2\xa0", b"\xc2\xa02", b"2_0", b"1_0", b"2L", b"0b10", b"0o2", b"002"]
    for value in values:
        yield "length " + repr(value)[1:], main(b"Content-Length: " + value + b"\r\n", BODY)
    for name in (b"content-length", b"CONTENT-LENGTH", b"Content-Length ", b"Content-Length\t", b" Content-Length", b"\tContent-Length",
                 b"Content_Length",
                 b"Content-Length\x00", b"Content-Length\x0b", b"Content\r-Length", b"Content-Lengt\xe8", b"\x00Content-Length"):
        yield "length by the name " + repr(name)[1:], main(name + b": 2\r\n", BODY)
    for first, second in ((2, 2), (2, 0), (0, 2), (2, len(SMUGGLED)), (len(SMUGGLED), 0), (0, len(SMUGGLED))):
        fields = b"Content-Length: %d\r\n" % first, b"Content-Length: %d\r\n" % second
        body = SMUGGLED if len(SMUGGLED) in (first, second) else BODY
        yield f"lengths {first} and {second}", main(fields[0] + fields[1], body)
        yield f"lengths {first} and {second} apart", main(fields[0] + b"X-A: b\r\n" + fields[1].lower(), body)
    yield "a length in two lines", main(b"Content-Length:\r\n 2\r\n", BODY)
    yield "no length", main(b"", b"")
    yield "no length and a body", main(b"", BODY)
    yield "no length and a request as body", main(b"", SMUGGLED)


def codings():
    values = [b"chunked", b"Chunked", b"CHUNKED", b"  chunked", b"chunked  ", b"chunked\t", b"\tchunked", b"\x0bchunked", b"chunked\x0b",
              b"\x0cchunked", b"xchunked",
              b"chunkedx", b"chunked, identity", b"identity, chunked", b"identity", b"gzip, chunked", b"chunked, gzip",
              b"chunked, chunked", b"chunked;q=1",
              b"chunked;", b'"chunked"', b",chunked", b"chunked,", b", chunked ,", b"ch\x00unked", b"chunked\x00", b"chun ked", b"",
              b"\xc2\xa0chunked",
              b"chunked\x85", b"chunked\r\n ", b"\r\n chunked", b"\r\n\tchunked", b"chunked\r\n , identity", b"cow", b"trailers",
              b"Chun\xc2\xadked", b"\xe2\x84\xaachunked",
              b"chun\xe2\x84\xaaed"]
    body = chunk(BODY)
    for value in values:
        field = b"Transfer-Encoding: " + value + b"\r\n"
        yield "coding " + repr(value)[1:], main(field, body)
        yield "coding and length " + repr(value)[1:], main(field + b"Content-Length: %d\r\n" % len(body), body)
        yield "length 0 and coding " + repr(value)[1:], main(b"Content-Length: 0\r\n" + field, body)
    for name in (b"transfer-encoding", b"TRANSFER-ENCODING", b"Transfer_Encoding", b"Transfer-Encoding ", b"Transfer-Encoding\t",
                 b" Transfer-Encoding",
                 b"Transfer-Encoding\x00", b"Transfer\r-Encoding", b"Transfer-Encoding\x0b", b"X:y\nTransfer-Encoding",
                 b"X:y\rTransfer-Encoding", b"Tr\xe4nsfer-Encoding"):
        for length in (b"", b"Content-Length: %d\r\n" % len(body), b"Content-Length: 3\r\n"):
            yield f"coding by the name {repr(name)[1:]} {length.decode().strip()}", main(length + name + b": chunked\r\n", body)
    for first, second in ((b"chunked", b"chunked"), (b"chunked", b"identity"), (b"identity", b"chunked"), (b"gzip", b"chunked"),
                                                     (b"chunked", b"x"), (b"", b"chunked")):
        yield f"codings {first.decode()} and {second.decode()}", main(b"Transfer-Encoding: %s\r\nTransfer-encoding: %s\r\n" % (first, second), body)
    smuggling = chunk(b"", last=b"") + SMUGGLED
    for length in (3, 4, 5, len(smuggling)):
        yield f"CL.TE {length}", main(b"Content-Length: %d\r\n" % length + CHUNKED, b"0\r\n\r\n" + SMUGGLED)
        yield f"TE.CL {length}", main(CHUNKED + b"Content-Length: %d\r\n" % length, chunk(SMUGGLED))
    for version in (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/1.2"):
        line = b"POST " + PATH + b" " + version
        yield f"coding in {version.decode()}", main(CHUNKED, body, line=line)
        yield f"coding and keep-alive in {version.decode()}", main(CHUNKED + b"Connection: keep-alive\r\n", body, line=line)
        yield f"coding and length in {version.decode()}", main(CHUNKED + b"Content-Length: 5\r\n", body, line=line)


def chunks():
    sizes = [b"2", b"02", b"0000000000000002", b"0" * 23 + b"2", b"2 ", b" 2", b"2\t", b"2;x", b"2;x=y", b'2;x="y"', b"2 ;x", b"2; x",
             b"0x2", b"+2", b"-2", b"2g", b"2\x00", b"2,", b"2.0",
             b"2;\n", b'2;x="\n"', b"2;x\ny", b"2\r", b"2\r\r", b"FFFFFFFFFFFFFFFF", b"100000002", b"10000000000000002", b"80000002",
             b"7FFFFFFFFFFFFFFF", b"", b";x", b"2;" + b"x" * 5000, b"\xb2",
             b"2;\x00", b"2 2", b"2_0", b"\x0b2", b"2\x0b"]
    for size in sizes:
        yield "chunk size " + repr(size[:40])[1:], main(CHUNKED, chunk(BODY, size))
    for end in (b"\n", b"\r", b"", b"X\r\n", b"\r\r\n", b"\n\r", b"\r\nX", b"  ", b"\r\n\r\n", b"\x00\r\n"):
        yield "chunk's end " + repr(end)[1:], main(CHUNKED, chunk(BODY, end=end))
        yield "chunk's line ends with " + repr(end)[1:], main(CHUNKED, chunk(BODY, line_end=end))
    for last in (b"0\n\n", b"0\r\n\n", b"0\n\r\n", b"00\r\n\r\n", b"000000000\r\n\r\n", b"0;x\r\n\r\n", b"0 \r\n\r\n",
                 b"0\r\nX: y\r\n\r\n", b"0\r\nContent-Length: 500\r\n\r\n", b"0\r\nX\r\n\r\n",
                 b"0\r\n x\r\n\r\n", b"0\r\n\r\r\n", b"0\r\n\rX", b"-0\r\n\r\n", b"+0\r\n\r\n", b"0x0\r\n\r\n", b"\r\n\r\n",
                 b"0\r\nX: y\n\r\n", b"0\r\nX: y\n\n", b"0\r\n: y\r\n\r\n", b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
                 b"0\r\nX: \x00\r\n\r\n", b"0\r\nHost: b\r\n\r\n", b"0\r\n" + SMUGGLED):
        yield "last chunk " + repr(last[:40])[1:], main(CHUNKED, chunk(BODY, last=last))
    yield "chunks that hide a request", main(CHUNKED, chunk(BODY, size=b"2;\n" + b"x" * 30) + SMUGGLED)
    yield "many chunks", main(CHUNKED, b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")


def lines():
    good = b"Content-Length: 2\r\n"
    for end in (b"\n", b"\r", b"\r\r\n", b"\n\r\n", b"\n\r", b"\x0b\r\n", b"\x85", b"\xe2\x80\xa8"):
        yield "all lines end with " + repr(end)[1:], request(b"main", (AUTH + good).replace(b"\r\n", end), BODY, end=end)
        yield "one line ends with " + repr(end)[1:], main(b"X-A: b" + end + good, BODY)
        yield "the head ends with " + repr(end)[1:], main(good, BODY)[:-4] + end + BODY
        yield "the request line ends with " + repr(end)[1:], main(good, BODY).replace(b"HTTP/1.1\r\n", b"HTTP/1.1" + end, 1)
    for before in (b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b"\x00", b"\r\n" * 10):
        yield "before the request " + repr(before)[1:], before + main(good, BODY)
    for fold in (b"X-A: b\r\n c\r\n", b"X-A: b\r\n\tc\r\n", b"X-A:\r\n b\r\n", b" X-A: b\r\n", b"X-A: b\r\n \r\n",
                 b"X-A: b\r\n Transfer-Encoding: chunked\r\n", b"X-A: b\r\n Content-Length: 0\r\n", b"X-A: b\n Content-Length: 0\r\n"):
        yield "folded " + repr(fold)[1:], main(fold + good, BODY)
        yield "folded behind the length " + repr(fold)[1:], main(good + fold, BODY)
    for field in (b"X-A : b", b"X-A\t: b", b"X-A", b": b", b"X A: b", b"X-A: \x00", b"X\x00A: b", b"X-A: \x1b", b"X-A: \x7f",
                  b"X-A: \x80\xff", b"X-\xe9: b", b"X-A:: b", b"X-A: b\rContent-Length: 0",
                  b"X-A: b\nContent-Length: 0", b"X-A: b\rTransfer-Encoding: chunked", b"(x): y", b"X/A: b", b"X-A=b",
                  b"X" * 9000 + b": b", b"X-A: " + b"b" * 12000, b"\xef\xbb\xbfX-A: b", b"\x00", b"X-A:\x0bb"):
        yield "field " + repr(field[:40])[1:], main(field + b"\r\n" + good, BODY)


def request_lines():
    good = b"Content-Length: 2\r\n"
    for line in (b"POST  %s HTTP/1.1", b"POST %s  HTTP/1.1", b" POST %s HTTP/1.1", b"POST\t%s\tHTTP/1.1", b"POST %s HTTP/1.1 ",
                 b"POST %s HTTP/1.1\t", b"POST %s", b"POST %s ", b"POST %s HTTP/1.0", b"POST %s HTTP/0.9", b"POST %s HTTP/1.2",
                 b"POST %s HTTP/1.9", b"POST %s HTTP/2.0", b"POST %s HTTP/2", b"POST %s HTTP/1", b"POST %s HTTP/1.10",
                 b"POST %s HTTP/01.1", b"POST %s HTTP/1.01", b"POST %s http/1.1", b"POST %s HTTP /1.1", b"POST %s HTTP/1.1x",
                 b"POST %s HTTP/11", b"POST %s HTTP/1,1",
                 b"POST http://127.0.0.1%s HTTP/1.1", b"POST http://other.example%s HTTP/1.1", b"POST HTTP://127.0.0.1%s HTTP/1.1",
                 b"POST //127.0.0.1%s HTTP/1.1", b"POST file://%s HTTP/1.1", b"POST %s HTTP/1.1 HTTP/1.1",
                 b"POST %s#a HTTP/1.1", b"POST %s?a#b HTTP/1.1", b"POST %s\\ HTTP/1.1", b"POST %s%%00 HTTP/1.1", b"POST %s\x00 HTTP/1.1",
                 b"POST %s\xff HTTP/1.1", b"POST %s\r HTTP/1.1", b"POST %s?a=b c HTTP/1.1", b"POST %s?a=\x0bb HTTP/1.1",
                 b"post %s HTTP/1.1", b"POST\x00 %s HTTP/1.1", b"PO ST %s HTTP/1.1", b"P@ST %s HTTP/1.1", b"GET %s HTTP/1.1",
                 b"HEAD %s HTTP/1.1", b"DELETE %s HTTP/1.1", b"OPTIONS %s HTTP/1.1", b"PUT %s HTTP/1.1", b"PATCH %s HTTP/1.1",
                 b"TRACE %s HTTP/1.1",
                 b"MADEUP %s HTTP/1.1", b"POST x%s HTTP/1.1", b"POST ..%s HTTP/1.1", b"POST /..%s HTTP/1.1",
                 b"POST %s" + b"?" + b"a" * 9000 + b" HTTP/1.1"):
        line = line.replace(b"%s", PATH).replace(b"%%", b"%")
        yield "line " + repr(line[:60])[1:], main(good, BODY, line=line)
        if line.startswith((b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE")):
            yield "line and a request as body " + repr(line)[1:], main(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED, line=line)
            yield "line and chunks " + repr(line)[1:], main(CHUNKED, chunk(SMUGGLED), line=line)
    for line in (b"OPTIONS * HTTP/1.1", b"POST * HTTP/1.1", b"CONNECT 127.0.0.1:80 HTTP/1.1", b"CONNECT %s HTTP/1.1" % PATH,
                 b"PRI * HTTP/2.0"):
        yield "line " + repr(line)[1:], main(good, BODY, line=line)


def fields():
    good = b"Content-Length: 2\r\n"
    for host in (b"", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nHost: b\r\n", b"Host:\r\n", b"Host: a b\r\n", b"Host: a/b\r\n",
                 b"Host: u@a\r\n", b"Host: a:80:80\r\n", b"Host: a,b\r\n", b"Host: a\x00b\r\n", b"Host : a\r\n", b" Host: a\r\n",
                 b"Host: \xe9\r\n",
                 b"Host: a\r\n b\r\n", b"host: [::1]\r\n", b"Host: a?b\r\n", b"Host: a#b\r\n", b"Host: http://a\r\n",
                 b"Host: " + b"a" * 300 + b"\r\n"):
        yield "host " + repr(host[:50])[1:], main(good, BODY, host=host)
        yield "host and 1.0 " + repr(host[:50])[1:], main(good, BODY, host=host, line=b"POST " + PATH + b" HTTP/1.0")
    for more in (b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
                 b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
                 b"Upgrade: h2c\r\n", b"Upgrade: HTTP/3.0\r\n", b"Connection: Upgrade\r\n",
                 b"Expect: 100-continue\r\n", b"Expect: 100-Continue\r\n", b"Expect: x\r\n", b"Expect: 100-continue, x\r\n",
                 b"Expect: 100-continue\r\nExpect: 100-continue\r\n", b"Expect:\r\n", b"Expect: 100-continue \x0b\r\n",
                 b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Connection: keep-alive, close\r\n",
                 b"Connection: close\r\nConnection: keep-alive\r\n", b"Connection: Content-Length\r\n",
                 b"Connection: Transfer-Encoding\r\n",
                 b"Connection: close, Content-Length\r\n", b"Connection: ,,\r\n", b"Connection: \"close\"\r\n",
                 b"Connection: x-close\r\n", b"Proxy-Connection: close\r\n", b"Keep-Alive: timeout=1\r\n",
                 b"Trailer: X-A\r\n", b"TE: trailers\r\n", b"Content-Encoding: gzip\r\n", b"Content-Type: multipart/byteranges\r\n",
                 b"Max-Forwards: 0\r\n", b"Range: bytes=0-0\r\n", b"X-HTTP-Method-Override: GET\r\n"):
        yield "field " + repr(more)[1:], main(more + good, BODY)
        yield "field in 1.0 " + repr(more)[1:], main(more + good, BODY, line=b"POST " + PATH + b" HTTP/1.0")
        yield "field and chunks " + repr(more)[1:], main(more + CHUNKED, chunk(BODY))
    yield "three in a row", main(good, BODY) + plain(b"second") + plain(b"third")
    yield "an empty line between", main(good, BODY) + b"\r\n" + plain(b"second")
    yield "two empty lines between", main(good, BODY) + b"\r\n\r\n" + plain(b"second")
    yield "a body that is a request", main(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED)
    yield "a chunk that is a request", main(CHUNKED, chunk(SMUGGLED))


def variants():
    seen = set()
    for family in (lengths, codings, chunks, lines, request_lines, fields):
        for name, first in family():
            assert name not in seen, name
            seen.add(name)
            yield name, first + FOLLOWING
