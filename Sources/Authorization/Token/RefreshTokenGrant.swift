import Bytes
import Identifiers
import JOSE
import Store
import Wire

/// Answers a refresh (RFC 6749 §6): the next access token, and the next refresh token in the place of the one that was sent (profile
/// item 40, RFC 9700 §4.14.2).
enum RefreshTokenGrant {
  static func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    let (sent, grant) = (examination.refreshToken, examination.grant)
    let next = RefreshTokens.make(grant: grant, scopes: sent.scopes, examination)
    let isFirst = try await orUnavailable("rotating the token") {
      try await examination.dependencies.refreshTokens.rotate(sent.digest, to: next.record)
    }
    guard isFirst else {
      try await examination.server.endFamily(of: sent)
      throw .refreshTokenNotGood("the token was used before; its grant ended")
    }
    do throws(Refusal) {
      return try await TokenAnswer(
        grant: grant, scopes: examination.granted.scopes, lifetimeSeconds: examination.client.accessTokenLifetimeSeconds,
        refreshToken: next.token
      ).issue(examination)
    } catch {
      // Nothing left the house: the client can come again with what it has.
      try? await examination.dependencies.refreshTokens.takeBack(sent.digest, successor: next.record.digest)
      throw error
    }
  }
}

/// Makes refresh tokens.
enum RefreshTokens {
  /// The first of a family; nil unless `offline_access` was granted, which only a client that is registered for refreshing can ask
  /// for (profile items 37 and 38). OIDC Core §11 wants the subscriber's consent for it: every grant here rests on a decision of
  /// theirs, or on a legal basis that needs none.
  static func first(
    of grant: GrantRecord, _ scopes: ScopeSet, _ examination: Examination
  ) async throws(Refusal) -> String? {
    guard scopes.contains(.offlineAccess), examination.client.mayRefresh,
      examination.client.mayUse(Flow.refreshToken.rawValue, purpose: grant.purpose, scopes: scopes)
    else { return nil }
    let made = make(grant: grant, scopes: scopes, examination)
    try await orUnavailable("storing the refresh token") {
      try await examination.dependencies.refreshTokens.insert(made.record)
    }
    return made.token
  }

  static func make(
    grant: GrantRecord, scopes: ScopeSet, _ examination: Examination
  ) -> (token: String, record: RefreshTokenRecord) {
    let token = Random.token(byteCount: 32)
    let lifetime = Int64(examination.client.refreshTokenLifetimeSeconds)
    let record = RefreshTokenRecord(
      digest: SHA256.digest(Array(token.utf8)), grant: grant.id, client: grant.client, scopes: scopes,
      createdAt: examination.now, expiresAt: min(examination.now.adding(seconds: lifetime), grant.expiresAt))
    return (token, record)
  }
}

extension ClientRecord {
  var mayRefresh: Bool { grantTypes.contains(Flow.refreshToken.rawValue) }
}

extension AuthorizationServer {
  /// How long a grant lasts: as long as its one access token, or, when it can be refreshed, as long as a consent.
  func grantLifetimeSeconds(scopes: ScopeSet, client: ClientRecord, tokenLifetimeSeconds: Int) -> Int64 {
    scopes.contains(.offlineAccess) && client.mayRefresh
      ? max(settings.consentLifetimeSeconds, Int64(tokenLifetimeSeconds)) : Int64(tokenLifetimeSeconds)
  }
}
