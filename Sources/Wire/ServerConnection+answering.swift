import Bytes

extension ServerConnection {
  /// Sends an answer of the control plane, unless the client has gone or another request has come meanwhile.
  func answer(_ response: HTTPResponse, to serial: Int) {
    guard serial == self.serial else { return }
    endWork()
    guard phase == .handling else { return }
    exchange.send(response)
  }

  /// Sends what the exchange has written.
  func send() {
    endWork()
    guard phase == .handling else { return }
    let closes = willClose
    exchange.takeBack()
    phase = .sending
    let sent = loop.output.withUnsafeBytes { transport.write($0) }
    switch sent {
    case .bytes(let count) where count == loop.output.count: finish(closes: closes)
    case .bytes(let count): wait(from: count, closes: closes)
    case .wouldBlock: wait(from: 0, closes: closes)
    case .closed, .broken: close()
    }
  }

  /// Sends bytes as they are, as far as the socket takes them; what follows is for the caller to know.
  func sendPart(_ bytes: [UInt8]) { bytes.withUnsafeBytes { _ = transport.write($0) } }

  private func wait(from count: Int, closes: Bool) {
    pending = Array(loop.output[count...])
    pendingSent = 0
    if closes { isPoisoned = true }
    setPace(seconds: limits.writeSecondsMaximum)
    setInterest(writable: true)
  }

  func becameWritable() {
    if tls?.readNeedsWriting == true { becameReadable() }
    guard phase == .sending else { if tls?.readNeedsWriting == false { setInterest(writable: false) }; return }
    let sent = pending.withUnsafeBytes { transport.write(UnsafeRawBufferPointer(rebasing: $0[pendingSent...])) }
    switch sent {
    case .bytes(let count):
      pendingSent += count
      pace.bytes &+= UInt64(count)
      guard pendingSent == pending.count else { return }
      pending = []
      setInterest(writable: false)
      finish(closes: isPoisoned)
    case .wouldBlock: break
    case .closed, .broken: close()
    }
  }

  /// The answer is out: the next request, if the connection stays.
  private func finish(closes: Bool) {
    guard !closes, !peerHasClosed || (buffer?.count ?? 0) > 0 else { closeGently(); return }
    chunks = nil
    guard !exchange.pausesAfterResponse else { pause(); return }
    phase = .idle
    if !isReading { setInterest(readable: !peerHasClosed) }
    setTimer(seconds: limits.idleSecondsMaximum)
    buffer?.compact()
    if isProcessing { return }
    process()
    if tls?.hasMore == true { becameReadable() }
  }

  /// How long a client that was refused for too much to do is not read from. Whoever asks again at once would cost as much as a call.
  static let pauseNanoseconds: UInt64 = 200_000_000

  private func pause() {
    phase = .paused
    setInterest(readable: false)
    buffer?.compact()
    loop.timers.set(timer, at: loop.nowNanoseconds + Self.pauseNanoseconds)
  }

  /// Goes on with what came meanwhile.
  func resume() {
    phase = .idle
    setInterest(readable: !peerHasClosed)
    setTimer(seconds: limits.idleSecondsMaximum)
    process()
    if phase == .idle { releaseBufferIfEmpty() }
    if tls?.hasMore == true { becameReadable() }
  }
}
