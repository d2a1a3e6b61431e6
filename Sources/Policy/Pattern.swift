import Bytes

/// A regular expression over UTF-8 that matches in linear time (A36): the part of ECMA 262 that an automaton can do.
///
/// Compiled when a policy is loaded into a table of one step for each byte, so that no text takes longer than its length. `^` and
/// `$` stand at the ends of the expression or of one of its alternatives; without them it may match anywhere in the text.
struct Pattern: Sendable {
  /// What is wrong with an expression.
  struct Fault: Error { let reason: String }

  private let automaton: PatternAutomaton

  init(_ text: String) throws(Fault) {
    var budget = PatternBudget()
    try self.init(text, &budget)
  }

  /// - Parameter budget: what there is for this expression and those behind it; what it takes is gone also when it is refused.
  init(_ text: String, _ budget: inout PatternBudget) throws(Fault) {
    var parser = PatternParser(text)
    automaton = try PatternAutomaton(try parser.alternatives(), &budget)
  }

  func matches(_ text: Span<UInt8>) -> Bool { automaton.accepts(text) }
}

/// A set of bytes.
struct ByteSet: Sendable, Hashable {
  private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  init() {}
  init(_ range: ClosedRange<UInt8>) { for byte in range { insert(byte) } }

  func contains(_ byte: UInt8) -> Bool {
    let bit: UInt64 = 1 << UInt64(byte & 63)
    switch byte >> 6 {
    case 0: return words.0 & bit != 0
    case 1: return words.1 & bit != 0
    case 2: return words.2 & bit != 0
    default: return words.3 & bit != 0
    }
  }

  mutating func insert(_ byte: UInt8) {
    let bit: UInt64 = 1 << UInt64(byte & 63)
    switch byte >> 6 {
    case 0: words.0 |= bit
    case 1: words.1 |= bit
    case 2: words.2 |= bit
    default: words.3 |= bit
    }
  }

  mutating func insert(_ range: ClosedRange<UInt8>) { for byte in range { insert(byte) } }

  mutating func formUnion(_ other: ByteSet) {
    words = (words.0 | other.words.0, words.1 | other.words.1, words.2 | other.words.2, words.3 | other.words.3)
  }

  /// All that is not in it, of ASCII.
  var invertedASCII: ByteSet {
    var set = ByteSet()
    set.words = (~words.0, ~words.1, 0, 0)
    return set
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.1)
    hasher.combine(words.2)
    hasher.combine(words.3)
  }

  static func == (left: ByteSet, right: ByteSet) -> Bool { left.words == right.words }
}
