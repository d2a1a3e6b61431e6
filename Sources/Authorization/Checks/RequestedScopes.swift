import Identifiers
import Policy

/// `scope` is well-formed, and every scope in it is known here and registered for the client (RFC 6749 §3.3, profile item 54).
///
/// More than the client is registered for is refused, not trimmed: a client that asks for too much has a mistake in it.
/// `offline_access` is left out, not refused, where no refresh token would come of it (profile items 37 and 38).
enum RequestedScopes {
  static let countMaximum = 64

  static func examine(_ examination: Examination) throws(Refusal) -> ScopeSet {
    guard let text = examination.asked["scope"] else { throw Refusal(.invalidScope, "scope is missing") }
    guard let asked = ScopeSet(parsing: text, countMaximum: countMaximum) else {
      throw Refusal(.invalidScope, "scope is malformed, or has more than 64 entries")
    }
    let mayRefresh = examination.client.mayRefresh && ![.clientCredentials, .jwtBearer].contains(examination.flow)
    let scopes = mayRefresh ? asked : asked.subtracting([.offlineAccess])
    let registered = examination.client.scopes
    for scope in scopes where !scope.isPurpose {
      if scope == .offlineAccess { continue }
      guard scope == .openID || examination.dependencies.catalogue.knows(scope) else {
        throw Refusal(.invalidScope, "a scope is unknown")
      }
      guard registered.contains(scope) else { throw Refusal(.invalidScope, "a scope is not registered for the client") }
    }
    return scopes
  }
}
