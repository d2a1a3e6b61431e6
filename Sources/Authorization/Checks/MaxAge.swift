/// `max_age` is a number of seconds (OIDC Core §3.1.2.1). Nothing more is to do: the network recognises the subscriber anew at each
/// request, and `auth_time` says when.
enum MaxAge {
  static func examine(_ examination: Examination) throws(Refusal) {
    guard let text = examination.asked["max_age"] else { return }
    guard let seconds = UInt32(text), String(seconds) == text else {
      throw Refusal(.invalidRequest, "max_age has to be a whole number of seconds")
    }
  }
}
