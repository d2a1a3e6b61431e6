import Bytes
import CLinux
import Glibc

/// What a call has behind it when it is sent.
struct UpstreamAttempt {
  /// How often it was sent before.
  var tries: UInt8 = 0
  /// It has waited, or was sent before: the target has less than the whole time of the call, and that it is late is not its fault.
  var isLate = false

  var again: UpstreamAttempt { UpstreamAttempt(tries: tries + 1, isLate: true) }
}

/// How far a call came before it failed.
enum UpstreamStage {
  /// Nothing was sent.
  case connecting
  /// Something was sent, and no byte of an answer has come.
  case waiting
  case answering
}

/// A connection to a backend: one call at a time. Confined to its loop.
///
/// It is used again only after an answer that was complete by its own framing, with nothing behind it.
final class UpstreamConnection: Pollable, TimerTarget {
  private enum Phase {
    case connecting
    case idle
    case head
    case body
    case closed
  }

  private unowned let pool: UpstreamPool
  private let loop: EventLoop
  private var dialer: Dialer?
  private var transport: (any Transport)?
  /// The transport, when it is TLS: what plain TCP does not need is asked of this one.
  private var tls: TLSTransport?
  private var tag: UInt64 = 0
  private var phase = Phase.connecting
  private var call: (any UpstreamCall)?
  private var attempt = UpstreamAttempt()
  private var buffer: ReadBuffer?
  private var chunks: ChunkedDecoder?
  private var parser: HeadParser
  private var request: [UInt8] = []
  private var sent = 0
  private var isWriting = false
  /// The connection has served a call before: that it is dead now says nothing about the backend.
  private var isReused = false
  private var hasAnswerBegun = false
  /// The head announced a body where there can be none: what comes next may be that body.
  private var announcesMore = false
  private lazy var timer = LoopTimer(self)

  init(pool: UpstreamPool) {
    self.pool = pool
    loop = pool.loop
    var limits = HeadParser.Limits()
    limits.headBytesMaximum = pool.limits.headBytesMaximum
    parser = HeadParser(.response, limits: limits)
  }

  // MARK: Connecting

  /// Connects to the first address that answers, then sends the call.
  func open(_ call: any UpstreamCall, _ attempt: UpstreamAttempt, addresses: [SocketAddress]) {
    self.call = call
    self.attempt = attempt
    let dialer = Dialer(
      loop: loop, target: pool.target, addresses: addresses, secondsMaximum: pool.limits.connectSecondsMaximum,
      deadlineNanoseconds: call.deadlineNanoseconds, tell: { self.dialed($0) })
    self.dialer = dialer
    dialer.start()
  }

  private func dialed(_ outcome: Dialer.Outcome) {
    dialer = nil
    switch outcome {
    case .failed(let failure): close(failure)
    case .connected(let transport, let tls, let tag):
      self.transport = transport
      self.tls = tls
      self.tag = tag
      loop.handOver(transport.descriptor, to: self)
      loop.modify(transport.descriptor, tag, readable: true, writable: false)
      guard let call else { close(nil); return }
      self.call = nil
      phase = .idle
      _ = send(call, attempt)
    }
  }

  // MARK: Sending

  /// Sends a call on an open connection; false when the connection is closed and the call must go elsewhere.
  func send(_ call: any UpstreamCall, _ attempt: UpstreamAttempt) -> Bool {
    guard phase == .idle, let transport else { return false }
    // The loop may not have come yet to bytes that are there already; the next answer would begin with them. It costs a system call
    // for each call, also where the socket was read from in the same turn: a backend that sends too much sends it right then.
    guard !isReused || transport.isSilent else { close(nil); return false }
    guard call.isStillWanted else { dismiss(call); return true }
    self.call = call
    self.attempt = attempt
    phase = .head
    hasAnswerBegun = false
    announcesMore = false
    request.removeAll(keepingCapacity: true)
    sent = 0
    call.appendRequest(to: &request, authority: pool.authority)
    parser.reset(at: 0)
    loop.timers.set(timer, at: call.deadlineNanoseconds)
    write()
    return true
  }

