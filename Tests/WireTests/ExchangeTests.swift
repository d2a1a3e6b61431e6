import Bytes
import Testing

@testable import Wire

/// What a handler sees of a request, and how it writes an answer.
@Suite struct ExchangeTests {
  /// Answers with what a function makes of the exchange.
  private func seen(_ request: String, _ look: @escaping @Sendable (Exchange) -> String) throws -> String {
    let handler = TestHandler(onRequest: { $0.send(HTTPResponse(status: 200, body: Array(look($0).utf8))) })
    let client = try TestServer(handler).connect()
    client.send(request)
    return try #require(client.readAnswer()).text
  }

  @Test(arguments: [
    ("/a", "/a|none"), ("/a?", "/a|"), ("/a?b=c", "/a|b=c"), ("/a?b?c", "/a|b?c"), ("/?x", "/|x"), ("/%3F?%20", "/%3F|%20"),
    ("//a/../b;c", "//a/../b;c|none"),
  ])
  func pathAndQueryAreAsTheyWereSent(_ target: String, _ expected: String) throws {
    let text = try seen("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n") { exchange in
      let query = exchange.query?.string() ?? "none"
      return exchange.path.string() + "|" + query
    }
    #expect(text == expected)
  }

  @Test func fieldsAreFoundByName_theFirstCounts() throws {
    let request = "GET / HTTP/1.1\r\nhOST: a\r\nAccept: one\r\nX-Own: 1\r\naccept:  two \r\nx-own: 2\r\n\r\n"
    let text = try seen(request) { exchange in
      let accept = exchange.field(.accept)?.string() ?? ""
      let none = exchange.field(.authorization) == nil
      let last = exchange.fieldName(4).string() + "=" + exchange.fieldValue(4).string()
      return "\(accept) \(exchange.count(.accept)) \(none) \(exchange.fieldCount) \(last)"
    }
    #expect(text == "one 2 true 5 x-own=2")
  }

  @Test func everyKnownFieldIsKnown_inAnyCase() {
    for field in KnownField.allCases {
      let name = field.name.description
      for spelling in [name, name.uppercased(), name.capitalized] {
        let bytes = Array(spelling.utf8)
        #expect(KnownField.named(bytes.span) == field)
      }
      let longer = Array((name + "x").utf8)
      #expect(KnownField.named(longer.span) == nil)
    }
    #expect(KnownField.allCases.count <= 32, "FieldLines keeps 32 of them")
  }

  @Test(arguments: ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
  func methodsAreKnown(_ name: String) throws {
    let bytes = Array(name.utf8)
    #expect("\(HTTPMethod(bytes.span))" == name.lowercased())
    let small = Array(name.lowercased().utf8)
    #expect(HTTPMethod(small.span) == .other)
  }

  @Test func aBodyIsThereOrNot() throws {
    for (text, expected) in [
      ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "false 0"),
      ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "true 0"),
      ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", "true 2"),
      ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "true 1"),
    ] {
      #expect(try seen(text) { "\($0.hasBody) \($0.body.count)" } == expected)
    }
  }

  @Test func aCopyOwnsEverything() throws {
    let request = "POST /p?q=1 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nhi"
    let text = try seen(request) { exchange in
      let copy = exchange.makeRequest()
      let body = String(decoding: copy.body, as: UTF8.self)
      return
        "\(copy.method) \(copy.target) \(copy.path) \(copy.query ?? "") \(copy.field("x-a") ?? "") \(copy.fields("x-a")) \(body)"
    }
    #expect(text == "POST /p?q=1 /p q=1 1 [\"1\", \"2\"] hi")
  }

  @Test func stateOfAHandlerLivesAsLongAsItsConnection() throws {
    final class Count { var value = 0 }
    let handler = TestHandler(onRequest: { exchange in
      let count = exchange.handlerState as? Count ?? Count()
      exchange.handlerState = count
      count.value += 1
      exchange.send(HTTPResponse(status: 200, body: Array("\(count.value)".utf8)))
    })
    let server = try TestServer(handler)
    for _ in 0..<2 {
      let client = try server.connect()
      for number in 1...3 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.readAnswer()?.text == "\(number)")
      }
    }
  }

  /// A33: what a value holds cannot become a field or an answer of its own.
  @Test func aFieldCannotBreakOutOfItsLine() throws {
    let handler = TestHandler(onRequest: { exchange in
      exchange.send(
        HTTPResponse(
          status: 302,
          fields: [("location", "/a\r\nSet-Cookie: x=y\r\n\r\n<html>\u{0}\u{7F}"), ("x y:\r\nz", "1"), ("x-ok", "caf\u{e9}\tb")]))
    })
    let client = try TestServer(handler).connect()
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let answer = try #require(client.readAnswer())
    #expect(answer.field("location") == "/aSet-Cookie: x=y<html>")
    #expect(answer.field("set-cookie") == nil)
    #expect(answer.field("xyz") == "1")
    #expect(answer.field("x-ok") == "caf\u{e9}\tb")
    #expect(client.isSilent(milliseconds: 20))
  }

  @Test func statusLinesHaveTheirReasons() throws {
    for (status, line) in [
      (200, "200 OK"), (413, "413 Content Too Large"), (503, "503 Service Unavailable"), (299, "299 Status"),
    ] {
      let client = try TestServer(TestHandler(onRequest: { $0.send(HTTPResponse(status: status)) })).connect()
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(client.readAnswer()?.startLine == "HTTP/1.1 " + line)
    }
  }

  @Test func answersOfTheControlPlane() {
    #expect(HTTPResponse.json(200, []).field("Content-Type") == "application/json")
    #expect(HTTPResponse.html(200, []).field("content-type") == "text/html; charset=utf-8")
    #expect(HTTPResponse.redirect(to: "/x").field("location") == "/x")
    #expect(HTTPResponse.redirect(to: "/x", status: 303).status == 303)
  }
}
