import Store

/// PKCE with S256 (RFC 7636 §4.3): required of a client unless its registration says `optional`, and then `state` and `nonce`
/// are required in its place (profile item 17). `plain` is no protection and is refused (A14).
enum CodeChallenge {
  static func examine(_ examination: Examination) throws(Refusal) -> String? {
    let parameters = examination.asked
    guard let challenge = parameters["code_challenge"] else {
      try examineAbsence(examination)
      return nil
    }
    guard parameters["code_challenge_method"] == "S256" else {
      throw Refusal(.invalidRequest, "code_challenge_method has to be S256")
    }
    // A SHA-256 digest in base64url has 43 characters, no more, no less.
    guard challenge.utf8.count == 43, challenge.utf8.allSatisfy(isBase64URL) else {
      throw Refusal(.invalidRequest, "code_challenge is not a SHA-256 digest in base64url")
    }
    return challenge
  }

  private static func examineAbsence(_ examination: Examination) throws(Refusal) {
    guard examination.asked["code_challenge_method"] == nil, examination.client.proofKey == .optional else {
      throw Refusal(.invalidRequest, "code_challenge is missing: PKCE is required of this client")
    }
    guard examination.state != nil, examination.nonce != nil else {
      throw Refusal(.invalidRequest, "without PKCE both state and nonce are required")
    }
  }

  static func isBase64URL(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
    default: false
    }
  }
}
