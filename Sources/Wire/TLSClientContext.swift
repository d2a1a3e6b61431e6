import COpenSSL
import COpenSSLSystem
import Synchronization

/// What all TLS connections to other servers have in common. Make one, and use it from all loops.
///
/// TLS 1.2 (with forward secrecy and authenticated encryption only, RFC 9325 §4.2) and TLS 1.3. Certificates are always
/// verified, against the system's authorities and those of one file; there is no switch that turns this off. The name in the
/// certificate must be the one that was asked for, and stand where RFC 9525 §6.3 wants it: a common name does not count.
public final class TLSClientContext: Sendable, Hashable {
  // Sound: OpenSSL counts references to a context with atomics, and nothing changes it after `init`.
  nonisolated(unsafe) private let context: OpaquePointer
  /// The system's authorities are read at the first connection: they take megabytes, and many installations never need them.
  private let hasSystemAuthorities: Mutex<Bool>
  /// Stands in the place of the host that is connected to.
  private let serverName: String?
  /// The certificate is known from its own file: its name says nothing more.
  private let isPinned: Bool
  /// Nil when sessions are not resumed.
  let sessions: TLSSessionMemory?

  /// - Parameters:
  ///   - caFile: further authorities in PEM, beside the system's.
  ///   - certificateFile: the client's own certificate in PEM, followed by those between it and its authority.
  ///   - keyFile: its private key in PEM, without a passphrase.
  ///   - trustsSystem: false leaves the authorities of `caFile` alone.
  ///   - serverName: what the certificate must be for, where that is not the host that is connected to.
  ///   - resumes: sessions are resumed: for a context that serves one server alone.
  public convenience init(
    caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, trustsSystem: Bool = true,
    serverName: String? = nil, resumes: Bool = false
  ) throws(TLSContextError) {
    try self.init(trustsSystem: trustsSystem, serverName: serverName, isPinned: false, resumes: resumes)
    if let caFile, SSL_CTX_load_verify_file(context, caFile) != 1 {
      throw .badFile(caFile, reason: "not a readable file of certificates in PEM (\(OpenSSLErrors.takeReason()))")
    }
    try Self.use(certificateFile, keyFile, in: context)
    ERR_clear_error()
  }

  /// For a server of our own whose certificates are in these files: exactly those are believed, whatever they are for.
  public convenience init(pinning certificateFiles: [String]) throws(TLSContextError) {
    try self.init(trustsSystem: false, serverName: nil, isPinned: true, resumes: false)
    for file in certificateFiles {
      let certificates = try PEMFile.certificates(file)
      defer { for certificate in certificates { X509_free(certificate) } }
      guard passerelle_tls_pin(context, certificates[0]) == 1 else { throw .badFile(file, reason: OpenSSLErrors.takeReason()) }
    }
  }

  private init(trustsSystem: Bool, serverName: String?, isPinned: Bool, resumes: Bool) throws(TLSContextError) {
    ERR_clear_error()
    guard let context = SSL_CTX_new(TLS_client_method()) else { throw .system(OpenSSLErrors.takeReason()) }
    self.context = context
    self.serverName = serverName
    self.isPinned = isPinned
    hasSystemAuthorities = Mutex(!trustsSystem)
    sessions = resumes ? TLSSessionMemory() : nil
    sessions?.collect(from: context)
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    passerelle_tls_set_modes(context)
    // RFC 7301 §3.1: one protocol, its length before it. The call returns 0 when it is good.
    let protocols = [UInt8(8)] + Array("http/1.1".utf8)
    guard passerelle_tls_set_versions(context, TLS1_2_VERSION, TLS1_3_VERSION) == 1,
      SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL:!PSK") == 1,
      SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count)) == 0
    else { throw .system(OpenSSLErrors.takeReason()) }
  }

  deinit { SSL_CTX_free(context) }

  private static func use(
    _ certificateFile: String?, _ keyFile: String?, in context: OpaquePointer
  ) throws(TLSContextError) {
    guard let certificateFile, let keyFile else {
      guard certificateFile == nil, keyFile == nil else { throw .certificateWithoutKey }
      return
    }
    // The callback answers "no passphrase": without it OpenSSL would ask on the terminal.
    SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
    guard SSL_CTX_use_certificate_chain_file(context, certificateFile) == 1 else {
      throw .badFile(certificateFile, reason: "not a readable certificate in PEM (\(OpenSSLErrors.takeReason()))")
    }
    guard SSL_CTX_use_PrivateKey_file(context, keyFile, SSL_FILETYPE_PEM) == 1, SSL_CTX_check_private_key(context) == 1 else {
      throw .badFile(keyFile, reason: "not the certificate's key in PEM without a passphrase (\(OpenSSLErrors.takeReason()))")
    }
  }

  /// A session that will accept a certificate for this host alone; nil without memory. The caller frees it.
  ///
  /// - Parameter host: a name, or a numeric address without brackets.
  func makeSession(host: String) -> OpaquePointer? {
    ERR_clear_error()
    guard addSystemAuthorities(), let session = SSL_new(context) else { return nil }
    guard isPinned || expect(serverName ?? host, in: session) else {
      SSL_free(session)
      return nil
    }
    SSL_set_connect_state(session)
    sessions?.resume(in: session)
    return session
  }

  private func expect(_ host: String, in session: OpaquePointer) -> Bool {
    let parameters = SSL_get0_param(session)
    // RFC 6066 §3: an address is not sent as a server name.
    if SocketAddress(ip: host, port: 0) != nil { return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 }
    // The dot that says that a name is complete is not a part of it in TLS (RFC 6066 §3).
    let name = host.hasSuffix(".") ? String(host.dropLast()) : host
    X509_VERIFY_PARAM_set_hostflags(
      parameters, UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT) | UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
    // An empty name would switch the check off.
    return !name.isEmpty && X509_VERIFY_PARAM_set1_host(parameters, name, name.utf8.count) == 1
      && passerelle_tls_set_server_name(session, name) == 1
  }

  private func addSystemAuthorities() -> Bool {
    hasSystemAuthorities.withLock { isDone in
      if !isDone { isDone = SSL_CTX_set_default_verify_paths(context) == 1 }
      return isDone
    }
  }

  /// Two contexts are equal when they are the same one: connections are never shared between different settings.
  public static func == (left: TLSClientContext, right: TLSClientContext) -> Bool { left === right }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
