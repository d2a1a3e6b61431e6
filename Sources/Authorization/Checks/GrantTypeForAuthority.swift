/// The same when a token is issued for what was agreed to before: a registration can change in between (A24).
enum GrantTypeForAuthority {
  static func examine(_ examination: Examination) throws(Refusal) {
    let authority = examination.authority
    try GrantTypeForPurpose.examine(examination, purpose: authority.purpose, scopes: authority.scopes)
  }
}
