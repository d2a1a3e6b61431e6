import Bytes
import Testing

@testable import Wire

/// What became of a chunked body.
struct Dechunked: Equatable {
  var progress: ChunkedDecoder.Progress
  var body = ""
  /// Bytes of the message, with all framing.
  var readCount = 0

  static let needsMore = Dechunked(progress: .needsMore)
  static let malformed = Dechunked(progress: .malformed)
  static let tooLarge = Dechunked(progress: .tooLarge)
}

extension ReadBuffer {
  /// Adds bytes behind those that are there, as reading from a socket does.
  func append(_ bytes: ArraySlice<UInt8>) {
    grow(to: upper + bytes.count)
    bytes.withUnsafeBytes { room.copyMemory(from: $0) }
    upper += bytes.count
  }
}

/// Decodes bytes that come in pieces. `before` bytes stand in the buffer in front of the body, as a head does.
func dechunk(_ bytes: [UInt8], pieceEnds: [Int] = [], bodyBytesMaximum: Int = 1 << 20, before: Int = 0) -> Dechunked {
  let buffer = ReadBuffer(bytes: max(1, before))
  buffer.append(ArraySlice(repeating: 0x2E, count: before))
  var decoder = ChunkedDecoder(at: before)
  var compacted = 0
  var from = 0
  for end in pieceEnds + [bytes.count] {
    buffer.append(bytes[from..<end])
    from = end
    let progress = decoder.advance(buffer, bodyBytesMaximum: bodyBytesMaximum)
    guard progress == .needsMore else {
      guard progress == .complete else { return Dechunked(progress: progress) }
      let body = buffer.bytes.extracting(before..<decoder.written).string()
      return Dechunked(progress: .complete, body: body, readCount: decoder.read - before + compacted)
    }
    compacted += decoder.read - decoder.written
    decoder.compact(buffer)
  }
  return .needsMore
}

func dechunk(_ text: String, bodyBytesMaximum: Int = 1 << 20) -> Dechunked {
  dechunk(Array(text.utf8), bodyBytesMaximum: bodyBytesMaximum)
}

@Suite struct ChunkedDecoderTests {
  static let complete: [(String, String)] = [
    ("0\r\n\r\n", ""),
    ("00000000\r\n\r\n", ""),
    ("5\r\nhello\r\n0\r\n\r\n", "hello"),
    ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
    ("0000000b\r\nhello world\r\n0\r\n\r\n", "hello world"),
    ("B\r\nhello world\r\n0\r\n\r\n", "hello world"),
    ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
    ("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", "abc"),
  ]

  @Test(arguments: complete) func isDecoded(_ text: String, _ body: String) {
    let expected = Dechunked(progress: .complete, body: body, readCount: text.utf8.count)
    #expect(dechunk(text) == expected)
    #expect(dechunk(text + "GET / HTTP/1.1\r\n") == expected)
  }

  @Test(arguments: complete) func isDecodedInAnyTwoPieces_behindAHead(_ text: String, _ body: String) {
    let bytes = Array(text.utf8)
    for end in 0...bytes.count {
      #expect(
        dechunk(bytes, pieceEnds: [end], before: 7) == Dechunked(progress: .complete, body: body, readCount: bytes.count))
    }
  }

  @Test(arguments: complete) func isDecodedByteForByte(_ text: String, _ body: String) {
    let bytes = Array(text.utf8)
    #expect(
      dechunk(bytes, pieceEnds: Array(0..<bytes.count)) == Dechunked(progress: .complete, body: body, readCount: bytes.count))
  }

  /// A26.
  @Test(arguments: [
    "5;name=value\r\nhello\r\n0\r\n\r\n", "5;\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n",
    "\t5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\rhello\r\n0\r\n\r\n",
    "5\r\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "-1\r\nhello\r\n0\r\n\r\n", "g\r\nhello\r\n0\r\n\r\n",
    "\r\n0\r\n\r\n",
    "5\r\nhelloo\r\n0\r\n\r\n", "5\r\nhell\r\n0\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\r\n\n", "0;x\r\n\r\n", "5_0\r\n",
    "5\u{0}\r\nhello\r\n",
    "000000005\r\nhello\r\n0\r\n\r\n", "100000005\r\nhello\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFF\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
  ])
  func isMalformed(_ text: String) { #expect(dechunk(text) == .malformed) }

  @Test(arguments: [
    "", "5", "5\r", "5\r\n", "5\r\nhell", "5\r\nhello", "5\r\nhello\r", "5\r\nhello\r\n", "0", "0\r\n", "0\r\n\r", "12345678",
  ])
  func needsMore(_ text: String) { #expect(dechunk(text) == .needsMore) }

  @Test func theBodyMayBeSoLarge() {
    func chunks(_ sizes: Int...) -> String {
      sizes.map { "\(String($0, radix: 16))\r\n" + String(repeating: "x", count: $0) + "\r\n" }.joined() + "0\r\n\r\n"
    }
    for text in [chunks(99), chunks(100), chunks(50, 50), chunks(99, 1), chunks(1, 98)] {
      #expect(dechunk(text, bodyBytesMaximum: 100).progress == .complete)
    }
    for text in [chunks(101), chunks(50, 51), chunks(100, 1), "FFFFFFFF\r\n"] {
      #expect(dechunk(text, bodyBytesMaximum: 100) == .tooLarge)
    }
  }
}
