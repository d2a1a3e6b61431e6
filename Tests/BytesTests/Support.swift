import Bytes
import Foundation

/// A generator of random numbers that gives the same numbers for the same seed, so that a failure can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Nil when the text is JSON, otherwise why it is not.
func refusal(
  _ bytes: [UInt8], limits: JSONLimits = JSONLimits(), dialect: JSONDialect = .strict
) -> JSONSyntaxError? {
  var tape = JSONTape()
  do throws(JSONSyntaxError) { try tape.parse(bytes.span, limits: limits, dialect: dialect) } catch { return error }
  return nil
}

func refusal(_ text: String, limits: JSONLimits = JSONLimits(), dialect: JSONDialect = .strict) -> JSONSyntaxError? {
  refusal(Array(text.utf8), limits: limits, dialect: dialect)
}

/// A text and its tape together. The macro of an expectation cannot hold a span: this lends one for the length of a question.
struct ReadText {
  let bytes: [UInt8]
  let tape: JSONTape

  init(_ text: String) throws {
    let bytes = Array(text.utf8)
    var tape = JSONTape()
    try tape.parse(bytes.span)
    (self.bytes, self.tape) = (bytes, tape)
  }

  func member(_ name: String, of object: Int = 0) -> Int? { tape.member(name, of: object, in: bytes.span) }
  func member(literal name: StaticString) -> Int? { tape.member(name, of: 0, in: bytes.span) }
  func string(_ node: Int) -> String? { tape.string(node, in: bytes.span) }
  func integer(_ node: Int) -> Int? { tape.integer(node, in: bytes.span) }
  func equals(_ node: Int, _ text: StaticString) -> Bool { tape.stringEquals(node, text, in: bytes.span) }
  func equals(_ node: Int, _ text: [UInt8]) -> Bool { tape.stringEquals(node, text, in: bytes.span) }
  func raw(_ node: Int) -> String { bytes.span.slice(tape.range(node)).string() }
}

func document(_ text: String, dialect: JSONDialect = .strict) throws -> JSONValue {
  try JSONDocument(Array(text.utf8), file: "file.json", dialect: dialect).root
}

/// The small files of `Tests/Fuzz/<name>`.
func corpus(_ name: String, file: String = #filePath) -> [(name: String, bytes: [UInt8])] {
  let folder = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fuzz/\(name)")
  let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
  return files.sorted { $0.path < $1.path }.compactMap { file in
    (try? Data(contentsOf: file)).map { (file.lastPathComponent, Array($0)) }
  }
}
