import Bytes
import COpenSSLSystem
import Glibc

/// Certificates and keys in files.
enum PEMFile {
  static let bytesMaximum = 1 << 20

  /// The certificates of a file, in their order.
  ///
  /// - Throws: when there is none. What is given is the caller's to free.
  static func certificates(_ path: String) throws(TLSContextError) -> [OpaquePointer] {
    let bytes = try read(path)
    var certificates: [OpaquePointer] = []
    withBIO(bytes) { bio in
      while let certificate = PEM_read_bio_X509(bio, nil, { _, _, _, _ in 0 }, nil) { certificates.append(certificate) }
    }
    // The end of the file is an error of the last reading; anything else is one of the file.
    let isEnd = ERR_peek_last_error() & UInt(ERR_REASON_MASK) == UInt(PEM_R_NO_START_LINE)
    let reason = OpenSSLErrors.takeReason()
    guard isEnd, !certificates.isEmpty else {
      for certificate in certificates { X509_free(certificate) }
      throw .badFile(
        path, reason: "not a readable certificate in PEM (\(certificates.isEmpty && isEnd ? "none is there" : reason))")
    }
    return certificates
  }

  /// The one private key of a file that not everybody can read. The caller's to free.
  static func privateKey(_ path: String) throws(TLSContextError) -> OpaquePointer {
    var bytes = try read(path, isSecret: true)
    defer { bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
    var key: OpaquePointer?
    // The callback answers "no passphrase": without it OpenSSL would ask on the terminal.
    withBIO(bytes) { key = PEM_read_bio_PrivateKey($0, nil, { _, _, _, _ in 0 }, nil) }
    let reason = OpenSSLErrors.takeReason()
    guard let key else { throw .badFile(path, reason: "not a private key in PEM without a passphrase (\(reason))") }
    return key
  }

  private static func withBIO(_ bytes: [UInt8], _ body: (OpaquePointer) -> Void) {
    ERR_clear_error()
    bytes.withUnsafeBytes { raw in
      guard let bio = BIO_new_mem_buf(raw.baseAddress, Int32(raw.count)) else { return }
      body(bio)
      BIO_free(bio)
    }
  }

  /// A whole file.
  ///
  /// - Parameter isSecret: one that others than owner and group can read is refused.
  static func read(_ path: String, isSecret: Bool = false) throws(TLSContextError) -> [UInt8] {
    // Not to wait for a writer, should it be a pipe.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .badFile(path, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var entry = stat()
    guard fstat(descriptor, &entry) == 0, entry.st_mode & S_IFMT == S_IFREG else {
      throw .badFile(path, reason: "is not a plain file")
    }
    guard !isSecret || entry.st_mode & 0o007 == 0 else {
      throw .badFile(path, reason: "can be read by everybody; make it private with: chmod 600 \(path)")
    }
    guard entry.st_size <= bytesMaximum else { throw .badFile(path, reason: "is larger than \(bytesMaximum) bytes") }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    defer { if isSecret { chunk.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } } }
    bytes.reserveCapacity(Int(entry.st_size))
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .badFile(path, reason: String(cString: strerror(errno))) }
      guard count > 0, bytes.count <= bytesMaximum else { return bytes }
      bytes += chunk[..<count]
    }
  }

  /// SHA-256 of a certificate's DER in base64url (RFC 8705 §3.1).
  static func thumbprint(_ certificate: OpaquePointer) -> String? {
    var digest = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    guard X509_digest(certificate, EVP_sha256(), &digest, &count) == 1, count == 32 else { return nil }
    return Base64URL.encode(digest)
  }
}
