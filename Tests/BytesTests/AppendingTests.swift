import Testing

@testable import Bytes

@Suite struct AppendingTests {
  @Test(arguments: [0, 7, 10, 99, 100, 12345, -1, .max, .min]) func decimalsAreWrittenWithoutAString(_ value: Int) {
    var bytes: [UInt8] = []
    bytes.append(decimal: value)
    #expect(String(decoding: bytes, as: UTF8.self) == String(value))
  }

  @Test func theLargestDecimal() {
    var bytes: [UInt8] = [0x2F]
    bytes.append(decimal: UInt64.max)
    #expect(String(decoding: bytes, as: UTF8.self) == "/18446744073709551615")
  }

  @Test(arguments: ["", "a", "Zürich", String(repeating: "x", count: 1000)]) func texts(_ text: String) {
    var bytes: [UInt8] = []
    bytes.append("<")
    bytes.append(text: text)
    bytes.append(Array(">".utf8).span)
    #expect(String(decoding: bytes, as: UTF8.self) == "<\(text)>")
  }

  @Test func plainCharactersOfJSONAreThoseThatNeedNothing() {
    for byte in UInt8.min...UInt8.max {
      let isPlain = byte >= 0x20 && byte < 0x7F && !#""\<>&"#.utf8.contains(byte)
      #expect(JSONWriter.plain.contains(byte) == isPlain, "\(byte)")
    }
  }

  @Test func aSetHoldsItsBitsAndNothingAbove() {
    let set = ASCIISet(low: 1 << 48, high: 1 << 63 | 1)
    #expect((UInt8.min...UInt8.max).filter(set.contains) == [48, 64, 127])
    func all(_ bytes: [UInt8]) -> Bool { set.containsAll(bytes.span) }
    #expect(all([48, 64]) && !all([48, 65]) && all([]))
  }
}
