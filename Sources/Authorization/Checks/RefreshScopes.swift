import Identifiers

/// `scope` asks for no more than was granted; without it, for all of that (RFC 6749 §6, A13).
enum RefreshScopes {
  static func examine(_ examination: Examination) throws(Refusal) -> ScopeSet {
    let granted = examination.refreshToken.scopes
    guard let text = examination.parameters["scope"] else { return granted }
    guard let asked = ScopeSet(parsing: text, countMaximum: RequestedScopes.countMaximum), asked.isSubset(of: granted),
      !asked.apiScopes.isEmpty
    else { throw Refusal(.invalidScope, "scope asks for other than a part of what was granted") }
    // The purpose is the grant's, whether it is named again or not.
    return ScopeSet(granted.filter { asked.contains($0) || $0.isPurpose })
  }
}
