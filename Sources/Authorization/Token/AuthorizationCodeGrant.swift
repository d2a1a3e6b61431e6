import Bytes
import Identifiers
import JOSE
import Store
import Wire

/// Answers a redeemed code (RFC 6749 §4.1.4, OIDC Core §3.1.3.3).
enum AuthorizationCodeGrant {
  static func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    let (grant, scopes, server) = (examination.grant, examination.scopes, examination.server)
    let token = try orUnavailable("signing a token") {
      try server.tokens.accessToken(
        grant: grant, scopes: scopes, lifetimeSeconds: examination.client.accessTokenLifetimeSeconds)
    }
    var idToken: String?
    if scopes.contains(.openID), let subject = grant.subject {
      idToken = try orUnavailable("signing a token") {
        try server.tokens.idToken(grant: grant, subject: subject, nonce: examination.code.nonce)
      }
    }
    try await server.recordIssue(token, grant: grant, scopes: scopes)
    return TokenAnswer(token: token, scopes: scopes, idToken: idToken, now: examination.now).response
  }
}
