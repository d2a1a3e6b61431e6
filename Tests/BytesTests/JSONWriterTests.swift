import Foundation
import Testing

@testable import Bytes

@Suite struct JSONWriterTests {
  private func written(_ body: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    body(&writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test func commasAndColonsComeByThemselves() {
    let text = written { writer in
      writer.beginObject()
      writer.field("a", "x")
      writer.field("b", 1)
      writer.field("c", true)
      writer.field("d", ["y", "z"])
      writer.field("e", [])
      writer.key("f" as String)
      writer.null()
      writer.key("g")
      writer.beginArray()
      writer.beginObject()
      writer.endObject()
      writer.beginArray()
      writer.endArray()
      writer.number(2.5)
      writer.raw(Array("[1]".utf8))
      writer.boolean(false)
      writer.integer(.min)
      writer.endArray()
      writer.endObject()
    }
    #expect(text == #"{"a":"x","b":1,"c":true,"d":["y","z"],"e":[],"f":null,"g":[{},[],2.5,[1],false,-9223372036854775808]}"#)
    #expect(refusal(text) == nil)
  }

  static let escaped: [(String, String)] = [
    ("\"\\/", #""\"\\/""#), ("a\nb\rc\td", #""a\nb\rc\td""#),
    ("\u{0}\u{1}\u{1B}\u{1F}\u{7F}", #""\u0000\u0001\u001b\u001f\u007f""#),
    ("<script>&amp;", #""\u003cscript\u003e\u0026amp;""#), ("\u{2028}\u{2029}", #""\u2028\u2029""#),
    ("\u{2027}\u{202A}é日😀", "\"\u{2027}\u{202A}é日😀\""), ("", #""""#),
  ]

  @Test(arguments: escaped) func whatCouldHarmALogOrAPageIsEscaped(_ text: String, _ expected: String) {
    #expect(written { $0.string(text) } == expected)
  }

  @Test func keysAreEscapedLikeStrings() {
    let text = written { writer in
      writer.beginObject()
      writer.key("a\"<\n" as String)
      writer.integer(1)
      writer.endObject()
    }
    #expect(text == #"{"a\"\u003c\n":1}"#)
  }

  @Test func whatIsNotUTF8IsReplaced() {
    let bytes: [UInt8] = [0x61, 0xFF, 0xC3, 0x62, 0xE2, 0x80]
    let text = written { $0.string(utf8: bytes.span) }
    #expect(refusal(text) == nil)
    #expect(text.contains("\u{FFFD}"))
    #expect(text.hasPrefix("\"a") && text.contains("b"))
  }

  @Test func everyTextComesBackAsItWas() throws {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<2_000 {
      let scalars = (0..<Int.random(in: 0...20, using: &generator)).compactMap { _ in
        Unicode.Scalar(UInt32.random(in: 0...(Bool.random(using: &generator) ? 0x80 : 0x2FFF), using: &generator))
      }
      let text = String(String.UnicodeScalarView(scalars))
      let line = written { $0.string(text) }
      if !line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) { Issue.record("a control character was written") }
      #expect(try document(line).string.map { Array($0.utf8) } == Array(text.utf8))
      #expect(try JSONSerialization.jsonObject(with: Data(line.utf8), options: .fragmentsAllowed) as? String == text)
    }
  }

  @Test func numbersComeBackAsTheyWere() throws {
    for value in [0, -0.0, 0.1, 1e21, 1e-7, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -123.456, 1e16] as [Double] {
      #expect(try document(written { $0.number(value) }).double == value)
    }
  }

  @Test func anEmptiedWriterBeginsAnew() {
    let text = written { writer in
      writer.beginArray()
      writer.integer(1)
      writer.removeAll()
      writer.beginArray()
      writer.endArray()
    }
    #expect(text == "[]")
  }
}

@Suite struct HostileTextTests {
  @Test func controlsThatTerminalsObeyAreEscaped() {
    var writer = JSONWriter()
    writer.string("a\u{1B}[31m\u{9B}31m\u{85}é\u{A0}")
    #expect(String(decoding: writer.bytes, as: UTF8.self) == #""a\u001b[31m\u009b31m\u0085é"# + "\u{A0}\"")
  }

  @Test func anUnknownKeyIsRepeatedWithoutItsControls() throws {
    let reader = try ObjectReader(JSONDocument(Array(#"{"a\u001b[31mb":1}"#.utf8)).root)
    #expect(reader.unknownKeys().first?.reason == #"unknown key "a?[31mb""#)
  }
}
