import Bytes

extension DPoPProof {
  /// CAMARA's claims that tie a proof to the rest of its request (profile item 5).
  public struct RequestClaims: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `camara:bh`: SHA-256 of the body.
    public static let body = RequestClaims(rawValue: 1)
    /// `camara:qh`: SHA-256 of the query.
    public static let query = RequestClaims(rawValue: 2)

    private static let named: [(name: String, claim: RequestClaims)] = [("camara:bh", .body), ("camara:qh", .query)]

    /// Nil for a name that is none of them.
    public init?(name: String) {
      guard let found = Self.named.first(where: { $0.name == name }) else { return nil }
      self = found.claim
    }

    /// As `camara_dpop_claims_required` lists them (profile item 6).
    public var names: [String] { Self.named.filter { contains($0.claim) }.map(\.name) }
  }

  /// What of a request a proof does not fit.
  public enum Fault: Sendable, Equatable, CaseIterable, CustomStringConvertible {
    case method, url, tooOld, inFuture, token, body, query

    /// For the client; names claims, never values.
    public var description: String {
      switch self {
      case .method: "htm of the DPoP proof is not the method of the request"
      case .url: "htu of the DPoP proof is not the URL of the request"
      case .tooOld: "the DPoP proof is older than \(DPoPProof.ageSecondsMaximum) seconds"
      case .inFuture: "iat of the DPoP proof is in the future"
      case .token: "ath of the DPoP proof is missing or not of this access token"
      case .body: "camara:bh of the DPoP proof is missing or not of this body"
      case .query: "camara:qh of the DPoP proof is missing or not of this query"
      }
    }
  }

  /// Compares the proof with the request that it came with (RFC 9449 §4.3 checks 8 to 12, CAMARA profile items 5 and 8); nil
  /// when it fits. Neither the key nor the `jti` is looked at.
  ///
  /// - Parameters:
  ///   - accessTokenDigest: SHA-256 of the access token as it was sent; nil where none is (the token endpoint).
  ///   - body: as it was received, its transfer coding undone and nothing else; empty when there is none.
  ///   - query: what follows the `?`, as it was received; nil when there is none.
  ///   - demanded: claims that must be there when there is something to hash. Those that are there are compared in any case.
  public func fault(
    method: Span<UInt8>, url: TargetURI, now: Timestamp, accessTokenDigest: Digest32?, body: Span<UInt8>, query: Span<UInt8>?,
    demanded: RequestClaims
  ) -> Fault? {
    // RFC 9110 §9.1: methods have a case.
    guard method.equals(Array(htm.utf8).span) else { return .method }
    guard TargetURI(htu) == url else { return .url }
    guard issuedAt >= now.seconds - Self.ageSecondsMaximum else { return .tooOld }
    guard issuedAt <= now.seconds + Self.skewSeconds else { return .inFuture }
    if let accessTokenDigest {
      guard let ath, Self.isDigest(ath, accessTokenDigest) else { return .token }
    }
    guard isCovered(body, by: bodyHash, demanded.contains(.body)) else { return .body }
    guard isCovered(query, by: queryHash, demanded.contains(.query)) else { return .query }
    return nil
  }

  /// A hash that is there is compared also with nothing: who takes body or query away is found out too.
  private func isCovered(_ bytes: Span<UInt8>?, by hash: String?, _ isDemanded: Bool) -> Bool {
    guard let bytes else { return hash.map { Self.isDigest($0, SHA256.digest([])) } ?? true }
    guard let hash else { return !isDemanded || bytes.isEmpty }
    return Self.isDigest(hash, SHA256.digest(bytes))
  }

  private static func isDigest(_ text: String, _ digest: Digest32) -> Bool {
    ConstantTime.equals(Array(text.utf8).span, Array(digest.base64url.utf8).span)
  }
}
