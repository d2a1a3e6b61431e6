import Identifiers
import Store

/// The authority of a code is its grant's.
enum CodeAuthority {
  static func examine(_ examination: Examination) throws(Refusal) -> Authority {
    guard let authority = Authority(of: examination.grant, scopes: examination.code.scopes) else {
      throw .codeNotGood("the grant names nobody")
    }
    return authority
  }
}

extension Authority {
  /// Nil for a grant without subscriber or purpose.
  init?(of grant: GrantRecord, scopes: ScopeSet) {
    guard let subject = grant.subject, let purpose = grant.purpose else { return nil }
    self.init(
      subject: subject, purpose: purpose, scopes: scopes, amr: grant.amr, authenticatedAt: grant.authenticatedAt,
      since: grant.createdAt)
  }
}
