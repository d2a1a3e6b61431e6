import Bytes
import JOSE
import Store

/// A DPoP proof, when there is one, is good, and was made for this request (RFC 9449 §5, profile items 2 to 4); its key is then the one
/// that the token is bound to.
enum ProofOfPossession {
  static func examine(_ examination: Examination) async throws(Refusal) -> String? {
    let settings = examination.settings.dpop
    guard settings.mode != .off else { return nil }
    let fields = examination.request.fields("dpop")
    guard let text = fields.first else {
      let isNeeded = settings.mode == .required || examination.client.dpopBoundAccessTokens
      guard !isNeeded || examination.flow == .pushed else { throw refuse("a DPoP proof is required") }
      return nil
    }
    guard fields.count == 1 else { throw refuse("there is more than one DPoP header") }
    let proof: DPoPProof
    do { proof = try DPoPProof(verifying: Array(text.utf8).span) } catch { throw refuse("the DPoP proof is not valid") }
    try examine(proof, examination)
    try await useUp(proof, examination)
    return proof.thumbprint
  }

  private static func examine(_ proof: DPoPProof, _ examination: Examination) throws(Refusal) {
    guard let url = TargetURI(examination.settings.url(examination.flow.endpoint)) else {
      throw Refusal(.serverError, "the server's own address is not one")
    }
    let fault = proof.fault(
      method: Array("POST".utf8).span, url: url, now: examination.now, accessTokenDigest: nil,
      body: examination.request.body.span, query: nil, demanded: examination.settings.dpop.demandedClaims)
    if let fault { throw refuse("\(fault)") }
  }

  /// Each proof works once, also across a restart (RFC 9449 §11.1).
  private static func useUp(_ proof: DPoPProof, _ examination: Examination) async throws(Refusal) {
    let goodUntil = proof.issuedAt + DPoPProof.ageSecondsMaximum + DPoPProof.skewSeconds
    let isFirst = try await orUnavailable("remembering the proof") {
      try await examination.dependencies.assertions.useOnce(
        proofKey: proof.thumbprint, jti: proof.jti, expiresAt: Timestamp(seconds: goodUntil))
    }
    guard isFirst else { throw refuse("the DPoP proof was used before") }
  }

  private static func refuse(_ what: String) -> Refusal { Refusal(.invalidDPoPProof, what) }
}
