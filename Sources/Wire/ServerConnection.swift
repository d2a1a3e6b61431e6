import Bytes

/// A connection from a client: reads requests one after another, hands each to the handler, sends its answer, reads the next.
/// Requests that came early (pipelining) wait in the buffer. Confined to its loop.
final class ServerConnection: Pollable, TimerTarget, ListenerMember, @unchecked Sendable {
  private enum Phase {
    /// Between requests.
    case idle
    case head
    case body
    /// The handler has the request.
    case handling
    /// The answer does not fit into the socket yet.
    case sending
    /// The last answer is out; what the client still sends is thrown away until it has read it.
    case lingering
    case closed
  }

  // Sound: it is never read into; it only lends an empty span.
  private nonisolated(unsafe) static let empty = ReadBuffer(bytes: 1)

  private let transport: any Transport
  /// The transport, when it is TLS: what plain TCP does not need is asked of this one.
  private let tls: TLSTransport?
  private let listener: ListenerState
  private let loop: EventLoop
  private let limits: ServerLimits
  private var phase = Phase.idle
  private var buffer: ReadBuffer?
  private var chunks: ChunkedDecoder?
  private var bodyBytesMaximum = 0
  private var pending: [UInt8] = []
  private var pendingSent = 0
  private var isReading = true
  private var isWriting = false
  private var peerHasClosed = false
  private var isProcessing = false
  /// The time limit of the present phase runs. A message that comes whole, as nearly all do, never sets one.
  private var isTimed = false
  private var isReadingAll = false
  private var tag: UInt64 = 0
  private lazy var timer = LoopTimer(self)

  var parser: HeadParser
  var responseStatus = 0
  /// Which request of the connection this is; a late answer to an earlier one is dropped.
  private(set) var serial = 0
  private(set) var exchange: Exchange!
  /// Set when HTTP refused the request: nothing after it can be understood.
  private var isPoisoned = false
  /// Itself, while a handler still works for a client that has gone: the handler's exchange must stay readable until it answers.
  private var keptForHandler: ServerConnection?
  private var lingeredBytes = 0

  init(
    transport: any Transport, tls: TLSTransport? = nil, listener: ListenerState, loop: EventLoop, remoteAddress: SocketAddress
  ) {
    self.transport = transport
    self.tls = tls
    self.listener = listener
    self.loop = loop
    limits = listener.limits(on: loop)
    parser = HeadParser(.request, limits: limits.headLimits)
    exchange = Exchange(
      connection: self, fields: parser.fields, loop: loop, remoteAddress: remoteAddress, clientCertificate: tls?.clientCertificate
    )
  }

  private static let lingerSecondsMaximum = 2
  private static let lingerBytesMaximum = 4 << 20

  var isClosed: Bool { phase == .closed }
  var isIdle: Bool { phase == .idle }

  /// Begins to read. False when the loop cannot watch it.
  func start() -> Bool {
    guard let tag = try? loop.add(transport.descriptor, self) else { return false }
    self.tag = tag
    setTimer(seconds: limits.idleSecondsMaximum)
    return true
  }

  /// Goes on with a socket that the loop watches already; what came behind the handshake may be there.
  func start(adopting tag: UInt64) {
    self.tag = tag
    loop.handOver(transport.descriptor, to: self)
    setTimer(seconds: limits.idleSecondsMaximum)
    if tls?.hasMore == true { becameReadable() }
  }

  /// The connection's bytes, in which the parser's places lie.
  var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let buffer = buffer ?? Self.empty
      // Sound: the connection owns the buffer, and gives it away only between requests.
      let span = unsafe Span<UInt8>(_unsafeStart: buffer.start, count: buffer.upper)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Whether the present answer is the last one.
  var willClose: Bool {
    exchange.closesAfterResponse || isPoisoned || listener.isDraining || !parser.keepsConnection(bytes)
  }

  // MARK: Reading

  func becameReadable() {
    guard let tls else { _ = read(); return }
    // Of bytes that lie in OpenSSL epoll knows nothing. An answer that is given at once comes back here: this loop goes on.
    guard !isReadingAll else { return }
    isReadingAll = true
    repeat { guard read() else { break } } while tls.hasMore
    isReadingAll = false
    if tls.readNeedsWriting, phase != .closed { setInterest(writable: true) }
  }

