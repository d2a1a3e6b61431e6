import Glibc
import Testing

@testable import Bytes

@Suite struct JSONLimitsTests {
  private func nested(_ depth: Int, _ open: String, _ close: String) -> String {
    String(repeating: open, count: depth) + String(repeating: close, count: depth)
  }

  @Test(arguments: [1, 2, 32, 100]) func depthIsTakenUpToTheLimit(_ limit: Int) {
    let limits = JSONLimits(depthMaximum: limit, nodesMaximum: 1000)
    for depth in [limit - 1, limit] where depth > 0 {
      #expect(refusal(nested(depth, "[", "]"), limits: limits) == nil)
    }
    #expect(refusal(nested(limit + 1, "[", "]"), limits: limits)?.reason == .tooDeep)
    let objects = String(repeating: #"{"a":"#, count: limit) + "1" + String(repeating: "}", count: limit)
    #expect(refusal(objects, limits: limits) == nil)
    #expect(refusal(#"{"a":"# + objects + "}", limits: limits)?.reason == .tooDeep)
  }

  @Test func aMillionBracketsAreRefusedAtOnce() {
    let error = refusal(String(repeating: "[", count: 1_000_000))
    #expect(error?.reason == .tooDeep)
    #expect(error?.offset == 32)
  }

  @Test func depthCountsWhatIsOpenNotWhatWasOpened() {
    #expect(
      refusal("[" + String(repeating: "[],", count: 1000) + "[]]", limits: JSONLimits(depthMaximum: 2, nodesMaximum: 2000)) == nil
    )
  }

  @Test func valuesAndKeysAreCountedUpToTheLimit() {
    let limits = JSONLimits(depthMaximum: 4, nodesMaximum: 10)
    // The array itself is one.
    #expect(refusal("[1,1,1,1,1,1,1,1]", limits: limits) == nil)
    #expect(refusal("[1,1,1,1,1,1,1,1,1]", limits: limits) == nil)
    #expect(refusal("[1,1,1,1,1,1,1,1,1,1]", limits: limits)?.reason == .tooManyNodes)
    #expect(refusal(#"{"a":1,"b":2,"c":3,"d":4}"#, limits: limits) == nil)
    #expect(refusal(#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#, limits: limits)?.reason == .tooManyNodes)
  }

  /// How long one reading takes, the best of three, in the thread's own time: other tests run beside this one.
  private func seconds(_ bytes: [UInt8]) -> Double {
    var tape = JSONTape()
    let limits = JSONLimits(depthMaximum: 32, nodesMaximum: 1_000_000)
    return (0..<3).map { _ in
      let start = threadSeconds()
      try? tape.parse(bytes.span, limits: limits)
      return threadSeconds() - start
    }.min()!
  }

  private func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Texts that are hard for a careless parser; each is made in a small and an eight times larger form.
  static let hard: [(name: String, make: @Sendable (Int) -> String)] = [
    ("different keys", { n in "{" + (0..<n).map { "\"k\($0)\":1" }.joined(separator: ",") + "}" }),
    ("keys of one length", { n in "{" + (0..<n).map { "\"\(1_000_000 + $0)\":1" }.joined(separator: ",") + "}" }),
    ("escaped keys", { n in "{" + (0..<n).map { "\"\\u0061\($0)\":1" }.joined(separator: ",") + "}" }),
    (
      "keys that differ at their end",
      { n in
        "{" + (0..<n / 16).map { "\"" + String(repeating: "x", count: 200) + "\(1_000_000 + $0)\":1" }.joined(separator: ",")
          + "}"
      }
    ),
    (
      "keys that differ in their middle",
      { n in "{" + (0..<n / 16).map { "\"xxxxxxxx\(1_000_000 + $0)xxxxxxxx\":1" }.joined(separator: ",") + "}" }
    ),
    (
      "many objects of a dozen keys",
      { n in
        "[" + (0..<n / 12).map { _ in "{" + (0..<12).map { "\"k\($0)\":1" }.joined(separator: ",") + "}" }.joined(separator: ",")
          + "]"
      }
    ),
    ("one long number", { n in String(repeating: "7", count: n * 8) }),
    ("one long string of escapes", { n in "\"" + String(repeating: "\\n", count: n * 4) + "\"" }),
    ("backslashes", { n in "\"" + String(repeating: "\\\\", count: n * 4) + "\"" }),
    ("white space", { n in "[" + String(repeating: " \n", count: n * 4) + "]" }),
    ("empty arrays", { n in "[" + String(repeating: "[],", count: n) + "[]]" }),
  ]

  /// Eight times the text may take at most thirty times as long; quadratic time would be sixty-four.
  @Test(.serialized, arguments: hard.map(\.name)) func timeGrowsWithTheLengthOnly(_ name: String) {
    let make = Self.hard.first { $0.name == name }!.make
    let (small, large) = (Array(make(2_000).utf8), Array(make(16_000).utf8))
    #expect(refusal(large) == nil)
    #expect(seconds(large) < 30 * max(seconds(small), 0.0001))
  }

  @Test func anUnfinishedTextIsLinearToo() {
    let small = Array(("{" + (0..<2_000).map { "\"k\($0)\":1" }.joined(separator: ",")).utf8)
    let large = Array(("{" + (0..<16_000).map { "\"k\($0)\":1" }.joined(separator: ",")).utf8)
    #expect(seconds(large) < 30 * max(seconds(small), 0.0001))
  }

  @Test(arguments: [11, 40, 63, 64, 65, 66, 130]) func aDoubleKeyIsFoundInObjectsOfAnySize(_ count: Int) {
    let members = (0..<count).map { "\"k\($0)\":{\"a\":[1,2]}" }
    #expect(refusal("{" + members.joined(separator: ",") + "}") == nil)
    for place in 0..<count {
      for key in ["\"k\(place)\"", "\"\\u006b\(place)\""] {
        let text = "{" + (members + ["\(key):1"]).joined(separator: ",") + "}"
        #expect(refusal(text)?.reason == .duplicateKey, "\(key) of \(count)")
      }
    }
  }
}
