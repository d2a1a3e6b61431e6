import Bytes
import COpenSSLSystem

/// A public key with the one algorithm that it may verify. Safe from any thread.
public final class VerificationKey: Sendable {
  public let kid: String?
  public let algorithm: SignatureAlgorithm
  private let handle: KeyHandle
  private let prepared: PreparedVerification?
  /// The members of the JWK that make the key, in the order of RFC 7638 §3.2.
  private let members: [(name: String, value: String)]

  init(handle: KeyHandle, algorithm: SignatureAlgorithm, kid: String?, members: [(name: String, value: String)]) {
    self.handle = handle
    prepared = PreparedVerification(handle, algorithm)
    self.algorithm = algorithm
    self.kid = kid
    self.members = members
  }

  /// Reads a JWK (RFC 7517 §4): EC on P-256 or P-384, RSA, or Ed25519. `alg` fixes the algorithm; without it, it follows from the
  /// key's type (RSA: RS256). A key for encryption, with private parts, or symmetric is refused.
  public convenience init(jwk: JSONValue) throws(JOSEError) { try self.init(jwk: jwk, otherwise: nil) }

  /// Reads a JWK for one algorithm.
  ///
  /// - Throws: `unsupportedAlgorithm` when the key's `alg` or its type says another.
  convenience init(jwk: JSONValue, algorithm: SignatureAlgorithm) throws(JOSEError) {
    try self.init(jwk: jwk, otherwise: algorithm)
    guard self.algorithm == algorithm else { throw .unsupportedAlgorithm }
  }

  /// - Parameter otherwise: the algorithm of a key that does not state its own.
  private convenience init(jwk: JSONValue, otherwise: SignatureAlgorithm?) throws(JOSEError) {
    guard jwk.kind == .object else { throw .badKey("a JWK is an object") }
    guard jwk["d"] == nil, jwk["k"] == nil else { throw .badKey("it holds a secret; register the public part only") }
    if let use = jwk["use"], use.string != "sig" { throw .badKey("use is not sig") }
    if let operations = jwk["key_ops"], operations.array?.contains(where: { $0.string == "verify" }) != true {
      throw .badKey("key_ops has no verify")
    }
    let kid = try Self.optionalText(jwk, "kid")
    let algorithm =
      try Self.optionalText(jwk, "alg").map { name throws(JOSEError) in
        guard let algorithm = SignatureAlgorithm(rawValue: name) else { throw .unsupportedAlgorithm }
        return algorithm
      } ?? otherwise
    switch try Self.text(jwk, "kty") {
    case "EC": try self.init(elliptic: jwk, algorithm, kid)
    case "RSA": try self.init(rsa: jwk, algorithm, kid)
    case "OKP": try self.init(edwards: jwk, algorithm, kid)
    default: throw .badKey("kty is not EC, RSA or OKP")
    }
  }

  private convenience init(elliptic jwk: JSONValue, _ stated: SignatureAlgorithm?, _ kid: String?) throws(JOSEError) {
    let curve = try Self.text(jwk, "crv")
    let (x, y) = (try Self.bytes(jwk, "x"), try Self.bytes(jwk, "y"))
    let (algorithm, group, count): (SignatureAlgorithm, StaticString, Int)
    switch curve {
    case "P-256": (algorithm, group, count) = (.es256, "prime256v1", 32)
    case "P-384": (algorithm, group, count) = (.es384, "secp384r1", 48)
    default: throw .badKey("crv is not P-256 or P-384")
    }
    guard stated ?? algorithm == algorithm else { throw .unsupportedAlgorithm }
    // RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included.
    guard x.count == count, y.count == count else { throw .badKey("coordinates of the wrong length") }
    self.init(
      handle: try PublicKeyBuilder.elliptic(group: group, point: [4] + x + y), algorithm: algorithm, kid: kid,
      members: [("crv", curve), ("kty", "EC"), ("x", Base64URL.encode(x)), ("y", Base64URL.encode(y))])
  }

  private convenience init(rsa jwk: JSONValue, _ stated: SignatureAlgorithm?, _ kid: String?) throws(JOSEError) {
    let algorithm = stated ?? .rs256
    guard algorithm == .rs256 || algorithm == .ps256 else { throw .unsupportedAlgorithm }
    let (n, e) = (try Self.bytes(jwk, "n"), try Self.bytes(jwk, "e"))
    // RFC 7518 §2 (Base64urlUInt): the fewest octets; otherwise one key would have two thumbprints.
    guard n.first != 0, e.first != 0 else { throw .badKey("n and e have no leading zeros") }
    self.init(
      handle: try PublicKeyBuilder.rsa(modulus: n, exponent: e), algorithm: algorithm, kid: kid,
      members: [("e", Base64URL.encode(e)), ("kty", "RSA"), ("n", Base64URL.encode(n))])
  }

  private convenience init(edwards jwk: JSONValue, _ stated: SignatureAlgorithm?, _ kid: String?) throws(JOSEError) {
    guard try Self.text(jwk, "crv") == "Ed25519" else { throw .badKey("crv is not Ed25519") }
    guard stated ?? .edDSA == .edDSA else { throw .unsupportedAlgorithm }
    let x = try Self.bytes(jwk, "x")
    self.init(
      handle: try PublicKeyBuilder.ed25519(x), algorithm: .edDSA, kid: kid,
      members: [("crv", "Ed25519"), ("kty", "OKP"), ("x", Base64URL.encode(x))])
  }

  /// The key's own name: SHA-256 over its members in canonical form (RFC 7638), in base64url.
  public var thumbprint: String {
    var writer = JSONWriter()
    appendBareJWK(to: &writer)
    return SHA256.digest(writer.bytes).base64url
  }

