import Testing

@testable import Bytes

@Suite struct SpanScanningTests {
  private let bytes = Array("Content-Type: a/b".utf8)

  // The macro of an expectation cannot hold a span: these lend one for the length of a question.
  private func first(_ byte: UInt8, in bytes: [UInt8], from: Int = 0) -> Int? { bytes.span.firstIndex(of: byte, from: from) }
  private func equals(_ bytes: [UInt8], _ text: StaticString) -> Bool { bytes.span.equals(text) }
  private func equals(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.span.equals(right.span) }
  private func folds(_ text: String, _ lowercased: StaticString) -> Bool {
    Array(text.utf8).span.equalsIgnoringASCIICase(lowercased)
  }

  @Test func aByteIsFoundAtOrAfterAPlace() {
    #expect(first(0x2D, in: bytes) == 7)
    #expect(first(0x2D, in: bytes, from: 7) == 7)
    #expect(first(0x2D, in: bytes, from: 8) == nil)
    #expect(first(0x62, in: bytes, from: 16) == 16)
    #expect(first(0x62, in: bytes, from: 17) == nil)
    #expect(first(0x62, in: bytes, from: 99) == nil)
    #expect(first(0, in: []) == nil)
  }

  @Test func aPartIsReadAndComparedByteByByte() {
    let part = bytes.span.slice(ByteRange(start: 0, count: 12))
    let (text, name) = (part.string(), part.bytes())
    #expect(text == "Content-Type")
    #expect(equals(name, "Content-Type"))
    #expect(!equals(name, "content-type"))
    #expect(!equals(name, "Content-Typ"))
    #expect(!equals(name, "Content-Types"))
    #expect(equals(name, Array("Content-Type".utf8)))
    #expect(!equals(name, Array("Content-type".utf8)))
    #expect(!equals(name, Array("Content".utf8)))
  }

  @Test func onlyLettersAreComparedWithoutCase() {
    #expect(folds("Content-TYPE", "content-type"))
    #expect(!folds("Content-TYPE", "content-typf"))
    // "@" and "`", "[" and "{" differ by the bit that makes capitals.
    #expect(!folds("@[", "`{"))
    #expect(folds("AZ@", "az@"))
  }

  @Test func nothingEqualsNothing() {
    #expect(equals([], ""))
    #expect(equals([], []))
    #expect(folds("", ""))
    let text = [UInt8]().span.string()
    #expect(text.isEmpty)
  }

  @Test func aRangeKnowsItsEnds() {
    let range = ByteRange(start: 3, count: 4)
    #expect((range.lower, range.upper) == (3, 7))
  }
}
