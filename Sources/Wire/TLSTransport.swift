import COpenSSL
import COpenSSLSystem
import Glibc

/// TLS over a non-blocking socket, as a client or as a server. Confined to a loop.
///
/// Two things are different from plain TCP. Bytes can lie in OpenSSL when the socket has none, of which epoll knows nothing:
/// after each read ask `hasMore`. And a read may have to wait until the socket takes something (a key update, RFC 8446 §4.6.3),
/// or a write until something came: `readNeedsWriting` and `writeNeedsReading` say so after `wouldBlock`.
final class TLSTransport: Transport {
  enum Handshake {
    case complete
    case needsReading
    case needsWriting
    case failed(TLSFault)
  }

  let descriptor: Int32
  private(set) var readNeedsWriting = false
  private(set) var writeNeedsReading = false
  /// A client began to speak HTTP, and no TLS.
  private(set) var cameInTheClear = false
  /// The certificate that the client has shown, as RFC 8705 §3.1 writes it (SHA-256 in base64url); nil without one.
  private(set) var clientCertificate: String?
  private let session: OpaquePointer
  /// What the session was made from has to live as long.
  private let server: TLSServerContext?
  private let sessions: TLSSessionMemory?
  /// How reading ended, once it has.
  private var end: IOResult?
  private var isEstablished = false

  /// Takes over a connecting or connected, non-blocking socket, unless the result is nil.
  ///
  /// - Parameter host: what the certificate must be for.
  convenience init?(descriptor: Int32, context: TLSClientContext, host: String) {
    guard let session = context.makeSession(host: host) else { return nil }
    self.init(descriptor, session, nil, context.sessions)
  }

  /// Takes over an accepted, non-blocking socket, unless the result is nil.
  convenience init?(accepting descriptor: Int32, context: TLSServerContext) {
    guard let session = context.makeSession() else { return nil }
    self.init(descriptor, session, context, nil)
  }

  private init?(_ descriptor: Int32, _ session: OpaquePointer, _ server: TLSServerContext?, _ sessions: TLSSessionMemory?) {
    guard let bio = passerelle_socket_bio(descriptor) else {
      SSL_free(session)
      return nil
    }
    // From here on the session owns the BIO.
    SSL_set_bio(session, bio, bio)
    self.session = session
    self.server = server
    self.sessions = sessions
    self.descriptor = descriptor
    PlainTransport.sendAtOnce(descriptor)
  }

  deinit { SSL_free(session) }

  /// Goes on with the handshake; to be called until it is complete or has failed. After `complete` the peer's certificate has
  /// been verified.
  func shakeHands() -> Handshake {
    ERR_clear_error()
    let result = SSL_do_handshake(session)
    if result == 1 {
      // OpenSSL would not have come here otherwise; nothing may be sent on the strength of that alone.
      guard SSL_get_verify_result(session) == Int(X509_V_OK) else { return .failed(certificateFault()) }
      guard notePeer() else { return .failed(.certificate("certificate has expired")) }
      isEstablished = true
      return .complete
    }
    switch SSL_get_error(session, result) {
    case SSL_ERROR_WANT_READ: return .needsReading
    case SSL_ERROR_WANT_WRITE: return .needsWriting
    case SSL_ERROR_SSL: return .failed(handshakeFault())
    default:
      ERR_clear_error()
      return .failed(.closed)
    }
  }

  private func handshakeFault() -> TLSFault {
    sessions?.forget()
    guard SSL_get_verify_result(session) == Int(X509_V_OK) else { return certificateFault() }
    let code = ERR_peek_last_error() & UInt(ERR_REASON_MASK)
    let isEnd = code == UInt(SSL_R_UNEXPECTED_EOF_WHILE_READING)
    cameInTheClear = code == UInt(SSL_R_HTTP_REQUEST) || code == UInt(SSL_R_HTTPS_PROXY_REQUEST)
    let reason = OpenSSLErrors.takeReason()
    return isEnd ? .closed : .handshake(reason)
  }

  /// False for a certificate that has expired since the session that is resumed began: resuming does not look at it.
  private func notePeer() -> Bool {
    let isResumed = SSL_session_reused(session) == 1
    guard isResumed || server?.asksForCertificates == true, let certificate = SSL_get1_peer_certificate(session) else {
      return true
    }
    defer { X509_free(certificate) }
    if isResumed, X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0 {
      sessions?.forget()
      return false
    }
    guard server != nil else { return true }
    clientCertificate = PEMFile.thumbprint(certificate)
    return clientCertificate != nil
  }

  private func certificateFault() -> TLSFault {
    ERR_clear_error()
    return .certificate(String(cString: X509_verify_cert_error_string(SSL_get_verify_result(session))))
  }

  /// The handshake went on from an earlier session.
  var isResumed: Bool { SSL_session_reused(session) == 1 }

  /// There are bytes, or an end, that epoll will not tell about.
  var hasMore: Bool { end != nil || SSL_has_pending(session) == 1 }

  /// True when what made the socket readable was TLS's own: a session ticket, or a key update. For a connection between calls.
  var isStillQuiet: Bool {
    var byte: UInt8 = 0
    let result = withUnsafeMutableBytes(of: &byte) { read(into: $0) }
    guard case .wouldBlock = result else { return false }
    // A key update whose answer does not fit the socket is not worth waiting for; a part of a record could be anything.
    return !readNeedsWriting && !hasMore
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
    if let end { return end }
    ERR_clear_error()
    readNeedsWriting = false
    let count = SSL_read(session, buffer.baseAddress, Int32(clamping: buffer.count))
    if count > 0 { return .bytes(Int(count)) }
    switch SSL_get_error(session, count) {
    case SSL_ERROR_WANT_READ: return .wouldBlock
    case SSL_ERROR_WANT_WRITE:
      readNeedsWriting = true
      return .wouldBlock
    // RFC 8446 §6.1: close_notify. Without it the end may be somebody else's doing, and what came a part only.
    case SSL_ERROR_ZERO_RETURN:
      end = .closed
      return .closed
    default: return fail()
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> IOResult {
    if case .broken? = end { return .broken }
    ERR_clear_error()
    writeNeedsReading = false
    var sent = 0
    // OpenSSL takes one record, 16 KiB, at a time. What it could not send it has encrypted all the same: the next write has to begin with
    // the same bytes.
    while sent < bytes.count {
      let count = SSL_write(session, bytes.baseAddress! + sent, Int32(clamping: bytes.count - sent))
      guard count > 0 else {
        switch SSL_get_error(session, count) {
        case SSL_ERROR_WANT_WRITE: break
        case SSL_ERROR_WANT_READ: writeNeedsReading = true
        default: return fail()
        }
        return sent > 0 ? .bytes(sent) : .wouldBlock
      }
      sent += Int(count)
    }
    return .bytes(sent)
  }

  private func fail() -> IOResult {
    ERR_clear_error()
    end = .broken
    return .broken
  }

  func finishSending() {
    notifyEnd()
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Sends close_notify, as far as the socket takes it. Not after a fault, when OpenSSL forbids it.
  private func notifyEnd() {
    if case .broken? = end { return }
    guard isEstablished else { return }
    ERR_clear_error()
    _ = SSL_shutdown(session)
    ERR_clear_error()
  }

  func close() {
    notifyEnd()
    end = .broken
    Glibc.close(descriptor)
  }
}
