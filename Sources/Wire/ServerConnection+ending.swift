import Bytes
import Glibc

extension ServerConnection {
  private static let lingerSecondsMaximum = 2
  private static let lingerBytesMaximum = 4 << 20

  func timerFired(_ timer: LoopTimer) {
    switch phase {
    case .head, .body, .sending: askPace()
    case .paused: resume()
    case .idle, .lingering: close()
    case .handling, .closed: break
    }
  }

  /// The time that the peer's pace was good for has passed.
  private func askPace() {
    if case .lookAgain(let at) = pace.verdict(at: loop.nowNanoseconds) { return loop.timers.set(timer, at: at) }
    switch phase {
    case .head: reject(.headTimeout)
    case .body: reject(.bodyTimeout)
    default: close()
    }
  }

  func becameDead() { close() }

  /// Closes while bytes that nobody will read may still come: the system answers them with a reset once the socket is closed,
  /// which can destroy the answer on its way (RFC 9112 §9.6). A client that is in the middle of a request is told that nothing
  /// more comes, and read from for a short while.
  func closeGently() {
    let hasUnread = isPoisoned || (buffer?.count ?? 0) > 0
    guard hasUnread, !peerHasClosed else { close(); return }
    phase = .lingering
    transport.finishSending()
    setTimer(seconds: Self.lingerSecondsMaximum)
    setInterest(readable: true, writable: false)
    discard()
  }

  /// Throws away what the client sends after the last answer, within limits.
  func discard() {
    let scratch = buffer ?? loop.buffers.take()
    buffer = scratch
    for _ in 0..<8 {
      scratch.lower = 0
      scratch.upper = 0
      switch transport.read(into: scratch.room) {
      case .bytes(let count):
        lingeredBytes += count
        guard lingeredBytes <= Self.lingerBytesMaximum else { close(); return }
      case .wouldBlock: return
      case .closed, .broken: close(); return
      }
    }
  }

  /// Closes instead of answering.
  func sever() {
    endWork()
    if phase == .handling { phase = .sending }
    close()
  }

  /// Closes so that the client's system sees a reset: what lingers is thrown away.
  func reset() {
    var nothing = linger(l_onoff: 1, l_linger: 0)
    _ = setsockopt(transport.descriptor, SOL_SOCKET, SO_LINGER, &nothing, socklen_t(MemoryLayout<linger>.size))
    sever()
  }

  /// Closes at once. A handler that still works finds `isAbandoned`.
  func close() {
    guard phase != .closed else { return }
    if phase == .handling { keptForHandler = self }
    phase = .closed
    loop.timers.cancel(timer)
    loop.remove(transport.descriptor)
    transport.close()
    listener.closed(self, on: loop)
  }
}
