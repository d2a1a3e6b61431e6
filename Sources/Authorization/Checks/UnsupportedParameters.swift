/// What a request may not bring along: a request by a reference that is not ours (A19), or a registration (OIDC Core §6.2, §7.2.1).
enum UnsupportedParameters {
  static func examine(_ examination: Examination) throws(Refusal) {
    let asked = examination.asked
    let isPushed = examination.$pushed.known.flatMap(\.self) != nil
    guard examination.flow != .pushed || examination.parameters["request_uri"] == nil else {
      throw Refusal(.invalidRequest, "request_uri may not be pushed")  // RFC 9126 §2.1
    }
    guard isPushed || examination.parameters["request_uri"] == nil else {
      throw Refusal(.requestURINotSupported, "request_uri is for what was pushed to this server; nothing is fetched")
    }
    guard asked["registration"] == nil else {
      throw Refusal(.registrationNotSupported, "the registration parameter is not supported")
    }
  }
}
