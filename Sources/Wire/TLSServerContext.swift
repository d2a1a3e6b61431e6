import Bytes
import COpenSSL
import COpenSSLSystem

/// Everything that connections of a listener have in common, read at one moment: certificates, rules, trust in clients. Immutable; a new
/// one takes its place when the files have changed, and connections that are there keep theirs.
///
/// TLS 1.2 with forward secrecy and authenticated encryption only, and TLS 1.3: Mozilla's "intermediate" without finite-field
/// Diffie-Hellman, whose only users speak ECDHE too, and which lets a client make the server work (CVE-2002-20001).
final class TLSServerContext: Sendable {
  private static let ciphers = [
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
  ].joined(separator: ":")
  private static let modernCiphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

  let identities: [TLSIdentity]
  let asksForCertificates: Bool
  let tickets: TLSTicketKeys?
  private let hooks: UnsafeHooks
  // Sound: written in `init` alone; OpenSSL counts references to a context with atomics.
  nonisolated(unsafe) private let contexts: [[Int]: OpaquePointer]
  private let names: TLSServerNames
  nonisolated(unsafe) private let fallback: OpaquePointer

  /// - Parameter tickets: nil for no resumption.
  /// - Throws: `TLSContextError` that names the file; nothing is half made.
  init(_ settings: TLSServerSettings, tickets: TLSTicketKeys?, now: Timestamp) throws(TLSContextError) {
    guard !settings.certificates.isEmpty else { throw .system("no certificate is configured") }
    var identities: [TLSIdentity] = []
    for files in settings.certificates { identities.append(try TLSIdentity(files, now: now)) }
    let names = TLSServerNames(identities.map { ($0.names, $0.keyType) })
    let hooks = UnsafeHooks()
    var contexts: [[Int]: OpaquePointer] = [:]
    do throws(TLSContextError) {
      for places in Set(Array(names.places.values) + [names.fallback]) {
        let context = try Self.makeContext(settings, hooks, resumes: tickets != nil)
        contexts[places] = context
        for place in places { try identities[place].use(in: context) }
      }
    } catch {
      for context in contexts.values { SSL_CTX_free(context) }
      throw error
    }
    (self.identities, self.names, self.hooks, self.contexts, self.tickets) = (identities, names, hooks, contexts, tickets)
    asksForCertificates = settings.clientCertificates != nil
    fallback = contexts[names.fallback]!
    hooks.pointer.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit { for context in contexts.values { SSL_CTX_free(context) } }

  /// A session that waits for a client; nil without memory. The caller frees it, and keeps this context as long.
  func makeSession() -> OpaquePointer? {
    ERR_clear_error()
    guard let session = SSL_new(fallback) else { return nil }
    SSL_set_accept_state(session)
    return session
  }

  // MARK: Making a context

  private static func makeContext(
    _ settings: TLSServerSettings, _ hooks: UnsafeHooks, resumes: Bool
  ) throws(TLSContextError) -> OpaquePointer {
    ERR_clear_error()
    guard let context = SSL_CTX_new(TLS_server_method()) else { throw .system(OpenSSLErrors.takeReason()) }
    do throws(TLSContextError) {
      passerelle_tls_set_modes(context)
      passerelle_tls_set_server_modes(context)
      guard
        passerelle_tls_set_versions(context, settings.isModernOnly ? TLS1_3_VERSION : TLS1_2_VERSION, TLS1_3_VERSION) == 1,
        SSL_CTX_set_cipher_list(context, ciphers) == 1, SSL_CTX_set_ciphersuites(context, modernCiphers) == 1,
        passerelle_tls_set_groups(context, "X25519:P-256:P-384") == 1
      else { throw .system(OpenSSLErrors.takeReason()) }
      passerelle_tls_set_hooks(context, hooks.pointer)
      if resumes { SSL_CTX_set_timeout(context, settings.sessionSeconds) } else { passerelle_tls_refuse_tickets(context) }
      try trustClients(settings.clientCertificates, in: context)
    } catch {
      SSL_CTX_free(context)
      throw error
    }
    return context
  }

  /// A session that was made under other rules for clients is not resumed: the session's context holds their digest.
  private static func trustClients(
    _ settings: TLSServerSettings.ClientCertificates?, in context: OpaquePointer
  ) throws(TLSContextError) {
    var rules: [UInt8] = [settings == nil ? 0 : settings?.isRequired == true ? 2 : 1]
    if let settings {
      rules += try PEMFile.read(settings.caFile)
      guard SSL_CTX_load_verify_file(context, settings.caFile) == 1, let names = SSL_load_client_CA_file(settings.caFile) else {
        throw .badFile(settings.caFile, reason: "not a readable file of certificates in PEM (\(OpenSSLErrors.takeReason()))")
      }
      // The context owns the names from here on.
      SSL_CTX_set_client_CA_list(context, names)
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (settings.isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nil)
    }
    var digest = [UInt8](repeating: 0, count: 32)
    COpenSSLSystem.SHA256(rules, rules.count, &digest)
    guard SSL_CTX_set_session_id_context(context, digest, UInt32(digest.count)) == 1 else {
      throw .system(OpenSSLErrors.takeReason())
    }
  }

  // MARK: What OpenSSL asks

  /// The C side of the context: has one address for as long as there is a connection.
  private final class UnsafeHooks: @unchecked Sendable {
    // Sound: written by `init` and once more by the context's, before there is a connection.
    let pointer: UnsafeMutablePointer<passerelle_tls_hooks>

    init() {
      pointer = .allocate(capacity: 1)
      pointer.initialize(
        to: passerelle_tls_hooks(
          owner: nil,
          context_for_name: { owner, name, count in
            guard let owner, let name else { return nil }
            let text = String(decoding: UnsafeRawBufferPointer(start: name, count: count), as: UTF8.self).lowercased()
            let context = Unmanaged<TLSServerContext>.fromOpaque(owner).takeUnretainedValue()
            return context.names.places(for: text).flatMap { context.contexts[$0] }
          },
          new_ticket_key: { owner, key in
            guard let owner, let key else { return 0 }
            let context = Unmanaged<TLSServerContext>.fromOpaque(owner).takeUnretainedValue()
            return context.tickets?.copyCurrent(to: key) == true ? 1 : 0
          },
          known_ticket_key: { owner, name, key in
            guard let owner, let name, let key else { return 0 }
            let context = Unmanaged<TLSServerContext>.fromOpaque(owner).takeUnretainedValue()
            return (context.tickets?.copy(named: name, to: key) ?? .unknown).rawValue
          }))
    }

    deinit { pointer.deallocate() }
  }
}
