import Bytes
import COpenSSL
import COpenSSLSystem
import Glibc

/// A certificate with its private key, read from files and found to belong together.
public final class TLSIdentity: Sendable {
  /// DNS names in lower case, wildcards among them. A common name does not count (RFC 9525 §6.3).
  public let names: [String]
  /// Numeric addresses.
  public let addresses: [String]
  public let notBefore: Timestamp
  public let notAfter: Timestamp
  /// `EC`, `RSA` or what OpenSSL calls it.
  public let keyType: String
  /// SHA-256 of the certificate in base64url (RFC 8705 §3.1).
  public let thumbprint: String
  public let files: TLSServerSettings.Certificate
  /// Until when there is an OCSP response to staple; nil without one.
  public let stapleExpires: Timestamp?

  // Sound: OpenSSL counts references to these with atomics, and nothing changes them after `init`.
  nonisolated(unsafe) private let certificate: OpaquePointer
  nonisolated(unsafe) private let chain: [OpaquePointer]
  nonisolated(unsafe) private let key: OpaquePointer

  /// - Throws: `TLSContextError.badFile` with the file that is wrong and why; never with anything that stands in it.
  public init(_ files: TLSServerSettings.Certificate, now: Timestamp) throws(TLSContextError) {
    self.files = files
    let certificates = try PEMFile.certificates(files.certificateFile)
    let key: OpaquePointer
    do throws(TLSContextError) { key = try PEMFile.privateKey(files.keyFile) } catch {
      for certificate in certificates { X509_free(certificate) }
      throw error
    }
    (certificate, chain, self.key) = (certificates[0], Array(certificates[1...]), key)
    let found = CertificateNames(certificate)
    (names, addresses) = (found.names, found.addresses)
    notBefore = Timestamp(seconds: passerelle_certificate_time(certificate, 0))
    notAfter = Timestamp(seconds: passerelle_certificate_time(certificate, 1))
    keyType = EVP_PKEY_get0_type_name(key).map { String(cString: $0) } ?? "unknown"
    thumbprint = PEMFile.thumbprint(certificate) ?? ""
    var expires: Timestamp?
    // All properties have to be set before anything may throw, or `deinit` would not free what was read.
    var fault: TLSContextError?
    do throws(TLSContextError) {
      guard X509_check_private_key(certificate, key) == 1 else {
        ERR_clear_error()
        throw .badFile(files.keyFile, reason: "is not the key of the certificate in \(files.certificateFile)")
      }
      expires = try Self.staple(files, certificate, issuer: chain.first, now)
    } catch { fault = error }
    stapleExpires = expires
    if let fault { throw fault }
  }

  deinit {
    X509_free(certificate)
    for certificate in chain { X509_free(certificate) }
    EVP_PKEY_free(key)
  }

  private static func staple(
    _ files: TLSServerSettings.Certificate, _ certificate: OpaquePointer, issuer: OpaquePointer?, _ now: Timestamp
  ) throws(TLSContextError) -> Timestamp? {
    guard let file = files.ocspFile else { return nil }
    let bytes = try PEMFile.read(file)
    var expires: Int64 = 0
    switch passerelle_ocsp_fault(bytes, bytes.count, certificate, issuer, now.seconds, &expires) {
    case 0: break
    case 1: throw .badFile(file, reason: "is not an OCSP response in DER")
    case 2: throw .badFile(file, reason: "is an OCSP response without success")
    case 3: throw .badFile(file, reason: "is not about the certificate in \(files.certificateFile)")
    case 4: throw .badFile(file, reason: "does not say that the certificate is good")
    default: throw .badFile(file, reason: "is not valid at this time")
    }
    guard passerelle_staple(certificate, bytes, bytes.count, expires) == 1 else { throw .system("no memory for a staple") }
    return Timestamp(seconds: expires)
  }

  /// Gives certificate, key and chain to a context.
  func use(in context: OpaquePointer) throws(TLSContextError) {
    ERR_clear_error()
    guard SSL_CTX_use_certificate(context, certificate) == 1 else {
      throw .badFile(files.certificateFile, reason: OpenSSLErrors.takeReason())
    }
    guard SSL_CTX_use_PrivateKey(context, key) == 1 else { throw .badFile(files.keyFile, reason: OpenSSLErrors.takeReason()) }
    for certificate in chain where passerelle_tls_add_chain(context, certificate) != 1 {
      throw .badFile(files.certificateFile, reason: OpenSSLErrors.takeReason())
    }
  }

  /// True when the certificate is for a host: a name, or a numeric address (RFC 9525 §6.3, §6.5).
  public func covers(_ host: String) -> Bool {
    let host = host.lowercased()
    if let address = SocketAddress(ip: host, port: 0) { return addresses.contains(address.host) }
    return names.contains(host) || TLSServerNames.wildcard(for: host).map(names.contains) == true
  }
}

/// The subject alternative names of a certificate.
private final class CertificateNames {
  var names: [String] = []
  var addresses: [String] = []

  init(_ certificate: OpaquePointer) {
    passerelle_certificate_names(certificate, Unmanaged.passUnretained(self).toOpaque()) { owner, kind, bytes, count in
      guard let owner, let bytes else { return }
      let names = Unmanaged<CertificateNames>.fromOpaque(owner).takeUnretainedValue()
      let value = Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
      if kind == 7, value.count == 4 || value.count == 16 {
        names.addresses.append(SocketAddress(bytes: value, port: 0).host)
      } else if kind == 2, !value.contains(0) {
        names.names.append(String(decoding: value, as: UTF8.self).lowercased())
      }
    }
  }
}
