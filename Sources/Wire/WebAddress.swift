import Bytes

/// An absolute `http` or `https` URL without userinfo and without fragment (RFC 9110 §4.2, RFC 3986 §3). Two that are equal name
/// the same resource: the host is in lower case, the default port and the empty path are filled in.
///
/// Strict, because an address that a client gave is read here once and used elsewhere (A19, A20, A21): ASCII alone, no host that
/// looks like a number and is none (`0x7f.1`, `017700000001`, `2130706433`, `127.1`, which the system's resolver would take for
/// 127.0.0.1), nothing that a second reader could split differently.
public struct WebAddress: Sendable, Hashable, CustomStringConvertible {
  /// Longest text that is read.
  public static let bytesMaximum = 2048

  public let isSecure: Bool
  /// A name in lower case, or a numeric address in its usual form, without brackets.
  public let host: String
  public let port: Int
  /// Path and query, as they were given; "/" at least.
  public let target: String

  /// Nil for anything but `http(s)://host[:port][/path][?query]`.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.bytesMaximum else { return nil }
    let scheme: String
    if text.hasPrefix("https://") {
      scheme = "https://"
    } else if text.hasPrefix("http://") {
      scheme = "http://"
    } else {
      return nil
    }
    let rest = bytes[scheme.utf8.count...]
    let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    let isSecure = scheme == "https://"
    guard let (host, port) = Self.authority(authority, defaultPort: isSecure ? 443 : 80),
      let target = Self.target(rest[authority.endIndex...])
    else { return nil }
    (self.isSecure, self.host, self.port, self.target) = (isSecure, host, port, target)
  }

  /// Host, and port unless it is the scheme's own: the value of `Host`, with the brackets of an IPv6 address.
  public var authority: String {
    let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }

  /// The address in its one spelling.
  public var description: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

  /// The numeric address, when the host is one.
  public var numericAddress: SocketAddress? { SocketAddress(ip: host, port: port) }

  /// True for a loopback address and for `localhost`, which RFC 6761 §6.3 reserves for it.
  public var isLoopback: Bool { numericAddress?.isLoopback ?? (host == "localhost" || host == "localhost.") }

  // MARK: Reading

  private static func authority(_ bytes: ArraySlice<UInt8>, defaultPort: Int) -> (host: String, port: Int)? {
    // RFC 3986 §3.2.2: only an IPv6 address stands in brackets.
    if bytes.first == UInt8(ascii: "[") {
      guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
      let inner = String(decoding: bytes[(bytes.startIndex + 1)..<end], as: UTF8.self)
      guard inner.utf8.contains(UInt8(ascii: ":")), let address = SocketAddress(ip: inner, port: 0),
        let port = port(bytes[(end + 1)...], defaultPort)
      else { return nil }
      return (address.host, port)
    }
    let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
    guard let host = name(bytes[..<end]), let port = port(bytes[end...], defaultPort) else { return nil }
    return (host, port)
  }

  /// `:` and the digits of a port from 1 to 65535 without leading zeros, or nothing.
  private static func port(_ bytes: ArraySlice<UInt8>, _ defaultPort: Int) -> Int? {
    guard !bytes.isEmpty else { return defaultPort }
    let digits = bytes.dropFirst()
    guard bytes.first == UInt8(ascii: ":"), (1...5).contains(digits.count), digits.first != UInt8(ascii: "0"),
      digits.allSatisfy(isDigit), let port = Int(String(decoding: digits, as: UTF8.self)), port <= 65_535
    else { return nil }
    return port
  }

  /// A name of letters, digits, hyphens and underscores in labels, or a dotted quad.
  private static func name(_ bytes: ArraySlice<UInt8>) -> String? {
    let lower = bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    let text = String(decoding: lower, as: UTF8.self)
    if SocketAddress(ip: text, port: 0) != nil { return text }
    var labels = lower.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    // One dot at the end says that the name is complete.
    if labels.count > 1, labels.last?.isEmpty == true { labels.removeLast() }
    guard lower.count <= 254, let last = labels.last, !looksNumeric(last) else { return nil }
    for label in labels {
      guard (1...63).contains(label.count), label.allSatisfy(isNameByte), label.first != UInt8(ascii: "-") else { return nil }
    }
    return text
  }

  /// A name whose last label is a number would be read as an IPv4 address by `inet_aton`: decimal, octal or hexadecimal.
  private static func looksNumeric(_ label: ArraySlice<UInt8>) -> Bool {
    label.allSatisfy(isDigit) || label.starts(with: "0x".utf8)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
  }

  private static func target(_ bytes: ArraySlice<UInt8>) -> String? {
    let target = bytes.first == UInt8(ascii: "/") ? Array(bytes) : [UInt8(ascii: "/")] + bytes
    guard ByteClass.isTarget(target.span) else { return nil }
    // RFC 3986 §2.1: a percent sign is followed by two hexadecimal digits.
    for (index, byte) in target.enumerated() where byte == UInt8(ascii: "%") {
      guard index + 2 < target.count, isHexadecimal(target[index + 1]), isHexadecimal(target[index + 2]) else { return nil }
    }
    return String(decoding: target, as: UTF8.self)
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    isDigit(byte) || (0x61...0x66).contains(byte | 0x20)
  }
}
