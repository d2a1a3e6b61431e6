import Testing

@testable import Bytes

@Suite struct JSONTapeTests {
  private let text = #"{"a":[1,{"b":2},"x"],"c":{},"d":null,"e":true,"f":-2.5}"#

  @Test func keysAndValuesAlternate() throws {
    let read = try ReadText(text)
    #expect(read.tape.kind(0) == .object)
    #expect(read.tape.childCount(0) == 5)
    var (key, names, kinds) = (try #require(read.tape.firstChild(0)), [String](), [JSONTape.Kind]())
    for _ in 0..<read.tape.childCount(0) {
      names.append(read.string(key) ?? "?")
      kinds.append(read.tape.kind(key + 1))
      key = read.tape.next(key + 1)
    }
    #expect(names == ["a", "c", "d", "e", "f"])
    #expect(kinds == [.array, .object, .null, .true, .number])
    #expect(key == read.tape.next(0))
  }

  @Test func rangesCoverTheWholeValue() throws {
    let read = try ReadText(text)
    #expect(read.member("a").map(read.raw) == #"[1,{"b":2},"x"]"#)
    #expect(read.member("c").map(read.raw) == "{}")
    #expect(read.member("f").map(read.raw) == "-2.5")
    #expect(read.raw(1) == #""a""#)
    #expect(read.raw(0) == text)
  }

  @Test func whatIsNotThereIsNil() throws {
    let read = try ReadText(text)
    #expect(read.member("z") == nil)
    #expect(read.member("b") == nil, "a member of an inner object is not the outer one's")
    #expect(read.member("a", of: 2) == nil)
    let empty = try #require(read.member("c"))
    #expect(read.tape.firstChild(empty) == nil)
    #expect(read.member("a", of: empty) == nil)
    #expect(read.string(0) == nil)
    #expect(read.integer(1) == nil)
    #expect(read.tape.boolean(0) == nil)
  }

  static let integers: [(String, Int?)] = [
    ("0", 0), ("-0", 0), ("42", 42), ("-42", -42), ("9223372036854775807", .max), ("-9223372036854775808", .min),
    ("9223372036854775808", nil), ("-9223372036854775809", nil), ("1.0", nil), ("1e3", nil), ("1E0", nil), ("\"1\"", nil),
    ("true", nil),
    ("99999999999999999999999999999999999999", nil),
  ]

  @Test(arguments: integers) func anIntegerIsExactOrNil(_ text: String, _ value: Int?) throws {
    #expect(try document(text).integer == value)
  }

  static let doubles: [(String, Double?)] = [
    ("0", 0), ("-0.0", -0.0), ("0.1", 0.1), ("1e3", 1000), ("1E-3", 0.001), ("1.7976931348623157e308", .greatestFiniteMagnitude),
    ("5e-324", .leastNonzeroMagnitude), ("1e309", nil), ("-1e309", nil), ("1e999999999", nil), ("null", nil), ("\"1\"", nil),
    ("9007199254740993", 9_007_199_254_740_992),
  ]

  @Test(arguments: doubles) func aDoubleIsTheNearestOneOrNil(_ text: String, _ value: Double?) throws {
    #expect(try document(text).double == value)
  }

  @Test func aTapeReadsOneTextAfterAnother() throws {
    var tape = JSONTape()
    for text in ["[1,2,3]", "{}", #"{"a":1}"#, "null"] {
      let bytes = Array(text.utf8)
      try tape.parse(bytes.span)
      #expect(tape.range(0) == ByteRange(start: 0, count: bytes.count))
    }
    #expect(tape.kind(0) == .null)
    #expect(tape.next(0) == 1)
  }
}
