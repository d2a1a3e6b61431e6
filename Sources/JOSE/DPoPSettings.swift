/// How a gateway deals with DPoP (RFC 9449).
public struct DPoPSettings: Sendable {
  public enum Mode: String, Sendable, CaseIterable {
    /// The `DPoP` header is not looked at. Nothing issues bound tokens then; one from before is refused, for what it demands
    /// cannot be checked.
    case off
    /// A bound token wants its proof, others are bearer tokens.
    case supported
    /// Every call wants a bound token and its proof.
    case required
  }

  public var mode = Mode.supported
  /// CAMARA's claims that every proof must hold (profile item 5).
  public var demandedClaims: DPoPProof.RequestClaims = []
  /// Used proofs remembered at most, over all loops; when there is no room, calls with proofs are refused.
  public var proofsRemembered = 1_000_000

  public init() {}
}
