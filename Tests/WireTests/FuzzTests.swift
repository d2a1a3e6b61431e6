import Bytes
import Testing

@testable import Wire

/// One message as the parsers understand it, all pieces together: the head, then the body.
struct Understood: Equatable {
  var head: Parsed
  var body: Dechunked?

  /// - Parameter pieceEnds: ascending places at which the bytes come to a stop.
  init(_ bytes: [UInt8], _ side: HeadParser.Side, pieceEnds: [Int] = []) {
    head = parse(bytes, side, pieceEnds: pieceEnds)
    guard case .complete(let found) = head, found.framing == .chunked else { return }
    let ends = pieceEnds.filter { $0 > found.end }.map { $0 - found.end }
    body = dechunk(Array(bytes[found.end...]), pieceEnds: ends, before: 3)
  }
}

/// Bytes nobody expected. The parsers may refuse them or wait for more, nothing else; and the same bytes mean the same,
/// whichever way they are cut into pieces.
@Suite struct FuzzTests {
  /// Of all tests together; in parts, so that other tests have their turn on the threads of the test runner.
  static let inputCount = 100_000
  static let parts: Range<UInt64> = 0..<10

  private func check(_ bytes: [UInt8], using generator: inout SeededGenerator) {
    for side in [HeadParser.Side.request, .response] {
      let whole = Understood(bytes, side)
      let ends = (0..<Int.random(in: 1...4, using: &generator)).map { _ in Int.random(in: 0...bytes.count, using: &generator) }
      let split = Understood(bytes, side, pieceEnds: ends.sorted())
      if whole != split { Issue.record("cut at \(ends.sorted()): \(String(decoding: bytes, as: UTF8.self).debugDescription)") }
      if case .complete(let head) = whole.head { #expect(head.end <= bytes.count && head.end > 0) }
    }
  }

  @Test(arguments: parts) func randomBytes(_ part: UInt64) {
    var generator = SeededGenerator(seed: 100 + part)
    for _ in 0..<Self.inputCount / 4 / Self.parts.count {
      check(
        (0..<Int.random(in: 0...80, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) },
        using: &generator)
    }
  }

  /// Random sentences of HTTP's own words come further than random bytes.
  @Test(arguments: parts) func randomWords(_ part: UInt64) {
    let words = [
      "GET", "POST", " ", " ", "/", "/a?b", "HTTP/1.1", "HTTP/1.0", "\r\n", "\r\n", "\r\n", "\r\n\r\n", "\n", "\r", "Host", ":",
      ": ",
      "a", "Content-Length", "Transfer-Encoding", "chunked", "5", "0", "hello", "Connection", "close", "\t", ";", "\u{0}", "200",
      " OK",
      "HTTP/1.1 200 OK\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n",
      "5\r\nhello\r\n",
      "0\r\n\r\n", "Expect: 100-continue\r\n",
    ].map { Array($0.utf8) }
    var generator = SeededGenerator(seed: 200 + part)
    for _ in 0..<Self.inputCount / 4 / Self.parts.count {
      check(
        (0..<Int.random(in: 1...12, using: &generator)).flatMap { _ in words.randomElement(using: &generator)! },
        using: &generator)
    }
  }

  /// The corpus with bytes changed, taken out, doubled, and two files joined.
  @Test(arguments: parts) func changedMessages(_ part: UInt64) throws {
    let messages = corpus().map(\.bytes)
    try #require(messages.count > 20)
    var generator = SeededGenerator(seed: 300 + part)
    for _ in 0..<Self.inputCount / 2 / Self.parts.count {
      var bytes = messages.randomElement(using: &generator)!
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert([0x0D, 0x0A, 0x20, 0x3A, 0x30, 0x00].randomElement(using: &generator)!, at: place)
        case 3: bytes.insert(contentsOf: bytes[place..<min(place + 20, bytes.count)], at: place)
        default:
          let other = messages.randomElement(using: &generator)!
          bytes = Array(bytes[..<place] + other[Int.random(in: 0..<other.count, using: &generator)...])
        }
      }
      check(bytes, using: &generator)
    }
  }

  @Test func theCorpusMeansTheSameCutAnywhere() throws {
    let messages = corpus()
    try #require(messages.count > 20)
    for (name, bytes) in messages {
      for side in [HeadParser.Side.request, .response] {
        let whole = Understood(bytes, side)
        for end in 0...bytes.count { #expect(Understood(bytes, side, pieceEnds: [end]) == whole, "\(name) cut at \(end)") }
        #expect(Understood(bytes, side, pieceEnds: Array(0...bytes.count)) == whole, "\(name) byte for byte")
      }
    }
  }
}
