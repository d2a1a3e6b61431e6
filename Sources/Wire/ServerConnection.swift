import Bytes

/// A connection from a client: reads requests one after another, hands each to the handler, sends its answer, reads the next.
/// Requests that came early (pipelining) wait in the buffer. Confined to its loop.
final class ServerConnection: Pollable, TimerTarget, ListenerMember, @unchecked Sendable {
  enum Phase {
    /// Between requests.
    case idle
    case head
    case body
    /// The handler has the request.
    case handling
    /// The answer does not fit into the socket yet.
    case sending
    /// The answer is out. The next request is read a little later: the client was refused for there is too much to do.
    case paused
    /// The last answer is out; what the client still sends is thrown away until it has read it.
    case lingering
    case closed
  }

  // Sound: it is never read into; it only lends an empty span.
  private nonisolated(unsafe) static let empty = ReadBuffer(bytes: 1)

  let transport: any Transport
  /// The transport, when it is TLS: what plain TCP does not need is asked of this one.
  let tls: TLSTransport?
  let listener: ListenerState
  let loop: EventLoop
  let limits: ServerLimits
  var phase = Phase.idle
  var buffer: ReadBuffer?
  var chunks: ChunkedDecoder?
  private var bodyBytesMaximum = 0
  var pending: [UInt8] = []
  var pendingSent = 0
  var isReading = true
  private var isWriting = false
  var peerHasClosed = false
  var isProcessing = false
  /// The time limit of the present phase runs. A message that comes whole, as nearly all do, never sets one.
  private var isTimed = false
  var pace = Pace(from: 0, seconds: 0, bytesPerSecond: 0)
  /// The loop has admitted the request and was not told yet that it is answered.
  private var isUnderWay = false
  var isReadingAll = false
  private var tag: UInt64 = 0
  lazy var timer = LoopTimer(self)

  var parser: HeadParser
  var responseStatus = 0
  /// Which request of the connection this is; a late answer to an earlier one is dropped.
  private(set) var serial = 0
  private(set) var exchange: Exchange!
  /// Set when HTTP refused the request: nothing after it can be understood.
  var isPoisoned = false
  /// Itself, while a handler still works for a client that has gone: the handler's exchange must stay readable until it answers.
  var keptForHandler: ServerConnection?
  var lingeredBytes = 0

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

  var isClosed: Bool { phase == .closed }
  var isIdle: Bool { phase == .idle || phase == .paused }

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
      pace.bytes &+= UInt64(count)
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
    case .handling, .sending, .paused, .lingering, .closed: break
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
  func process() {
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
      case .handling, .sending, .paused, .lingering, .closed: return
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
    setPace(seconds: seconds)
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
    if loop.admission.begin() {
      isUnderWay = true
      listener.handler.handle(exchange)
    } else {
      exchange.pausesAfterResponse = true
      listener.handler.shed(exchange)
    }
  }

  func reject(_ rejection: HTTPRejection) {
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

  // MARK: What its parts share

  func setTimer(seconds: Int) {
    loop.timers.set(timer, at: loop.nowNanoseconds + UInt64(seconds) * 1_000_000_000)
  }

  /// The peer has so long for what it does now, and has to be as fast as the limits say.
  func setPace(seconds: Int) {
    pace = Pace(from: loop.nowNanoseconds, seconds: seconds, bytesPerSecond: limits.bytesPerSecondMinimum)
    guard case .lookAgain(let at) = pace.verdict(at: loop.nowNanoseconds) else { return }
    loop.timers.set(timer, at: at)
  }

  /// The handler is done with the request, whether or not the client is still there.
  func endWork() {
    keptForHandler = nil
    guard isUnderWay else { return }
    isUnderWay = false
    loop.admission.end()
  }

  func setInterest(readable: Bool? = nil, writable: Bool? = nil) {
    let wantsReading = readable ?? isReading
    let wantsWriting = writable ?? isWriting
    guard wantsReading != isReading || wantsWriting != isWriting else { return }
    (isReading, isWriting) = (wantsReading, wantsWriting)
    loop.modify(transport.descriptor, tag, readable: isReading, writable: isWriting)
  }

  func releaseBufferIfEmpty() {
    guard phase == .idle, let buffer, buffer.count == 0 else { return }
    loop.buffers.give(buffer)
    self.buffer = nil
  }
}
