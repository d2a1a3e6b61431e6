import Bytes

/// The assertion is fresh: `exp` at most 300 s after receipt, `exp` - `iat` at most 300 s when there is an `iat`, not used
/// before its time (RFC 7523 §3, profile items 47 and 66).
enum AssertionTimes {
  static let lifetimeSecondsMaximum: Int64 = 300
  /// By how much a client's clock may be ahead of ours.
  static let skewSeconds: Int64 = 10

  static func examine(_ examination: Examination) throws(Refusal) {
    let claims = examination.asserted.claims
    let now = examination.now.seconds
    let isGrant = examination.flow == .jwtBearer
    let error = examination.assertionError
    guard let expiry = claims.expiresAt else { throw Refusal(error, "exp of the assertion is missing") }
    guard expiry > now else { throw Refusal(error, "the assertion has expired") }
    guard expiry - now <= lifetimeSecondsMaximum else { throw Refusal(error, "exp of the assertion is more than 300 s ahead") }
    if let issued = claims.issuedAt {
      // A grant's `iat` may not be later than its receipt at all (profile item 47).
      guard issued <= now + (isGrant ? 0 : skewSeconds) else { throw Refusal(error, "iat of the assertion is in the future") }
      guard expiry - issued <= lifetimeSecondsMaximum else { throw Refusal(error, "the assertion lives for more than 300 s") }
    } else if isGrant {
      throw Refusal(error, "iat of the assertion is missing")
    }
    if let notBefore = claims.notBefore, notBefore > now + skewSeconds {
      throw Refusal(error, "the assertion is not valid yet")
    }
  }
}

extension Examination {
  /// What is wrong with the claims of an assertion is wrong with the client's authentication, or, where the assertion is what is to
  /// be redeemed, with the grant (RFC 7521 §4.1.1 and §4.2.1).
  var assertionError: OAuthError { flow == .jwtBearer ? .invalidGrant : .invalidClient }

  /// One answer for an unknown client, a disabled one, an unknown key and a wrong signature: who is registered is not to be found out
  /// (A44).
  func assertionRefused(_ detail: String) -> Refusal {
    flow == .jwtBearer
      ? Refusal(.invalidGrant, "the assertion is not good here", detail: detail) : .clientAuthenticationFailed(detail)
  }
}
