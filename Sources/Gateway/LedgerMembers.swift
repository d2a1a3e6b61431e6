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
    var writer = JSONWriter()
    writer.string(value)
    bytes.append(contentsOf: writer.bytes)
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
    bytes.append(contentsOf: UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    bytes.append(0x22)
  }

  mutating func integer(_ key: StaticString, _ value: Int) {
    name(key)
    Decimal.append(value, to: &bytes)
  }

  /// Bytes whose alphabet is checked (a correlator) but which may hold `<` and `>`: these are written as escapes.
  mutating func correlator(_ value: [UInt8]) {
    name("correlator")
    bytes.append(0x22)
    for byte in value {
      if byte == 0x3C || byte == 0x3E {
        bytes.append(contentsOf: byte == 0x3C ? Array(#"\u003c"#.utf8) : Array(#"\u003e"#.utf8))
      } else {
        bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }

  /// A value that is JSON already.
  mutating func raw(_ key: StaticString, _ value: [UInt8]) {
    name(key)
    bytes.append(contentsOf: value)
  }

  private mutating func name(_ key: StaticString) {
    separate()
    bytes.append(0x22)
    bytes.append(contentsOf: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
    bytes.append(0x22)
    bytes.append(0x3A)
  }

  private mutating func separate() {
    if !bytes.isEmpty { bytes.append(0x2C) }
  }
}

/// Decimal digits of an integer, without a `String`.
enum Decimal {
  static func append(_ value: Int, to bytes: inout [UInt8]) {
    guard value < 0 || value > 9 else { bytes.append(UInt8(0x30 + value)); return }
    var magnitude = value.magnitude
    if value < 0 { bytes.append(0x2D) }
    let start = bytes.count
    while magnitude > 0 {
      bytes.append(UInt8(0x30 + magnitude % 10))
      magnitude /= 10
    }
    bytes[start...].reverse()
  }
}
