import Identifiers
import Store
import Wire

/// Answers the poll after the subscriber agreed (CIBA Core §10.1.1).
enum BackchannelGrant {
  static func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    let scopes = examination.granted.scopes
    let lifetime = examination.client.accessTokenLifetimeSeconds
    let grant = GrantRecord(
      of: examination, scopes: scopes,
      lifetimeSeconds: examination.server.grantLifetimeSeconds(
        scopes: scopes, client: examination.client, tokenLifetimeSeconds: lifetime))
    try await orUnavailable("storing the grant") { try await examination.dependencies.grants.insert(grant) }
    return try await TokenAnswer(
      grant: grant, scopes: scopes, lifetimeSeconds: lifetime,
      refreshToken: try await RefreshTokens.first(of: grant, scopes, examination)
    ).issue(examination)
  }
}

extension GrantRecord {
  /// The grant of a flow in which a subscriber's authority stands and no code came before.
  init(of examination: Examination, scopes: ScopeSet, lifetimeSeconds: Int64) {
    let authority = examination.authority
    self.init(
      id: .random(), client: examination.client.id, subject: authority.subject, purpose: authority.purpose, scopes: scopes,
      consent: examination.granted.consent, flow: examination.flow.word, amr: authority.amr,
      authenticatedAt: authority.authenticatedAt, createdAt: examination.now,
      expiresAt: examination.now.adding(seconds: lifetimeSeconds))
  }
}
