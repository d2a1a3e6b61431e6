import COpenSSL
import COpenSSLSystem

/// A certificate with which a server on this machine can speak TLS, for developers: it names localhost and the addresses of loopback, and
/// vouches for itself, so that only who is given it believes it.
public struct LocalCertificate: Sendable {
  public static let days: Int32 = 825

  /// In PEM, as `key`.
  public let certificate: [UInt8]
  public let key: [UInt8]

  /// - Throws: `TLSContextError.system`.
  public init() throws(TLSContextError) {
    ERR_clear_error()
    guard let certificate = BIO_new(BIO_s_mem()), let key = BIO_new(BIO_s_mem()) else {
      throw .system(OpenSSLErrors.takeReason())
    }
    defer { for output in [certificate, key] { BIO_free(output) } }
    guard passerelle_local_certificate(certificate, key, Self.days) == 1 else { throw .system(OpenSSLErrors.takeReason()) }
    self.certificate = Self.bytes(certificate)
    self.key = Self.bytes(key)
  }

  private static func bytes(_ bio: OpaquePointer) -> [UInt8] {
    let count = BIO_ctrl_pending(bio)
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
      written = Int(max(0, BIO_read(bio, buffer.baseAddress, Int32(count))))
    }
  }
}
