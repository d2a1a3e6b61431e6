import COpenSSL
import COpenSSLSystem
import Foundation
import Synchronization
import Testing

@testable import Wire

/// A blocking TLS server that does on each connection what the test says. Its connections are numbered from 0.
final class TLSBackend: @unchecked Sendable {
  typealias Script = @Sendable (_ connection: TLSPeer, _ number: Int) -> Void

  /// What the server is like.
  struct Settings {
    var identity = TestAuthorities.shared.good
    var versions: ClosedRange<Int32> = TLS1_2_VERSION...TLS1_3_VERSION
    var wantsClientCertificate = false
  }

  var port: Int { backend.port }
  var connectionCount: Int { backend.connectionCount }
  private let backend: Backend

  init(_ adjust: (inout Settings) -> Void = { _ in }, _ script: @escaping Script) throws {
    var settings = Settings()
    adjust(&settings)
    let context = ServerContext(settings)
    backend = try Backend { connection, number in
      guard let peer = TLSPeer(connection, context) else { return }
      script(peer, number)
      peer.end()
    }
  }

  func stop() { backend.stop() }

  fileprivate final class ServerContext: @unchecked Sendable {
    let context = SSL_CTX_new(TLS_server_method())!

    init(_ settings: Settings) {
      // TLS 1.1 is only to be had at the lowest level.
      SSL_CTX_set_security_level(context, settings.versions.upperBound < TLS1_2_VERSION ? 0 : 1)
      precondition(passerelle_tls_set_versions(context, settings.versions.lowerBound, settings.versions.upperBound) == 1)
      precondition(SSL_CTX_use_certificate_file(context, settings.identity.certificateFile, SSL_FILETYPE_PEM) == 1)
      precondition(SSL_CTX_use_PrivateKey_file(context, settings.identity.keyFile, SSL_FILETYPE_PEM) == 1)
      precondition(SSL_CTX_load_verify_file(context, TestAuthorities.shared.trusted.certificateFile) == 1)
      if settings.wantsClientCertificate {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
      }
      let choose: SSL_CTX_alpn_select_cb_func = { _, chosen, count, offered, offeredCount, _ in
        guard let offered, offeredCount == 9 else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        chosen?.pointee = offered + 1
        count?.pointee = offered[0]
        return SSL_TLSEXT_ERR_OK
      }
      SSL_CTX_set_alpn_select_cb(context, choose, nil)
    }

    deinit { SSL_CTX_free(context) }
  }
}

/// The server's side of one connection. Blocking; confined to its thread.
final class TLSPeer: @unchecked Sendable {
  private let connection: RawClient
  private let session: OpaquePointer

  /// Nil when the handshake fails.
  fileprivate init?(_ connection: RawClient, _ context: TLSBackend.ServerContext) {
    self.connection = connection
    session = SSL_new(context.context)
    let bio = passerelle_socket_bio(connection.descriptor)
    SSL_set_bio(session, bio, bio)
    guard SSL_accept(session) == 1 else {
      ERR_clear_error()
      return nil
    }
  }

  deinit { SSL_free(session) }

  /// What the client asked for by SNI.
  var serverName: String? { SSL_get_servername(session, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) } }
  var version: String { String(cString: SSL_get_version(session)) }
  /// The protocol that ALPN settled on.
  var chosenProtocol: String {
    var (start, count): (UnsafePointer<UInt8>?, UInt32) = (nil, 0)
    SSL_get0_alpn_selected(session, &start, &count)
    return String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
  }

  /// One request with a Content-Length or none; nil when the client closes before.
  func readRequest() -> RawMessage? {
    var bytes: [UInt8] = []
    let mark = Array("\r\n\r\n".utf8)
    while bytes.suffix(4) != mark[...] {
      guard let byte = read(1) else { return nil }
      bytes += byte
    }
    var message = RawMessage(head: String(decoding: bytes, as: UTF8.self))
    guard let length = message.field("content-length").flatMap(Int.init) else { return message }
    while message.body.count < length {
      guard let more = read(length - message.body.count) else { return nil }
      message.body += more
    }
    return message
  }

  private func read(_ countMaximum: Int) -> [UInt8]? {
    var chunk = [UInt8](repeating: 0, count: min(countMaximum, 16_384))
    ERR_clear_error()
    let count = SSL_read(session, &chunk, Int32(chunk.count))
    return count > 0 ? Array(chunk[..<Int(count)]) : nil
  }

  @discardableResult
  func send(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    ERR_clear_error()
    return SSL_write(session, bytes, Int32(bytes.count)) == Int32(bytes.count)
  }

  func answerAll(_ answer: String) { while readRequest() != nil { send(answer) } }

  /// Asks for new keys in both directions; goes out with the next bytes.
  func updateKeys() { SSL_key_update(session, SSL_KEY_UPDATE_REQUESTED) }

  /// Sends what TLS has to send, without bytes of ours.
  func sendWhatWaits() { SSL_do_handshake(session) }

  /// Ends in order: close_notify, but the socket stays open for a while.
  func notifyEnd() { SSL_shutdown(session) }

  /// Ends without close_notify.
  func cut() { connection.close() }

  fileprivate func end() {
    guard connection.descriptor >= 0 else { return }
    SSL_shutdown(session)
    connection.close()
  }
}
