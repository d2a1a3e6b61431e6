import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// The client for other people's servers: where it goes, and what it takes from there (A19, A20, A21).
@Suite struct WebClientTests {
  private static let authorities = TestAuthorities.shared

  /// What a name stands for in a test; nothing for any other.
  private typealias Names = [String: [String]]

  private static func client(_ loop: EventLoop, _ names: Names, _ asked: @escaping @Sendable () -> Void = {}) throws -> WebClient
  {
    let lookup = NameLookup(countMaximum: 2) { name, port in
      asked()
      return (names[name] ?? []).map { SocketAddress(ip: $0, port: port)! }
    }
    return WebClient(loop: loop, tls: try TLSHandshakeTests.context(), names: lookup)
  }

  private func send(
    _ url: String, _ method: String = "GET", fields: [(name: String, value: String)] = [], body: String = "", seconds: Int = 20,
    bytesMaximum: Int = 1000, rule: AddressRule = .any, names: Names = [:], asked: @escaping @Sendable () -> Void = {}
  ) throws -> HTTPResponse {
    let address = try #require(WebAddress(url))
    return try onLoop {
      let client = try Self.client(EventLoop.current!, names, asked)
      return try await client.send(
        method, to: address, fields: fields, body: Array(body.utf8), timeoutSeconds: seconds, answerBytesMaximum: bytesMaximum,
        rule: rule)
    }
  }

  // MARK: Requests

  @Test func aRequestOverTLSGoesToTheNameThatWasAskedFor() throws {
    let seen = Mutex<[String]>([])
    let backend = try TLSBackend { connection, _ in
      guard let request = connection.readRequest() else { return }
      seen.withLock { $0 = [connection.serverName ?? "none", request.startLine, request.field("host") ?? "", request.text] }
      connection.send("HTTP/1.1 201 Created\r\nX-B: 2\r\nContent-Length: 2\r\n\r\nok")
    }
    let response = try send(
      "https://backend.test:\(backend.port)/p?q", "POST", fields: [("Authorization", "Bearer x")], body: "hello",
      names: ["backend.test": ["127.0.0.1"]])
    #expect(response.status == 201 && response.field("x-b") == "2" && response.body == Array("ok".utf8))
    #expect(seen.withLock { $0 } == ["backend.test", "POST /p?q HTTP/1.1", "backend.test:\(backend.port)", "hello"])
    backend.stop()
  }

  @Test func aRequestInTheClear() throws {
    let server = try TestServer()
    let response = try send("http://localhost:\(server.listener.port)/a?b", names: ["localhost": ["127.0.0.1"]])
    #expect(response.status == 200 && response.body == Array("/a?b".utf8))
  }

  @Test func theSystemKnowsNamesToo() throws {
    let server = try TestServer()
    let address = try #require(WebAddress("http://localhost:\(server.listener.port)/a"))
    let response = try onLoop {
      try await WebClient(loop: EventLoop.current!, tls: TLSHandshakeTests.context()).send(
        "GET", to: address, timeoutSeconds: 20, answerBytesMaximum: 100, rule: .any)
    }
    #expect(response.body == Array("/a".utf8))
  }

