import Bytes
import COpenSSL
import COpenSSLSystem

/// A private key with its algorithm. Safe from any thread. It prints as its identifier, never as its bytes.
public final class SigningKey: Sendable, CustomStringConvertible {
  /// The RFC 7638 thumbprint of its public part.
  public let kid: String
  public let algorithm: SignatureAlgorithm
  public let verificationKey: VerificationKey
  private let handle: KeyHandle

  public var description: String { "signing key \(kid)" }

  /// - Parameter wanted: which of RSA's two algorithms; the others follow from the key.
  private init(handle: KeyHandle, wanted: SignatureAlgorithm? = nil) throws(JOSEError) {
    self.handle = handle
    let (natural, members) = try SigningKey.publicPart(handle)
    let algorithm = natural == .rs256 && wanted == .ps256 ? .ps256 : natural
    let unnamed = VerificationKey(handle: handle, algorithm: algorithm, kid: nil, members: members)
    kid = unnamed.thumbprint
    self.algorithm = algorithm
    verificationKey = VerificationKey(handle: handle, algorithm: algorithm, kid: kid, members: members)
  }

  /// A fresh key for the algorithm; RSA with 2048 bits.
  public static func generate(_ algorithm: SignatureAlgorithm) throws(JOSEError) -> SigningKey {
    let context: OpaquePointer?
    switch algorithm {
    case .es256, .es384: context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil)
    case .edDSA: context = EVP_PKEY_CTX_new_from_name(nil, "ED25519", nil)
    case .rs256, .ps256: context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil)
    }
    guard let context else { throw .badKey("no generator") }
    defer { EVP_PKEY_CTX_free(context) }
    guard EVP_PKEY_keygen_init(context) == 1 else { throw .badKey("no generator") }
    switch algorithm {
    case .es256: _ = EVP_PKEY_CTX_set_group_name(context, "P-256")
    case .es384: _ = EVP_PKEY_CTX_set_group_name(context, "P-384")
    case .rs256, .ps256: _ = EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048)
    case .edDSA: break
    }
    var key: OpaquePointer?
    guard EVP_PKEY_generate(context, &key) == 1, let key else { throw .badKey("it could not be generated") }
    return try SigningKey(handle: KeyHandle(key), wanted: algorithm)
  }

  /// Reads a private key in PEM (PKCS #8, SEC 1 or PKCS #1), without a passphrase.
  ///
  /// - Parameter algorithm: which of RSA's two is meant; nil takes the key's own (RSA: RS256).
  /// - Throws: `unsupportedAlgorithm` when the key cannot sign with that algorithm.
  public convenience init(pemPrivateKey pem: [UInt8], algorithm: SignatureAlgorithm? = nil) throws(JOSEError) {
    // The BIO reads the bytes where they are, without a copy: they must stay there until the key is read.
    let key = pem.withUnsafeBytes { bytes -> OpaquePointer? in
      guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
      defer { BIO_free(bio) }
      // The callback answers "no passphrase": without it OpenSSL would ask on the terminal.
      return PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in 0 }, nil)
    }
    guard let key else {
      ERR_clear_error()
      throw .badKey("not a private key in PEM without a passphrase")
    }
    try self.init(handle: KeyHandle(key), wanted: algorithm)
    guard algorithm == nil || self.algorithm == algorithm else { throw .unsupportedAlgorithm }
  }

  /// PKCS #8 in PEM. A secret.
  public func pem() throws(JOSEError) -> [UInt8] {
    guard let bio = BIO_new(BIO_s_mem()) else { throw .badKey("PEM") }
    defer { BIO_free(bio) }
    guard PEM_write_bio_PKCS8PrivateKey(bio, handle.pointer, nil, nil, 0, nil, nil) == 1 else { throw .badKey("PEM") }
    var start: UnsafePointer<UInt8>?
    let count = passerelle_bio_data(UnsafeMutableRawPointer(bio), &start)
    return Array(UnsafeBufferPointer(start: start, count: count))
  }

  /// The signature in JWS form (ECDSA: r and s side by side, RFC 7518 §3.4).
  public func sign(_ bytes: Span<UInt8>) throws(JOSEError) -> [UInt8] {
    let context = VerificationContext.ofThisThread.context
    defer { EVP_MD_CTX_reset(context) }
    var parameters: OpaquePointer?
    guard EVP_DigestSignInit_ex(context, &parameters, algorithm.digestName, nil, nil, handle.pointer, nil) == 1,
      algorithm != .ps256 || PSS.configure(parameters)
    else { throw .signingFailed }
    var signature = [UInt8](repeating: 0, count: Int(EVP_PKEY_get_size(handle.pointer)))
    var count = signature.count
    let done = unsafe bytes.withUnsafeBufferPointer {
      unsafe EVP_DigestSign(context, &signature, &count, $0.baseAddress, $0.count)
    }
    guard done == 1 else { throw .signingFailed }
    signature.removeLast(signature.count - count)
    guard let coordinateCount = algorithm.coordinateCount else { return signature }
    guard let raw = ECDSASignature.raw(fromDER: signature, coordinateCount: coordinateCount) else { throw .signingFailed }
    return raw
  }

  private static func publicPart(
    _ handle: KeyHandle
  ) throws(JOSEError) -> (SignatureAlgorithm, [(name: String, value: String)]) {
    func isA(_ name: String) -> Bool { EVP_PKEY_is_a(handle.pointer, name) == 1 }
    if isA("EC") {
      guard let point = handle.octets("pub"), point.first == 4 else { throw .badKey("EC point") }
      let half = (point.count - 1) / 2
      // By name: other curves have coordinates of the same length (A3).
      guard ["prime256v1", "P-256", "secp384r1", "P-384"].contains(handle.groupName), half == 32 || half == 48 else {
        throw .badKey("only P-256 and P-384 are supported")
      }
      let (x, y) = (Array(point[1...half]), Array(point[(half + 1)...]))
      return (
        half == 32 ? .es256 : .es384,
        [
          ("crv", half == 32 ? "P-256" : "P-384"), ("kty", "EC"), ("x", Base64URL.encode(x)), ("y", Base64URL.encode(y)),
        ]
      )
    }
    if isA("RSA") {
      guard let n = handle.number("n"), let e = handle.number("e"), handle.bits >= 2048 else {
        throw .badKey("an RSA key wants 2048 bits or more")
      }
      return (.rs256, [("e", Base64URL.encode(e)), ("kty", "RSA"), ("n", Base64URL.encode(n))])
    }
    if isA("ED25519") {
      guard let x = handle.octets("pub") else { throw .badKey("Ed25519 point") }
      return (.edDSA, [("crv", "Ed25519"), ("kty", "OKP"), ("x", Base64URL.encode(x))])
    }
    throw .badKey("only EC, RSA and Ed25519 keys are supported")
  }
}
