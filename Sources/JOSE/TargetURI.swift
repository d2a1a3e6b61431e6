import Bytes

/// The URL of a request as a DPoP proof names it (RFC 9449 §4.3): scheme, authority and path; query and fragment are left away.
///
/// Two are equal when they are after the normalisation that cannot lead anywhere else: letters of scheme and host in lower case
/// (RFC 3986 §6.2.2.1), the default port left out and an empty path written as a slash (§6.2.3). Nothing is decoded and no dot
/// segment removed, for the gateway does neither with the path that it forwards (A25).
public struct TargetURI: Sendable, Equatable {
  /// `https://host` or `https://host:port`.
  private let origin: [UInt8]
  private let path: [UInt8]

  /// Nil for anything but an `http` or `https` URL of visible ASCII with a host and without userinfo.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let colon = bytes.firstIndex(of: 0x3A) else { return nil }
    let scheme = Self.lowercased(bytes[..<colon])
    let defaultPort: [UInt8]
    switch String(decoding: scheme, as: UTF8.self) {
    case "https": defaultPort = Array("443".utf8)
    case "http": defaultPort = Array("80".utf8)
    default: return nil
    }
    let rest = bytes[(colon + 1)...]
    guard rest.starts(with: [0x2F, 0x2F]) else { return nil }
    let authority = rest.dropFirst(2).prefix { $0 != 0x2F && $0 != 0x3F && $0 != 0x23 }
    guard let (host, port) = Self.split(authority) else { return nil }
    var origin = scheme + [0x3A, 0x2F, 0x2F] + Self.lowercased(host)
    if !port.isEmpty, !port.elementsEqual(defaultPort) { origin += [0x3A] + port }
    self.origin = origin
    let path = bytes[authority.endIndex...].prefix { $0 != 0x3F && $0 != 0x23 }
    self.path = path.isEmpty ? [0x2F] : Array(path)
  }

  /// The URL of a request to the same scheme and authority.
  ///
  /// - Parameter path: as it was received, without the query.
  public init(origin: TargetURI, path: Span<UInt8>) {
    self.origin = origin.origin
    self.path = path.isEmpty ? [0x2F] : path.bytes()
  }

  /// Host and port of an authority; the port is empty when none is named (RFC 3986 §3.2.3 allows the colon alone).
  private static func split(_ authority: ArraySlice<UInt8>) -> (host: ArraySlice<UInt8>, port: ArraySlice<UInt8>)? {
    guard !authority.contains(0x40), !authority.contains(0x5C) else { return nil }
    let afterLiteral = authority.lastIndex(of: 0x5D).map { $0 + 1 } ?? authority.startIndex
    let colon = authority[afterLiteral...].firstIndex(of: 0x3A) ?? authority.endIndex
    let (host, port) = (authority[..<colon], authority[colon...].dropFirst())
    guard !host.isEmpty, port.count <= 5, port.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return (host, port)
  }

  private static func lowercased(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    bytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
  }
}
