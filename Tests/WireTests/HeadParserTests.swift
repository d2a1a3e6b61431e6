import Bytes
import Testing

@testable import Wire

/// What became of a head: everything that the parser says about it.
enum Parsed: Equatable {
  case needsMore
  case refused(HeadParser.Fault)
  case complete(Head)

  struct Head: Equatable {
    var method = ""
    var target = ""
    var status = 0
    var minorVersion = 1
    var framing = Framing.none
    var fields: [String] = []
    var end = 0
    var keepsConnection = true
  }
}

extension HeadParser {
  /// What the parser has found so far.
  func found(in bytes: Span<UInt8>) -> Parsed.Head {
    Parsed.Head(
      method: bytes.slice(method).string(), target: bytes.slice(target).string(), status: status, minorVersion: minorVersion,
      framing: framing,
      fields: (0..<fields.count).map { "\(bytes.slice(fields[$0].name).string())=\(bytes.slice(fields[$0].value).string())" },
      end: end, keepsConnection: keepsConnection(bytes))
  }
}

/// Parses bytes that come in pieces: after each end of a piece the parser goes on with all that is there.
func parse(
  _ bytes: [UInt8], _ side: HeadParser.Side = .request, limits: HeadParser.Limits = HeadParser.Limits(), pieceEnds: [Int] = []
) -> Parsed {
  var parser = HeadParser(side, limits: limits)
  parser.reset(at: 0)
  for end in pieceEnds + [bytes.count] {
    let span = bytes.span.extracting(0..<end)
    do throws(HeadParser.Fault) {
      guard try parser.advance(span) else { continue }
      return .complete(parser.found(in: span))
    } catch {
      return .refused(error)
    }
  }
  return .needsMore
}

func parse(_ text: String, _ side: HeadParser.Side = .request, limits: HeadParser.Limits = HeadParser.Limits()) -> Parsed {
  parse(Array(text.utf8), side, limits: limits)
}

@Suite struct HeadParserTests {
  private func head(_ text: String, _ side: HeadParser.Side = .request) throws -> Parsed.Head {
    let parsed = parse(text, side)
    guard case .complete(let head) = parsed else {
      Issue.record("\(parsed)")
      return Parsed.Head()
    }
    return head
  }

  @Test func aRequestIsTakenApart() {
    let text = "POST /a/b?c=d HTTP/1.1\r\nHost: example.org:80\r\nContent-Length: 12\r\nX-A:\t one two \t\r\nX-B:\r\n\r\nrest"
    var expected = Parsed.Head(method: "POST", target: "/a/b?c=d", framing: .length(12))
    expected.fields = ["Host=example.org:80", "Content-Length=12", "X-A=one two", "X-B="]
    expected.end = text.utf8.count - 4
    #expect(parse(text) == .complete(expected))
  }

  @Test func anAnswerIsTakenApart() {
    let text = "HTTP/1.0 404 Not  here\r\nTransfer: x\r\n\r\n"
    let expected = Parsed.Head(
      status: 404, minorVersion: 0, framing: .untilClose, fields: ["Transfer=x"], end: text.utf8.count, keepsConnection: false)
    #expect(parse(text, .response) == .complete(expected))
  }

