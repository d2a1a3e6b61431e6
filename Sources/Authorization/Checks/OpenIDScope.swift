/// Who asks for the claims of OpenID Connect asks for `openid` too (profile item 55).
enum OpenIDScope {
  static func examine(_ examination: Examination) throws(Refusal) {
    let scopes = (examination.asked["scope"] ?? "").split(separator: " ")
    guard !scopes.contains("openid") else { return }
    let asksForClaims = scopes.contains { ["profile", "email", "address", "phone"].contains($0) }
    guard !asksForClaims, examination.asked["claims"] == nil else {
      throw Refusal(.invalidRequest, "claims of OpenID Connect are asked for without the scope openid")
    }
  }
}
