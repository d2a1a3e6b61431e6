import Glibc

/// What became of reading or writing.
enum IOResult {
  /// So many bytes, 1 or more.
  case bytes(Int)
  /// Nothing now; epoll will tell.
  case wouldBlock
  /// The peer has closed its side in order: what came before is all that it wanted to send. Reading only.
  case closed
  /// The connection is gone. What came before may be a part only.
  case broken
}

/// The way of bytes between a connection and its socket: `PlainTransport` or `TLSTransport`. Confined to a loop.
protocol Transport: AnyObject {
  var descriptor: Int32 { get }
  func read(into buffer: UnsafeMutableRawBufferPointer) -> IOResult
  func write(_ bytes: UnsafeRawBufferPointer) -> IOResult
  /// Tells the peer that nothing more comes; reading goes on.
  func finishSending()
  /// Closes the socket. Once.
  func close()
}

/// TCP without TLS.
final class PlainTransport: Transport {
  let descriptor: Int32

  /// Takes over a connected, non-blocking socket.
  init(descriptor: Int32) {
    self.descriptor = descriptor
    Self.sendAtOnce(descriptor)
  }

  /// Messages are written whole; waiting for more to send would only delay them.
  static func sendAtOnce(_ descriptor: Int32) {
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
    while true {
      let count = Glibc.recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 { return .bytes(count) }
      if count == 0 { return .closed }
      if errno == EINTR { continue }
      return errno == EAGAIN || errno == EWOULDBLOCK ? .wouldBlock : .broken
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> IOResult {
    while true {
      let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if count >= 0 { return .bytes(count) }
      if errno == EINTR { continue }
      return errno == EAGAIN || errno == EWOULDBLOCK ? .wouldBlock : .broken
    }
  }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  func close() { Glibc.close(descriptor) }
}
