import Bytes

/// The header fields of a message, as places in its bytes. Reused from message to message.
struct FieldLines {
  private(set) var names: [ByteRange] = []
  private(set) var values: [ByteRange] = []
  private(set) var known: [KnownField?] = []
  /// The first field of each known name, and how many there are.
  private var first = InlineArray<32, Int16>(repeating: -1)
  private var counts = InlineArray<32, UInt8>(repeating: 0)

  var count: Int { names.count }

  mutating func removeAll() {
    names.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
    known.removeAll(keepingCapacity: true)
    first = InlineArray<32, Int16>(repeating: -1)
    counts = InlineArray<32, UInt8>(repeating: 0)
  }

  mutating func append(name: ByteRange, value: ByteRange, known field: KnownField?) {
    if let field {
      let slot = Int(field.rawValue)
      if first[slot] < 0 { first[slot] = Int16(names.count) }
      if counts[slot] < .max { counts[slot] += 1 }
    }
    names.append(name)
    values.append(value)
    known.append(field)
  }

  /// The value of the first field of a name.
  func first(_ field: KnownField) -> ByteRange? {
    let index = first[Int(field.rawValue)]
    return index < 0 ? nil : values[Int(index)]
  }

  func count(of field: KnownField) -> Int { Int(counts[Int(field.rawValue)]) }
}

/// Which bytes may stand where (RFC 9110 §5.5 and §5.6.2, RFC 3986 §2).
enum ByteClass {
  private static let token = 1 as UInt8
  private static let value = 2 as UInt8
  private static let target = 4 as UInt8

  private static let classes: InlineArray<256, UInt8> = {
    var table = InlineArray<256, UInt8>(repeating: 0)
    for byte in UInt8.min...UInt8.max {
      var bits: UInt8 = 0
      let isAlphanumeric =
        (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A) || (byte >= 0x61 && byte <= 0x7A)
      if isAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(byte) { bits |= token }
      // Visible ASCII, space, tab, and what older texts call obs-text; no other control character.
      if byte == 0x09 || (byte >= 0x20 && byte != 0x7F) { bits |= value }
      if isAlphanumeric || "-._~:/?[]@!$&'()*+,;=%".utf8.contains(byte) { bits |= target }
      table[Int(byte)] = bits
    }
    return table
  }()

  static func isToken(_ bytes: Span<UInt8>) -> Bool { !bytes.isEmpty && all(bytes, token) }
  static func isValue(_ bytes: Span<UInt8>) -> Bool { all(bytes, value) }
  /// What a request target may hold; no fragment, no quotes, no backslash, nothing above ASCII.
  static func isTarget(_ bytes: Span<UInt8>) -> Bool { all(bytes, target) }

  private static func all(_ bytes: Span<UInt8>, _ mask: UInt8) -> Bool {
    for index in bytes.indices where classes[Int(bytes[index])] & mask == 0 { return false }
    return true
  }
}
