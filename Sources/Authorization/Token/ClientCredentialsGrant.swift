import Identifiers
import Store
import Wire

/// Answers a client that asks for itself (RFC 6749 §4.4.3): no user, no refresh token, no ID token.
enum ClientCredentialsGrant {
  static func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    let (client, scopes) = (examination.client, examination.scopes)
    let grant = GrantRecord(
      id: .random(), client: client.id, purpose: examination.purpose, scopes: scopes, flow: examination.flow.word,
      createdAt: examination.now, expiresAt: examination.now.adding(seconds: Int64(client.accessTokenLifetimeSeconds)))
    try await orUnavailable("storing the grant") { try await examination.dependencies.grants.insert(grant) }
    return try await TokenAnswer(grant: grant, scopes: scopes, lifetimeSeconds: client.accessTokenLifetimeSeconds)
      .issue(examination)
  }
}
