import Store

/// The code is used up by this request, and this request is the first: of many in parallel exactly one passes. A second use is
/// the sign of a stolen code, so it ends the grant, and with it the tokens of the first (RFC 6749 §4.1.2, A12).
enum CodeUsedOnce {
  static func examine(_ examination: Examination) async throws(Refusal) {
    let dependencies = examination.dependencies
    let redemption = try await orUnavailable("redeeming the code") {
      try await dependencies.codes.redeem(digest: examination.code.digest)
    }
    switch redemption {
    case .redeemed: return
    case .usedBefore(let record):
      try await orUnavailable("ending the grant") {
        try await dependencies.grants.end(record.grant, reason: EndReason.codeReused)
      }
      throw .codeNotGood("the code was used before; its grant ended")
    case .expired: throw .codeNotGood("the code has expired")
    case .unknown: throw .codeNotGood("the code is unknown")
    }
  }
}

/// Why this server ends a grant, as the grant's row says it.
enum EndReason {
  static let codeReused = "code_reused"
  static let codeMisused = "code_misused"
  static let refreshTokenReused = "refresh_token_reused"
  static let consentGone = "consent_gone"
  static let revokedByClient = "revoked_by_client"
}
