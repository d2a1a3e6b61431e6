/// The authority of a refresh token is its grant's, narrowed to what is asked for.
enum RefreshAuthority {
  static func examine(_ examination: Examination) throws(Refusal) -> Authority {
    guard let authority = Authority(of: examination.grant, scopes: examination.scopes) else {
      throw .refreshTokenNotGood("the grant names nobody")
    }
    return authority
  }
}
