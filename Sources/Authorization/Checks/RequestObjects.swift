/// What a request may not bring along: a request by value, by reference, or a registration (OIDC Core §6, §7.2.1; A19).
enum RequestObjects {
  static func examine(_ examination: Examination) throws(Refusal) {
    let parameters = examination.parameters
    guard parameters["request"] == nil else {
      throw Refusal(.requestNotSupported, "request objects are not supported")
    }
    guard parameters["request_uri"] == nil else {
      throw Refusal(.requestURINotSupported, "request_uri is not supported")
    }
    guard parameters["registration"] == nil else {
      throw Refusal(.registrationNotSupported, "the registration parameter is not supported")
    }
  }
}
