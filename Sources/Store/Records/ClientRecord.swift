import Identifiers
import JOSE

/// The registration of one API consumer: RFC 7591 metadata and what this gateway adds to it.
public struct ClientRecord: Sendable, Hashable {
  /// Whether a code flow must prove that it is the one that began (RFC 7636).
  public enum ProofKey: String, Sendable, CaseIterable {
    case required
    /// Then `state` and `nonce` are required instead (CAMARA profile, item 17).
    case optional
  }

  /// How a sink that is not among `eventSinks` shows that it takes the client's events.
  public enum EventSinkProof: String, Sendable, CaseIterable {
    /// By the handshake of CloudEvents' web hooks.
    case handshake
    /// Not at all: a sink must be among `eventSinks`.
    case registered
  }

  public static let accessTokenLifetimeSecondsRange = 60...3600
  public static let accessTokenLifetimeSecondsDefault = 300
  public static let refreshTokenLifetimeSecondsRange = 3600...31_536_000
  public static let refreshTokenLifetimeSecondsDefault = 2_592_000
  public static let redirectURIsMaximum = 32
  public static let eventSinksMaximum = 256
  public static let grantTypeRulesMaximum = 256
  /// The grant types that a registration may name; which of them work depends on what is built in.
  public static let knownGrantTypes = [
    "authorization_code", "client_credentials", "refresh_token", "urn:openid:params:grant-type:ciba",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
  ]

  public var id: ClientID
  /// Shown to the subscriber on the consent page.
  public var name: String
  public var clientURI: String?
  public var logoURI: String?
  /// Compared byte for byte with the request's (OAuth 2.1 §2.3.1, A15).
  public var redirectURIs: [String]
  /// Where browsers may go after a capture of consent, beside `redirectURIs`; compared byte for byte.
  public var callbackURIs: [String] = []
  public var grantTypes: [String]
  /// All that it may ask for, without purposes.
  public var scopes: ScopeSet
  /// The purposes that it may name.
  public var purposes: [Purpose]
  /// Its JWK set as JSON, public keys only; checked when the registration is read.
  public var jwks: [UInt8]
  public var proofKey: ProofKey
  public var accessTokenLifetimeSeconds: Int
  /// It always sends DPoP proofs, and its tokens are of no use without (RFC 9449 §5.2).
  public var dpopBoundAccessTokens: Bool
  /// Purposes for which client credentials may reach personal data (CAMARA profile, item 42). A part of `purposes`.
  public var twoLeggedPurposes: [Purpose]
  /// Nil: the limits of the policies alone.
  public var requestsPerMinute: Int?
  public var quotaPerDay: Int?
  public var quotaPerMonth: Int?
  /// Languages for its pages, best first, when the request names none.
  public var languages: [String]
  public var isEnabled: Bool

  /// Where its JWK set is fetched from when `jwks` is empty (RFC 7591 §2).
  public var jwksURI: String?
  /// Seconds for which a refresh token, and with each rotation the next one, is good.
  public var refreshTokenLifetimeSeconds = ClientRecord.refreshTokenLifetimeSecondsDefault
  /// Flows by purpose and scope, narrower than `grantTypes` (CAMARA profile, items 42 and 77).
  public var grantTypeRules: [GrantTypeRule] = []
  /// A JWT bearer assertion of this client may name its subject by number (CAMARA profile, item 51).
  public var isTrustedWithNumbers = false
  /// What its ID tokens are signed with (`id_token_signed_response_alg`, OIDC Registration §2).
  public var idTokenAlgorithm = SignatureAlgorithm.es256
  /// Its tokens are bound to the certificate of the connection over which it asks for them (RFC 8705 §3.4).
  public var certificateBoundAccessTokens = false
  /// A resource server of the operator: it may introspect tokens that are not its own.
  public var introspectsAllTokens = false
  /// Where its events may be sent without a handshake: addresses, and with a slash at the end all below them.
  public var eventSinks: [String] = []
  public var eventSinkProof = EventSinkProof.handshake
  /// Where the gateway gets tokens for the client's sinks (`PRIVATE_KEY_JWT`); nil: nowhere.
  public var eventTokenEndpoint: EventTokenEndpoint?
  /// By which plans it is charged, the earliest first; empty: by what the configuration says, or by the policies' prices.
  public var plans: [PlanAssignment] = []

  public init(
    id: ClientID, name: String, clientURI: String? = nil, logoURI: String? = nil, redirectURIs: [String] = [],
    grantTypes: [String], scopes: ScopeSet, purposes: [Purpose] = [], jwks: [UInt8], proofKey: ProofKey = .required,
    accessTokenLifetimeSeconds: Int = ClientRecord.accessTokenLifetimeSecondsDefault, dpopBoundAccessTokens: Bool = false,
    twoLeggedPurposes: [Purpose] = [], requestsPerMinute: Int? = nil, quotaPerDay: Int? = nil, quotaPerMonth: Int? = nil,
    languages: [String] = [],
    isEnabled: Bool = true
  ) {
    self.id = id
    self.name = name
    self.clientURI = clientURI
    self.logoURI = logoURI
    self.redirectURIs = redirectURIs
    self.grantTypes = grantTypes
    self.scopes = scopes
    self.purposes = purposes
    self.jwks = jwks
    self.proofKey = proofKey
    self.accessTokenLifetimeSeconds = accessTokenLifetimeSeconds
    self.dpopBoundAccessTokens = dpopBoundAccessTokens
    self.twoLeggedPurposes = twoLeggedPurposes
    self.requestsPerMinute = requestsPerMinute
    self.quotaPerDay = quotaPerDay
    self.quotaPerMonth = quotaPerMonth
    self.languages = languages
    self.isEnabled = isEnabled
  }
}

extension ClientRecord {
  /// True for an address at which the client takes the outcome of a capture of consent.
  public func isCallback(_ address: String) -> Bool {
    (redirectURIs + callbackURIs).contains { $0.utf8.elementsEqual(address.utf8) }
  }
}

/// A token endpoint of the client's, and who the gateway is there. It is agreed on beforehand: a subscription that could name any would make
/// the gateway prove who it is at the endpoint of somebody else, and hand over what it gets there.
public struct EventTokenEndpoint: Sendable, Hashable {
  public var tokenURI: String
  public var clientID: String

  public init(tokenURI: String, clientID: String) {
    self.tokenURI = tokenURI
    self.clientID = clientID
  }
}

/// For some purpose, some scopes or both only these grant types may be used. Rules add up: each that holds must name the type.
public struct GrantTypeRule: Sendable, Hashable {
  /// Nil: every purpose.
  public var purpose: Purpose?
  /// Nil: every scope.
  public var scope: Scope?
  public var grantTypes: [String]

  public init(purpose: Purpose? = nil, scope: Scope? = nil, grantTypes: [String]) {
    self.purpose = purpose
    self.scope = scope
    self.grantTypes = grantTypes
  }

  /// True when the rule has nothing against a flow.
  public func allows(_ grantType: String, purpose: Purpose?, scopes: ScopeSet) -> Bool {
    let holds = (self.purpose == nil || self.purpose == purpose) && (scope.map(scopes.contains) ?? true)
    return !holds || grantTypes.contains(grantType)
  }
}
