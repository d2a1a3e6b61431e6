/// The assertion is by and about the client, and no parameter names another (OIDC Core §9, profile item 69).
enum AssertionSubject {
  static func examine(_ examination: Examination) throws(Refusal) {
    let claims = examination.asserted.claims
    guard claims.issuer == claims.subject else { throw Refusal(.invalidClient, "iss and sub of the assertion differ") }
    guard examination.parameters["client_id"] ?? claims.issuer == claims.issuer else {
      throw Refusal(.invalidClient, "client_id is not the client of the assertion")
    }
  }
}
