/// What is asked for stands in the assertion's `scope` claim and nowhere else (profile item 44).
enum AssertedScope {
  static func examine(_ examination: Examination) throws(Refusal) -> FormParameters {
    guard let scope = examination.asserted.claims.scope else {
      throw Refusal(.invalidScope, "the assertion has no scope claim")
    }
    return FormParameters(pairs: [("scope", scope)])
  }
}
