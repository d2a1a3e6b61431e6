import Bytes

/// The assertion is fresh: `exp` at most 300 s after receipt, `exp` - `iat` at most 300 s when there is an `iat`, not used
/// before its time (RFC 7523 §3, profile item 66).
enum AssertionTimes {
  static let lifetimeSecondsMaximum: Int64 = 300
  /// By how much a client's clock may be ahead of ours.
  static let skewSeconds: Int64 = 10

  static func examine(_ examination: Examination) throws(Refusal) {
    let claims = examination.asserted.claims
    let now = examination.now.seconds
    guard let expiry = claims.expiresAt else { throw Refusal(.invalidClient, "exp of the assertion is missing") }
    guard expiry > now else { throw Refusal(.invalidClient, "the assertion has expired") }
    guard expiry - now <= lifetimeSecondsMaximum else {
      throw Refusal(.invalidClient, "exp of the assertion is more than 300 s ahead")
    }
    if let issued = claims.issuedAt {
      guard issued <= now + skewSeconds else { throw Refusal(.invalidClient, "iat of the assertion is in the future") }
      guard expiry - issued <= lifetimeSecondsMaximum else {
        throw Refusal(.invalidClient, "the assertion lives for more than 300 s")
      }
    }
    if let notBefore = claims.notBefore, notBefore > now + skewSeconds {
      throw Refusal(.invalidClient, "the assertion is not valid yet")
    }
  }
}
