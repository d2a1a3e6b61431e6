import Identifiers
import Store

/// What a token may be issued for now. Only `GrantedScopes` makes one.
struct GrantedScope: Sendable {
  let scopes: ScopeSet
  /// The consent that it rests on, when it rests on one.
  let consent: ConsentID?

  fileprivate init(_ scopes: ScopeSet, _ consent: ConsentID?) {
    self.scopes = scopes
    self.consent = consent
  }
}

/// What of the authority is covered at this moment, by the one decision function (A22, profile items 39, 49 and 70): consent can be
/// withdrawn, and a registration changed, between the page and the token. Scopes that are not covered fall out; when none is left,
/// there is no token.
enum GrantedScopes {
  static func examine(_ examination: Examination) async throws(Refusal) -> GrantedScope {
    let (authority, client) = (examination.authority, examination.client)
    let registered = authority.scopes.apiScopes.intersection(client.scopes)
    guard client.purposes.contains(authority.purpose) else { throw noConsent(examination, "the purpose is no longer registered") }
    let coverage = try await Coverage.decide(
      subject: authority.subject, client: client.id, purpose: authority.purpose, scopes: registered, since: authority.since,
      dependencies: examination.dependencies)
    guard !coverage.covered.isEmpty else {
      // What was withdrawn stays so: another consent, later, is for another grant.
      if examination.flow == .refreshToken {
        try await orUnavailable("ending the grant") {
          try await examination.dependencies.grants.end(examination.grant.id, reason: EndReason.consentGone)
        }
      }
      throw noConsent(examination, "there is no consent, or not any more")
    }
    let scopes = ScopeSet(authority.scopes.filter { !$0.isAPIScope || coverage.covered.contains($0) })
    return GrantedScope(scopes, coverage.consent)
  }

  private static func noConsent(_ examination: Examination, _ detail: String) -> Refusal {
    switch examination.flow {
    case .ciba: Refusal(.accessDenied, "the subscriber did not agree, or does not any more", detail: detail)
    case .jwtBearer: .assertionNotGood(detail)
    case .refreshToken: .refreshTokenNotGood(detail)
    default: .codeNotGood(detail)
    }
  }
}
