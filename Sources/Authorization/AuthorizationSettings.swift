import JOSE

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
  /// Seconds for which a capture URL may be opened.
  public var captureLifetimeSeconds = 600
  /// Capture URLs that a client may get in 24 hours about one subscriber and purpose.
  public var capturesPerDayMaximum = 3
  /// Seconds for which a decision on the consent page holds.
  public var consentLifetimeSeconds: Int64 = 365 * 86_400
  /// Seconds in which a pushed request must be used (RFC 9126 §2.2).
  public var pushedRequestLifetimeSeconds = 60
  /// Seconds that a subscriber has to decide about a backchannel request.
  public var backchannelLifetimeSeconds = 300
  /// Seconds that a client waits between two polls (CIBA Core §7.3).
  public var backchannelIntervalSeconds = 5
  /// Seconds for which a token of the JWT bearer grant is good at most (profile item 50: short-lived).
  public var assertedTokenLifetimeSecondsMaximum = 120
  /// What becomes of DPoP proofs (RFC 9449, profile items 2 to 8).
  public var dpop = DPoPSettings()
  /// Clients can show certificates, to which their tokens are then bound (RFC 8705 §3).
  public var bindsToCertificates = false
  /// Where they do so, when that is an address of its own (RFC 8705 §5); without a slash at the end.
  public var mutualTLSURL: String?
  /// The languages that the pages speak, for the metadata and for choosing one (RFC 5646 primary tags).
  public var languages = ["en", "fr", "es", "de"]

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

  /// The values that an assertion or a signed request may name as its audience: exact strings, nothing like them (A10, profile items
  /// 15 and 67). The issuer, the token endpoint, and the endpoint that the request came to (RFC 9126 §2, CIBA Core §7.1); a JWT
  /// bearer assertion names the token endpoint and nothing else (profile item 45).
  func audiences(of flow: Flow) -> Set<String> {
    flow == .jwtBearer
      ? addresses(.token) : addresses(.token).union(addresses(flow.endpoint)).union([issuer])
  }

  /// The full URLs of an endpoint: the usual one, and its alias for mutual TLS where there is one.
  private func addresses(_ endpoint: EndpointPath) -> Set<String> {
    Set([url(endpoint), mutualTLSURL.map { $0 + endpoint.rawValue }].compactMap(\.self))
  }

  /// The same for a signed request: the issuer, the endpoint that it came to, and, where it was pushed, the authorization endpoint that
  /// it is for (profile items 15 and 27).
  func requestAudiences(of flow: Flow) -> Set<String> {
    flow == .pushed ? [issuer, url(.authorize), url(flow.endpoint)] : [issuer, url(flow.endpoint)]
  }

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
  case pushedAuthorizationRequest = "/par"
  case backchannelAuthentication = "/bc-authorize"
  case introspection = "/introspect"
  case revocation = "/revoke"
  case consent = "/consent"
  case subscriber = "/subscriber"

  /// Those that `AuthorizationServer` answers itself; the others are pages.
  static let own: Set<EndpointPath> = [
    .openIDConfiguration, .serverMetadata, .keys, .authorize, .token, .pushedAuthorizationRequest, .backchannelAuthentication,
    .introspection, .revocation,
  ]
}
