import Consent
import Identifiers
import Store

/// What the grant still covers at the moment of redemption: consent can be withdrawn, and a registration changed, between the
/// page and the token (A22, A24; profile item 70). Scopes that are no longer covered fall out; when none is left the code is
/// good for nothing.
enum GrantedScopes {
  static func examine(_ examination: Examination) throws(Refusal) -> ScopeSet {
    let (code, grant) = (examination.code, examination.grant)
    guard let subject = grant.subject, let purpose = grant.purpose else { throw .codeNotGood("the grant names nobody") }
    let stillRegistered = code.scopes.apiScopes.intersection(examination.client.scopes)
    guard examination.client.purposes.contains(purpose) else { throw .codeNotGood("the purpose is no longer registered") }
    let coverage = try Coverage.decide(
      subject: subject, client: examination.client.id, purpose: purpose, scopes: stillRegistered,
      dependencies: examination.dependencies)
    guard !coverage.covered.isEmpty else { throw .codeNotGood("there is no consent any more") }
    return ScopeSet(code.scopes.filter { !$0.isAPIScope || coverage.covered.contains($0) })
  }
}
