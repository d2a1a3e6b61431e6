import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// An upstream on loops of its own, before backends of the test's. Ends with the test.
final class TestUpstream {
  let loops: [EventLoop]
  let upstream: Upstream
  let notices = Notices()
  private let time: any TimeSource

  final class Notices: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
  }

  init(
    _ targets: [UpstreamSettings.Target], time: any TimeSource = SystemTime(), loops count: Int = 1,
    names: NameLookup = .forBackends, _ adjust: (inout UpstreamSettings) -> Void = { _ in }
  ) throws {
    var settings = UpstreamSettings(targets: targets)
    adjust(&settings)
    self.time = time
    loops = try (0..<count).map { try EventLoop(index: $0, time: time) }
    upstream = Upstream(name: "api", settings: settings, loops: loops, names: names) { [notices] in notices.add($0.text) }
    for loop in loops { loop.start() }
    settle()
  }

  convenience init(
    ports: [Int], time: any TimeSource = SystemTime(), loops count: Int = 1, _ adjust: (inout UpstreamSettings) -> Void = { _ in }
  ) throws {
    let targets = ports.map { UpstreamSettings.Target(UpstreamTarget(host: "127.0.0.1", port: $0)) }
    try self.init(targets, time: time, loops: count, adjust)
  }

  deinit {
    upstream.retire()
    settle()
    for loop in loops { loop.stop() }
  }

  /// Lets all loops turn, so that what was sent to them has come.
  func settle() { for _ in 0..<3 { for loop in loops { loop.settle() } } }

  func send(
    _ request: String = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n", seconds: Double = 30, isRepeatable: Bool = true, loop index: Int = 0
  ) -> TestCall {
    let call = TestCall(
      request, isRepeatable: isRepeatable, deadlineNanoseconds: time.monotonicNanoseconds() + UInt64(seconds * 1e9))
    let (upstream, loop) = (upstream, loops[index])
    loop.execute { upstream.send(call, on: loop) }
    return call
  }

  func result(isRepeatable: Bool = true) -> CallResult? { send(isRepeatable: isRepeatable).wait() }

  var states: [UpstreamTargetState] { upstream.snapshot().targets }
  var standings: [UpstreamTargetState.Standing] { states.map(\.standing) }

  func stand(_ expected: UpstreamTargetState.Standing...) -> Bool {
    defer { settle() }
    return eventually { standings == expected }
  }
}

/// A backend that can be told to die and to return on the same port, and what to answer.
final class MortalBackend: @unchecked Sendable {
  let port: Int
  private let host: String
  private let backend: Mutex<Backend?>
  let answer: Mutex<String>
  /// Requests that it got.
  let count = Mutex(0)
  private let connections = Mutex<[RawClient]>([])

  /// - Parameter host: where it listens; 0.0.0.0 for all addresses of this machine.
  init(_ answer: String = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", host: String = "127.0.0.1") throws {
    self.host = host
    self.answer = Mutex(answer)
    port = try Backend.unusedPort()
    backend = Mutex(nil)
    try rise()
  }

  deinit { die() }

  func rise() throws {
    // The port is free when the thread that accepted has let go of it.
    try #require(eventually { (try? listen()) != nil })
  }

  private func listen() throws {
    let made = try Backend(host: host, port: port) { [weak self] connection, _ in
      self?.connections.withLock { $0.append(connection) }
      while connection.readRequest() != nil {
        guard let self else { return }
        count.withLock { $0 += 1 }
        let answer = answer.withLock { $0 }
        guard !answer.isEmpty else { connection.close(); return }
        connection.send(answer)
      }
    }
    backend.withLock { $0 = made }
  }

  /// Nobody listens any more, and what was open is closed.
  func die() {
    backend.withLock { backend in
      backend?.stop()
      backend = nil
    }
    let open = connections.withLock { connections in
      defer { connections = [] }
      return connections
    }
    for connection in open { connection.finish() }
  }

  func say(_ status: String) { answer.withLock { $0 = "HTTP/1.1 \(status)\r\nContent-Length: 2\r\n\r\nok" } }
  /// Closes each connection after the request.
  func sayNothing() { answer.withLock { $0 = "" } }
  var requests: Int { count.withLock { $0 } }
}
