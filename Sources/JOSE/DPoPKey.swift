import Bytes

/// The key that the header of a DPoP proof brings along (RFC 9449 §4.2). Here alone a header's key is listened to: the proof
/// shows that its sender holds the key, and nothing else follows from it until somebody compares its thumbprint.
///
/// Kept between proofs, it spares reading and checking the key again: the same header text is the same key.
public struct DPoPKey: Sendable {
  /// RFC 7638, SHA-256, base64url: what `cnf.jkt` of a bound token holds (RFC 9449 §6.1).
  public let thumbprint: String
  let key: VerificationKey
  /// The first part of the compact JWS, as it was sent.
  private let headerText: [UInt8]

  /// - Throws: `malformed` for another type than `dpop+jwt` or no key; `badKey` for a key that is weak, symmetric, not on its
  ///   curve, or holds a secret; `unsupportedAlgorithm` when `alg` is not the key's.
  init(headerText: Span<UInt8>) throws(JOSEError) {
    guard let bytes = Base64URL.decode(headerText) else { throw .malformed("header: not base64url") }
    let root: JSONValue
    do { root = try JSONDocument(bytes, limits: JSONLimits(depthMaximum: 8, nodesMaximum: 256)).root } catch {
      throw .malformed("header: not JSON")
    }
    // RFC 7515 §4.1.9: a media type, so its letters have no case. The long form is not what RFC 9449 §4.2 writes.
    guard let type = root["typ"]?.string, Array(type.utf8).span.equalsIgnoringASCIICase("dpop+jwt") else {
      throw .malformed("header: typ is not dpop+jwt")
    }
    guard let name = root["alg"]?.string, let algorithm = SignatureAlgorithm(rawValue: name) else { throw .unsupportedAlgorithm }
    guard let jwk = root["jwk"], jwk.kind == .object else { throw .malformed("header: jwk is missing") }
    // RFC 9449 §4.3 check 7. A proof that shows its private key shows that anybody may hold it.
    for secret in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] where jwk[secret] != nil {
      throw .badKey("it holds a secret")
    }
    key = try VerificationKey(jwk: jwk, algorithm: algorithm)
    thumbprint = key.thumbprint
    self.headerText = headerText.bytes()
  }

  /// True when a proof that begins with this header brings this key.
  func isOf(_ headerText: Span<UInt8>) -> Bool { headerText.equals(self.headerText.span) }
}
