import Identifiers
import Policy

/// With client credentials there is no user: nothing of OpenID Connect can be asked for, and of the APIs only what may be
/// called without a user (profile items 41 and 42).
enum ClientScopes {
  static func examine(_ examination: Examination) throws(Refusal) {
    let scopes = examination.scopes
    guard !scopes.contains(.openID) else { throw Refusal(.invalidScope, "openid needs a user, and there is none") }
    guard !scopes.apiScopes.isEmpty else { throw Refusal(.invalidScope, "no scope of an API is asked for") }
    for scope in scopes.apiScopes where !examination.dependencies.catalogue.allowsTwoLegs(scope) {
      throw Refusal(.invalidScope, "a scope needs the subscriber's own authorization")
    }
  }
}
