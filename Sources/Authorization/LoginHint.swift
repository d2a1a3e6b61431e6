import Identifiers
import Wire

/// Who is meant, in the forms of CAMARA's profile (items 34 to 36).
public enum LoginHint: Sendable, Equatable {
  case number(MSISDN)
  case address(SubscriberAddress)
  /// A temporary token of the operator's entitlement server (TS.43); only that server can read it.
  case operatorToken(String)

  static let bytesMaximum = 4096

  /// Nil for anything but exactly one of the forms: `tel:+34666666666`, `ipport:80.90.34.2:16790`, `ipport:80.90.34.2`,
  /// `ipport:[2001:db8::1]:8080`, `ipport:[2001:db8::1]`, `operatortoken:...`.
  public init?(_ text: String) {
    guard text.utf8.count <= Self.bytesMaximum else { return nil }
    if text.hasPrefix("tel:") {
      guard let number = MSISDN(tel: text) else { return nil }
      self = .number(number)
    } else if text.hasPrefix("ipport:") {
      guard let address = SubscriberAddress(text.dropFirst(7)) else { return nil }
      self = .address(address)
    } else if text.hasPrefix("operatortoken:") {
      let token = text.dropFirst(14)
      guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
      self = .operatorToken(String(token))
    } else {
      return nil
    }
  }
}

/// The public address under which a subscriber's phone is on the network now, with the port where the network shares addresses.
public struct SubscriberAddress: Sendable, Hashable {
  /// Canonical, without brackets.
  public let ip: String
  public let port: Int?

  public init(ip: String, port: Int?) {
    self.ip = ip
    self.port = port
  }

  /// Reads `192.0.2.1:4711`, `192.0.2.1`, `[2001:db8::1]:4711` or `[2001:db8::1]`.
  init?(_ text: Substring) {
    var host = text
    var port: Int?
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      guard host.contains(":") else { return nil }
      let rest = text[text.index(after: end)...]
      if !rest.isEmpty {
        guard rest.hasPrefix(":"), let number = Self.port(rest.dropFirst()) else { return nil }
        port = number
      }
    } else if let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      guard let number = Self.port(text[text.index(after: colon)...]) else { return nil }
      port = number
    }
    // A zone (`%eth0`) is no part of a public address; what the system's parser takes besides is taken in canonical form.
    guard !host.contains("%"), let address = SocketAddress(ip: String(host), port: 0) else { return nil }
    ip = address.host
    self.port = port
  }

  /// 1 to 65535 without a leading zero.
  private static func port(_ text: Substring) -> Int? {
    guard let number = Int(text), (1...65_535).contains(number), String(number) == text else { return nil }
    return number
  }
}