  /// Writes what makes the key and nothing else (RFC 7638 §3.2): the form whose digest is the thumbprint.
  func appendBareJWK(to writer: inout JSONWriter) {
    writer.beginObject()
    for member in members {
      writer.key(member.name)
      writer.string(member.value)
    }
    writer.endObject()
  }

  /// Writes the public key as a JWK, with `alg` and `use`.
  public func appendJWK(to writer: inout JSONWriter) {
    writer.beginObject()
    for member in members {
      writer.key(member.name)
      writer.string(member.value)
    }
    writer.field("alg", algorithm.rawValue)
    writer.field("use", "sig")
    if let kid { writer.field("kid", kid) }
    writer.endObject()
  }

  /// True when the signature, in JWS form, is this key's over these bytes. Any malformed signature is just not good.
  public func verify(signature: [UInt8], of bytes: Span<UInt8>) -> Bool {
    guard let encoded = encoded(signature), let prepared else { return false }
    let context = VerificationContext.ofThisThread.context
    defer { EVP_MD_CTX_reset(context) }
    guard EVP_MD_CTX_copy_ex(context, prepared.context) == 1 else {
      ERR_clear_error()
      return false
    }
    let result = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe EVP_DigestVerify(context, encoded, encoded.count, bytes.baseAddress, bytes.count)
    }
    if result != 1 { ERR_clear_error() }
    return result == 1
  }

  /// The signature as OpenSSL wants it: for ECDSA the two numbers in DER, refused unless exactly as long as the curve says (A3).
  private func encoded(_ signature: [UInt8]) -> [UInt8]? {
    guard let count = algorithm.coordinateCount else { return signature.isEmpty ? nil : signature }
    guard signature.count == 2 * count else { return nil }
    return ECDSASignature.der(fromRaw: signature)
  }

  private static func text(_ jwk: JSONValue, _ name: String) throws(JOSEError) -> String {
    guard let text = try optionalText(jwk, name) else { throw .badKey("\(name) is missing") }
    return text
  }

  private static func optionalText(_ jwk: JSONValue, _ name: String) throws(JOSEError) -> String? {
    guard let value = jwk[name] else { return nil }
    guard let text = value.string, text.utf8.count <= 2048 else { throw .badKey("\(name) is not a short text") }
    return text
  }

  private static func bytes(_ jwk: JSONValue, _ name: String) throws(JOSEError) -> [UInt8] {
    guard let bytes = Base64URL.decode(try text(jwk, name)), !bytes.isEmpty else { throw .badKey("\(name) is not base64url") }
    return bytes
  }
}

/// A verification with a key that is ready to begin, to be copied for each: to find digest and algorithm anew by their names costs a
/// fifteenth of a verification. It is never changed after it was made, and copied on many threads then.
private final class PreparedVerification: @unchecked Sendable {
  let context = EVP_MD_CTX_new()!

  /// Nil when OpenSSL does not verify with such a key.
  init?(_ handle: KeyHandle, _ algorithm: SignatureAlgorithm) {
    var parameters: OpaquePointer?
    guard EVP_DigestVerifyInit_ex(context, &parameters, algorithm.digestName, nil, nil, handle.pointer, nil) == 1,
      algorithm != .ps256 || PSS.configure(parameters)
    else {
      ERR_clear_error()
      return nil
    }
  }

  deinit { EVP_MD_CTX_free(context) }
}

/// A context of OpenSSL for verifications, one per thread.
final class VerificationContext {
  let context = EVP_MD_CTX_new()!
  private static let threadLocal = ThreadLocal { VerificationContext() }
  static var ofThisThread: VerificationContext { threadLocal.value }
  deinit { EVP_MD_CTX_free(context) }
}

/// RSASSA-PSS as JOSE has it: MGF1 with the same digest, a salt as long as the digest (RFC 7518 §3.5).
enum PSS {
  static func configure(_ parameters: OpaquePointer?) -> Bool {
    EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1
      && EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1
  }
}

/// ECDSA signatures between JWS (r and s side by side) and OpenSSL (DER).
enum ECDSASignature {
  static func der(fromRaw raw: [UInt8]) -> [UInt8]? {
    let half = raw.count / 2
    guard let signature = ECDSA_SIG_new() else { return nil }
    defer { ECDSA_SIG_free(signature) }
    guard let r = BN_bin2bn(Array(raw[..<half]), Int32(half), nil) else { return nil }
    guard let s = BN_bin2bn(Array(raw[half...]), Int32(half), nil) else { BN_free(r); return nil }
    // From here on the signature owns both numbers.
    guard ECDSA_SIG_set0(signature, r, s) == 1 else { return nil }
    var der = [UInt8](repeating: 0, count: raw.count + 16)
    let count = der.withUnsafeMutableBufferPointer { buffer in
      var end = buffer.baseAddress
      return i2d_ECDSA_SIG(signature, &end)
    }
    guard count > 0 else { return nil }
    return Array(der[..<Int(count)])
  }

  static func raw(fromDER der: [UInt8], coordinateCount: Int) -> [UInt8]? {
    let signature = der.withUnsafeBufferPointer { buffer in
      var start = buffer.baseAddress
      return d2i_ECDSA_SIG(nil, &start, buffer.count)
    }
    guard let signature else { return nil }
    defer { ECDSA_SIG_free(signature) }
    var raw: [UInt8] = []
    for number in [ECDSA_SIG_get0_r(signature), ECDSA_SIG_get0_s(signature)] {
      var bytes = [UInt8](repeating: 0, count: coordinateCount)
      guard BN_bn2binpad(number, &bytes, Int32(coordinateCount)) == Int32(coordinateCount) else { return nil }
      raw += bytes
    }
    return raw
  }
}
