import Testing

@testable import Wire

/// A26 on the wire: after bytes that another server could read differently, nothing that follows them is taken for a request.
@Suite struct SmugglingTests {
  private static let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"

  static let heads: [(String, Int)] =
    HeadParserTests.malformed.map { ($0.1, 400) } + [
      ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
      ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 400),
      ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
      ("PRI * HTTP/2.0\r\n\r\n", 505),
      ("POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 3\r\n\r\nabc", 417),
    ]

  private static let post = "POST / HTTP/1.1\r\nHost: a\r\n"

  static let bodies: [(String, Int)] = [
    ("Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n", 400),
    ("Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400),
    ("Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", 400),
    ("Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400),
    ("Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", 400),
    ("Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n", 400),
    ("Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", 400),
    ("Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\nhello\r\n0\r\n\r\n", 413),
    ("Content-Length: 99999999999\r\n\r\n", 413),
  ].map { (post + $0.0, $0.1) }

  /// The refusal comes, then the end; behind a good request, too.
  @Test(arguments: heads + bodies) func isRefusedAndEndsTheConnection(_ text: String, _ status: Int) throws {
    let server = try TestServer()
    for before in ["", "GET /before HTTP/1.1\r\nHost: a\r\n\r\n"] {
      let client = try server.connect()
      client.send(before + text + Self.hidden)
      if !before.isEmpty { #expect(client.readAnswer()?.text == "/before") }
      let answer = try #require(client.readAnswer())
      #expect(answer.status == status)
      #expect(answer.field("connection") == "close")
      #expect(client.readToEnd() == "")
      #expect(client.end == .closed)
    }
    #expect(server.handler.requests == ["GET /before"])
    #expect(server.handler.rejections.map(\.status) == [status, status])
  }

  /// Each of these is unambiguous, and what follows it is the next request.
  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", ""),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\n\r\n" + hidden, hidden),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n21\r\n" + hidden + "\r\n0\r\n\r\n", hidden),
  ])
  func aBodyStaysABody(_ text: String, _ body: String) throws {
    let server = try TestServer()
    let client = try server.connect()
    client.send(text + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.readAnswer()?.text == body)
    #expect(client.readAnswer()?.text == "/next")
    #expect(server.handler.requests.count == 2)
  }
}
