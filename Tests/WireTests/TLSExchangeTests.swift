import Bytes
import COpenSSLSystem
import Foundation
import Synchronization
import Testing

@testable import Wire

/// Requests and answers over TLS: sizes, ends, and what TLS does between them.
@Suite struct TLSExchangeTests {
  private static let ok = TLSHandshakeTests.ok
  private static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]

  private func pool(_ backend: TLSBackend, limits: (inout UpstreamLimits) -> Void = { _ in }) throws -> TestPool {
    try TestPool(port: backend.port, tls: TLSHandshakeTests.context(), limits: limits) { _, _ in }
  }

  @Test(arguments: versions) func largeMessagesArriveWhole(_ version: Int32) throws {
    let body = String(repeating: "0123456789abcdef", count: 1 << 17)
    let backend = try TLSBackend({ $0.versions = version...version }) { connection, _ in
      usleep(20_000)
      while let request = connection.readRequest() {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n\(request.text)")
      }
    }
    let pool = try pool(backend)
    for _ in 0..<2 {
      let call = pool.send("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)", seconds: 60)
      #expect(call.wait() == .ok(body))
    }
    #expect(backend.connectionCount == 1)
    backend.stop()
  }

  @Test func manyCallsAtTheSameTimeGetTheirOwnAnswers() throws {
    let backend = try TLSBackend { connection, _ in
      while let request = connection.readRequest() {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n\(request.text)")
      }
    }
    let pool = try pool(backend) { $0.connectionsMaximum = 4 }
    let calls = (0..<200).map { number in
      let body = String(repeating: "\(number),", count: number * 10 + 1)
      return (body, pool.send("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"))
    }
    for (body, call) in calls { #expect(call.wait() == .ok(body)) }
    #expect(backend.connectionCount == 4)
    backend.stop()
  }

  @Test func anAnswerInManyRecords() throws {
    let backend = try TLSBackend { connection, _ in
      while connection.readRequest() != nil {
        for byte in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" {
          connection.send(String(byte))
        }
      }
    }
    let pool = try pool(backend)
    for _ in 0..<3 { #expect(pool.send().wait() == .ok("abcde")) }
    #expect(backend.connectionCount == 1)
    backend.stop()
  }

  @Test func newKeysInTheMiddle() throws {
    let backend = try TLSBackend({ $0.versions = TLS1_3_VERSION...TLS1_3_VERSION }) { connection, _ in
      while connection.readRequest() != nil {
        connection.send("HTTP/1.1 200 OK\r\n")
        connection.updateKeys()
        connection.send("Content-Length: 2\r\n\r\nok")
      }
    }
    let pool = try pool(backend)
    for _ in 0..<5 { #expect(pool.send().wait() == .ok("ok")) }
    #expect(backend.connectionCount == 1)
    backend.stop()
  }

  // MARK: Ends

  @Test(arguments: versions) func anEndInOrderEndsABodyWithoutLength(_ version: Int32) throws {
    let held = DispatchSemaphore(value: 0)
    let backend = try TLSBackend({ $0.versions = version...version }) { connection, _ in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n\r\nall of it")
      connection.notifyEnd()
      // The socket stays open: close_notify alone must do.
      held.wait()
    }
    #expect(try pool(backend).outcome() == .ok("all of it"))
    held.signal()
    backend.stop()
  }

  @Test(
    arguments: versions,
    ["\r\nhalf of it", "Content-Length: 20\r\n\r\nhalf of it", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"])
  func anEndWithoutNoticeBreaksTheAnswer(_ version: Int32, _ rest: String) throws {
    let backend = try TLSBackend({ $0.versions = version...version }) { connection, _ in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n" + rest)
      connection.cut()
    }
    #expect(try pool(backend).outcome() == .failed(.broken))
    backend.stop()
  }

  @Test func anAnswerThatWasCompleteIsTakenHoweverTheConnectionEnds() throws {
    let backend = try TLSBackend { connection, _ in
      _ = connection.readRequest()
      connection.send(Self.ok)
      connection.cut()
    }
    let pool = try pool(backend)
    for _ in 0..<3 { #expect(pool.send().wait() == .ok("ok")) }
    backend.stop()
  }

  @Test func aKeptConnectionThatTheServerClosedIsMadeUpFor() throws {
    let backend = try TLSBackend { connection, number in
      _ = connection.readRequest()
      connection.send(Self.ok)
      // The next request is read and not answered.
      if number == 0 { _ = connection.readRequest() } else { connection.answerAll(Self.ok) }
    }
    let pool = try pool(backend)
    for _ in 0..<3 { #expect(pool.send().wait() == .ok("ok")) }
    #expect(backend.connectionCount == 2)
    backend.stop()
  }

  /// What follows an answer that nobody asked for must not become the answer to the next call, in the same record or later.
  @Test(arguments: [true, false]) func moreThanOneAnswerEndsTheConnection(_ together: Bool) throws {
    let backend = try TLSBackend { connection, number in
      guard number == 0 else { connection.answerAll(Self.ok); return }
      _ = connection.readRequest()
      let second = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
      if together { connection.send(Self.ok + second) } else { connection.send(Self.ok); connection.send(second) }
      connection.answerAll(Self.ok)
    }
    let pool = try pool(backend)
    #expect(pool.send().wait() == .ok("ok"))
    usleep(50_000)
    pool.loop.settle()
    #expect(pool.send().wait() == .ok("ok"))
    #expect(backend.connectionCount == 2)
    backend.stop()
  }

  @Test func newKeysBetweenCallsKeepTheConnection() throws {
    let backend = try TLSBackend({ $0.versions = TLS1_3_VERSION...TLS1_3_VERSION }) { connection, _ in
      while connection.readRequest() != nil {
        connection.send(Self.ok)
        connection.updateKeys()
        connection.sendWhatWaits()
      }
    }
    let pool = try pool(backend)
    for _ in 0..<4 {
      #expect(pool.send().wait() == .ok("ok"))
      usleep(20_000)
      pool.loop.settle()
    }
    #expect(backend.connectionCount == 1)
    backend.stop()
  }

  @Test func largerThanAllowed() throws {
    let backend = try TLSBackend { connection, _ in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 200_001))
    }
    #expect(try pool(backend) { $0.answerBytesMaximum = 200_000 }.outcome() == .failed(.tooLarge))
    backend.stop()
  }

  @Test(arguments: [("b", 443, "b"), ("b", 80, "b:80"), ("::1", 8443, "[::1]:8443")])
  func theAuthority(_ host: String, _ port: Int, _ expected: String) throws {
    #expect(UpstreamTarget(host: host, port: port, tls: try TLSHandshakeTests.context()).authority == expected)
  }
}
