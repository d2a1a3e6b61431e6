import Identifiers

/// The authority of a JWT bearer assertion is what it claims. Nothing of OpenID Connect and no refresh token come of it (profile
/// item 50), so what asks for them is left out.
enum AssertionAuthority {
  static func examine(_ examination: Examination) throws(Refusal) -> Authority {
    guard let purpose = examination.purpose else { throw Refusal(.invalidScope, "no purpose is declared") }
    let subscriber = examination.subscriber
    return Authority(
      subject: subscriber.pseudonym, purpose: purpose, scopes: examination.scopes.subtracting([.openID, .offlineAccess]),
      amr: subscriber.amr, authenticatedAt: subscriber.at, since: nil)
  }
}
