import Identifiers

/// The registration of one API consumer: RFC 7591 metadata and what this gateway adds to it.
public struct ClientRecord: Sendable, Hashable {
  /// Whether a code flow must prove that it is the one that began (RFC 7636).
  public enum ProofKey: String, Sendable, CaseIterable {
    case required
    /// Then `state` and `nonce` are required instead (CAMARA profile, item 17).
    case optional
  }

  public static let accessTokenLifetimeSecondsRange = 60...3600
  public static let accessTokenLifetimeSecondsDefault = 300
  public static let redirectURIsMaximum = 32
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
