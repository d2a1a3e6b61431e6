import Bytes
import JOSE
import Policy
import Wire

/// Stage 5, second half: who sends a bound token holds its key (RFC 9449 §7.1). On every call, also for a token that is
/// remembered: a proof is for one request and works once.
///
/// A proof that is missing or wrong is 400 `invalid_dpop_proof` (CAMARA profile item 7; RFC 9449 would say 401).
struct ProofCheck {
  /// Scheme and authority of the gateway's URLs, as the outside knows them.
  let origin: TargetURI
  let demanded: DPoPProof.RequestClaims
  let memory: ProofMemory

  /// - Parameter thumbprint: of the key to which the token is bound.
  func run(_ exchange: Exchange, _ token: AccessToken, _ thumbprint: String, now: Timestamp) throws(APIError) {
    let proof = try Self.proof(exchange, known: token.proofKey)
    guard proof.thumbprint == thumbprint else {
      throw APIError(.invalidProof, "proof_other_key", message: "The DPoP proof is not by the key of the access token.")
    }
    token.proofKey = proof.key
    let credentials = try Credentials.value(exchange)
    let fault = proof.fault(
      method: exchange.methodBytes, url: TargetURI(origin: origin, path: exchange.path), now: now,
      accessTokenDigest: SHA256.digest(Credentials.token(credentials, .dpop)), body: exchange.body, query: exchange.query,
      demanded: demanded)
    if let fault { throw APIError(.invalidProof, Self.reason(fault), message: "\(fault).") }
    try use(proof, now)
  }

  /// The proof of exactly one `DPoP` field (RFC 9449 §4.3 check 1).
  private static func proof(_ exchange: Exchange, known: DPoPKey?) throws(APIError) -> DPoPProof {
    guard exchange.count(.dpop) <= 1 else {
      throw APIError(.invalidProof, "proof_twice", message: "There is more than one DPoP header.")
    }
    guard let text = exchange.field(.dpop) else {
      throw APIError(.invalidProof, "proof_missing", message: "The access token wants a DPoP proof.")
    }
    do { return try DPoPProof(verifying: text, known: known) } catch {
      throw APIError(.invalidProof, "proof_invalid", message: "The DPoP proof is not valid: \(error).")
    }
  }

  /// The last of all checks: only a proof that is right is used up.
  private func use(_ proof: DPoPProof, _ now: Timestamp) throws(APIError) {
    switch memory.use(proof, now: now) {
    case .fresh: return
    case .replayed: throw APIError(.invalidProof, "proof_replayed", message: "The DPoP proof was used before.")
    case .beforeMemory:
      throw APIError(.invalidProof, "proof_before_memory", message: "The DPoP proof is too old; make a new one.")
    case .full: throw APIError(.unavailable, "proof_memory_full")
    }
  }

  private static func reason(_ fault: DPoPProof.Fault) -> StaticString {
    switch fault {
    case .method: "proof_method"
    case .url: "proof_url"
    case .tooOld: "proof_too_old"
    case .inFuture: "proof_in_future"
    case .token: "proof_other_token"
    case .body: "proof_body"
    case .query: "proof_query"
    }
  }
}
