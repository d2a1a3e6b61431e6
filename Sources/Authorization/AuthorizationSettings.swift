/// What the authorization server is told by the configuration.
public struct AuthorizationSettings: Sendable {
  /// The issuer identifier (RFC 8414 §2), without a slash at the end. The configuration has checked it.
  public let issuer: String
  /// The audience of access tokens: what the gateway answers to.
  public var audience: String
  /// Seconds in which a code must be redeemed.
  public var codeLifetimeSeconds = 60
  /// Seconds that a person has for the pages of one request.
  public var interactionLifetimeSeconds = 600
  /// Seconds for which a decision on the consent page holds.
  public var consentLifetimeSeconds: Int64 = 365 * 86_400
  /// The languages that the pages speak, for the metadata and for choosing one (RFC 5646 primary tags).
  public var languages = ["en", "fr"]

  public init(issuer: String, audience: String? = nil) {
    self.issuer = issuer
    self.audience = audience ?? issuer
  }

  /// The origin of our own pages, as a browser writes it (RFC 6454 §6.2): the issuer without a path.
  public var origin: String {
    let scheme = issuer.prefix { $0 != "/" }
    return scheme + "//" + issuer.dropFirst(scheme.count + 2).prefix { $0 != "/" }
  }

  /// Cookies carry `Secure` and the `__Host-` prefix when the browser speaks TLS with us.
  public var hasSecureCookies: Bool { issuer.hasPrefix("https://") }

  /// The values that a client assertion may name as its audience: exact strings, nothing like them (A10, profile item 67).
  public var assertionAudiences: Set<String> { [issuer, url(.token)] }

  /// The full URL of an endpoint.
  public func url(_ endpoint: EndpointPath) -> String { issuer + endpoint.rawValue }
}

/// The paths that the server owns, its pages included.
public enum EndpointPath: String, Sendable, CaseIterable {
  case openIDConfiguration = "/.well-known/openid-configuration"
  case serverMetadata = "/.well-known/oauth-authorization-server"
  case keys = "/jwks"
  case authorize = "/authorize"
  case token = "/token"
  case consent = "/consent"
  case subscriber = "/subscriber"

  /// Those that `AuthorizationServer` answers itself; the others are pages.
  static let own: Set<EndpointPath> = [.openIDConfiguration, .serverMetadata, .keys, .authorize, .token]
}
