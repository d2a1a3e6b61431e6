import CLinux
import Glibc

/// Opens a connection to the first of some addresses that answers; with TLS it is open after the handshake. Tells its end once.
/// Confined to its loop.
final class Dialer: Pollable, TimerTarget {
  enum Outcome {
    /// The loop watches the descriptor on behalf of the dialer still: hand it over. `tls` is the transport, when it is one.
    case connected(any Transport, tls: TLSTransport?, tag: UInt64)
    case failed(UpstreamFailure)
  }

  private let loop: EventLoop
  private let target: UpstreamTarget
  private var addresses: [SocketAddress]
  private let secondsMaximum: Int
  private let deadlineNanoseconds: UInt64
  private var tell: ((Outcome) -> Void)?
  private var transport: (any Transport)?
  /// Set once TCP is connected and the handshake is under way.
  private var handshake: TLSTransport?
  private var tag: UInt64 = 0
  /// This system has no socket left: that no address was reached is no fault of theirs.
  private var isExhausted = false
  private lazy var timer = LoopTimer(self)

  /// - Parameters:
  ///   - secondsMaximum: for one address, the handshake included.
  ///   - deadlineNanoseconds: for all of it.
  init(
    loop: EventLoop, target: UpstreamTarget, addresses: [SocketAddress], secondsMaximum: Int, deadlineNanoseconds: UInt64,
    tell: @escaping (Outcome) -> Void
  ) {
    self.loop = loop
    self.target = target
    self.addresses = addresses
    self.secondsMaximum = secondsMaximum
    self.deadlineNanoseconds = deadlineNanoseconds
    self.tell = tell
  }

  func start() {
    while !addresses.isEmpty {
      if connect(to: addresses.removeFirst()) { return }
    }
    end(.failed(isExhausted ? .overloaded : .unreachable))
  }

  /// Gives up; nothing is told.
  func cancel() {
    tell = nil
    loop.timers.cancel(timer)
    drop()
  }

  private func connect(to address: SocketAddress) -> Bool {
    let descriptor = passerelle_tcp_socket(address.family)
    guard descriptor >= 0 else { isExhausted = true; return false }
    let result = address.withSystemAddress { Glibc.connect(descriptor, $0, $1) }
    guard result == 0 || errno == EINPROGRESS, let transport = makeTransport(descriptor) else {
      Glibc.close(descriptor)
      return false
    }
    guard let tag = try? loop.add(descriptor, self, writable: true) else {
      transport.close()
      return false
    }
    self.transport = transport
    self.tag = tag
    let limit = loop.nowNanoseconds + UInt64(secondsMaximum) * 1_000_000_000
    loop.timers.cancel(timer)
    loop.timers.set(timer, at: min(limit, deadlineNanoseconds))
    return true
  }

  private func makeTransport(_ descriptor: Int32) -> (any Transport)? {
    guard let context = target.tls else { return PlainTransport(descriptor: descriptor) }
    return TLSTransport(descriptor: descriptor, context: context, host: target.host)
  }

  // MARK: What happens on the socket

  func becameWritable() {
    guard handshake == nil else { shakeHands(); return }
    guard let transport else { return }
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(transport.descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    guard code == 0 else { tryNext(); return }
    guard let tls = transport as? TLSTransport else { connected(transport, tls: nil); return }
    handshake = tls
    shakeHands()
  }

  func becameReadable() { if handshake != nil { shakeHands() } }

  func becameDead() { if handshake != nil { shakeHands() } else { tryNext() } }

  private func shakeHands() {
    guard let handshake else { return }
    switch handshake.shakeHands() {
    case .complete: connected(handshake, tls: handshake)
    case .needsReading: loop.modify(handshake.descriptor, tag, readable: true, writable: false)
    case .needsWriting: loop.modify(handshake.descriptor, tag, readable: false, writable: true)
    // Another address would show the same certificate. Trying it would only hide the fault for a while.
    case .failed(let fault): end(.failed(.untrusted(fault)))
    }
  }

  private func connected(_ transport: any Transport, tls: TLSTransport?) {
    // No longer this one's to drop.
    self.transport = nil
    handshake = nil
    end(.connected(transport, tls: tls, tag: tag))
  }

  /// This address does not answer.
  private func tryNext() {
    drop()
    start()
  }

  func timerFired(_ timer: LoopTimer) {
    guard deadlineNanoseconds > loop.nowNanoseconds else { end(.failed(.timedOut)); return }
    tryNext()
  }

  private func end(_ outcome: Outcome) {
    loop.timers.cancel(timer)
    drop()
    let tell = tell
    self.tell = nil
    tell?(outcome)
  }

  private func drop() {
    handshake = nil
    guard let transport else { return }
    loop.remove(transport.descriptor)
    transport.close()
    self.transport = nil
  }
}
