import Bytes
import Consent
import Identifiers
import JOSE
import Store

/// A token that a client shows to have it explained or ended: one of ours, still good, and the client's own.
enum ShownToken: Sendable {
  case access(AccessTokenClaims, GrantRecord)
  case refresh(RefreshTokenRecord, GrantRecord)

  var grant: GrantRecord {
    switch self {
    case .access(_, let grant), .refresh(_, let grant): grant
    }
  }

  /// Nil for a token that is unknown, malformed, expired, ended, or another client's: which of these is nobody's business (RFC 7662
  /// §2.2, RFC 7009 §2.2, A7). The hint of its type is not needed: the two look different.
  static func examine(_ examination: Examination) async throws(Refusal) -> ShownToken? {
    guard let token = examination.parameters["token"] else { throw Refusal(.invalidRequest, "token is missing") }
    let isOwnOnly = examination.flow == .revocation || !examination.client.introspectsAllTokens
    let shown =
      token.utf8.contains(0x2E) ? try await accessToken(token, examination) : try await refreshToken(token, examination)
    guard let shown, !isOwnOnly || shown.grant.client == examination.client.id else { return nil }
    return shown
  }

  private static func accessToken(_ token: String, _ examination: Examination) async throws(Refusal) -> ShownToken? {
    guard let claims = examination.server.tokens.verified(token, now: examination.now),
      let grant = try await liveGrant(claims.grant, examination), grant.client == claims.client
    else { return nil }
    return .access(claims, grant)
  }

  private static func refreshToken(_ token: String, _ examination: Examination) async throws(Refusal) -> ShownToken? {
    guard token.utf8.count <= IssuedCode.bytesMaximum else { return nil }
    let digest = SHA256.digest(Array(token.utf8))
    let found = try orUnavailable("reading the token") { try examination.dependencies.refreshTokens.find(digest: digest) }
    guard let found, found.usedAt == nil, examination.now < found.expiresAt,
      let grant = try await liveGrant(found.grant, examination)
    else { return nil }
    return .refresh(found, grant)
  }

  /// The grant when it stands, its client is enabled, and something of it is still covered (A24).
  private static func liveGrant(_ id: GrantID, _ examination: Examination) async throws(Refusal) -> GrantRecord? {
    let dependencies = examination.dependencies
    let grant = try orUnavailable("reading the grant") { try dependencies.grants.grant(id) }
    guard let grant, grant.isActive(at: examination.now) else { return nil }
    let client = try orUnavailable("reading the client") { try examination.server.clients.client(grant.client) }
    guard let client, client.record.isEnabled else { return nil }
    guard let subject = grant.subject, let purpose = grant.purpose else { return grant }
    let coverage = try await Coverage.decide(
      subject: subject, client: grant.client, purpose: purpose, scopes: grant.scopes.apiScopes,
      since: grant.createdAt, dependencies: dependencies)
    return coverage.covered.isEmpty ? nil : grant
  }
}

/// What an access token of ours says, once its signature was found good.
struct AccessTokenClaims: Sendable {
  let client: ClientID
  let grant: GrantID
  let scope: String
  let subject: String
  let identifier: String
  let audience: String
  let issuedAt: Int
  let expiresAt: Int
  let purpose: String?
  let proofKey: String?
  let certificate: String?
}

extension TokenIssuer {
  /// The claims of an access token that this server signed and that has not expired; nil for anything else.
  func verified(_ token: String, now: Timestamp) -> AccessTokenClaims? {
    guard let jws = try? CompactJWS(parsing: Array(token.utf8).span),
      let verified = try? jws.verified(by: { header in header.kid.flatMap { keys.verificationKey(kid: $0) } }),
      verified.header.typ?.lowercased() == "at+jwt", let claims = try? JSONDocument(verified.payload).root,
      claims["iss"]?.string == settings.issuer, let expiry = claims["exp"]?.integer, now.seconds < Int64(expiry),
      let client = claims["client_id"]?.string.flatMap(ClientID.init(rawValue:)),
      let grant = claims["grant_id"]?.string.flatMap(GrantID.init(rawValue:)), let scope = claims["scope"]?.string,
      let subject = claims["sub"]?.string, let identifier = claims["jti"]?.string, let audience = claims["aud"]?.string,
      let issued = claims["iat"]?.integer
    else { return nil }
    return AccessTokenClaims(
      client: client, grant: grant, scope: scope, subject: subject, identifier: identifier, audience: audience,
      issuedAt: issued, expiresAt: expiry, purpose: claims["purpose"]?.string, proofKey: claims["cnf"]?["jkt"]?.string,
      certificate: claims["cnf"]?["x5t#S256"]?.string)
  }
}
