import Bytes

/// A media type with its parameters (RFC 9110 §8.3.1), as far as events need it.
struct MediaType {
  /// In lower case.
  let name: String
  /// In lower case; nil where none is said.
  private let charset: String?

  /// Nil for what is none, and for one that says its charset twice.
  init?(_ text: String) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
    let name = parts[0].lowercased()
    let halves = name.split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count == 2, halves.allSatisfy(Self.isToken) else { return nil }
    var charset: String?
    for parameter in parts.dropFirst() where !parameter.isEmpty {
      let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, Self.isToken(pair[0]) else { return nil }
      guard pair[0].lowercased() == "charset" else { continue }
      guard charset == nil else { return nil }
      var value = pair[1].lowercased()
      if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") { value = String(value.dropFirst().dropLast()) }
      charset = value
    }
    self.name = name
    self.charset = charset
  }

  /// RFC 8259 §8.1: JSON that is exchanged is UTF-8, whatever could be said.
  var isUTF8: Bool { charset == nil || charset == "utf-8" }
  var isJSON: Bool { name == "application/json" && isUTF8 }

  private static func trimmed(_ text: Substring) -> String {
    let rest = text.drop { $0 == " " || $0 == "\t" }
    return String(
      rest.prefix(rest.lastIndex { $0 != " " && $0 != "\t" }.map { rest.distance(from: rest.startIndex, to: $0) + 1 } ?? 0))
  }

  private static func isToken(_ text: some StringProtocol) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || "!#$&-^_.+".utf8.contains($0)
      }
  }
}

/// The value of an attribute in a header field (CloudEvents HTTP binding 1.0.2, section 3.1.3.2).
enum HeaderText {
  /// The text, unquoted and then percent-decoded once; nil when either is not done as it should be, or what comes out is not UTF-8.
  static func decoded(_ value: String) -> String? {
    guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }), let plain = unquoted(Array(value.utf8)),
      let bytes = percentDecoded(plain)
    else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  /// RFC 9110 §5.6.4, where the whole value is a quoted string.
  private static func unquoted(_ value: [UInt8]) -> [UInt8]? {
    guard value.first == UInt8(ascii: "\"") else { return value.contains(UInt8(ascii: "\"")) ? nil : value }
    var (text, index): ([UInt8], Int) = ([], 1)
    while index < value.count, value[index] != UInt8(ascii: "\"") {
      if value[index] == UInt8(ascii: "\\") { index += 1 }
      guard index < value.count else { return nil }
      text.append(value[index])
      index += 1
    }
    return index == value.count - 1 ? text : nil
  }

  private static func percentDecoded(_ text: [UInt8]) -> [UInt8]? {
    var (bytes, index): ([UInt8], Int) = ([], 0)
    while index < text.count {
      guard text[index] == UInt8(ascii: "%") else {
        bytes.append(text[index])
        index += 1
        continue
      }
      guard index + 2 < text.count, let high = Hex.value(text[index + 1]), let low = Hex.value(text[index + 2]) else {
        return nil
      }
      bytes.append(high << 4 | low)
      index += 3
    }
    return bytes
  }
}

/// A URI-reference (RFC 3986 §4.1).
enum URIReference {
  /// Unreserved and reserved characters and the percent sign (RFC 3986 §2).
  static let characters = ASCIISet(low: 0xAFFF_FFFA_0000_0000, high: 0x47FF_FFFE_AFFF_FFFF)

  static func isOne(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard characters.containsAll(bytes.span), bytes.count(where: { $0 == UInt8(ascii: "#") }) <= 1 else { return false }
    for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "%") {
      guard index + 2 < bytes.count, Hex.value(bytes[index + 1]) != nil, Hex.value(bytes[index + 2]) != nil else { return false }
    }
    // §4.2: a colon in the first segment ends a scheme.
    let first = bytes.prefix { !"/?#".utf8.contains($0) }
    guard let colon = first.firstIndex(of: UInt8(ascii: ":")) else { return true }
    return isScheme(first[..<colon])
  }

  /// The authority that an absolute or network-path reference names; nil where it names none.
  static func authority(_ text: String) -> String? {
    let bytes = text.utf8
    let afterScheme: Substring.UTF8View
    if let colon = bytes.prefix(while: { !"/?#".utf8.contains($0) }).firstIndex(of: UInt8(ascii: ":")) {
      afterScheme = bytes[bytes.index(after: colon)...]
    } else {
      afterScheme = bytes[...]
    }
    guard afterScheme.starts(with: "//".utf8) else { return nil }
    return String(Substring(afterScheme.dropFirst(2).prefix { !"/?#".utf8.contains($0) })).lowercased()
  }

  private static func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let first = bytes.first, isLetter(first) else { return false }
    return bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || "+-.".utf8.contains($0) }
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
}