  /// What RFC 9112 leaves no doubt about is taken.
  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "GET / HTTP/1.1\r\nhOsT:a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nExpect: anything\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /%00;x//..?a=/?b=[]&c='()' HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: caf\u{e9} \t tab\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 000000000000000012\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n",
  ])
  func isTaken(_ text: String) {
    guard case .complete = parse(text) else { Issue.record("\(parse(text))"); return }
  }

  static let malformed: [(String, String)] = [
    ("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    ("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    ("bare LF for the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    ("bare CR in the request line", "GET /\rHTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rContent-Length: 5\r\n\r\n"),
    ("two CR", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    ("two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a lone LF before", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("space before", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("space after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ("tabs", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"),
    ("HTTP/0.9", "GET /\r\nHost: a\r\n\r\n"),
    ("method with a colon", "G:T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("method of 33 letters", String(repeating: "A", count: 33) + " / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("small http", "GET / http/1.1\r\nHost: a\r\n\r\n"),
    ("version of three digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    ("absolute target", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("authority as target", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("star for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("backslash", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("quote", "GET /a\"b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("NUL in the target", "GET /a\u{0}b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("letter above ASCII in the target", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no Host", "GET / HTTP/1.1\r\nX: a\r\n\r\n"),
    ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"),
    ("Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ("Host with a query", "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
    ("Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
    ("folded line with a tab", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tContent-Length: 5\r\n\r\n"),
    ("white space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    ("tab before the colon", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 5\r\n\r\n"),
    ("no colon", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length 5\r\n\r\n"),
    ("no name", "GET / HTTP/1.1\r\nHost: a\r\n: 5\r\n\r\n"),
    ("name with a slash", "GET / HTTP/1.1\r\nHost: a\r\nX/Y: 5\r\n\r\n"),
    ("name above ASCII", "GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: 5\r\n\r\n"),
    ("NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\u{0}Y: 5\r\n\r\n"),
    ("NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n"),
    ("escape in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1B}[31m\r\n\r\n"),
    ("DEL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \u{7F}\r\n\r\n"),
    ("vertical tab in a value", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{B}chunked\r\n\r\n"),
    ("both framings", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("both framings, other order", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
    ("two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    ("two equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
    ("list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"),
    ("length with a plus", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"),
    ("negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"),
    ("hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n"),
    ("length with a fraction", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n"),
    ("no length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
    ("length with a space inside", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n"),
    ("length beyond 64 bits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\n"),
    ("two codings", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("a coding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
  ]

  /// A26: what another implementation could read differently.
  @Test(arguments: malformed) func isMalformed(_ name: String, _ text: String) {
    guard case .refused(.malformed) = parse(text) else { Issue.record("\(name): \(parse(text))"); return }
  }

  @Test(arguments: ["xchunked", "chunked, chunked", "gzip, chunked", "identity", "chunked;q=1", "\"chunked\"", "", "chunked,"])
  func anyOtherTransferCodingIsRefused(_ coding: String) {
    let text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \(coding)\r\n\r\n"
    #expect(parse(text) == .refused(.unsupportedTransferCoding))
  }

  @Test(arguments: ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.1"]) func anyOtherVersionIsRefused(_ version: String) {
    #expect(parse("GET / \(version)\r\nHost: a\r\n\r\n") == .refused(.unsupportedVersion))
  }

  @Test func theBeginningOfHTTP2IsAnotherVersion() {
    #expect(parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == .refused(.unsupportedVersion))
  }

  @Test(arguments: ["200-ok", "100-continue, x", "\r\nExpect: 100-continue"]) func anyOtherExpectationIsRefused(_ value: String) {
    #expect(parse("GET / HTTP/1.1\r\nHost: a\r\nExpect: \(value)\r\n\r\n") == .refused(.unsupportedExpectation))
  }

  static let connections: [(String, Bool)] = [
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE \t, y\r\n\r\n", false),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", false),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection:\r\n\r\n", true),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: ,,\r\nX: a, close\r\n\r\n", true),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: ,close\r\n\r\n", false),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", true),
    ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", false),
    ("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", false),
  ]

  @Test(arguments: connections) func theConnectionStaysOrNot(_ text: String, _ stays: Bool) throws {
    #expect(try head(text).keepsConnection == stays)
  }

  static let answers: [(String, Framing)] = [
    ("HTTP/1.1 200 OK\r\n\r\n", .untilClose),
    ("HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n", .length(3)),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .chunked),
    ("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", .none),
    ("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", .none),
    ("HTTP/1.1 100 Continue\r\n\r\n", .none),
  ]

  @Test(arguments: answers) func anAnswersBodyIsFramed(_ text: String, _ framing: Framing) throws {
    #expect(try head(text, .response).framing == framing)
  }

  @Test(arguments: [
    "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n", "HTTP/1.1 -20 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n",
    "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\r\n", "HTTP/1.1 200 O\u{0}K\r\n\r\n", "HTTP/1.1\r\n\r\n", "200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
  ])
  func anAnswerIsMalformed(_ text: String) {
    guard case .refused(.malformed) = parse(text, .response) else { Issue.record("\(parse(text, .response))"); return }
  }

  @Test func ofTheMessageBeforeNothingIsLeft() throws {
    var parser = HeadParser(.request)
    parser.reset(at: 0)
    let first = Array("POST /long/target HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n".utf8)
    let isComplete = try parser.advance(first.span)
    #expect(isComplete)
    parser.reset(at: 0)
    let second = Array("x\n".utf8)
    do {
      _ = try parser.advance(second.span)
      Issue.record("a bare LF was taken")
    } catch {}
    let left = parser.found(in: second.span)
    #expect(left.method.isEmpty && left.target.isEmpty && left.fields.isEmpty && left.framing == .none)
  }
}

/// Each limit: at it, and one beyond.
@Suite struct HeadLimitsTests {
  private func head(ofBytes count: Int) -> [UInt8] {
    let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
    return Array((start + String(repeating: "x", count: count - start.utf8.count - 4) + "\r\n\r\n").utf8)
  }

  @Test(arguments: [100, 16_384]) func theHeadMayBeSoLarge(_ limit: Int) {
    let limits = HeadParser.Limits(headBytesMaximum: limit)
    for count in [limit - 1, limit] {
      guard case .complete = parse(head(ofBytes: count), limits: limits) else { Issue.record("\(count) of \(limit)"); continue }
    }
    #expect(parse(head(ofBytes: limit + 1), limits: limits) == .refused(.headTooLarge))
  }

  @Test func aHeadWithoutEndIsRefusedOnceItIsTooLarge() {
    let limits = HeadParser.Limits(headBytesMaximum: 100)
    let bytes = Array(head(ofBytes: 300).prefix(200))
    #expect(parse(Array(bytes.prefix(100)), limits: limits) == .needsMore)
    #expect(parse(Array(bytes.prefix(101)), limits: limits) == .refused(.headTooLarge))
  }

  @Test func soManyFieldsMayBeThere() {
    let limits = HeadParser.Limits(fieldCountMaximum: 5)
    func request(_ count: Int) -> String {
      "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: count - 1) + "\r\n"
    }
    for count in [4, 5] {
      guard case .complete(let head) = parse(request(count), limits: limits) else { Issue.record("\(count)"); continue }
      #expect(head.fields.count == count)
    }
    #expect(parse(request(6), limits: limits) == .refused(.headTooLarge))
  }

  @Test func theTargetMayBeSoLong() {
    let limits = HeadParser.Limits(targetBytesMaximum: 50)
    func request(_ count: Int) -> String { "GET /" + String(repeating: "a", count: count - 1) + " HTTP/1.1\r\nHost: a\r\n\r\n" }
    for count in [49, 50] {
      guard case .complete(let head) = parse(request(count), limits: limits) else { Issue.record("\(count)"); continue }
      #expect(head.target.utf8.count == count)
    }
    #expect(parse(request(51), limits: limits) == .refused(.targetTooLong))
  }

  @Test func aTargetWithoutEndIsRefusedOnceItIsTooLong() {
    let limits = HeadParser.Limits(targetBytesMaximum: 50)
    #expect(parse("GET /" + String(repeating: "a", count: 200), limits: limits) == .refused(.targetTooLong))
  }

  /// More fields than a byte can count must not look like few.
  @Test func threeHundredHostsAreMoreThanOne() {
    let limits = HeadParser.Limits(fieldCountMaximum: 1000)
    let hosts = String(repeating: "Host: a\r\n", count: 257)
    guard case .refused(.malformed) = parse("GET / HTTP/1.1\r\n\(hosts)\r\n", limits: limits) else { Issue.record(); return }
  }
}
