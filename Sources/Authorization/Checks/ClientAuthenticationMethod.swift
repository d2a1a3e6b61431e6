import Bytes
import Identifiers
import JOSE

/// The client authenticates with `private_key_jwt` (RFC 7523 §2.2) and with nothing beside it (profile item 65, A11).
///
/// A second method is refused even when the assertion is good: a policy that looks at the one and a check that looks at the
/// other is how authentication is bypassed.
enum ClientAuthenticationMethod {
  static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
  static let assertionBytesMaximum = 8192

  static func examine(_ examination: Examination) throws(Refusal) -> PresentedAssertion {
    let parameters = examination.parameters
    guard parameters["client_secret"] == nil, examination.request.field("authorization") == nil else {
      throw Refusal(.invalidClient, "clients authenticate with private_key_jwt and nothing else")
    }
    guard parameters["client_assertion_type"] == assertionType, let assertion = parameters["client_assertion"] else {
      throw Refusal(.invalidClient, "client_assertion is missing, or client_assertion_type is not jwt-bearer")
    }
    let bytes = Array(assertion.utf8)
    do {
      return PresentedAssertion(jws: try CompactJWS(parsing: bytes.span, bytesMaximum: assertionBytesMaximum), text: bytes)
    } catch {
      throw .clientAuthenticationFailed("the assertion is not a JWS that is accepted here")
    }
  }
}

/// An assertion as it came, unverified. All that can be learnt from it is whose keys to try.
struct PresentedAssertion: Sendable {
  let jws: CompactJWS
  /// The client that it claims to be from: what its `iss` says. For finding keys, and the ledger's entry of a refusal.
  let claimedClient: ClientID?

  init(jws: CompactJWS, text: [UInt8]) {
    self.jws = jws
    let parts = text.split(separator: UInt8(ascii: "."))
    let payload = parts.count == 3 ? Base64URL.decode(Array(parts[1]).span) : nil
    let claims = payload.flatMap { try? JSONDocument($0).root }
    claimedClient = claims?["iss"]?.string.flatMap(ClientID.init(rawValue:))
  }
}

extension Refusal {
  /// One answer for an unknown client, an unknown key and a wrong signature: who is registered is not to be found out (A44).
  static func clientAuthenticationFailed(_ detail: String) -> Refusal {
    Refusal(.invalidClient, "client authentication failed", detail: detail)
  }
}
