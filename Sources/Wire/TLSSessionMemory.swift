import COpenSSL
import COpenSSLSystem
import Synchronization

/// Sessions with one server that can be resumed: a new connection then costs no signature and no verification. Any thread.
///
/// A session of TLS 1.3 is taken out when it is used (RFC 8446 §C.4), one of 1.2 stays. Whoever resumes has to look at the dates of the
/// server's certificate again, for resuming does not.
final class TLSSessionMemory: Sendable {
  /// More connections than that begin together seldom; they make their own.
  private static let countMaximum = 8

  // Sound: OpenSSL counts references to a session with atomics; each pointer here is one reference.
  private struct Held: @unchecked Sendable { let session: OpaquePointer }
  private let held = Mutex<[Held]>([])

  deinit { held.withLock { for one in $0 { SSL_SESSION_free(one.session) } } }

  /// Lets a context, which must not outlive this, put its sessions here.
  func collect(from context: OpaquePointer) {
    SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(self).toOpaque())
    passerelle_tls_keep_sessions(context) { connection, session in
      guard let connection, let session, let memory = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), 0) else { return 0 }
      // A copy: OpenSSL spoils the connection's own session when the server closes without a notice, which is no reason against resuming
      // it (RFC 5246 §7.2.1).
      if let copy = SSL_SESSION_dup(session) {
        Unmanaged<TLSSessionMemory>.fromOpaque(memory).takeUnretainedValue().keep(copy)
      }
      return 0
    }
  }

  private func keep(_ session: OpaquePointer) {
    let dropped = held.withLock { held in
      held.append(Held(session: session))
      return held.count > Self.countMaximum ? held.removeFirst() : nil
    }
    if let dropped { SSL_SESSION_free(dropped.session) }
  }

  /// Lets a new connection try the youngest session.
  func resume(in connection: OpaquePointer) {
    guard let one = held.withLock({ $0.popLast() }) else { return }
    guard SSL_SESSION_is_resumable(one.session) == 1, SSL_set_session(connection, one.session) == 1 else {
      SSL_SESSION_free(one.session)
      return
    }
    if SSL_SESSION_get_protocol_version(one.session) < TLS1_3_VERSION {
      keep(one.session)
    } else {
      SSL_SESSION_free(one.session)
    }
  }

  /// After a handshake that failed: whatever was the matter, the next is a full one.
  func forget() {
    let all = held.withLock { held in
      defer { held = [] }
      return held
    }
    for one in all { SSL_SESSION_free(one.session) }
  }
}
