import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// A backend that does on each connection what the test says, on a thread of its own. Its connections are numbered from 0.
final class Backend: @unchecked Sendable {
  typealias Script = @Sendable (_ connection: RawClient, _ number: Int) -> Void

  let port: Int
  private let descriptor: Int32
  private let count = Mutex(0)

  init(host: String = "127.0.0.1", port: Int = 0, _ script: @escaping Script) throws {
    descriptor = try Self.listen(host, port)
    self.port = Self.port(of: descriptor)
    let thread = Thread { [descriptor, self] in
      while true {
        let accepted = accept(descriptor, nil, nil)
        guard accepted >= 0 else { Glibc.close(descriptor); return }
        let number = count.withLock { count in
          defer { count += 1 }
          return count
        }
        Thread { script(RawClient(descriptor: accepted), number) }.start()
      }
    }
    thread.start()
  }

  /// Ends listening; its thread holds on to it until then.
  func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Connections that it has accepted.
  var connectionCount: Int { count.withLock { $0 } }

  private static func listen(_ host: String = "127.0.0.1", _ port: Int = 0) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    let address = try #require(SocketAddress(ip: host, port: port))
    try #require(address.withSystemAddress { bind(descriptor, $0, $1) } == 0)
    try #require(Glibc.listen(descriptor, 128) == 0)
    return descriptor
  }

  private static func port(of descriptor: Int32) -> Int {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return SocketAddress(storage: storage).port
  }

  /// A port on which nobody listens.
  static func unusedPort() throws -> Int {
    let descriptor = try listen()
    defer { Glibc.close(descriptor) }
    return port(of: descriptor)
  }
}

extension RawClient {
  /// One request with a Content-Length or none; nil when the peer closes before.
  func readRequest() -> RawMessage? {
    guard let head = read(until: "\r\n\r\n") else { return nil }
    var message = RawMessage(head: head)
    guard let length = message.field("content-length").flatMap(Int.init) else { return message }
    guard let body = read(count: length) else { return nil }
    message.body = body
    return message
  }

  /// Answers each request with the same bytes until the peer closes.
  func answerAll(_ answer: String) { while readRequest() != nil { send(answer) } }
}

/// What became of a call, with the answer copied.
enum CallResult: Equatable {
  case answered(status: Int, body: String, fields: [String])
  case failed(UpstreamFailure)

  var body: String? {
    guard case .answered(_, let body, _) = self else { return nil }
    return body
  }

  static func ok(_ body: String) -> CallResult { .answered(status: 200, body: body, fields: []) }
}

/// One call of a test. Confined to its loop; the result is read through `wait`.
final class TestCall: UpstreamCall, @unchecked Sendable {
  let deadlineNanoseconds: UInt64
  let isRepeatable: Bool
  private let request: [UInt8]
  private let results = Mutex<[CallResult]>([])
  private let done = DispatchSemaphore(value: 0)
  private let appended = Atomic<Int>(0)
  var afterwards: @Sendable () -> Void = {}

  init(_ request: String, isRepeatable: Bool, deadlineNanoseconds: UInt64) {
    self.request = Array(request.utf8)
    self.isRepeatable = isRepeatable
    self.deadlineNanoseconds = deadlineNanoseconds
  }

  func appendRequest(to output: inout [UInt8], authority: [UInt8]) {
    appended.add(1, ordering: .relaxed)
    output += request
  }

  func answered(_ answer: borrowing UpstreamAnswer) {
    var fields: [String] = []
    for index in 0..<answer.fieldCount {
      fields.append(answer.fieldName(index).string() + "=" + answer.fieldValue(index).string())
    }
    fields.removeAll { $0.lowercased().hasPrefix("content-length=") || $0.lowercased().hasPrefix("transfer-encoding=") }
    end(.answered(status: answer.status, body: answer.body.string(), fields: fields))
  }

  func failed(_ failure: UpstreamFailure) { end(.failed(failure)) }

  private func end(_ result: CallResult) {
    results.withLock { $0.append(result) }
    afterwards()
    done.signal()
  }

  /// What became of it; nil after 60 seconds without.
  func wait() -> CallResult? { done.wait(timeout: .now() + 60) == .success ? results.withLock { $0.last } : nil }

  /// How often it was told of an end: must be once.
  var endCount: Int { results.withLock { $0.count } }
  /// How often it was sent.
  var sentCount: Int { appended.load(ordering: .relaxed) }
}

/// A pool on a loop of its own, and one backend. Ends with the test.
final class TestPool {
  let loop: EventLoop
  let pool: UpstreamPool
  let backend: Backend?
  private let time: any TimeSource

  init(
    port: Int? = nil, host: String = "127.0.0.1", tls: TLSClientContext? = nil, time: any TimeSource = SystemTime(),
    limits adjust: (inout UpstreamLimits) -> Void = { _ in },
    _ script: @escaping Backend.Script
  ) throws {
    var limits = UpstreamLimits()
    adjust(&limits)
    backend = port == nil ? try Backend(script) : nil
    loop = try EventLoop(index: 0, time: time)
    let plain = UpstreamTarget(host: host, port: port ?? backend!.port)
    let target = tls.map { UpstreamTarget(host: host, port: plain.port, tls: $0) } ?? plain
    pool = UpstreamPool(loop: loop, target: target, limits: limits)
    self.time = time
    loop.start()
  }

  /// A backend that answers every request with `ok`; none when there is a port.
  convenience init(port: Int? = nil, host: String = "127.0.0.1") throws {
    try self.init(port: port, host: host) { connection, _ in
      connection.answerAll("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }
  }

  deinit {
    let pool = pool
    loop.run { pool.close() }
    loop.settle()
    loop.stop()
    backend?.stop()
  }

  /// Sends a call; `wait` on it gives what became of it.
  func send(
    _ request: String = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n", seconds: Double = 30, isRepeatable: Bool = true
  ) -> TestCall {
    let deadline = time.monotonicNanoseconds() + UInt64(seconds * 1e9)
    let call = TestCall(request, isRepeatable: isRepeatable, deadlineNanoseconds: deadline)
    let pool = pool
    loop.execute { pool.send(call) }
    return call
  }

  /// Sends one call and waits for what becomes of it.
  func outcome() -> CallResult? { withExtendedLifetime(self) { send().wait() } }
}