  /// The connection is as good as before.
  private func dismiss(_ call: any UpstreamCall) {
    loop.timers.set(timer, at: loop.nowNanoseconds + UInt64(pool.limits.idleSecondsMaximum) * 1_000_000_000)
    pool.dismissed(call)
    if phase == .idle { pool.freed(self) }
  }

  private func write() {
    guard let transport else { return }
    let result = request.withUnsafeBytes { transport.write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
    switch result {
    case .bytes(let count):
      sent += count
      setWriting(sent < request.count || tls?.readNeedsWriting == true)
    case .wouldBlock: setWriting(tls?.writeNeedsReading != true || tls?.readNeedsWriting == true)
    case .closed, .broken: broken()
    }
  }

  private func setWriting(_ wanted: Bool) {
    guard wanted != isWriting, let transport else { return }
    isWriting = wanted
    loop.modify(transport.descriptor, tag, readable: true, writable: wanted)
  }

  func becameWritable() {
    if tls?.readNeedsWriting == true { becameReadable() }
    guard phase == .head || phase == .body else { return }
    if sent < request.count { write() } else { setWriting(tls?.readNeedsWriting == true) }
  }

  // MARK: Reading

  func becameReadable() {
    // Bytes or an end between calls: whatever it is, it belongs to no call.
    guard phase == .head || phase == .body else { if tls?.isStillQuiet != true { close(nil) }; return }
    _ = read()
    guard let tls else { return }
    if tls.writeNeedsReading, sent < request.count { write() }
    while tls.hasMore, phase == .head || phase == .body { guard read() else { return } }
  }

  /// False when nothing came.
  private func read() -> Bool {
    guard let transport else { return false }
    let buffer = self.buffer ?? loop.buffers.take()
    self.buffer = buffer
    if buffer.room.isEmpty { buffer.grow(to: buffer.capacity * 2) }
    switch transport.read(into: buffer.room) {
    case .bytes(let count):
      hasAnswerBegun = true
      buffer.upper += count
      process(buffer)
      return true
    case .wouldBlock: if tls?.readNeedsWriting == true { setWriting(true) }
    case .closed: peerClosed(buffer)
    case .broken: broken()
    }
    return false
  }

  private func process(_ buffer: ReadBuffer) {
    if phase == .head {
      guard readHead(buffer) else { return }
    }
    readBody(buffer)
  }

  private func readHead(_ buffer: ReadBuffer) -> Bool {
    do throws(HeadParser.Fault) {
      guard try parser.advance(buffer.bytes) else { return false }
      // RFC 9110 §15.2: an interim answer is not the answer. 101 would be a protocol that nobody asked for.
      while parser.status < 200 {
        // All of them together may be as large as one head: a backend that sends nothing else would fill the memory.
        guard parser.status != 101, parser.end <= pool.limits.headBytesMaximum else { close(.broken); return false }
        noteAnnouncedBody(buffer)
        parser.reset(at: parser.end)
        guard try parser.advance(buffer.bytes) else { return false }
      }
    } catch {
      close(.broken)
      return false
    }
    phase = .body
    noteAnnouncedBody(buffer)
    switch parser.framing {
    case .length(let length):
      guard length <= pool.limits.answerBytesMaximum else { close(.tooLarge); return false }
    case .chunked: chunks = ChunkedDecoder(at: parser.end)
    case .none, .untilClose: break
    }
    return true
  }

  /// RFC 9112 §6.3: 1xx, 204 and 304 have no body, whatever they say. A backend that says otherwise may send one all the same. A
  /// 304 answers a condition, and none is ever sent.
  private func noteAnnouncedBody(_ buffer: ReadBuffer) {
    guard parser.framing == .none else { return }
    let length = parser.fields.first(.contentLength).map { buffer.bytes.slice($0).equals("0") } ?? true
    if !length || parser.fields.count(of: .transferEncoding) > 0 || parser.status == 304 { announcesMore = true }
  }

  private func readBody(_ buffer: ReadBuffer) {
    switch parser.framing {
    case .none: finish(buffer, body: parser.end..<parser.end, messageEnd: parser.end)
    case .length(let length):
      guard buffer.upper - parser.end >= length else { return }
      finish(buffer, body: parser.end..<parser.end + length, messageEnd: parser.end + length)
    case .chunked: readChunks(buffer)
    case .untilClose:
      guard buffer.upper - parser.end <= pool.limits.answerBytesMaximum else { close(.tooLarge); return }
    }
  }

  private func readChunks(_ buffer: ReadBuffer) {
    guard var chunks else { return }
    switch chunks.advance(buffer, bodyBytesMaximum: pool.limits.answerBytesMaximum) {
    case .complete: finish(buffer, body: parser.end..<chunks.written, messageEnd: chunks.read)
    case .needsMore:
      chunks.compact(buffer)
      self.chunks = chunks
    case .malformed: close(.broken)
    case .tooLarge: close(.tooLarge)
    }
  }

  /// The answer is complete: the call gets it, and the connection the next call.
  private func finish(_ buffer: ReadBuffer, body: Range<Int>, messageEnd: Int) {
    guard let call else { return }
    self.call = nil
    self.buffer = nil
    chunks = nil
    // What follows an answer that nobody asked for could be taken for the answer to the next call.
    let isClean =
      buffer.upper == messageEnd && sent == request.count && !announcesMore && parser.framing != .untilClose
      && parser.keepsConnection(buffer.bytes) && (tls?.hasMore != true || tls?.isStillQuiet == true)
    phase = .idle
    loop.timers.set(timer, at: loop.nowNanoseconds + UInt64(pool.limits.idleSecondsMaximum) * 1_000_000_000)
    isReused = true
    if !isClean { close(nil) }
    pool.answered(parser.status)
    call.answered(UpstreamAnswer(status: parser.status, bytes: buffer.bytes, fields: parser.fields, body: body))
    loop.buffers.give(buffer)
    if isClean, phase == .idle { pool.freed(self) }
  }

  private func peerClosed(_ buffer: ReadBuffer) {
    // RFC 9112 §8: only an answer without a length may end like this.
    guard phase == .body, parser.framing == .untilClose else { broken(); return }
    finish(buffer, body: parser.end..<buffer.upper, messageEnd: buffer.upper)
  }

  // MARK: Ends

  /// The connection broke in the middle of a call. A kept connection that the backend closed meanwhile, before a byte of the
  /// answer came, is no fault of the call: it goes to a new connection, when it may be sent twice.
  private func broken() {
    guard isReused, !hasAnswerBegun, let call, call.isRepeatable else { close(.broken); return }
    self.call = nil
    let pool = pool
    close(nil)
    pool.wentStale(call, attempt)
  }

  func becameDead() {
    switch phase {
    case .head, .body: becameReadable()
    case .idle: close(nil)
    case .connecting, .closed: break
    }
  }

  func timerFired(_ timer: LoopTimer) {
    switch phase {
    case .head, .body: close(.timedOut)
    case .idle: close(nil)
    // The dialer has a timer of its own.
    case .connecting, .closed: break
    }
  }

  /// Closes; the call that is under way fails.
  func close(_ failure: UpstreamFailure?) {
    guard phase != .closed else { return }
    let stage = stage
    phase = .closed
    loop.timers.cancel(timer)
    dialer?.cancel()
    dialer = nil
    dropTransport()
    let call = call
    self.call = nil
    if let buffer { loop.buffers.give(buffer) }
    buffer = nil
    let pool = pool
    pool.closed(self)
    if let failure, let call { pool.failed(call, failure, stage, attempt) }
  }

  /// How far the call has come.
  private var stage: UpstreamStage {
    if phase == .connecting { return .connecting }
    return hasAnswerBegun ? .answering : .waiting
  }

  private func dropTransport() {
    guard let transport else { return }
    loop.remove(transport.descriptor)
    transport.close()
    self.transport = nil
    tls = nil
  }
}

extension Transport {
  /// True when there is nothing to read, neither bytes nor an end.
  fileprivate var isSilent: Bool {
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) < 0
      && (errno == EAGAIN || errno == EWOULDBLOCK)
  }
}
