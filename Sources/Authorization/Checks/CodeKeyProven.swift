import Store

/// A code that was bound to a key is redeemed with a proof by that key (RFC 9449 §10).
enum CodeKeyProven {
  static func examine(_ examination: Examination) throws(Refusal) {
    guard let key = examination.code.proofKey else { return }
    guard examination.proofKey == key else { throw .codeNotGood("the proof is by another key than the code was asked for with") }
  }
}
