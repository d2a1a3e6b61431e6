import Bytes

/// A DPoP proof (RFC 9449 §4.2) whose signature by its own key was found good. That alone says nothing: `fault` tells whether
/// it is for this request, its thumbprint must be the token's, and its `jti` must be new.
public struct DPoPProof: Sendable {
  public static let bytesMaximum = 8192
  public static let jtiBytesMaximum = 256
  /// How old a proof may be (CAMARA profile, item 8).
  public static let ageSecondsMaximum: Int64 = 300
  /// By how much the sender's clock may be ahead.
  public static let skewSeconds: Int64 = 5

  /// The key that signed it; may be kept for the next proof.
  public let key: DPoPKey
  public let jti: String
  public let htm: String
  public let htu: String
  /// Seconds since 1970, rounded down.
  public let issuedAt: Int64
  public let ath: String?
  public let nonce: String?
  /// `camara:bh` (CAMARA profile, item 5).
  public let bodyHash: String?
  /// `camara:qh`.
  public let queryHash: String?

  public var thumbprint: String { key.thumbprint }

  /// Reads a proof and verifies its signature by the key in its header.
  ///
  /// - Parameter known: the key of the sender's last proof; taken when this one has the same header, else of no effect.
  /// - Throws: `JOSEError` for anything but one proof as RFC 9449 §4.3 checks 2 to 7 want it. A member that stands twice is
  ///   refused (A4), a claim that nobody here knows is ignored.
  public init(verifying text: Span<UInt8>, known: DPoPKey? = nil) throws(JOSEError) {
    let token = try CompactJWS(parsing: text, bytesMaximum: Self.bytesMaximum)
    let headerText = text.extracting(0..<(text.firstIndex(of: 0x2E) ?? 0))
    if let known, known.isOf(headerText) { key = known } else { key = try DPoPKey(headerText: headerText) }
    let verified = try token.verified { [key] _ in key.key }
    let claims: JSONValue
    do { claims = try JSONDocument(verified.payload, limits: JSONLimits(depthMaximum: 16, nodesMaximum: 1024)).root } catch {
      throw .malformed("proof: not JSON")
    }
    guard claims.kind == .object else { throw .malformed("proof: no object") }
    jti = try Self.text(claims, "jti")
    guard (1...Self.jtiBytesMaximum).contains(jti.utf8.count) else { throw .malformed("proof: jti") }
    htm = try Self.text(claims, "htm")
    htu = try Self.text(claims, "htu")
    issuedAt = try Self.seconds(claims["iat"])
    ath = try Self.optionalText(claims, "ath")
    nonce = try Self.optionalText(claims, "nonce")
    bodyHash = try Self.optionalText(claims, "camara:bh")
    queryHash = try Self.optionalText(claims, "camara:qh")
  }

  private static func text(_ claims: JSONValue, _ name: String) throws(JOSEError) -> String {
    guard let text = try optionalText(claims, name) else { throw .malformed("proof: \(name) is missing") }
    return text
  }

  private static func optionalText(_ claims: JSONValue, _ name: String) throws(JOSEError) -> String? {
    guard let value = claims[name] else { return nil }
    guard let text = value.string else { throw .malformed("proof: \(name) is no text") }
    return text
  }

  /// RFC 7519 §2: a number of seconds, not necessarily whole.
  private static func seconds(_ value: JSONValue?) throws(JOSEError) -> Int64 {
    if let whole = value?.integer { return Int64(whole) }
    guard let number = value?.double, abs(number) < 1e15 else { throw .malformed("proof: iat") }
    return Int64(number.rounded(.down))
  }
}
