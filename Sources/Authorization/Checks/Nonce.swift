/// `nonce` is of a bounded length; it comes back in the ID token as it is (OIDC Core §3.1.2.1).
enum Nonce {
  static let bytesMaximum = 512

  static func examine(_ examination: Examination) throws(Refusal) -> String? {
    guard let nonce = examination.asked["nonce"] else { return nil }
    guard nonce.utf8.count <= bytesMaximum, nonce.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      throw Refusal(.invalidRequest, "nonce has other than visible ASCII characters, or more than 512")
    }
    return nonce
  }
}
