import Bytes
import JOSE

/// `code_verifier` is what the challenge was made from (RFC 7636 §4.6). A verifier without a challenge is refused too: somebody
/// took the challenge out on the way (A14, RFC 9700 §4.8.2).
enum CodeVerifier {
  /// RFC 7636 §4.1: 43 to 128 unreserved characters.
  static let byteCounts = 43...128

  static func examine(_ examination: Examination) throws(Refusal) {
    switch (examination.code.codeChallenge, examination.parameters["code_verifier"]) {
    case (nil, nil): return
    case (nil, .some): throw .codeNotGood("there is a code_verifier, but there was no code_challenge")
    case (.some, nil): throw .codeNotGood("code_verifier is missing")
    case (.some(let challenge), .some(let verifier)):
      guard matches(verifier: verifier, challenge: challenge) else { throw .codeNotGood("code_verifier does not match") }
    }
  }

  /// True when the verifier is well-formed and `BASE64URL(SHA256(verifier))` is the challenge; in constant time.
  static func matches(verifier: String, challenge: String) -> Bool {
    let bytes = Array(verifier.utf8)
    guard byteCounts.contains(bytes.count), bytes.allSatisfy(isUnreserved) else { return false }
    let computed = Array(SHA256.digest(bytes).base64url.utf8)
    return ConstantTime.equals(computed.span, Array(challenge.utf8).span)
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
    default: false
    }
  }
}
