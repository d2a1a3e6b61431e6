import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// A handler made of functions, for one test. What it saw is read from the test's thread.
final class TestHandler: RequestHandler {
  typealias Answer = @Sendable (Exchange) -> Void

  private let onRequest: Answer
  private let onRejection: @Sendable (Exchange, HTTPRejection) -> Void
  private let bodyLimit: @Sendable (Exchange) -> Int?
  private let log = Mutex<[String]>([])
  private let rejectionLog = Mutex<[HTTPRejection]>([])

  init(
    bodyLimit: @escaping @Sendable (Exchange) -> Int? = { _ in nil },
    onRejection: @escaping @Sendable (Exchange, HTTPRejection) -> Void = { exchange, rejection in
      exchange.beginResponse(status: rejection.status)
      exchange.endResponse(body: Array(rejection.reason.utf8).span)
    },
    onRequest: @escaping Answer = TestHandler.echo
  ) {
    self.onRequest = onRequest
    self.onRejection = onRejection
    self.bodyLimit = bodyLimit
  }

  /// Method and target of every request that reached the handler.
  var requests: [String] { log.withLock { $0 } }
  var rejections: [HTTPRejection] { rejectionLog.withLock { $0 } }

  func bodyBytesMaximum(_ exchange: Exchange) -> Int? { bodyLimit(exchange) }

  func handle(_ exchange: Exchange) {
    let line = exchange.methodBytes.string() + " " + exchange.target.string()
    log.withLock { $0.append(line) }
    onRequest(exchange)
  }

  func reject(_ exchange: Exchange, _ rejection: HTTPRejection) {
    rejectionLog.withLock { $0.append(rejection) }
    onRejection(exchange, rejection)
  }

  /// Answers with the request's body, or with its target when there is none.
  static let echo: Answer = { exchange in
    exchange.beginResponse(status: 200)
    if exchange.hasBody { exchange.endResponse(body: exchange.body) } else { exchange.endResponse(body: exchange.target) }
  }
}

/// A real listener on 127.0.0.1 with its own loops. Ends with the test.
final class TestServer: Sendable {
  let group: EventLoopGroup
  let listener: Listener
  let handler: TestHandler

  init(
    _ handler: TestHandler = TestHandler(), loops: Int = 1, time: any TimeSource = SystemTime(),
    limits adjust: (inout ServerLimits) -> Void = { _ in }, tls: TLSServer? = nil
  ) throws {
    var limits = ServerLimits()
    adjust(&limits)
    self.handler = handler
    group = try EventLoopGroup(count: loops, time: time)
    listener = try Listener(address: "127.0.0.1", port: 0, group: group, handler: handler, limits: limits, tls: tls)
    group.start()
    listener.start()
  }

  deinit { group.stop() }

  /// - Parameter receiveBufferBytes: a small one makes the server's writes fall short.
  func connect(receiveBufferBytes: Int32? = nil) throws -> RawClient {
    let client = try RawClient(port: listener.port, receiveBufferBytes: receiveBufferBytes)
    client.server = self
    return client
  }

  /// Opens a connection, sends the bytes, and gives everything that comes until the server closes or stays silent.
  func exchange(_ text: String, closing: Bool = true) throws -> String {
    let client = try connect()
    client.send(text)
    if closing { client.finishSending() }
    return client.readToEnd()
  }

  /// Lets the loops see a clock that was moved by hand.
  func tick() {
    for loop in group.loops {
      // Two turns: the time is read at the beginning of a turn, and the timers fire at its end.
      for _ in 0..<2 { loop.settle() }
    }
  }
}

extension EventLoop {
  /// Waits until the loop has come to the end of a turn that began after this call.
  func settle() {
    let done = DispatchSemaphore(value: 0)
    execute { [self] in execute { done.signal() } }
    done.wait()
  }

  /// Runs something on the loop and waits for what it gives.
  func run<Result: Sendable>(_ work: @escaping @Sendable () -> Result) -> Result {
    let done = DispatchSemaphore(value: 0)
    let result = Mutex<Result?>(nil)
    execute {
      let value = work()
      result.withLock { $0 = value }
      done.signal()
    }
    done.wait()
    return result.withLock { $0! }
  }
}

/// A client that writes and reads bytes as they are. Reads give up after 30 seconds.
final class RawClient: @unchecked Sendable {
  private(set) var descriptor: Int32
  /// The server that it talks to goes on for as long as there is a client.
  fileprivate var server: TestServer?
  private var early: [UInt8] = []

