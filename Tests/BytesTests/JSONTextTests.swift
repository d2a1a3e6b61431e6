import Testing

@testable import Bytes

/// UTF-8 (RFC 3629) and escapes inside of strings.
@Suite struct JSONTextTests {
  private func quoted(_ bytes: [UInt8]) -> [UInt8] { [0x22] + bytes + [0x22] }

  @Test func everyCharacterIsTakenRawExceptThoseThatMustBeEscaped() throws {
    var tape = JSONTape()
    for value in UInt32(0)...0x10FFFF {
      // Every character below U+3000 and around the edges of planes and surrogates; beyond that, one in 97.
      guard
        value < 0x3000 || value & 0xFFFF > 0xFFF0 || value & 0xFFFF < 0x10 || (0xD7F0...0xE010).contains(value)
          || value % 97 == 0,
        let scalar = Unicode.Scalar(value)
      else { continue }
      let bytes = quoted(Array(String(scalar).utf8))
      guard value >= 0x20, scalar != "\"", scalar != "\\" else {
        if refusal(bytes) == nil { Issue.record("U+\(String(value, radix: 16)) was taken") }
        continue
      }
      try tape.parse(bytes.span)
      let read = tape.string(0, in: bytes.span)
      if read.map({ Array($0.unicodeScalars) }) != [scalar] { Issue.record("U+\(String(value, radix: 16))") }
    }
  }

  @Test(
    arguments: [
      [0x80], [0xBF], [0xC3], [0xC3, 0x41], [0xC3, 0xC3], [0xE2, 0x82], [0xE2, 0x82, 0x41], [0xE2, 0x41, 0x82],
      [0xF0, 0x9F, 0x98],
      [0xF0, 0x9F, 0x98, 0x41], [0xF0, 0x9F, 0x41, 0x80],
      // Overlong: "/" and NUL in two, three and four bytes.
      [0xC0, 0xAF], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0xAF], [0xE0, 0x9F, 0xBF], [0xF0, 0x80, 0x80, 0xAF],
      [0xF0, 0x8F, 0xBF, 0xBF],
      // Surrogates, and above U+10FFFF.
      [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xF5, 0x80, 0x80, 0x80],
      [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xFF, 0xFE],
    ] as [[UInt8]]) func bytesThatAreNotUTF8AreRefusedWhereverTheyStand(_ bytes: [UInt8])
  {
    for padding in 0...17 {
      let text = quoted(Array(repeating: 0x61, count: padding) + bytes + Array(repeating: 0x61, count: 17))
      #expect(refusal(text) == JSONSyntaxError(offset: padding + 1, reason: .badUTF8))
    }
    #expect(refusal([0x7B] + quoted(bytes) + Array(":1}".utf8))?.reason == .badUTF8)
    #expect(refusal(bytes) != nil)
  }

  @Test func aSpecialByteIsFoundAtEveryPlaceOfAWord() {
    for length in 0...40 {
      for place in 0..<length {
        var text = [UInt8](repeating: 0x7A, count: length)
        for special in [0x00, 0x01, 0x1F] as [UInt8] {
          text[place] = special
          if refusal(quoted(text))?.reason != .badString { Issue.record("\(special) at \(place) of \(length)") }
        }
        text[place] = 0x22
        if refusal(quoted(text))?.reason != .trailingData { Issue.record("a quote at \(place) of \(length)") }
        text[place] = 0x5C
        if refusal(quoted(text)) == nil { Issue.record("a backslash at \(place) of \(length)") }
        for plain in [0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F] as [UInt8] {
          text[place] = plain
          if refusal(quoted(text)) != nil { Issue.record("\(plain) at \(place) of \(length)") }
        }
      }
    }
  }

  static let escapes: [(String, String)] = [
    (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{08}\u{0C}\n\r\t"), (#""\u0041\u00e9\u00E9\u65e5""#, "Aéé日"), (#""\u0000""#, "\u{0}"),
    (#""\ud83d\ude00""#, "😀"), (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), (#""\uD800\uDC00""#, "\u{10000}"),
    (#""\uD7FF\uE000""#, "\u{D7FF}\u{E000}"),
    (#""a\u005C\u0022b""#, "a\\\"b"), (#""\\u0041""#, "\\u0041"), (#""é\u0301""#, "é\u{301}"),
    (#""\uFFFE\uFFFF\uFEFF""#, "\u{FFFE}\u{FFFF}\u{FEFF}"),
  ]

  @Test(arguments: escapes) func escapesAreRead(_ text: String, _ meaning: String) throws {
    let value = try document(text)
    #expect(value.string.map { Array($0.utf8) } == Array(meaning.utf8))
  }

  @Test func aKeyIsFoundInAnySpelling() throws {
    let read = try ReadText(#"{"p\u0068one":1,"imei":2}"#)
    let node = try #require(read.member("phone"))
    #expect(read.integer(node) == 1)
    #expect(read.member(literal: "phone") == node)
    #expect(read.equals(1, "phone") && read.equals(1, Array("phone".utf8)))
    #expect(read.tape.hasEscapes(1) && !read.tape.hasEscapes(3))
    #expect(read.member("p\\u0068one") == nil)
    #expect(read.member(literal: "imei") != nil)
    #expect(read.member("ime") == nil)
    #expect(!read.equals(2, "1"))
  }
}
