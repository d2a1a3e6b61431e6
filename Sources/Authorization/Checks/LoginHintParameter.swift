/// `login_hint` is there, is the only hint, and has one of the three forms (CIBA Core §7.1, profile items 28 and 34 to 36).
enum LoginHintParameter {
  static func examine(_ examination: Examination) throws(Refusal) -> LoginHint {
    let asked = examination.asked
    guard asked["login_hint_token"] == nil, asked["id_token_hint"] == nil else {
      throw Refusal(.invalidRequest, "login_hint is the only hint that is taken")
    }
    guard let text = asked["login_hint"] else { throw Refusal(.invalidRequest, "login_hint is missing") }
    guard let hint = LoginHint(text) else {
      throw Refusal(
        .invalidRequest, "login_hint has to be tel: and a number, ipport: and an address, or operatortoken: and a token")
    }
    return hint
  }
}
