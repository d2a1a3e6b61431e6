import Bytes
import Foundation
import Testing

@testable import Wire

/// What a backend says, and what its call gets.
@Suite struct UpstreamAnswerTests {
  /// The backend answers the first request with these bytes, then closes when told so.
  private func result(
    _ answer: [UInt8], closing: Bool = false, pieceEnd: Int? = nil, limits: (inout UpstreamLimits) -> Void = { _ in }
  )
    throws -> CallResult?
  {
    let pool = try TestPool(limits: limits) { connection, number in
      while connection.readRequest() != nil {
        guard number == 0 else { connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); continue }
        if let pieceEnd {
          connection.send(Array(answer[..<pieceEnd]))
          usleep(1000)
          connection.send(Array(answer[pieceEnd...]))
        } else {
          connection.send(answer)
        }
        if closing { connection.close(); return }
      }
    }
    let call = pool.send()
    let result = call.wait()
    #expect(call.endCount == 1)
    return result
  }

  static let complete: [(String, Bool, CallResult)] = [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, .ok("hello")),
    ("HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello", false, .ok("hello")),
    ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, .ok("")),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", false, .ok("hello")),
    ("HTTP/1.1 204 No Content\r\n\r\n", false, .answered(status: 204, body: "", fields: [])),
    ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", false, .answered(status: 304, body: "", fields: [])),
    ("HTTP/1.1 200 OK\r\n\r\nuntil the end", true, .ok("until the end")),
    ("HTTP/1.0 200 OK\r\n\r\nuntil the end", true, .ok("until the end")),
    ("HTTP/1.1 200 OK\r\n\r\n", true, .ok("")),
    (
      "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nno", false,
      .answered(status: 404, body: "no", fields: ["X-A=1", "x-a=2"])
    ),
    (
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      false,
      .ok("ok")
    ),
  ]

  @Test(arguments: complete) func isComplete(_ text: String, _ closing: Bool, _ expected: CallResult) throws {
    #expect(try result(Array(text.utf8), closing: closing) == expected)
  }

  @Test(arguments: complete) func isComplete_cutAnywhere(_ text: String, _ closing: Bool, _ expected: CallResult) throws {
    let bytes = Array(text.utf8)
    for end in stride(from: 1, to: bytes.count, by: 3) {
      #expect(try result(bytes, closing: closing, pieceEnd: end) == expected, "cut at \(end)")
    }
  }

  static let broken: [(String, Bool)] = [
    ("nonsense\r\n\r\n", false), ("HTTP/2.0 200 OK\r\n\r\n", false), ("HTTP/1.1 999 OK\r\n\r\n", false), ("", true),
    ("HTTP/1.1 200 OK\r\n", true), ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", true),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", true),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: trailer\r\n\r\n", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello", false),
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello", false),
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", false),
    ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello", false),
    ("HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n", false),
    ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", false), ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", false),
    ("HTTP/1.1 200 OK\r\nX: \u{0}\r\nContent-Length: 0\r\n\r\n", false), ("HTTP/1.1 101 Switching Protocols\r\n\r\n", false),
  ]

  @Test(arguments: broken) func isBroken(_ text: String, _ closing: Bool) throws {
    #expect(try result(Array(text.utf8), closing: closing) == .failed(.broken))
  }

  // MARK: Limits

  @Test(arguments: [(99, true), (100, true), (101, false)]) func theBodyMayBeSoLarge(_ count: Int, _ fits: Bool) throws {
    let body = String(repeating: "x", count: count)
    for (text, closing) in [
      ("Content-Length: \(count)\r\n\r\n" + body, false),
      ("Transfer-Encoding: chunked\r\n\r\n\(String(count, radix: 16))\r\n\(body)\r\n0\r\n\r\n", false), ("\r\n" + body, true),
    ] {
      let answer = Array(("HTTP/1.1 200 OK\r\n" + text).utf8)
      #expect(
        try result(answer, closing: closing, limits: { $0.answerBytesMaximum = 100 }) == (fits ? .ok(body) : .failed(.tooLarge)))
    }
  }

  @Test(arguments: [(199, true), (200, true), (201, false)]) func theHeadMayBeSoLarge(_ count: Int, _ fits: Bool) throws {
    let start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
    let filler = String(repeating: "x", count: count - start.utf8.count - 4)
    let answer = Array((start + filler + "\r\n\r\n").utf8)
    let expected = fits ? CallResult.answered(status: 200, body: "", fields: ["X=" + filler]) : .failed(.broken)
    #expect(try result(answer, limits: { $0.headBytesMaximum = 200 }) == expected)
  }

  @Test func interimAnswersWithoutEndAreBroken() throws {
    let pool = try TestPool { connection, _ in
      while connection.send(String(repeating: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", count: 100)) {}
    }
    let start = SystemTime().monotonicNanoseconds()
    #expect(pool.send().wait() == .failed(.broken))
    #expect(SystemTime().monotonicNanoseconds() - start < 20_000_000_000)
  }

  /// A reset is not the end that an answer without a length waits for.
  @Test func aResetBreaksAnAnswerWithoutALength() throws {
    let pool = try TestPool { connection, _ in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n\r\nhalf of it")
      usleep(50_000)
      connection.reset()
    }
    #expect(pool.outcome() == .failed(.broken))
  }

  @Test func aLargeAnswerArrivesWhole() throws {
    let body = String(repeating: "0123456789abcdef", count: 1 << 18)
    #expect(try result(Array("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)) == .ok(body))
  }
}
