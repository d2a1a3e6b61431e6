import Bytes

/// A JWK set (RFC 7517 §5) of public keys, at most 64.
public struct JWKSet: Sendable {
  public let keys: [VerificationKey]

  public init(keys: [VerificationKey]) { self.keys = keys }

  /// Reads a set. Keys of a kind or an algorithm that is not supported are left out (RFC 7517 §5); a `kid` that stands twice
  /// makes the set unusable, for nobody could say which key is meant (A5).
  public init(json: JSONValue) throws(JOSEError) {
    guard let array = json["keys"]?.array else { throw .malformed("JWK set: keys is no array") }
    guard array.count <= 64 else { throw .malformed("JWK set: more than 64 keys") }
    var keys: [VerificationKey] = []
    var kids: Set<String> = []
    for value in array {
      do throws(JOSEError) {
        let key = try VerificationKey(jwk: value)
        if let kid = key.kid, !kids.insert(kid).inserted { throw .malformed("JWK set: a kid stands twice") }
        keys.append(key)
      } catch .unsupportedAlgorithm {
        continue
      } catch .badKey(let reason) where reason.hasPrefix("kty") || reason.hasPrefix("crv") || reason.hasPrefix("use") {
        continue
      }
    }
    self.keys = keys
  }

  /// The key that a header names. Without a `kid` the header must leave no choice: exactly one key of that algorithm.
  public func key(kid: String?, algorithm: SignatureAlgorithm) -> VerificationKey? {
    let fitting = keys.filter { $0.algorithm == algorithm && (kid == nil || $0.kid == kid) }
    return fitting.count == 1 ? fitting[0] : nil
  }

  /// `{"keys":[...]}`.
  public func json() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("keys")
    writer.beginArray()
    for key in keys { key.appendJWK(to: &writer) }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }
}
