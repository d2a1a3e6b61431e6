/// What can be asked of the server; each is a column of the table of checks.
enum Flow: String, Sendable, CaseIterable {
  /// A browser comes to the authorization endpoint.
  case authorize
  /// A client leaves its authorization request here before it sends the browser (RFC 9126).
  case pushed = "pushed_authorization_request"
  /// A client asks for a subscriber who is elsewhere (CIBA Core §7).
  case backchannel = "backchannel_authentication"
  /// A client redeems a code (RFC 6749 §4.1.3).
  case authorizationCode = "authorization_code"
  /// A client asks whether its subscriber has decided (CIBA Core §10.1).
  case ciba = "urn:openid:params:grant-type:ciba"
  /// A client names a subscriber in an assertion of its own (RFC 7523 §2.1).
  case jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
  /// A client asks for a token of its own (RFC 6749 §4.4.2).
  case clientCredentials = "client_credentials"
  /// A client asks for the next token of a grant (RFC 6749 §6).
  case refreshToken = "refresh_token"
  /// A client asks what a token is good for (RFC 7662).
  case introspection
  /// A client gives a token back (RFC 7009).
  case revocation

  /// Those of the token endpoint, which go by the name of their grant type.
  static let tokenFlows: [Flow] = [.authorizationCode, .ciba, .jwtBearer, .clientCredentials, .refreshToken]

  /// The grant type that a client must be registered for; nil for what every client may do.
  var grantType: String? {
    switch self {
    case .authorize, .pushed: Flow.authorizationCode.rawValue
    case .backchannel: Flow.ciba.rawValue
    case .introspection, .revocation: nil
    default: rawValue
    }
  }

  /// The endpoint that serves the flow.
  var endpoint: EndpointPath {
    switch self {
    case .authorize: .authorize
    case .pushed: .pushedAuthorizationRequest
    case .backchannel: .backchannelAuthentication
    case .introspection: .introspection
    case .revocation: .revocation
    default: .token
    }
  }

  /// The short word for ledger and consent history.
  var word: String {
    switch self {
    case .ciba, .backchannel: "ciba"
    case .jwtBearer: "jwt_bearer"
    default: rawValue
    }
  }
}