  @Test func aCertificateForAnotherNameIsRefused() throws {
    let backend = try TLSBackend { connection, _ in connection.answerAll(TLSHandshakeTests.ok) }
    #expect(throws: WebFailure.untrusted(.certificate("hostname mismatch"))) {
      try send("https://elsewhere.test:\(backend.port)/", names: ["elsewhere.test": ["127.0.0.1"]])
    }
    backend.stop()
  }

  @Test(arguments: [("a.wild.test", true), ("A.Wild.test.", true), ("a.b.wild.test", false), ("wild.test", false)])
  func aWildcardStandsForOneLabel(_ name: String, _ fits: Bool) throws {
    let asked = Mutex("")
    let backend = try TLSBackend { connection, _ in
      asked.withLock { $0 = connection.serverName ?? "" }
      connection.answerAll(TLSHandshakeTests.ok)
    }
    let host = name.lowercased()
    let get = { try send("https://\(name):\(backend.port)/", names: [host: ["127.0.0.1"]]) }
    if fits { #expect(try get().status == 200) } else { #expect(throws: WebFailure.self) { try get() } }
    // RFC 6066 §3: without the dot at the end.
    if fits { #expect(asked.withLock { $0 } == "a.wild.test") }
    backend.stop()
  }

  @Test func redirectsAreNotFollowed() throws {
    let reached = Mutex(false)
    let target = try Backend { _, _ in reached.withLock { $0 = true } }
    for status in [301, 302, 303, 307, 308] {
      let location = "http://127.0.0.1:\(target.port)/"
      let backend = try Backend { connection, _ in
        connection.answerAll("HTTP/1.1 \(status) Moved\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
      }
      let response = try send("http://127.0.0.1:\(backend.port)/")
      #expect(response.status == status && response.field("location") == location)
      backend.stop()
    }
    #expect(!reached.withLock { $0 })
    target.stop()
  }

  @Test func aRequestThatWouldBeReadAsMoreIsNotSent() throws {
    let backend = try Backend { connection, _ in connection.answerAll(TLSHandshakeTests.ok) }
    for (name, value) in [
      ("a", "b\r\nc: d"), ("a", "b\nc"), ("a", "b\u{0}"), ("a b", "c"), ("a:", "b"), ("", "b"), ("Host", "b"),
      ("Content-Length", "1"), ("transfer-encoding", "chunked"), ("CONNECTION", "upgrade"),
    ] {
      #expect(throws: WebFailure.broken) { try send("http://127.0.0.1:\(backend.port)/", fields: [(name, value)]) }
    }
    for method in ["", "GET /", "A\r\nB", "HEAD", "CONNECT"] {
      #expect(throws: WebFailure.broken) { try send("http://127.0.0.1:\(backend.port)/", method) }
    }
    #expect(backend.connectionCount == 0)
    backend.stop()
  }

  // MARK: Addresses

  @Test func oneForbiddenAddressRefusesAll_andNobodyIsConnectedTo() throws {
    let backend = try Backend { connection, _ in connection.answerAll(TLSHandshakeTests.ok) }
    for addresses in [
      ["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["2606:4700::1111", "::ffff:127.0.0.1"],
    ] {
      #expect(throws: WebFailure.forbiddenAddress) {
        try send("http://evil.test:\(backend.port)/", rule: .publicOnly(), names: ["evil.test": addresses])
      }
    }
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "10.0.0.1", "0.0.0.0"] {
      #expect(throws: WebFailure.forbiddenAddress, "\(host)") { try send("http://\(host):\(backend.port)/", rule: .publicOnly()) }
    }
    #expect(backend.connectionCount == 0)
    backend.stop()
  }

  @Test func anExceptionOpensTheWay() throws {
    let server = try TestServer()
    let rule = AddressRule.publicOnly(exceptions: [AddressRange("127.0.0.0/8")!])
    let url = "http://inside.test:\(server.listener.port)/x"
    #expect(try send(url, rule: rule, names: ["inside.test": ["127.0.0.1"]]).status == 200)
  }

  /// Rebinding: a second look-up would say something else than the one that was judged.
  @Test func aNameIsLookedUpOnce() throws {
    let asked = Mutex(0)
    let refused = try Backend.unusedPort()
    // The first address refuses: the next one of the same look-up is tried, and nobody is asked again.
    #expect(throws: WebFailure.unreachable) {
      try send("http://a.test:\(refused)/", names: ["a.test": ["127.0.0.1", "127.0.0.2"]]) { asked.withLock { $0 += 1 } }
    }
    #expect(asked.withLock { $0 } == 1)
  }

  @Test func theNextAddressIsTried() throws {
    let server = try TestServer()
    let url = "http://a.test:\(server.listener.port)/x"
    #expect(try send(url, names: ["a.test": ["127.0.0.2", "127.0.0.1"]]).status == 200)
  }

  // MARK: Failures

  @Test func aNameThatIsNone() throws {
    #expect(throws: WebFailure.unresolvable) { try send("http://none.test/") }
  }

  @Test func aLookUpThatTakesTooLong() throws {
    #expect(throws: WebFailure.timedOut) {
      try send("http://slow.test/", seconds: 1, names: ["slow.test": ["127.0.0.1"]]) { usleep(1_500_000) }
    }
  }

  @Test func soManyLookUpsAreUnderWay() throws {
    let gate = DispatchSemaphore(value: 0)
    let lookup = NameLookup(countMaximum: 2) { _, port in
      gate.wait()
      return [SocketAddress(ip: "127.0.0.1", port: port)!]
    }
    let results = Mutex<[Int]>([])
    for _ in 0..<2 { lookup.addresses(of: "a", port: 1) { found in results.withLock { $0.append(found.count) } } }
    lookup.addresses(of: "b", port: 1) { found in results.withLock { $0.append(found.count) } }
    #expect(results.withLock { $0 } == [0], "the third is refused at once")
    for _ in 0..<2 { gate.signal() }
    #expect(eventually { results.withLock { $0 } == [0, 1, 1] })
    gate.signal()
    lookup.addresses(of: "c", port: 1) { found in results.withLock { $0.append(found.count) } }
    #expect(eventually { results.withLock { $0.count } == 4 })
  }

  @Test func answersThatAreNone() throws {
    let answers: [(String, WebFailure)] = [
      ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", .broken), ("nonsense\r\n\r\n", .broken), ("", .broken),
      ("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", .tooLarge), ("HTTP/1.1 200 OK\r\n\r\n01234567890", .tooLarge),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n", .tooLarge),
    ]
    for (answer, failure) in answers {
      let backend = try Backend { connection, _ in
        _ = connection.readRequest()
        connection.send(answer)
        connection.finishSending()
        _ = connection.readToEnd()
      }
      #expect(throws: failure, "\(answer)") { try send("http://127.0.0.1:\(backend.port)/", bytesMaximum: 10) }
      backend.stop()
    }
    let exact = try Backend { connection, _ in connection.answerAll("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789") }
    #expect(try send("http://127.0.0.1:\(exact.port)/", bytesMaximum: 10).body.count == 10)
    exact.stop()
  }

  @Test func aServerThatIsSilent_inTheHandshakeOrAfterTheRequest() throws {
    let silent = try Backend { connection, _ in _ = connection.readToEnd() }
    for scheme in ["http", "https"] {
      #expect(throws: WebFailure.timedOut) { try send("\(scheme)://127.0.0.1:\(silent.port)/", seconds: 1) }
    }
    silent.stop()
  }

  @Test func failuresSayWhatHappenedOnOneLine() {
    for failure in [
      WebFailure.unresolvable, .forbiddenAddress, .unreachable, .untrusted(.closed), .timedOut, .tooLarge, .broken,
    ] { #expect(!failure.description.isEmpty && !failure.description.contains("\n")) }
  }
}
