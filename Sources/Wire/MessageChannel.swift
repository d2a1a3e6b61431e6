import CLinux
import Glibc

/// One TCP connection, plain or with TLS, over which messages go to another server. It blocks: for a thread of its own, never for a loop.
/// Belongs to one thread at a time.
///
/// `send` returns when the other system has acknowledged every byte. That is as much as a protocol without answers can know (RFC 5425):
/// what its program did with them it does not say.
public final class MessageChannel {
  private let transport: any Transport
  private static let pollMilliseconds: Int32 = 20
  /// Linux: bytes in the socket's queue that the peer has not acknowledged.
  private static let unacknowledged: UInt = 0x5411

  /// Looks the name up and connects to the first of its addresses that answers; with TLS the certificate is verified for the name, always.
  ///
  /// - Parameter timeoutMilliseconds: for each address, handshake included. The look-up takes what the system's resolver takes.
  /// - Throws: `WebFailure`.
  public init(host: String, port: Int, tls: TLSClientContext?, timeoutMilliseconds: Int) throws(WebFailure) {
    let addresses = SocketAddress(ip: host, port: port).map { [$0] } ?? NameLookup.blocking(host, port: port)
    guard !addresses.isEmpty else { throw .unresolvable }
    for address in addresses {
      if let transport = try Self.connect(address, host, tls, timeoutMilliseconds) {
        self.transport = transport
        return
      }
    }
    throw .unreachable
  }

  deinit { transport.close() }

  /// - Throws: `WebFailure.broken` when the connection is gone, `timedOut` when the peer does not take it all in time. How much of it
  ///   arrived is not known then, and the channel is of no more use.
  public func send(_ bytes: [UInt8], timeoutMilliseconds: Int) throws(WebFailure) {
    let deadline = Self.now() + timeoutMilliseconds
    var sent = 0
    while sent < bytes.count {
      // Sound: the array outlives the call, and the range is within it.
      let result = unsafe bytes.withUnsafeBytes { unsafe transport.write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
      switch result {
      case .bytes(let count): sent += count
      case .wouldBlock: try Self.wait(transport, writing: true, until: deadline)
      case .closed, .broken: throw .broken
      }
    }
    while true {
      try checkPeer()
      var waiting: Int32 = 0
      guard ioctl(transport.descriptor, Self.unacknowledged, &waiting) == 0 else { throw .broken }
      guard waiting > 0 else { return }
      guard Self.now() < deadline else { throw .timedOut }
      poll(nil, 0, Self.pollMilliseconds)
    }
  }

  /// The peer says nothing, but TLS may; and it may have closed.
  private func checkPeer() throws(WebFailure) {
    var buffer = [UInt8](repeating: 0, count: 1024)
    while true {
      switch unsafe buffer.withUnsafeMutableBytes({ unsafe transport.read(into: $0) }) {
      case .bytes: continue
      case .wouldBlock: return
      case .closed, .broken: throw .broken
      }
    }
  }

  private static func connect(
    _ address: SocketAddress, _ host: String, _ tls: TLSClientContext?, _ timeoutMilliseconds: Int
  ) throws(WebFailure) -> (any Transport)? {
    let deadline = now() + timeoutMilliseconds
    let descriptor = passerelle_tcp_socket(address.family)
    guard descriptor >= 0 else { return nil }
    let result = address.withSystemAddress { Glibc.connect(descriptor, $0, $1) }
    guard result == 0 || errno == EINPROGRESS else {
      close(descriptor)
      return nil
    }
    var transport: (any Transport)?
    if let tls {
      transport = TLSTransport(descriptor: descriptor, context: tls, host: host)
    } else {
      transport = PlainTransport(descriptor: descriptor)
    }
    guard let transport else {
      close(descriptor)
      return nil
    }
    do throws(WebFailure) {
      try wait(transport, writing: true, until: deadline)
      var code: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
      guard code == 0 else { throw .unreachable }
      try shakeHands(transport, until: deadline)
      return transport
    } catch {
      transport.close()
      // Another address would show the same certificate.
      if case .untrusted = error { throw error }
      return nil
    }
  }

  private static func shakeHands(_ transport: any Transport, until deadline: Int) throws(WebFailure) {
    guard let tls = transport as? TLSTransport else { return }
    while true {
      switch tls.shakeHands() {
      case .complete: return
      case .needsReading: try wait(tls, writing: false, until: deadline)
      case .needsWriting: try wait(tls, writing: true, until: deadline)
      case .failed(let fault): throw .untrusted(fault)
      }
    }
  }

  private static func wait(_ transport: any Transport, writing: Bool, until deadline: Int) throws(WebFailure) {
    var entry = pollfd(fd: transport.descriptor, events: Int16(writing ? POLLOUT : POLLIN), revents: 0)
    while true {
      let left = deadline - now()
      guard left > 0 else { throw .timedOut }
      let count = poll(&entry, 1, Int32(clamping: left))
      if count > 0 { return }
      guard count == 0 || errno == EINTR else { throw .broken }
    }
  }

  /// Monotonic, in milliseconds.
  private static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000
  }
}

/// Datagrams to one address. Nobody says whether they arrive. Belongs to one thread at a time.
public final class DatagramChannel {
  /// What one can hold over any network path that is not broken (RFC 5426 §3.2 wants 480 at least and advises 2048).
  public static let bytesMaximum = 65_000
  private let descriptor: Int32

  /// - Throws: `WebFailure.unresolvable`, `unreachable`.
  public init(host: String, port: Int) throws(WebFailure) {
    guard let address = SocketAddress(ip: host, port: port) ?? NameLookup.blocking(host, port: port).first else {
      throw .unresolvable
    }
    descriptor = socket(address.family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0, address.withSystemAddress({ Glibc.connect(descriptor, $0, $1) }) == 0 else {
      if descriptor >= 0 { close(descriptor) }
      throw .unreachable
    }
  }

  deinit { close(descriptor) }

  /// - Throws: `WebFailure.unreachable` when this system, or the other by ICMP, says that nobody listens.
  public func send(_ bytes: [UInt8]) throws(WebFailure) {
    while true {
      let count = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
      if count == bytes.count { return }
      guard count < 0, errno == EINTR else { throw .unreachable }
    }
  }
}
