import Bytes

/// How long the body of a message is (RFC 9112 §6.3).
enum Framing: Equatable {
  case none
  case length(Int)
  case chunked
  /// Answers only: the body goes on until the connection closes.
  case untilClose
}

/// Reads the head of an HTTP/1.1 message line by line, and goes on where it stopped when more bytes come.
///
/// Strict: what another implementation could read differently is refused (A26) — bare LF or CR, a folded line, white space
/// before the colon, control characters, two lengths, a length beside a transfer coding. Places are places in the bytes that
/// `advance` is given, which must begin the same each time.
package struct HeadParser {
  package enum Side { case request, response }

  /// Why a head is refused.
  package enum Fault: Error, Equatable {
    case malformed(StaticString)
    case headTooLarge
    case targetTooLong
    case unsupportedVersion
    case unsupportedTransferCoding
    case unsupportedExpectation

    package static func == (left: Fault, right: Fault) -> Bool { "\(left)" == "\(right)" }
  }

  package struct Limits {
    package var headBytesMaximum: Int
    package var fieldCountMaximum: Int
    package var targetBytesMaximum: Int

    package init(headBytesMaximum: Int = 16_384, fieldCountMaximum: Int = 100, targetBytesMaximum: Int = 8192) {
      self.headBytesMaximum = headBytesMaximum
      self.fieldCountMaximum = fieldCountMaximum
      self.targetBytesMaximum = targetBytesMaximum
    }
  }

  let side: Side
  let limits: Limits
  let fields = FieldLines()
  private(set) var method = ByteRange(start: 0, count: 0)
  private(set) var target = ByteRange(start: 0, count: 0)
  private(set) var status = 0
  /// 0 or 1: the minor version of HTTP/1.
  private(set) var minorVersion = 1
  private(set) var framing = Framing.none
  /// One past the head, once it is complete.
  private(set) var end = 0

  private var start = 0
  /// The beginning of the line that is being read.
  private var line = 0
  /// How far the search for its end has come.
  private var scanned = 0
  private var hasStartLine = false
  private var hasSkippedEmptyLine = false

  package init(_ side: Side, limits: Limits = Limits()) {
    self.side = side
    self.limits = limits
  }

  /// Begins a new message at a place.
  package mutating func reset(at place: Int) {
    fields.removeAll()
    (start, line, scanned, end) = (place, place, place, 0)
    (hasStartLine, hasSkippedEmptyLine) = (false, false)
    // Of the message before nothing may be left: its places lie in bytes that may be gone.
    (method, target) = (ByteRange(start: 0, count: 0), ByteRange(start: 0, count: 0))
    framing = .none
    status = 0
  }

  /// True when the head is complete; false when more bytes are needed.
  package mutating func advance(_ bytes: Span<UInt8>) throws(Fault) -> Bool {
    while let lineFeed = bytes.firstIndex(of: 0x0A, from: scanned) {
      guard lineFeed - start < limits.headBytesMaximum else { throw .headTooLarge }
      // RFC 9112 §2.2 lets a recipient take a bare LF as a line end; the next one may not, so it is refused.
      guard lineFeed > line, bytes[lineFeed - 1] == 0x0D else { throw .malformed("a line ends with LF alone") }
      let content = line..<lineFeed - 1
      line = lineFeed + 1
      scanned = line
      if try take(content, bytes) {
        end = line
        try frame(bytes)
        return true
      }
    }
    guard bytes.count - start <= limits.headBytesMaximum else { throw .headTooLarge }
    if !hasStartLine, side == .request, bytes.count - line > limits.targetBytesMaximum + 64 { throw .targetTooLong }
    scanned = bytes.count
    return false
  }

  /// One line without its end; true for the empty line that ends the head.
  private mutating func take(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(Fault) -> Bool {
    if !hasStartLine {
      // RFC 9112 §2.2: one empty line before a request is ignored, for clients that send one too many.
      if range.isEmpty, side == .request, !hasSkippedEmptyLine {
        hasSkippedEmptyLine = true
        return false
      }
      hasStartLine = true
      if side == .request { try requestLine(range, bytes) } else { try statusLine(range, bytes) }
      return false
    }
    guard !range.isEmpty else { return true }
    try fieldLine(range, bytes)
    return false
  }

  /// RFC 9112 §3: method, one space, target, one space, version.
  private mutating func requestLine(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(Fault) {
    guard let first = bytes.firstIndex(of: 0x20, from: range.lowerBound), first < range.upperBound,
      let second = bytes.firstIndex(of: 0x20, from: first + 1), second < range.upperBound
    else { throw .malformed("the request line is not method, target and version") }
    let name = bytes.extracting(range.lowerBound..<first)
    guard name.count <= 32, ByteClass.isToken(name) else { throw .malformed("the method is no token") }
    let path = bytes.extracting(first + 1..<second)
    guard path.count <= limits.targetBytesMaximum else { throw .targetTooLong }
    try version(bytes.extracting(second + 1..<range.upperBound))
    // RFC 9112 §3.2.1: origin form. The absolute form names a host a second time; two that differ would be two meanings.
    guard !path.isEmpty, path[0] == 0x2F || (path.equals("*") && name.equals("OPTIONS")) else {
      throw .malformed("the target does not begin with a slash")
    }
    guard ByteClass.isTarget(path) else { throw .malformed("the target holds a character that a URI cannot") }
    method = ByteRange(start: range.lowerBound, count: name.count)
    target = ByteRange(start: first + 1, count: path.count)
  }

  /// RFC 9112 §4: version, one space, three digits, and a reason that nobody reads.
  private mutating func statusLine(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(Fault) {
    let text = bytes.extracting(range)
    guard text.count >= 12, text[8] == 0x20, text.count == 12 || text[12] == 0x20 else { throw .malformed("the status line") }
    try version(text.extracting(0..<8))
    status = 0
    for index in 9..<12 {
      guard text[index] >= 0x30, text[index] <= 0x39 else { throw .malformed("the status is no number") }
      status = status * 10 + Int(text[index] - 0x30)
    }
    guard status >= 100, status < 600, ByteClass.isValue(text) else { throw .malformed("the status line") }
  }

  private mutating func version(_ text: Span<UInt8>) throws(Fault) {
    if text.equals("HTTP/1.1") {
      minorVersion = 1
    } else if text.equals("HTTP/1.0") {
      minorVersion = 0
    } else {
      guard text.count == 8, text.extracting(0..<5).equals("HTTP/") else { throw .malformed("the version is not HTTP") }
      throw .unsupportedVersion
    }
  }

  /// RFC 9112 §5: name, colon, value with optional white space around it.
  private mutating func fieldLine(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(Fault) {
    guard fields.count < limits.fieldCountMaximum else { throw .headTooLarge }
    // RFC 9112 §5.2: a folded line begins with white space, which is no token.
    guard let colon = bytes.firstIndex(of: 0x3A, from: range.lowerBound), colon < range.upperBound else {
      throw .malformed("a header line without a colon")
    }
    let name = bytes.extracting(range.lowerBound..<colon)
    guard ByteClass.isToken(name) else { throw .malformed("a header name that is no token") }
    let value = Self.trimmed(colon + 1..<range.upperBound, bytes)
    guard ByteClass.isValue(bytes.extracting(value)) else { throw .malformed("a header value with a control character") }
    fields.append(
      name: ByteRange(start: range.lowerBound, count: name.count), value: ByteRange(start: value.lowerBound, count: value.count),
      known: KnownField.named(name))
  }

  /// Without the white space at both ends.
  private static func trimmed(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Range<Int> {
    var (lower, upper) = (range.lowerBound, range.upperBound)
    while lower < upper, bytes[lower] == 0x20 || bytes[lower] == 0x09 { lower += 1 }
    while upper > lower, bytes[upper - 1] == 0x20 || bytes[upper - 1] == 0x09 { upper -= 1 }
    return lower..<upper
  }

  /// RFC 9112 §6.3, with everything refused that is ambiguous there.
  private mutating func frame(_ bytes: Span<UInt8>) throws(Fault) {
    let lengths = fields.count(of: .contentLength)
    let codings = fields.count(of: .transferEncoding)
    // RFC 9112 §6.1: both are a sign of an attack.
    guard lengths == 0 || codings == 0 else { throw .malformed("both Content-Length and Transfer-Encoding") }
    guard lengths <= 1, codings <= 1 else { throw .malformed("a length or a transfer coding twice") }
    if side == .request { try checkRequest(bytes) }
    if let range = fields.first(.transferEncoding) {
      guard minorVersion == 1 else { throw .malformed("a transfer coding in HTTP/1.0") }
      guard bytes.slice(range).equalsIgnoringASCIICase("chunked") else { throw .unsupportedTransferCoding }
      framing = .chunked
    } else if let range = fields.first(.contentLength) {
      framing = .length(try length(bytes.slice(range)))
    } else {
      framing = side == .request ? .none : .untilClose
    }
    if side == .response, status < 200 || status == 204 || status == 304 { framing = .none }
  }

  /// RFC 9112 §3.2: exactly one Host. RFC 9110 §10.1.1: no expectation but 100-continue.
  private func checkRequest(_ bytes: Span<UInt8>) throws(Fault) {
    let hosts = fields.count(of: .host)
    guard hosts == 1 || (hosts == 0 && minorVersion == 0) else { throw .malformed("Host must be there exactly once") }
    if let range = fields.first(.host) {
      let host = bytes.slice(range)
      // No slash, no user, no query.
      guard host.count <= 255, ByteClass.isTarget(host), host.firstIndex(of: 0x2F) == nil, host.firstIndex(of: 0x40) == nil,
        host.firstIndex(of: 0x3F) == nil
      else {
        throw .malformed("Host is not a host")
      }
    }
    // An expectation in HTTP/1.0 is ignored.
    if minorVersion == 1, let range = fields.first(.expect) {
      guard fields.count(of: .expect) == 1, bytes.slice(range).equalsIgnoringASCIICase("100-continue") else {
        throw .unsupportedExpectation
      }
    }
  }

  /// RFC 9110 §8.6: digits alone; a list, a sign or white space is refused.
  private func length(_ text: Span<UInt8>) throws(Fault) -> Int {
    guard !text.isEmpty, text.count <= 18 else { throw .malformed("Content-Length is not a length") }
    var value = 0
    for index in text.indices {
      guard text[index] >= 0x30, text[index] <= 0x39 else { throw .malformed("Content-Length is not a length") }
      value = value * 10 + Int(text[index] - 0x30)
    }
    return value
  }

  /// RFC 9112 §9.3: whether the connection stays open after this message.
  func keepsConnection(_ bytes: Span<UInt8>) -> Bool {
    var keeps = minorVersion == 1
    guard fields.count(of: .connection) > 0 else { return keeps }
    for index in 0..<fields.count where fields[index].known == .connection {
      let value = fields[index].value
      var lower = value.lower
      while lower <= value.upper {
        let upper = bytes.extracting(0..<value.upper).firstIndex(of: 0x2C, from: lower) ?? value.upper
        let option = bytes.extracting(Self.trimmed(lower..<upper, bytes))
        if option.equalsIgnoringASCIICase("close") { return false }
        // A client of HTTP/1.0 would want to be told in a field that nobody here writes: its connection closes.
        if minorVersion == 0, side == .response, option.equalsIgnoringASCIICase("keep-alive") { keeps = true }
        lower = upper + 1
      }
    }
    return keeps
  }
}
