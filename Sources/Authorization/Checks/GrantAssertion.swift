import Bytes
import JOSE

/// `assertion` is a JWT, and it is the client's authentication at the same time (RFC 7523 §2.1, profile items 44 and 46).
///
/// Whatever else would authenticate a client is refused: two answers to the question who asks are one too many (A11).
enum GrantAssertion {
  static func examine(_ examination: Examination) throws(Refusal) -> PresentedAssertion {
    let parameters = examination.parameters
    guard parameters["scope"] == nil else {
      throw Refusal(.invalidRequest, "scope belongs into the assertion, not beside it")
    }
    guard parameters["client_secret"] == nil, parameters["client_assertion"] == nil,
      examination.request.field("authorization") == nil
    else { throw Refusal(.invalidRequest, "the assertion authenticates the client; send nothing else for that") }
    guard let text = parameters["assertion"] else { throw Refusal(.invalidRequest, "assertion is missing") }
    let bytes = Array(text.utf8)
    do {
      let jws = try CompactJWS(parsing: bytes.span, bytesMaximum: ClientAuthenticationMethod.assertionBytesMaximum)
      return PresentedAssertion(jws: jws, text: bytes)
    } catch {
      throw Refusal(.invalidGrant, "the assertion is not a JWS that is accepted here")
    }
  }
}
