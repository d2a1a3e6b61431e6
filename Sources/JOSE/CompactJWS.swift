import Bytes

/// The header of a JWS, as far as it is listened to. `jwk`, `jku`, `x5u` and `x5c` are not: a token does not choose its key (A4).
/// `DPoPProof` reads a header's key, and only as that.
public struct JWTHeader: Sendable, Equatable {
  public let algorithm: SignatureAlgorithm
  public let typ: String?
  public let kid: String?
}

/// A JWS in compact form (RFC 7515 §7.1), read but not verified: nothing of the payload can be reached before it is.
public struct CompactJWS: Sendable {
  public let header: JWTHeader
  private let signingInput: [UInt8]
  private let payload: [UInt8]
  private let signature: [UInt8]

  /// - Parameter bytesMaximum: longer texts are refused before anything is looked at (A6).
  /// - Throws: `malformed` for anything but three parts in canonical base64url with a JSON object as header;
  ///   `unsupportedAlgorithm` for what is not in `SignatureAlgorithm`; `unsupportedCritical` for any `crit`, for none is known,
  ///   and for `b64`.
  public init(parsing text: Span<UInt8>, bytesMaximum: Int = 8192) throws(JOSEError) {
    guard text.count <= bytesMaximum else { throw .malformed("token: too long") }
    guard let first = text.firstIndex(of: 0x2E), let second = text.firstIndex(of: 0x2E, from: first + 1),
      text.firstIndex(of: 0x2E, from: second + 1) == nil
    else { throw .malformed("token: not three parts") }
    guard let headerBytes = Base64URL.decode(text.extracting(0..<first)),
      let payload = Base64URL.decode(text.extracting(first + 1..<second)),
      let signature = Base64URL.decode(text.extracting(second + 1..<text.count)), !signature.isEmpty
    else { throw .malformed("token: not base64url") }
    header = try Self.header(headerBytes)
    signingInput = text.extracting(0..<second).bytes()
    self.payload = payload
    self.signature = signature
  }

  private static func header(_ bytes: [UInt8]) throws(JOSEError) -> JWTHeader {
    let root: JSONValue
    do { root = try JSONDocument(bytes, limits: JSONLimits(depthMaximum: 8, nodesMaximum: 256)).root } catch {
      throw .malformed("header: not JSON")
    }
    guard root.kind == .object else { throw .malformed("header: no object") }
    guard root["crit"] == nil, root["b64"] == nil else { throw .unsupportedCritical }
    guard let name = root["alg"]?.string, let algorithm = SignatureAlgorithm(rawValue: name) else { throw .unsupportedAlgorithm }
    return JWTHeader(algorithm: algorithm, typ: try text(root, "typ"), kid: try text(root, "kid"))
  }

  private static func text(_ root: JSONValue, _ name: String) throws(JOSEError) -> String? {
    guard let value = root[name] else { return nil }
    guard let text = value.string, text.utf8.count <= 256, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw .malformed("header: \(name)")
    }
    return text
  }

  /// Verifies the signature with the key that the look-up gives for the header.
  ///
  /// - Throws: `unknownKey` when it gives none; `unsupportedAlgorithm` when the header names another algorithm than the key's
  ///   (A2); `badSignature`.
  public func verified(by key: (JWTHeader) -> VerificationKey?) throws(JOSEError) -> VerifiedJWS {
    guard let key = key(header) else { throw .unknownKey }
    guard key.algorithm == header.algorithm else { throw .unsupportedAlgorithm }
    guard key.verify(signature: signature, of: signingInput.span) else { throw .badSignature }
    return VerifiedJWS(header: header, payload: payload)
  }
}

/// A JWS whose signature was found good. Only `CompactJWS.verified` makes one.
public struct VerifiedJWS: Sendable {
  public let header: JWTHeader
  public let payload: [UInt8]

  fileprivate init(header: JWTHeader, payload: [UInt8]) {
    self.header = header
    self.payload = payload
  }
}

/// Makes signed tokens.
public enum JWTBuilder {
  /// How a header says which key signed.
  public enum KeyName: Sendable, Equatable {
    /// By the name under which the receiver knows it.
    case kid(String)
    /// By the public key itself: only a DPoP proof does that (RFC 9449 §4.2).
    case publicKey
    /// Not at all: the receiver knows one key.
    case none
  }

  /// A compact JWS over the payload, with `alg`, `typ` and the `kid` of the key in its header.
  public static func sign(payload: [UInt8], typ: String, key: SigningKey) throws(JOSEError) -> String {
    try sign(payload: payload, typ: typ, key: key, named: .kid(key.kid))
  }

  /// A compact JWS over the payload, for a receiver that knows the key by another name.
  public static func sign(payload: [UInt8], typ: String, key: SigningKey, named name: KeyName) throws(JOSEError) -> String {
    var header = JSONWriter()
    header.beginObject()
    header.field("alg", key.algorithm.rawValue)
    header.field("typ", typ)
    switch name {
    case .kid(let kid): header.field("kid", kid)
    case .publicKey:
      header.key("jwk")
      key.verificationKey.appendBareJWK(to: &header)
    case .none: break
    }
    header.endObject()
    var text: [UInt8] = []
    Base64URL.append(header.bytes.span, to: &text)
    text.append(0x2E)
    Base64URL.append(payload.span, to: &text)
    let signature = try key.sign(text.span)
    text.append(0x2E)
    Base64URL.append(signature.span, to: &text)
    return String(decoding: text, as: UTF8.self)
  }
}
