/// A backend's address.
public struct UpstreamTarget: Sendable, Hashable {
  /// A numeric address or a name. With TLS, what the certificate must be for.
  public let host: String
  public let port: Int
  /// How connections are secured; nil for plain TCP.
  public let tls: TLSClientContext?

  /// A backend that is spoken to in the clear.
  public init(host: String, port: Int) {
    self.host = host
    self.port = port
    tls = nil
  }

  /// A backend that is spoken to over TLS.
  public init(host: String, port: Int, tls: TLSClientContext) {
    self.host = host
    self.port = port
    self.tls = tls
  }

  /// The value of `Host`.
  public var authority: String {
    let name = host.utf8.contains(0x3A) ? "[\(host)]" : host
    return port == (tls == nil ? 80 : 443) ? name : "\(name):\(port)"
  }
}
