import COpenSSLSystem
import Foundation

/// A private key with a certificate, as files in PEM. Made with OpenSSL's own functions: no program need be there.
final class TestIdentity: @unchecked Sendable {
  let certificateFile: String
  let keyFile: String
  fileprivate let key: OpaquePointer
  fileprivate let certificate: OpaquePointer

  /// - Parameters:
  ///   - names: subject alternative names, such as `DNS:backend.test` or `IP:127.0.0.1`.
  ///   - issuer: who signs; nil for itself.
  ///   - days: from when to when it is good, counted from now.
  init(
    _ commonName: String, names: String? = nil, issuer: TestIdentity? = nil, isAuthority: Bool = false,
    days: ClosedRange<Int> = -1...1, in folder: TestFolder
  ) {
    key = Self.makeKey()
    certificate = X509_new()
    let subject = X509_get_subject_name(certificate)
    X509_set_version(certificate, 2)
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), Int.random(in: 1...Int(Int32.max)))
    X509_gmtime_adj(X509_getm_notBefore(certificate), days.lowerBound * 86_400)
    X509_gmtime_adj(X509_getm_notAfter(certificate), days.upperBound * 86_400)
    X509_NAME_add_entry_by_txt(subject, "CN", 0x1000 | 1, commonName, -1, -1, 0)
    X509_set_issuer_name(certificate, issuer.map { X509_get_subject_name($0.certificate) } ?? subject)
    X509_set_pubkey(certificate, key)
    Self.extend(certificate, NID_basic_constraints, isAuthority ? "critical,CA:TRUE" : "critical,CA:FALSE")
    if let names { Self.extend(certificate, NID_subject_alt_name, names) }
    precondition(X509_sign(certificate, issuer?.key ?? key, EVP_sha256()) > 0)
    let path = folder.path + "/" + UUID().uuidString
    (certificateFile, keyFile) = (path + ".pem", path + ".key")
    Self.write(certificateFile) { PEM_write_bio_X509($0, certificate) }
    Self.write(keyFile) { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
  }

  deinit {
    X509_free(certificate)
    EVP_PKEY_free(key)
  }

  private static func makeKey() -> OpaquePointer {
    let context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil)
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    precondition(
      EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_CTX_set_group_name(context, "P-256") == 1
        && EVP_PKEY_generate(context, &key) == 1)
    return key!
  }

  private static func extend(_ certificate: OpaquePointer, _ identifier: Int32, _ value: String) {
    let made = X509V3_EXT_conf_nid(nil, nil, identifier, value)
    precondition(made != nil && X509_add_ext(certificate, made, -1) == 1)
    X509_EXTENSION_free(made)
  }

  private static func write(_ path: String, _ body: (OpaquePointer) -> Int32) {
    let bio = BIO_new_file(path, "w")!
    precondition(body(bio) == 1)
    BIO_free(bio)
  }
}

/// A folder that is removed with its owner.
final class TestFolder: Sendable {
  let path = NSTemporaryDirectory() + "passerelle-wire-" + UUID().uuidString
  init() { try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// An authority that the tests trust, one that they do not, and what both have signed. Made once.
struct TestAuthorities: Sendable {
  static let shared = TestAuthorities()

  let folder = TestFolder()
  let trusted: TestIdentity
  /// For `localhost`, `backend.test`, 127.0.0.1 and ::1.
  let good: TestIdentity
  let otherName: TestIdentity
  /// The right name, but as a common name alone.
  let commonNameOnly: TestIdentity
  let expired: TestIdentity
  let notYetGood: TestIdentity
  let unknownAuthority: TestIdentity
  let selfSigned: TestIdentity
  let client: TestIdentity

  private init() {
    let names = "DNS:localhost,DNS:backend.test,DNS:*.wild.test,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1"
    trusted = TestIdentity("Trusted", isAuthority: true, in: folder)
    let unknown = TestIdentity("Unknown", isAuthority: true, in: folder)
    good = TestIdentity("good", names: names, issuer: trusted, in: folder)
    otherName = TestIdentity("other", names: "DNS:other.test,IP:127.0.0.2", issuer: trusted, in: folder)
    commonNameOnly = TestIdentity("localhost", issuer: trusted, in: folder)
    expired = TestIdentity("good", names: names, issuer: trusted, days: -3 ... -1, in: folder)
    notYetGood = TestIdentity("good", names: names, issuer: trusted, days: 1...3, in: folder)
    unknownAuthority = TestIdentity("good", names: names, issuer: unknown, in: folder)
    selfSigned = TestIdentity("good", names: names, in: folder)
    client = TestIdentity("client", issuer: trusted, in: folder)
  }
}
