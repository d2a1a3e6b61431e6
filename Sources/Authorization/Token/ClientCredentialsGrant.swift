import Bytes
import Identifiers
import JOSE
import Store
import Wire

/// Answers a client that asks for itself (RFC 6749 §4.4.3): no user, no refresh token, no ID token.
enum ClientCredentialsGrant {
  static func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    let (client, scopes, server) = (examination.client, examination.scopes, examination.server)
    let grant = GrantRecord(
      id: .random(), client: client.id, purpose: examination.purpose, scopes: scopes, flow: examination.flow.rawValue,
      createdAt: examination.now, expiresAt: examination.now.adding(seconds: Int64(client.accessTokenLifetimeSeconds)))
    let token = try orUnavailable("signing a token") {
      try server.tokens.accessToken(grant: grant, scopes: scopes, lifetimeSeconds: client.accessTokenLifetimeSeconds)
    }
    try await orUnavailable("storing the grant") { try await server.dependencies.grants.insert(grant) }
    try await server.recordIssue(token, grant: grant, scopes: scopes)
    return TokenAnswer(token: token, scopes: scopes, idToken: nil, now: examination.now).response
  }
}
