import Identifiers
import Store

/// The flow is one that was agreed for the purpose and the scopes together, not just for the client (profile items 48 and 77).
enum GrantTypeForPurpose {
  static func examine(_ examination: Examination) throws(Refusal) {
    try examine(examination, purpose: examination.purpose, scopes: examination.scopes)
  }

  static func examine(
    _ examination: Examination, purpose: Purpose?, scopes: ScopeSet
  ) throws(Refusal) {
    guard let grantType = examination.flow.grantType else { return }
    guard examination.client.mayUse(grantType, purpose: purpose, scopes: scopes) else {
      throw Refusal(.unauthorizedClient, "the client may not use this flow for that purpose or those scopes")
    }
  }
}

extension ClientRecord {
  /// True when no rule of the registration has anything against the flow.
  func mayUse(_ grantType: String, purpose: Purpose?, scopes: ScopeSet) -> Bool {
    grantTypeRules.allSatisfy { $0.allows(grantType, purpose: purpose, scopes: scopes) }
  }
}
