import Bytes
import Identifiers

/// Builds the members of a ledger entry as JSON bytes: `"event":"api.call","client_id":"…"`, without braces.
///
/// Reused from call to call, so that writing an entry allocates nothing once it is warm.
struct LedgerMembers {
  private(set) var bytes: [UInt8] = []

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Members that were written before, by this type.
  mutating func members(_ written: [UInt8]) {
    guard !written.isEmpty else { return }
    separate()
    bytes.append(contentsOf: written)
  }

  mutating func client(_ client: ClientID) { text("client_id", client.rawValue) }
  mutating func subject(_ subject: SubjectPseudonym) { text("subject", subject.rawValue) }
  mutating func purpose(_ purpose: Purpose) { text("purpose", purpose.rawValue) }
  mutating func scopes(_ scopes: ScopeSet) { texts("scopes", scopes.elements.map(\.rawValue)) }

  mutating func text(_ key: StaticString, _ value: String) {
    name(key)
    JSONWriter.append(value, to: &bytes)
  }

  mutating func texts(_ key: StaticString, _ values: [String]) {
    name(key)
    var writer = JSONWriter()
    writer.beginArray()
    for value in values { writer.string(value) }
    writer.endArray()
    bytes.append(contentsOf: writer.bytes)
  }

  /// A value that is known to need no escape.
  mutating func plain(_ key: StaticString, _ value: StaticString) {
    name(key)
    bytes.append(0x22)
    bytes.append(value)
    bytes.append(0x22)
  }

  mutating func integer(_ key: StaticString, _ value: Int) {
    name(key)
    bytes.append(decimal: value)
  }

  /// Bytes whose alphabet is checked (a correlator) but which may hold `<` and `>`: these are written as escapes.
  mutating func correlator(_ value: [UInt8]) {
    name("correlator")
    bytes.append(0x22)
    if value.span.firstIndex(of: 0x3C) == nil, value.span.firstIndex(of: 0x3E) == nil {
      bytes.append(contentsOf: value)
    } else {
      for byte in value {
        switch byte {
        case 0x3C: bytes.append(#"\u003c"#)
        case 0x3E: bytes.append(#"\u003e"#)
        default: bytes.append(byte)
        }
      }
    }
    bytes.append(0x22)
  }

  /// The names, quoted already, whose bit is set, as an array.
  mutating func names(_ key: StaticString, _ quoted: [[UInt8]], _ mask: FieldMask) {
    name(key)
    var separator: UInt8 = 0x5B
    var rest = mask
    while rest != 0 {
      bytes.append(separator)
      separator = 0x2C
      bytes.append(contentsOf: quoted[rest.trailingZeroBitCount])
      rest &= rest - 1
    }
    if mask == 0 { bytes.append(0x5B) }
    bytes.append(0x5D)
  }

  private mutating func name(_ key: StaticString) {
    separate()
    bytes.append(0x22)
    bytes.append(key)
    bytes.append("\":")
  }

  private mutating func separate() {
    if !bytes.isEmpty { bytes.append(0x2C) }
  }
}