  /// False when nothing came.
  private func read() -> Bool {
    guard phase != .closed else { return false }
    guard phase != .lingering else { discard(); return false }
    let buffer = self.buffer ?? loop.buffers.take()
    self.buffer = buffer
    if buffer.room.isEmpty { makeRoom(buffer) }
    guard !buffer.room.isEmpty else { setInterest(readable: false); return false }
    switch transport.read(into: buffer.room) {
    case .bytes(let count):
      buffer.upper += count
      process()
      return true
    case .wouldBlock: releaseBufferIfEmpty()
    case .closed, .broken: peerClosed()
    }
    return false
  }

  /// While a handler works, the places in the buffer must not move: what comes meanwhile waits in the socket.
  private func makeRoom(_ buffer: ReadBuffer) {
    switch phase {
    case .idle, .head:
      if buffer.lower > 0, phase == .idle { buffer.compact() } else { buffer.grow(to: parser.end + limits.headBytesMaximum * 2) }
    case .body:
      buffer.grow(to: min(buffer.capacity * 2, buffer.upper + bodyBytesMaximum + 65_536))
    case .handling, .sending, .lingering, .closed: break
    }
  }

  /// The client sends no more. What it asked is still answered; in the middle of a request there is nothing to answer.
  private func peerClosed() {
    peerHasClosed = true
    switch phase {
    case .handling, .sending: setInterest(readable: false)
    default: close()
    }
  }

  /// Goes on with what is in the buffer, for as many requests as there are.
  private func process() {
    // An answer that is given at once comes back here: the loop below goes on with it, without growing the stack.
    guard !isProcessing else { return }
    isProcessing = true
    defer { isProcessing = false }
    while let buffer, buffer.count > 0 || phase == .body {
      switch phase {
      case .idle:
        phase = .head
        isTimed = false
        parser.reset(at: buffer.lower)
        exchange.clear()
      case .head:
        guard readHead(buffer) else { return }
      case .body:
        guard readBody(buffer) else { return }
      case .handling, .sending, .lingering, .closed: return
      }
    }
    releaseBufferIfEmpty()
  }

  /// True when the head is complete and there is more to do.
  private func readHead(_ buffer: ReadBuffer) -> Bool {
    do throws(HeadParser.Fault) {
      guard try parser.advance(buffer.bytes) else {
        waitForMore(seconds: limits.headSecondsMaximum)
        return false
      }
    } catch {
      reject(HTTPRejection(error))
      return false
    }
    serial += 1
    exchange.lend(buffer)
    exchange.begin()
    bodyBytesMaximum = listener.handler.bodyBytesMaximum(exchange) ?? limits.bodyBytesMaximum
    switch parser.framing {
    case .length(let length):
      guard length <= bodyBytesMaximum else { reject(.bodyTooLarge); return false }
    case .chunked: chunks = ChunkedDecoder(at: parser.end)
    case .none, .untilClose: break
    }
    // The buffer may move while the body comes.
    exchange.takeBack()
    phase = .body
    isTimed = false
    if parser.framing != .none, buffer.upper == parser.end, parser.minorVersion == 1, parser.fields.first(.expect) != nil {
      sendContinue()
    }
    return true
  }

  /// The rest of a head or body has so long to come, from now: once for each, however many pieces it comes in.
  private func waitForMore(seconds: Int) {
    guard !isTimed else { return }
    isTimed = true
    setTimer(seconds: seconds)
  }

  /// True when the body is complete.
  private func readBody(_ buffer: ReadBuffer) -> Bool {
    switch parser.framing {
    case .none, .untilClose:
      handle(end: parser.end, bodyCount: 0, buffer)
      return true
    case .length(let length):
      guard buffer.upper - parser.end >= length else {
        waitForMore(seconds: limits.bodySecondsMaximum)
        return false
      }
      handle(end: parser.end + length, bodyCount: length, buffer)
      return true
    case .chunked:
      return readChunks(buffer)
    }
  }

  private func readChunks(_ buffer: ReadBuffer) -> Bool {
    guard var chunks else { return false }
    let progress = chunks.advance(buffer, bodyBytesMaximum: bodyBytesMaximum)
    switch progress {
    case .complete:
      self.chunks = nil
      handle(end: chunks.read, bodyCount: chunks.written - parser.end, buffer)
      return true
    case .needsMore:
      chunks.compact(buffer)
      self.chunks = chunks
      waitForMore(seconds: limits.bodySecondsMaximum)
    case .malformed: reject(.malformed("the chunks of the body"))
    case .tooLarge: reject(.bodyTooLarge)
    }
    return false
  }

