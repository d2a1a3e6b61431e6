import COpenSSLSystem

/// Why there is no TLS connection. Its text comes from OpenSSL's own tables: nothing that a peer sent stands in it, and no
/// secret, so that it can be logged.
public enum TLSFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// The certificate is not good: expired, for another name, by an authority that is not trusted.
  case certificate(String)
  /// The two sides did not come to an agreement.
  case handshake(String)
  /// The peer closed the connection in the middle of the handshake.
  case closed

  public var description: String {
    switch self {
    case .certificate(let reason): "the certificate is not good: \(reason)"
    case .handshake(let reason): "the TLS handshake failed: \(reason)"
    case .closed: "the connection was closed in the TLS handshake"
    }
  }
}

/// Why a `TLSClientContext` could not be made.
public enum TLSContextError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A file cannot be read, or does not hold what it should.
  case badFile(String, reason: String)
  case certificateWithoutKey
  /// OpenSSL refused its settings.
  case system(String)

  public var description: String {
    switch self {
    case .badFile(let path, let reason): "\(path): \(reason)"
    case .certificateWithoutKey: "a client certificate and its key belong together: one of the two files is missing"
    case .system(let reason): "TLS is not available: \(reason)"
    }
  }
}

/// The queue of errors that OpenSSL keeps for each thread.
enum OpenSSLErrors {
  /// The reason of the last one; the queue is empty afterwards.
  static func takeReason() -> String {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    guard code != 0 else { return "unknown reason" }
    guard let text = ERR_reason_error_string(code) else { return "error \(String(code, radix: 16))" }
    return String(cString: text)
  }
}
