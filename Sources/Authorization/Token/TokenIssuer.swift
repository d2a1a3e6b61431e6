import Bytes
import Identifiers
import JOSE
import Store

/// A signed token and when it ends.
public struct IssuedToken: Sendable, Equatable {
  public let token: String
  public let jti: String
  public let expiresAt: Timestamp
}

/// Makes access tokens (RFC 9068) and ID tokens (OIDC Core §2). Nothing in them tells who the subscriber is: the grant's
/// identifier leads there, and only inside (profile items 62 and 63).
///
/// Issues whatever it is told to: who calls it has decided. Safe from any thread.
public struct TokenIssuer: Sendable {
  let settings: AuthorizationSettings
  let keys: KeyRing
  let time: any TimeSource

  public init(settings: AuthorizationSettings, keys: KeyRing, time: any TimeSource) {
    self.settings = settings
    self.keys = keys
    self.time = time
  }

  /// An access token of a grant (RFC 9068 §2.2). It never outlives the grant.
  ///
  /// - Parameters:
  ///   - proofKey: the thumbprint of the key that the token is bound to; nil for none.
  ///   - certificate: the thumbprint of the certificate that the token is bound to; nil for none.
  public func accessToken(
    grant: GrantRecord, scopes: ScopeSet, lifetimeSeconds: Int, proofKey: String? = nil, certificate: String? = nil,
    jti: String = Random.token(byteCount: 16)
  ) throws -> IssuedToken {
    let now = time.now()
    let expiresAt = min(now.adding(seconds: Int64(lifetimeSeconds)), grant.expiresAt)
    var claims = JSONWriter()
    claims.beginObject()
    claims.field("iss", settings.issuer)
    claims.field("aud", settings.audience)
    claims.field("exp", Int(expiresAt.seconds))
    claims.field("iat", Int(now.seconds))
    claims.field("jti", jti)
    claims.field("sub", grant.subject.map { pairwiseSubject($0, for: grant.client) } ?? grant.client.rawValue)
    claims.field("client_id", grant.client.rawValue)
    claims.field("scope", scopes.description)
    claims.field("grant_id", grant.id.rawValue)
    if let purpose = grant.purpose { claims.field("purpose", purpose.rawValue) }
    if grant.subject != nil { appendAuthentication(of: grant, to: &claims) }
    Self.appendConfirmation(proofKey: proofKey, certificate: certificate, to: &claims)
    claims.endObject()
    let token = try JWTBuilder.sign(payload: claims.bytes, typ: "at+jwt", key: keys.current)
    return IssuedToken(token: token, jti: jti, expiresAt: expiresAt)
  }

  /// An ID token for the client of a grant (OIDC Core §2), for the length of a minute's errand: five minutes.
  ///
  /// - Parameter algorithm: the one that the client is registered for.
  public func idToken(
    grant: GrantRecord, subject: SubjectPseudonym, nonce: String?, algorithm: SignatureAlgorithm = .es256
  ) throws -> String {
    guard let key = keys.idTokenKey(algorithm) else { throw JOSEError.unsupportedAlgorithm }
    let now = time.now()
    var claims = JSONWriter()
    claims.beginObject()
    claims.field("iss", settings.issuer)
    claims.field("sub", pairwiseSubject(subject, for: grant.client))
    claims.field("aud", grant.client.rawValue)
    claims.field("exp", Int(now.seconds + 300))
    claims.field("iat", Int(now.seconds))
    appendAuthentication(of: grant, to: &claims)
    if let nonce { claims.field("nonce", nonce) }
    claims.endObject()
    return try JWTBuilder.sign(payload: claims.bytes, typ: "JWT", key: key)
  }

  /// The subject that one client sees: keyed, so that neither an attacker with all numbers nor two clients together find out
  /// who it is (OIDC Core §8.1, profile item 62). A client id holds no NUL, so no two pairs are read alike.
  public func pairwiseSubject(_ subject: SubjectPseudonym, for client: ClientID) -> String {
    let pair = Array(client.rawValue.utf8) + [0] + Array(subject.rawValue.utf8)
    return keys.pairwise.authenticate(pair.span).base64url
  }

  /// RFC 7800 §3.1: what the token is bound to; nothing for a bearer token.
  static func appendConfirmation(proofKey: String?, certificate: String?, to claims: inout JSONWriter) {
    guard proofKey != nil || certificate != nil else { return }
    claims.key("cnf")
    claims.beginObject()
    if let proofKey { claims.field("jkt", proofKey) }  // RFC 9449 §6.1
    if let certificate { claims.field("x5t#S256", certificate) }  // RFC 8705 §3.1
    claims.endObject()
  }

  private func appendAuthentication(of grant: GrantRecord, to claims: inout JSONWriter) {
    if !grant.amr.isEmpty { claims.field("amr", grant.amr) }
    if let moment = grant.authenticatedAt { claims.field("auth_time", Int(moment.seconds)) }
  }
}
