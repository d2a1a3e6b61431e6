import Testing

@testable import Wire

@Suite struct ByteClassTests {
  private static func isToken(_ bytes: [UInt8]) -> Bool { ByteClass.isToken(bytes.span) }
  private static func isTarget(_ bytes: [UInt8]) -> Bool { ByteClass.isTarget(bytes.span) }
  private static func isValue(_ bytes: [UInt8]) -> Bool { ByteClass.isValue(bytes.span) }
  private static func named(_ name: [UInt8]) -> KnownField? { KnownField.named(name.span) }
  private static let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)

  /// RFC 9110 §5.6.2.
  @Test func tokens() {
    let wanted = Set(Self.letters + "!#$%&'*+-.^_`|~".utf8)
    for byte in UInt8.min...UInt8.max { #expect(Self.isToken([byte]) == wanted.contains(byte), "\(byte)") }
    #expect(!Self.isToken([]))
  }

  /// RFC 3986 §2, without the mark of a fragment.
  @Test func targets() {
    let wanted = Set(Self.letters + "-._~:/?[]@!$&'()*+,;=%".utf8)
    for byte in UInt8.min...UInt8.max { #expect(Self.isTarget([byte]) == wanted.contains(byte), "\(byte)") }
  }

  /// RFC 9110 §5.5: at every place of values short and long, for eight bytes are looked at together.
  @Test(arguments: [1, 7, 8, 9, 16, 23]) func values(_ count: Int) {
    for place in 0..<count {
      for byte in UInt8.min...UInt8.max {
        var value = [UInt8](repeating: byte & 1 == 0 ? 0x61 : 0xE4, count: count)
        value[place] = byte
        let isGood = byte == 0x09 || (byte >= 0x20 && byte != 0x7F)
        #expect(Self.isValue(value) == isGood, "\(byte) at \(place)")
      }
    }
    #expect(Self.isValue([]))
  }

  @Test(arguments: KnownField.allCases) func everyKnownFieldIsFoundByItsName(_ field: KnownField) {
    let name = Array(field.name.description.utf8)
    #expect(Self.named(name) == field)
    #expect(Self.named(Array(field.name.description.uppercased().utf8)) == field)
    #expect(Self.named(name + [0x78]) != field && Self.named(Array(name.dropLast())) != field)
  }
}