  init(port: Int, receiveBufferBytes: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var timeout = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    if var receiveBufferBytes {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBufferBytes, socklen_t(MemoryLayout<Int32>.size))
    }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    let address = try #require(SocketAddress(ip: "127.0.0.1", port: port))
    guard address.withSystemAddress({ Glibc.connect(descriptor, $0, $1) }) == 0 else {
      let code = errno
      close()
      throw WireError.system("connect", code)
    }
  }

  init(descriptor: Int32) {
    self.descriptor = descriptor
    var timeout = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close() }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  /// Closes so that the peer gets a reset.
  func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  /// Ends both directions from another thread than the one that reads.
  func finish() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Tells the peer that nothing more comes; reading goes on.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// False when the peer does not take it.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  enum End { case closed, reset, silent }

  /// Why the last reading ended.
  private(set) var end = End.silent

  private func readSome() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &chunk, chunk.count, 0)
    if count > 0 { early += chunk[..<count] }
    if count == 0 { end = .closed }
    if count < 0 { end = errno == ECONNRESET ? .reset : .silent }
    return count > 0
  }

  /// Everything until the peer closes.
  func readToEnd() -> String {
    while readSome() {}
    defer { early = [] }
    return String(decoding: early, as: UTF8.self)
  }

  /// True when nothing has come within so many milliseconds, and the connection is still there.
  func isSilent(milliseconds: Int32) -> Bool {
    guard early.isEmpty else { return false }
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, milliseconds) == 0
  }

  /// Bytes up to and with the end mark; nil when the peer closes or is silent before.
  func read(until mark: String) -> String? {
    let mark = Array(mark.utf8)
    var from = 0
    while true {
      if early.count >= mark.count, from <= early.count - mark.count {
        for start in from...(early.count - mark.count) where early[start] == mark[0] {
          guard early[start..<start + mark.count].elementsEqual(mark) else { continue }
          defer { early.removeFirst(start + mark.count) }
          return String(decoding: early[..<(start + mark.count)], as: UTF8.self)
        }
        from = early.count - mark.count + 1
      }
      guard readSome() else { return nil }
    }
  }

  func read(count: Int) -> [UInt8]? {
    while early.count < count { guard readSome() else { return nil } }
    defer { early.removeFirst(count) }
    return Array(early[..<count])
  }

  /// One whole answer with a Content-Length; nil when the connection ends before.
  func readAnswer(toHead: Bool = false) -> RawMessage? {
    guard let head = read(until: "\r\n\r\n") else { return nil }
    var message = RawMessage(head: head)
    guard !toHead, let length = message.field("content-length").flatMap(Int.init) else { return message }
    guard let body = read(count: length) else { return nil }
    message.body = body
    return message
  }
}

/// A message on the wire, taken apart without the code under test.
struct RawMessage {
  var startLine: String
  var fields: [(name: String, value: String)]
  var body: [UInt8] = []

  init(head: String) {
    var lines = head.components(separatedBy: "\r\n")
    startLine = lines.removeFirst()
    fields = lines.compactMap { line in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
    }
  }

  var status: Int { Int(startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }
  var text: String { String(decoding: body, as: UTF8.self) }
  func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// Runs an async function on a loop of its own and waits for it: the threads of the test runner, which other tests hold, have no
/// part in it.
func onLoop<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
  let loop = try EventLoop(index: 0, time: SystemTime())
  let done = DispatchSemaphore(value: 0)
  let result = Mutex<Swift.Result<Result, any Error>?>(nil)
  loop.start()
  defer { loop.stop() }
  loop.spawn {
    do {
      let value = try await body()
      result.withLock { $0 = .success(value) }
    } catch {
      result.withLock { $0 = .failure(error) }
    }
    done.signal()
  }
  done.wait()
  return try result.withLock { try $0!.get() }
}

/// Waits until something holds; false after the time.
func eventually(seconds: Double = 30, _ condition: () -> Bool) -> Bool {
  let end = Date().addingTimeInterval(seconds)
  while Date() < end {
    if condition() { return true }
    usleep(2000)
  }
  return condition()
}

/// The same numbers for the same seed, so that a failure can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// The raw requests of `Tests/Fuzz/http`.
func corpus(file: String = #filePath) -> [(name: String, bytes: [UInt8])] {
  let folder = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fuzz/http")
  let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
  return files.sorted { $0.path < $1.path }.compactMap { file in
    guard file.pathExtension == "http" else { return nil }
    return (try? Data(contentsOf: file)).map { (file.lastPathComponent, Array($0)) }
  }
}

/// Something that async functions wait for, opened by the test from any thread.
final class AsyncGate: Sendable {
  private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  /// Waits without async, for at most 30 seconds; false when it was not opened.
  func isOpenSoon() -> Bool { eventually { state.withLock { $0.isOpen } } }

  func open() {
    let waiting = state.withLock { state in
      defer { state = (true, []) }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}
