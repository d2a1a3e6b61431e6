import JOSE

/// `dpop_jkt` names the key that must be proven when the code is redeemed (RFC 9449 §10).
enum CodeProofKey {
  static func examine(_ examination: Examination) throws(Refusal) -> String? {
    guard examination.settings.dpop.mode != .off, let thumbprint = examination.asked["dpop_jkt"] else { return nil }
    guard thumbprint.utf8.count == 43, thumbprint.utf8.allSatisfy(CodeChallenge.isBase64URL) else {
      throw Refusal(.invalidRequest, "dpop_jkt is not a SHA-256 thumbprint in base64url")
    }
    // RFC 9449 §10.1: a pushed request that names one key and proves another.
    if let proven = examination.$proofKey.known.flatMap(\.self), proven != thumbprint {
      throw Refusal(.invalidDPoPProof, "dpop_jkt is not the key of the proof")
    }
    return thumbprint
  }
}
