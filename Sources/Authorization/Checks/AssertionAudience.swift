/// The assertion is meant for this server: every audience is, as an exact string, one of the accepted values (RFC 7523 §3,
/// profile item 67, A10). One foreign member among several would let another server use the assertion here.
enum AssertionAudience {
  static func examine(_ examination: Examination) throws(Refusal) {
    let audience = examination.asserted.claims.audience
    let accepted = examination.settings.audiences(of: examination.flow)
    guard !audience.isEmpty, audience.allSatisfy(accepted.contains) else {
      throw Refusal(examination.assertionError, "aud of the assertion is not this endpoint, and that alone")
    }
  }
}
