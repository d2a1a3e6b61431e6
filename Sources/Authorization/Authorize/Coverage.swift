import Bytes
import Consent
import Identifiers
import Policy
import Store

/// What of some scopes the subscriber's consent, or another legal basis, covers at one moment: the answer of the one decision
/// function, scope by scope.
struct Coverage: Sendable {
  /// May be granted now.
  var covered: ScopeSet = []
  /// May be granted once the subscriber agrees.
  var askable: ScopeSet = []
  /// The consent that a covered scope rests on, when one does.
  var consent: ConsentID?

  static func decide(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, scopes: ScopeSet, since: Timestamp? = nil,
    dependencies: AuthorizationDependencies
  ) async throws(Refusal) -> Coverage {
    let outcomes = try await orUnavailable("reading the consent") {
      try await dependencies.consents.decide(subject: subject, client: client, purpose: purpose, scopes: scopes, grantedAt: since)
    }
    var coverage = Coverage()
    for (scope, outcome) in outcomes {
      switch outcome {
      case .granted(let consent):
        coverage.covered = coverage.covered.union([scope])
        coverage.consent = coverage.consent ?? consent
      case .needsConsent: coverage.askable = coverage.askable.union([scope])
      case .refused: continue
      }
    }
    return coverage
  }
}
