import JOSE

/// A DPoP proof, when there is one, is good, and was made for this request (RFC 9449 §5, profile items 2 to 4); its key is then the one
/// that the token is bound to.
enum ProofOfPossession {
  static func examine(_ examination: Examination) async throws(Refusal) -> String? {
    nil
  }
}

/// `dpop_jkt` names the key that must be proven when the code is redeemed (RFC 9449 §10).
enum CodeProofKey {
  static func examine(_ examination: Examination) throws(Refusal) -> String? {
    guard examination.settings.proofOfPossession != .off, let thumbprint = examination.asked["dpop_jkt"] else { return nil }
    guard thumbprint.utf8.count == 43, thumbprint.utf8.allSatisfy(CodeChallenge.isBase64URL) else {
      throw Refusal(.invalidRequest, "dpop_jkt is not a SHA-256 thumbprint in base64url")
    }
    return thumbprint
  }
}

/// A code that was bound to a key is redeemed with a proof by that key (RFC 9449 §10).
enum CodeKeyProven {
  static func examine(_ examination: Examination) throws(Refusal) {
    guard let key = examination.code.proofKey else { return }
    guard examination.proofKey == key else { throw .codeNotGood("the proof is by another key than the code was asked for with") }
  }
}
