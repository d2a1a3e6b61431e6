import Identifiers
import Store
import Wire

/// Answers a JWT bearer assertion (RFC 7523 §2.1): a token of a short life and nothing beside it (profile item 50).
enum AssertionGrant {
  static func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    let lifetime = min(
      examination.client.accessTokenLifetimeSeconds, examination.settings.assertedTokenLifetimeSecondsMaximum)
    let scopes = examination.granted.scopes
    let grant = GrantRecord(of: examination, scopes: scopes, lifetimeSeconds: Int64(lifetime))
    try await orUnavailable("storing the grant") { try await examination.dependencies.grants.insert(grant) }
    return try await TokenAnswer(grant: grant, scopes: scopes, lifetimeSeconds: lifetime).issue(examination)
  }
}
