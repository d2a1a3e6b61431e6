/// `redirect_uri` is the one of the authorization request (RFC 6749 §4.1.3). It runs after the code is used up: who tries
/// with another address tries once.
enum CodeRedirectURI {
  static func examine(_ examination: Examination) throws(Refusal) {
    let uri = examination.parameters["redirect_uri"] ?? ""
    guard uri.utf8.elementsEqual(examination.code.redirectURI.utf8) else {
      throw .codeNotGood("redirect_uri is another than in the authorization request")
    }
  }
}
