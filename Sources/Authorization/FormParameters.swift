import Bytes

/// The parameters of a query or of a posted form (`application/x-www-form-urlencoded`), decoded strictly.
///
/// Keeps the order and every occurrence, so that a parameter sent twice can be refused instead of one of the two being chosen
/// (RFC 6749 §3.1, A31). A parameter without a value counts as absent (RFC 6749 §3.1).
public struct FormParameters: Sendable {
  /// The most pairs that one request may have.
  public static let pairsMaximum = 128
  /// The most bytes of an encoded form.
  public static let bytesMaximum = 64 * 1024

  /// Why a form is not one.
  public enum Malformation: Error, Equatable, Sendable {
    case tooLarge
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8 once decoded.
    case badEncoding
  }

  private let pairs: [(name: String, value: String)]

  public static let none = FormParameters(pairs: [])

  init(pairs: [(name: String, value: String)]) { self.pairs = pairs }

  public init(_ form: some Collection<UInt8>) throws(Malformation) {
    guard form.count <= Self.bytesMaximum else { throw .tooLarge }
    var pairs: [(name: String, value: String)] = []
    for part in form.split(separator: UInt8(ascii: "&")) {
      guard pairs.count < Self.pairsMaximum else { throw .tooLarge }
      let sides = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Self.decode(sides[0]), let value = sides.count > 1 ? Self.decode(sides[1]) : "" else { throw .badEncoding }
      pairs.append((name, value))
    }
    self.pairs = pairs
  }

  /// The value of a parameter; nil when it is absent or empty. Sent twice, the first: ask `repeated` before.
  public subscript(_ name: String) -> String? {
    guard let value = pairs.first(where: { $0.name == name })?.value, !value.isEmpty else { return nil }
    return value
  }

  /// Every value of a parameter that may stand more than once (a checkbox).
  public func values(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

  /// True when the parameter stands there more than once, with or without values.
  public func isRepeated(_ name: String) -> Bool { pairs.count { $0.name == name } > 1 }

  /// The names that stand there more than once, or in the array notation of some frameworks (`scope[]`), which is the same
  /// thing by another spelling.
  public var hasRepeated: Bool {
    var seen = Set<String>()
    return pairs.contains { !seen.insert($0.name).inserted || $0.name.utf8.contains(UInt8(ascii: "[")) }
  }

  /// The names that stand there.
  var names: Set<String> { Set(pairs.map(\.name)) }

  func removing(_ names: Set<String>) -> FormParameters {
    FormParameters(pairs: pairs.filter { !names.contains($0.name) })
  }

  func adding(_ name: String, _ value: String) -> FormParameters { FormParameters(pairs: pairs + [(name, value)]) }

  /// As a form again.
  var encoded: [UInt8] {
    var form = ""
    for pair in pairs { Self.append(pair.name, pair.value, to: &form) }
    return Array(form.utf8)
  }

  /// Decodes `+` and `%XX`; nil when a `%` lacks its digits, or when the result is not UTF-8 or holds a NUL.
  private static func decode(_ encoded: some Collection<UInt8>) -> String? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(encoded.count)
    var iterator = encoded.makeIterator()
    while let byte = iterator.next() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(0x20)
      case UInt8(ascii: "%"):
        guard let high = iterator.next().flatMap(hexadecimal), let low = iterator.next().flatMap(hexadecimal) else { return nil }
        bytes.append(high << 4 | low)
      default: bytes.append(byte)
      }
    }
    // In whichever way it was written: what ends a text for C must not end it unseen.
    return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x37
    case 0x61...0x66: digit - 0x57
    default: nil
    }
  }
}

extension FormParameters {
  /// Appends `name=value` to a query under construction, percent-encoded (unreserved characters stay, RFC 3986 §2.3).
  static func append(_ name: String, _ value: String, to query: inout String) {
    if !query.isEmpty { query += "&" }
    query += encoded(name) + "=" + encoded(value)
  }

  private static func encoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
      default:
        let digits = Array("0123456789ABCDEF".utf8)
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
