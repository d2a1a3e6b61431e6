import JOSE

/// The values of `WWW-Authenticate`, one for each scheme that a client may use (RFC 6750 §3, RFC 9449 §7.1).
struct Challenges {
  /// For a call without a token.
  private let tokenMissing: [String]
  /// For a token that is no good, or came under the wrong scheme.
  private let tokenInvalid: [String]
  private let proofInvalid: String

  init(realm: String, dpop: DPoPSettings.Mode) {
    let algorithms = "algs=\"\(SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: " "))\""
    let bearer = "Bearer realm=\"\(realm)\""
    let invalid = "error=\"invalid_token\""
    proofInvalid = "DPoP error=\"invalid_dpop_proof\", \(algorithms)"
    switch dpop {
    case .off: (tokenMissing, tokenInvalid) = ([bearer], ["\(bearer), \(invalid)"])
    case .supported:
      (tokenMissing, tokenInvalid) = (
        [bearer, "DPoP \(algorithms)"], ["\(bearer), \(invalid)", "DPoP \(invalid), \(algorithms)"]
      )
    case .required: (tokenMissing, tokenInvalid) = (["DPoP \(algorithms)"], ["DPoP \(invalid), \(algorithms)"])
    }
  }

  func challenges(for error: APIError, status: Int) -> [String] {
    if error.kind == .invalidProof { return [proofInvalid] }
    guard status == 401 else { return [] }
    return error.reasonIs("token_missing") ? tokenMissing : tokenInvalid
  }
}