  private func handle(end: Int, bodyCount: Int, _ buffer: ReadBuffer) {
    phase = .handling
    exchange.lend(buffer)
    exchange.bodyRange = ByteRange(start: parser.end, count: bodyCount)
    buffer.lower = end
    loop.timers.rest(timer)
    listener.handler.handle(exchange)
  }

  private func reject(_ rejection: HTTPRejection) {
    isPoisoned = true
    phase = .handling
    loop.timers.rest(timer)
    if let buffer { exchange.lend(buffer) }
    listener.handler.reject(exchange, rejection)
  }

  /// RFC 9110 §10.1.1: the client waits for it before it sends the body.
  private func sendContinue() {
    let line: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
    let sent = transport.write(UnsafeRawBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount))
    // A socket that is full at this point belongs to a client that does not read. A part of the line would stand before the answer.
    guard case .bytes(line.utf8CodeUnitCount) = sent else { close(); return }
  }

  // MARK: Answering

  /// Sends an answer of the control plane, unless the client has gone or another request has come meanwhile.
  func answer(_ response: HTTPResponse, to serial: Int) {
    guard serial == self.serial else { return }
    keptForHandler = nil
    guard phase == .handling else { return }
    exchange.send(response)
  }

  /// Sends what the exchange has written.
  func send() {
    keptForHandler = nil
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
    setTimer(seconds: limits.writeSecondsMaximum)
    setInterest(writable: true)
  }

  func becameWritable() {
    if tls?.readNeedsWriting == true { becameReadable() }
    guard phase == .sending else { if tls?.readNeedsWriting == false { setInterest(writable: false) }; return }
    let sent = pending.withUnsafeBytes { transport.write(UnsafeRawBufferPointer(rebasing: $0[pendingSent...])) }
    switch sent {
    case .bytes(let count):
      pendingSent += count
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
    phase = .idle
    chunks = nil
    if !isReading { setInterest(readable: !peerHasClosed) }
    setTimer(seconds: limits.idleSecondsMaximum)
    buffer?.compact()
    if isProcessing { return }
    process()
    if tls?.hasMore == true { becameReadable() }
  }

  // MARK: Time and end

  func timerFired(_ timer: LoopTimer) {
    switch phase {
    case .head: reject(.headTimeout)
    case .body: reject(.bodyTimeout)
    case .idle, .sending, .lingering: close()
    case .handling, .closed: break
    }
  }

  func becameDead() { close() }

  /// Closes while bytes that nobody will read may still come: the system answers them with a reset once the socket is closed,
  /// which can destroy the answer on its way (RFC 9112 §9.6). A client that is in the middle of a request is told that nothing
  /// more comes, and read from for a short while.
  private func closeGently() {
    let hasUnread = isPoisoned || (buffer?.count ?? 0) > 0
    guard hasUnread, !peerHasClosed else { close(); return }
    phase = .lingering
    transport.finishSending()
    setTimer(seconds: Self.lingerSecondsMaximum)
    setInterest(readable: true, writable: false)
    discard()
  }

  /// Throws away what the client sends after the last answer, within limits.
  private func discard() {
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
    keptForHandler = nil
    if phase == .handling { phase = .sending }
    close()
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

  private func setTimer(seconds: Int) {
    loop.timers.set(timer, at: loop.nowNanoseconds + UInt64(seconds) * 1_000_000_000)
  }

  private func setInterest(readable: Bool? = nil, writable: Bool? = nil) {
    let wantsReading = readable ?? isReading
    let wantsWriting = writable ?? isWriting
    guard wantsReading != isReading || wantsWriting != isWriting else { return }
    (isReading, isWriting) = (wantsReading, wantsWriting)
    loop.modify(transport.descriptor, tag, readable: isReading, writable: isWriting)
  }

  private func releaseBufferIfEmpty() {
    guard phase == .idle, let buffer, buffer.count == 0 else { return }
    loop.buffers.give(buffer)
    self.buffer = nil
  }
}
