import Wire

/// Under which address a browser came: its own, or the one that a proxy of the operator's passes on in a field.
///
/// The field is believed from the configured proxies alone (A29), where it stands once and holds one address, with or without a port:
/// a list would have parts that the browser wrote.
public struct BrowserAddress: Sendable {
  public enum Finding: Sendable, Equatable {
    case known(SubscriberAddress)
    /// A proxy of ours says nothing of who is behind it.
    case hidden
    /// A proxy of ours says what is no address.
    case malformed
  }

  private let header: String?
  private let trustedProxies: [AddressRange]

  /// - Parameter header: the field's name in lower case; nil when browsers come directly.
  public init(header: String? = nil, trustedProxies: [AddressRange] = []) {
    self.header = header
    self.trustedProxies = trustedProxies
  }

  /// True when proxies may speak for browsers.
  public var hasHeader: Bool { header != nil && !trustedProxies.isEmpty }

  public func of(_ request: HTTPRequest) -> Finding {
    guard let peer = request.remoteAddress else { return .hidden }
    guard let header, trustedProxies.contains(where: { $0.contains(peer) }) else {
      return .known(SubscriberAddress(ip: peer.host, port: peer.port))
    }
    let values = request.fields(header)
    guard let value = values.first else { return .hidden }
    guard values.count == 1, let address = Self.read(value) else { return .malformed }
    return .known(address)
  }

  /// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
  private static func read(_ text: String) -> SubscriberAddress? {
    if !text.contains("%"), let address = SocketAddress(ip: text, port: 0) {
      return SubscriberAddress(ip: address.host, port: nil)
    }
    return SubscriberAddress(text[...])
  }
}
