import Bytes

@testable import Wire

/// Heads and chunked bodies. What is taken means the same to a reader that is as lax as readers come, and however it is cut into pieces.
enum HTTPChecks {
  /// What was read of one message.
  private enum Reading: Equatable {
    case needsMore
    case refused
    case head(Head)
  }

  private struct Head: Equatable {
    var method: [UInt8]
    var target: [UInt8]
    var status: Int
    var minorVersion: Int
    var fields: [[UInt8]]
    var framing: Framing
    var end: Int
  }

  static func check(_ bytes: [UInt8]) throws {
    for side in [HeadParser.Side.request, .response] {
      let whole = read(bytes, side)
      // Where it is cut depends on the bytes, so that the fuzzer can move it.
      let cut = bytes.isEmpty ? 0 : Int(bytes.reduce(into: UInt32(7)) { $0 = $0 &* 31 &+ UInt32($1) }) % bytes.count
      try hold(read(bytes, side, cuts: [cut]) == whole, "cut at \(cut), a head means something else")
      if bytes.count < 200 {
        try hold(read(bytes, side, cuts: Array(0..<bytes.count)) == whole, "byte for byte, a head means something else")
      }
      guard case .head(let head) = whole else { continue }
      try checkHead(head, bytes, side)
      try checkLimits(head, bytes, side)
      if head.framing == .chunked { try checkBody(Array(bytes[head.end...])) }
    }
    try checkBody(bytes)
  }

  private static func read(
    _ bytes: [UInt8], _ side: HeadParser.Side, limits: HeadParser.Limits = HeadParser.Limits(), cuts: [Int] = []
  ) -> Reading {
    var parser = HeadParser(side, limits: limits)
    parser.reset(at: 0)
    for end in cuts + [bytes.count] {
      let part = bytes.span.extracting(0..<end)
      do throws(HeadParser.Fault) {
        guard try parser.advance(part) else { continue }
      } catch { return .refused }
      let fields = (0..<parser.fields.count).map { index in
        part.slice(parser.fields[index].name).bytes() + [0x3A] + part.slice(parser.fields[index].value).bytes()
      }
      return .head(
        Head(
          method: part.slice(parser.method).bytes(), target: part.slice(parser.target).bytes(), status: parser.status,
          minorVersion: parser.minorVersion, fields: fields, framing: parser.framing, end: parser.end))
    }
    return .needsMore
  }

