import Glibc

/// A client's connection whose TLS handshake is under way. It has the time of a request's head, counts as a connection, and becomes a
/// `ServerConnection` when it is done. Confined to its loop.
final class TLSAcceptance: Pollable, TimerTarget, ListenerMember, @unchecked Sendable {
  private let transport: TLSTransport
  private let server: TLSServer
  private let listener: ListenerState
  private let loop: EventLoop
  private let remoteAddress: SocketAddress
  private var tag: UInt64 = 0
  private var isWaitingToWrite = false
  private var isOver = false
  private lazy var timer = LoopTimer(self)

  /// Nil without memory; the socket is then still the caller's.
  init?(descriptor: Int32, server: TLSServer, listener: ListenerState, loop: EventLoop, remoteAddress: SocketAddress) {
    guard let transport = TLSTransport(accepting: descriptor, context: server.current) else { return nil }
    self.transport = transport
    self.server = server
    self.listener = listener
    self.loop = loop
    self.remoteAddress = remoteAddress
  }

  /// Nothing was asked yet that would have to be answered.
  var isIdle: Bool { true }

  func start() -> Bool {
    guard let tag = try? loop.add(transport.descriptor, self) else { return false }
    self.tag = tag
    loop.timers.set(timer, at: loop.nowNanoseconds + UInt64(listener.limits(on: loop).headSecondsMaximum) * 1_000_000_000)
    return true
  }

  func becameReadable() { shakeHands() }
  func becameWritable() { shakeHands() }
  func becameDead() { close() }
  func timerFired(_ timer: LoopTimer) { close() }

  private func shakeHands() {
    guard !isOver else { return }
    switch transport.shakeHands() {
    case .complete: complete()
    case .needsReading: wait(toWrite: false)
    case .needsWriting: wait(toWrite: true)
    case .failed: fail()
    }
  }

  private func wait(toWrite: Bool) {
    guard toWrite != isWaitingToWrite else { return }
    isWaitingToWrite = toWrite
    loop.modify(transport.descriptor, tag, readable: !toWrite, writable: toWrite)
  }

  private func complete() {
    wait(toWrite: false)
    isOver = true
    if transport.isResumed { server.resumedCount.add(1, ordering: .relaxed) } else { server.fullCount.add(1, ordering: .relaxed) }
    loop.timers.cancel(timer)
    let connection = ServerConnection(
      transport: transport, tls: transport, listener: listener, loop: loop, remoteAddress: remoteAddress)
    listener.replace(self, by: connection, on: loop)
    connection.start(adopting: tag)
  }

  /// OpenSSL has sent its alert. What the client has sent meanwhile is read, or the reset that answers it would destroy the alert on its
  /// way.
  private func fail() {
    if transport.cameInTheClear { sendPlainAnswer() }
    shutdown(transport.descriptor, Int32(SHUT_WR))
    let scratch = loop.buffers.take()
    var reads = 0
    while reads < 4, recv(transport.descriptor, scratch.room.baseAddress, scratch.capacity, Int32(MSG_DONTWAIT)) > 0 {
      reads += 1
    }
    loop.buffers.give(scratch)
    close()
  }

  /// Who speaks HTTP without TLS is told so in HTTP. Nothing of the request was read, and nothing is redirected: whoever sent a token in
  /// the clear should find out.
  private func sendPlainAnswer() {
    let answer: StaticString = """
      HTTP/1.1 400 Bad Request\r
      Content-Type: application/json\r
      Content-Length: 91\r
      Connection: close\r
      \r
      {"status":400,"code":"INVALID_ARGUMENT","message":"This port speaks HTTPS: TLS is wanted."}
      """
    _ = send(transport.descriptor, answer.utf8Start, answer.utf8CodeUnitCount, Int32(MSG_NOSIGNAL))
  }

  func close() {
    guard !isOver else { return }
    isOver = true
    server.failedCount.add(1, ordering: .relaxed)
    loop.timers.cancel(timer)
    loop.remove(transport.descriptor)
    transport.close()
    listener.closed(self, on: loop)
  }
}
