/// `redirect_uri` is there and is, byte for byte, one that the client registered (RFC 9700 §2.1, OIDC Core §3.1.2.1, A15).
///
/// No part of it is parsed, decoded, normalised or matched by prefix: every bypass of A15 lives in such a step.
enum RegisteredRedirectURI {
  static func examine(_ examination: Examination) throws(Refusal) -> String {
    // What was pushed counts; at its endpoint, what the signed object says.
    let parameters = examination.$asked.known ?? examination.$pushed.known.flatMap(\.self) ?? examination.parameters
    guard !parameters.isRepeated("redirect_uri"), let uri = parameters["redirect_uri"] else {
      throw Refusal(.invalidRequest, "redirect_uri is missing or there twice")
    }
    // Bytes are compared, not Swift's characters: two spellings of one character are two addresses.
    guard examination.client.redirectURIs.contains(where: { $0.utf8.elementsEqual(uri.utf8) }) else {
      throw Refusal(.invalidRequest, "redirect_uri is not one that the client registered")
    }
    return uri
  }
}