  /// A lax reader takes LF for the end of a line, with or without CR before it, and white space before a colon; it must come to the same.
  private static func checkHead(_ head: Head, _ bytes: [UInt8], _ side: HeadParser.Side) throws(Broken) {
    try hold(head.end > 0 && head.end <= bytes.count, "a head ends beyond its bytes")
    let text = bytes[..<head.end]
    try hold(!text.contains(0), "a NUL in a head")
    for (index, byte) in text.enumerated() where byte == 0x0D {
      try hold(index + 1 < head.end && text[index + 1] == 0x0A, "a bare CR in a head")
    }
    var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false).map {
      $0.last == 0x0D ? Array($0.dropLast()) : Array($0)
    }
    if lines.first?.isEmpty == true { lines.removeFirst() }
    try hold(lines.suffix(2) == [[], []], "a head does not end with an empty line")
    lines.removeLast(2)
    try hold(lines.allSatisfy { !$0.isEmpty }, "an empty line within a head")
    try hold(lines.count == head.fields.count + 1, "a head has other lines than fields")
    var (lengths, codings): ([[UInt8]], [[UInt8]]) = ([], [])
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: 0x3A) else { throw Broken(description: "a field without a colon") }
      // White space and what is not to be seen is passed over by some.
      let name = String(decoding: line[..<colon].filter { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self).lowercased()
      let value = trimmed(line[(colon + 1)...])
      if name == "content-length" { lengths.append(value) }
      if name == "transfer-encoding" { codings.append(value) }
    }
    try hold(lengths.count + codings.count <= 1, "more than one framing")
    switch head.framing {
    case .none, .untilClose: try hold(side == .response || lengths.isEmpty && codings.isEmpty, "a framing is overlooked")
    case .length(let length):
      try hold(
        lengths.count == 1 && String(decoding: lengths[0], as: UTF8.self).allSatisfy { "0123456789".contains($0) },
        "a length that is none")
      try hold(Int(String(decoding: lengths[0], as: UTF8.self)) == length, "a length is read wrong")
    case .chunked:
      try hold(
        codings.count == 1 && String(decoding: codings[0], as: UTF8.self).lowercased() == "chunked", "a coding that is none")
    }
    try checkRewritten(head, side)
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
    return Array(bytes.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
  }

  /// Written anew from what was understood, it is understood alike.
  private static func checkRewritten(_ head: Head, _ side: HeadParser.Side) throws(Broken) {
    let version = Array("HTTP/1.\(head.minorVersion)".utf8)
    let first =
      side == .request ? head.method + [0x20] + head.target + [0x20] + version : version + Array(" \(head.status) x".utf8)
    let lines: [[UInt8]] = [first] + head.fields + [[]]
    let written: [UInt8] = lines.flatMap { $0 + [0x0D, 0x0A] }
    var expected = head
    expected.end = written.count
    // A head at the very limit may have become a little longer or shorter than what is allowed.
    guard written.count < 16_000 else { return }
    try hold(read(written, side) == .head(expected), "a head means something else when it is written anew")
  }

  /// What is taken is within the limits, and with limits one lower it is refused.
  private static func checkLimits(_ head: Head, _ bytes: [UInt8], _ side: HeadParser.Side) throws(Broken) {
    var limits = HeadParser.Limits()
    try hold(
      head.end <= limits.headBytesMaximum && head.fields.count <= limits.fieldCountMaximum, "a limit of heads does not hold")
    try hold(head.target.count <= limits.targetBytesMaximum, "the limit of targets does not hold")
    guard !head.fields.isEmpty else { return }
    limits.fieldCountMaximum = head.fields.count - 1
    try hold(read(bytes, side, limits: limits) == .refused, "a limit of fields does not hold")
    limits = HeadParser.Limits(headBytesMaximum: head.end - 1)
    try hold(read(bytes, side, limits: limits) == .refused, "a limit of bytes does not hold")
  }

  private static func checkBody(_ bytes: [UInt8]) throws(Broken) {
    let maximum = 1 << 16
    let whole = dechunk(bytes, maximum)
    let cut = bytes.isEmpty ? 0 : Int(bytes[0]) % bytes.count
    try hold(dechunk(bytes, maximum, cut: cut) == whole, "cut at \(cut), a chunked body means something else")
    guard let whole, case .complete = whole.progress else { return }
    try hold(whole.body.count <= maximum, "the limit of bodies does not hold")
    let lax = laxBody(bytes)
    try hold(lax?.body == whole.body && lax?.end == whole.end, "a lax reader finds another body, or another end")
    let again = Array(String(whole.body.count, radix: 16).utf8) + [0x0D, 0x0A] + whole.body + Array("\r\n0\r\n\r\n".utf8)
    if !whole.body.isEmpty { try hold(dechunk(again, maximum)?.body == whole.body, "a body is another when it is written anew") }
    if !whole.body.isEmpty {
      try hold(dechunk(bytes, whole.body.count - 1)?.progress == .tooLarge, "a limit of a body does not hold")
    }
  }

  private struct Body: Equatable {
    var progress: ChunkedDecoder.Progress
    var body: [UInt8] = []
    var end = 0
  }

  private static func dechunk(_ bytes: [UInt8], _ maximum: Int, cut: Int? = nil) -> Body? {
    let buffer = ReadBuffer(bytes: max(1, bytes.count))
    var decoder = ChunkedDecoder(at: 0)
    var (from, moved) = (0, 0)
    for end in [cut, bytes.count].compactMap({ $0 }) {
      for byte in bytes[from..<end] {
        buffer.room[0] = byte
        buffer.upper += 1
      }
      from = end
      let progress = decoder.advance(buffer, bodyBytesMaximum: maximum)
      guard progress == .needsMore else {
        guard progress == .complete else { return Body(progress: progress) }
        return Body(progress: progress, body: buffer.bytes.extracting(0..<decoder.written).bytes(), end: decoder.read + moved)
      }
      moved += decoder.read - decoder.written
      decoder.compact(buffer)
    }
    return nil
  }

  /// Chunks as the laxest servers read them: any end of line, extensions passed over, trailers up to an empty line.
  private static func laxBody(_ bytes: [UInt8]) -> (body: [UInt8], end: Int)? {
    var (rest, body) = (bytes[...], [UInt8]())
    func line() -> ArraySlice<UInt8>? {
      guard let end = rest.firstIndex(of: 0x0A) else { return nil }
      defer { rest = rest[(end + 1)...] }
      return rest[..<end].last == 0x0D ? rest[..<end].dropLast() : rest[..<end]
    }
    while let text = line() {
      let digits = String(decoding: text.prefix { $0 != 0x3B && $0 != 0x20 && $0 != 0x09 }, as: UTF8.self)
      guard let size = Int(digits, radix: 16) else { return nil }
      guard size > 0 else {
        while let trailer = line() { if trailer.isEmpty { return (body, rest.startIndex) } }
        return nil
      }
      guard rest.count >= size else { return nil }
      body += rest.prefix(size)
      rest = rest.dropFirst(size)
      guard line()?.isEmpty == true else { return nil }
    }
    return nil
  }
}
