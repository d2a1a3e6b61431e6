import Identifiers
import Wire

/// Answers a redeemed code (RFC 6749 §4.1.4, OIDC Core §3.1.3.3).
enum AuthorizationCodeGrant {
  static func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    let (grant, scopes) = (examination.grant, examination.granted.scopes)
    return try await TokenAnswer(
      grant: grant, scopes: scopes, lifetimeSeconds: examination.client.accessTokenLifetimeSeconds,
      nonce: examination.code.nonce, refreshToken: try await RefreshTokens.first(of: grant, scopes, examination)
    ).issue(examination)
  }
}
