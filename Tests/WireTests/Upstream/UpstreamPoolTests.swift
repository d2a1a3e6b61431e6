import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// Kept connections: used again when that is sound, and only then.
@Suite struct UpstreamPoolTests {
  private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

  @Test func oneConnectionServesManyCalls() throws {
    let pool = try TestPool()
    for _ in 0..<100 { #expect(pool.send().wait() == .ok("ok")) }
    #expect(pool.backend?.connectionCount == 1)
  }

  /// Its owner lets go of it: calls end, and then every connection does.
  @Test func aPoolThatDrainsEndsItsCallsAndThenItsConnections() throws {
    let (asked, release, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let pool = try TestPool { connection, number in
      defer { ended.signal() }
      while connection.readRequest() != nil {
        if number == 1 {
          asked.signal()
          release.wait()
        }
        connection.send(Self.ok)
      }
    }
    let (loop, inner) = (pool.loop, pool.pool)
    let one = TestCall("GET /a HTTP/1.1\r\nHost: b\r\n\r\n", isRepeatable: true, deadlineNanoseconds: .max)
    let two = TestCall("GET /b HTTP/1.1\r\nHost: b\r\n\r\n", isRepeatable: true, deadlineNanoseconds: .max)
    loop.execute {
      inner.send(one)
      inner.send(two)
    }
    #expect(one.wait() == .ok("ok"))
    asked.wait()
    loop.execute { inner.drain() }
    // The idle one ends at once, the other with its call.
    ended.wait()
    let late = TestCall("GET /c HTTP/1.1\r\nHost: b\r\n\r\n", isRepeatable: true, deadlineNanoseconds: .max)
    loop.execute { inner.send(late) }
    #expect(late.wait() == .ok("ok"))
    ended.wait()
    release.signal()
    #expect(two.wait() == .ok("ok"))
    ended.wait()
  }

  @Test func aCallFromWithinAnAnswerUsesTheSameOrAnotherConnection() throws {
    let pool = try TestPool()
    let second = TestCall("GET /b HTTP/1.1\r\nHost: b\r\n\r\n", isRepeatable: true, deadlineNanoseconds: .max)
    let first = TestCall("GET /a HTTP/1.1\r\nHost: b\r\n\r\n", isRepeatable: true, deadlineNanoseconds: .max)
    let inner = pool.pool
    first.afterwards = { inner.send(second) }
    pool.loop.execute { inner.send(first) }
    #expect(first.wait() == .ok("ok") && second.wait() == .ok("ok"))
    for _ in 0..<10 { #expect(pool.send().wait() == .ok("ok")) }
    #expect((pool.backend?.connectionCount ?? 0) <= 2)
  }

  /// Each of these ends an answer such that the next bytes could be mistaken, or the backend closes.
  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", false),
    ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false), ("HTTP/1.1 200 OK\r\n\r\nok", true),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", false),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx", false),
  ])
  func anUncleanConnectionIsNotUsedAgain(_ answer: String, _ closing: Bool) throws {
    let pool = try TestPool { connection, _ in
      while connection.readRequest() != nil {
        connection.send(answer)
        if closing { return }
      }
    }
    for _ in 0..<3 { #expect(pool.send().wait()?.body == "ok") }
    #expect(pool.backend?.connectionCount == 3)
  }

  @Test func anAnswerThatNobodyAskedForEndsAKeptConnection() throws {
    let (answered, forged) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let pool = try TestPool { connection, number in
      guard number == 0 else { return connection.answerAll(Self.ok) }
      _ = connection.readRequest()
      connection.send(Self.ok)
      answered.wait()
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
      forged.signal()
      _ = connection.readRequest()
    }
    #expect(pool.send().wait() == .ok("ok"))
    answered.signal()
    forged.wait()
    for _ in 0..<2 { pool.loop.settle() }
    #expect(pool.send().wait() == .ok("ok"))
    #expect(pool.backend?.connectionCount == 2)
  }

  /// The same when the loop is busy and has not seen them yet: the next call must not go where they wait.
  @Test(arguments: ["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", "HTTP/1.1 408 Request Timeout\r\n\r\n", ""])
  func whatWaitsUnreadOnAKeptConnectionAnswersNoCall(_ stray: String) throws {
    let (answered, forged) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let pool = try TestPool { connection, number in
      guard number == 0 else { return connection.answerAll(Self.ok) }
      _ = connection.readRequest()
      connection.send(Self.ok)
      answered.wait()
      connection.send(stray)
      if stray.isEmpty { connection.close() }
      forged.signal()
      if !stray.isEmpty { _ = connection.readRequest() }
    }
    #expect(pool.send().wait() == .ok("ok"))
    let call = TestCall("GET /b HTTP/1.1\r\nHost: b\r\n\r\n", isRepeatable: false, deadlineNanoseconds: .max)
    let inner = pool.pool
    pool.loop.execute {
      answered.signal()
      forged.wait()
      inner.send(call)
    }
    #expect(call.wait() == .ok("ok"))
    #expect(call.sentCount == 1 && pool.backend?.connectionCount == 2)
  }

  /// A body where there can be none comes later than the head, and would be the next call's answer.
  @Test(arguments: ["204 No Content\r\nContent-Length: 2", "204 No Content\r\nTransfer-Encoding: chunked", "304 Not Modified"])
  func anAnswerThatCannotHaveABodyButAnnouncesOneEndsItsConnection(_ head: String) throws {
    let pool = try TestPool { connection, _ in
      while connection.readRequest() != nil { connection.send("HTTP/1.1 \(head)\r\n\r\n") }
    }
    for _ in 0..<3 { #expect(pool.send().wait()?.body == "") }
    #expect(pool.backend?.connectionCount == 3)
  }

  @Test(arguments: [("204 No Content", 1), ("204 No Content\r\nContent-Length: 0", 1)])
  func anAnswerWithoutABodyKeepsItsConnection(_ head: String, _ connections: Int) throws {
    let pool = try TestPool { connection, _ in connection.answerAll("HTTP/1.1 \(head)\r\n\r\n") }
    for _ in 0..<3 { #expect(pool.send().wait()?.body == "") }
    #expect(pool.backend?.connectionCount == connections)
  }

  @Test func aHTTP10AnswerMayKeepItsConnection() throws {
    let pool = try TestPool { connection, _ in
      connection.answerAll("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
    }
    for _ in 0..<3 { #expect(pool.send().wait()?.body == "ok") }
    #expect(pool.backend?.connectionCount == 1)
  }

  // MARK: Dead kept connections

  /// The first connection serves one request, reads the next one, and closes without a word.
  private func forgetful() throws -> TestPool {
    try TestPool { connection, number in
      guard number == 0 else { return connection.answerAll(Self.ok) }
      _ = connection.readRequest()
      connection.send(Self.ok)
      _ = connection.readRequest()
    }
  }

  @Test func aCallThatMetADeadConnectionIsSentAgain_whenItMayBe() throws {
    let pool = try forgetful()
    #expect(pool.send().wait() == .ok("ok"))
    let call = pool.send(isRepeatable: true)
    #expect(call.wait() == .ok("ok"))
    #expect(call.sentCount == 2 && call.endCount == 1)
    #expect(pool.backend?.connectionCount == 2)
  }

  @Test func aCallThatMetADeadConnectionFails_whenItMayNotBeSentTwice() throws {
    let pool = try forgetful()
    #expect(pool.send().wait() == .ok("ok"))
    let call = pool.send(isRepeatable: false)
    #expect(call.wait() == .failed(.broken))
    #expect(call.sentCount == 1 && call.endCount == 1)
  }

  @Test func nothingIsSentAgainOnceAByteOfTheAnswerWasThere() throws {
    let pool = try TestPool { connection, _ in
      _ = connection.readRequest()
      connection.send(Self.ok)
      _ = connection.readRequest()
      connection.send("H")
    }
    #expect(pool.send().wait() == .ok("ok"))
    let call = pool.send(isRepeatable: true)
    #expect(call.wait() == .failed(.broken))
    #expect(call.sentCount == 1)
  }

  @Test func aFreshConnectionThatDiesIsNotTriedAgain() throws {
    let pool = try TestPool { connection, _ in _ = connection.readRequest() }
    let call = pool.send(isRepeatable: true)
    #expect(call.wait() == .failed(.broken))
    #expect(call.sentCount == 1 && pool.backend?.connectionCount == 1)
  }

  @Test(arguments: [true, false]) func aKeptConnectionThatTheBackendClosesIsForgotten(_ withReset: Bool) throws {
    let (answered, closed) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let pool = try TestPool { connection, _ in
      _ = connection.readRequest()
      connection.send(Self.ok)
      answered.wait()
      if withReset { connection.reset() } else { connection.close() }
      closed.signal()
    }
    for _ in 0..<5 {
      let call = pool.send(isRepeatable: false)
      #expect(call.wait() == .ok("ok"))
      answered.signal()
      closed.wait()
      for _ in 0..<2 { pool.loop.settle() }
    }
    #expect(pool.backend?.connectionCount == 5)
  }

  // MARK: Limits

  @Test func soManyConnections_theOthersWaitTheirTurn() throws {
    let open = Mutex((now: 0, most: 0))
    let pool = try TestPool(limits: { $0.connectionsMaximum = 3 }) { connection, _ in
      while connection.readRequest() != nil {
        open.withLock {
          $0.now += 1; $0.most = max($0.most, $0.now)
        }
        usleep(3000)
        open.withLock { $0.now -= 1 }
        connection.send(Self.ok)
      }
    }
    let calls = (0..<60).map { _ in pool.send() }
    for call in calls { #expect(call.wait() == .ok("ok")) }
    #expect(pool.backend?.connectionCount == 3)
    #expect(open.withLock { $0.most } <= 3)
  }

  @Test func soManyCallsMayWait() throws {
    let gate = DispatchSemaphore(value: 0)
    let pool = try TestPool(limits: {
      $0.connectionsMaximum = 1; $0.queueMaximum = 2
    }) { connection, _ in
      _ = connection.readRequest()
      gate.wait()
      connection.send(Self.ok)
      connection.answerAll(Self.ok)
    }
    let calls = (0..<4).map { _ in pool.send() }
    #expect(calls[3].wait() == .failed(.overloaded))
    gate.signal()
    for call in calls[..<3] { #expect(call.wait() == .ok("ok")) }
    #expect(calls[3].sentCount == 0)
  }

  @Test func soManyConnectionsAreKept() throws {
    let (arrived, awaited) = (Count(), Count())
    let pool = try TestPool(limits: { $0.idleConnectionsMaximum = 2 }) { connection, _ in
      while connection.readRequest() != nil {
        arrived.add(1)
        // All calls of a round are under way at the same time.
        _ = eventually { arrived.value >= awaited.value }
        connection.send(Self.ok)
      }
    }
    for (calls, connections) in [(5, 5), (2, 5), (3, 6)] {
      awaited.add(calls)
      for call in (0..<calls).map({ _ in pool.send() }) { #expect(call.wait() == .ok("ok")) }
      #expect(pool.backend?.connectionCount == connections)
      pool.loop.settle()
    }
  }

  private final class Count: Sendable {
    private let state = Mutex(0)
    var value: Int { state.withLock { $0 } }
    func add(_ count: Int) { state.withLock { $0 += count } }
  }

  @Test func aKeptConnectionIsClosedAfterItsTime() throws {
    let time = ManualTime()
    let ended = AsyncGate()
    let pool = try TestPool(time: time, limits: { $0.idleSecondsMaximum = 50 }) { connection, _ in
      connection.answerAll(Self.ok)
      ended.open()
    }
    #expect(pool.send().wait() == .ok("ok"))
    time.advance(seconds: 49.9)
    pool.loop.settle()
    #expect(pool.send().wait() == .ok("ok"))
    #expect(pool.backend?.connectionCount == 1)
    time.advance(seconds: 50.1)
    pool.loop.settle()
    pool.loop.settle()
    #expect(pool.send().wait() == .ok("ok"))
    #expect(pool.backend?.connectionCount == 2)
  }

  // MARK: Failures

  @Test func nobodyListens() throws {
    let pool = try TestPool(port: Backend.unusedPort())
    let call = pool.send()
    #expect(call.wait() == .failed(.unreachable))
    #expect(call.sentCount == 0)
  }

  @Test func aNameIsLookedUp_aNameThatIsNoneIsUnreachable() throws {
    let backend = try Backend { connection, _ in connection.answerAll(Self.ok) }
    let named = try TestPool(port: backend.port, host: "localhost")
    for call in (0..<5).map({ _ in named.send() }) { #expect(call.wait() == .ok("ok")) }
    let none = try TestPool(port: 80, host: "no..host")
    for call in (0..<3).map({ _ in none.send(seconds: 9) }) { #expect(call.wait() == .failed(.unreachable)) }
    backend.stop()
  }

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"])
  func anAnswerThatComesTooLate(_ beginning: String) throws {
    let time = ManualTime()
    let reached = DispatchSemaphore(value: 0)
    let pool = try TestPool(time: time) { connection, number in
      _ = connection.readRequest()
      guard number == 0 else { connection.send(Self.ok); return }
      connection.send(beginning)
      reached.signal()
      _ = connection.readRequest()
      connection.send(Self.ok)
    }
    let call = pool.send(seconds: 3)
    reached.wait()
    usleep(10_000)
    time.advance(seconds: 2.9)
    pool.loop.settle()
    pool.loop.settle()
    #expect(call.endCount == 0)
    time.advance(seconds: 0.2)
    pool.loop.settle()
    pool.loop.settle()
    #expect(call.wait() == .failed(.timedOut))
    #expect(call.endCount == 1)
    // What comes late must not be taken for the answer to the next call.
    #expect(pool.send().wait() == .ok("ok"))
    #expect(pool.backend?.connectionCount == 2)
  }

  @Test func aCallWhoseTimeIsUpIsNotSent() throws {
    let pool = try TestPool()
    let call = pool.send(seconds: 0)
    #expect(call.wait() == .failed(.timedOut))
    #expect(call.sentCount == 0)
  }

  /// A pool whose one connection is busy for as long as it takes, and a call that waits for it, for one second at most.
  private func waitingBehindAnother(_ time: ManualTime) throws -> (pool: TestPool, waiting: TestCall) {
    let reached = DispatchSemaphore(value: 0)
    let pool = try TestPool(time: time, limits: { $0.connectionsMaximum = 1 }) { connection, _ in
      _ = connection.readRequest()
      reached.signal()
      _ = connection.readRequest()
    }
    _ = pool.send(seconds: 100)
    reached.wait()
    let waiting = pool.send(seconds: 1)
    pool.loop.settle()
    return (pool, waiting)
  }

  @Test func aCallWhoseTimeEndsWhileItWaits() throws {
    let time = ManualTime()
    let (pool, waiting) = try waitingBehindAnother(time)
    time.advance(seconds: 2)
    pool.loop.settle()
    pool.loop.settle()
    #expect(waiting.wait() == .failed(.timedOut))
    #expect(waiting.sentCount == 0)
  }

  @Test func aCallWhoseTimeEndsWhileOthersKeepComing() throws {
    let time = ManualTime()
    let (pool, waiting) = try waitingBehindAnother(time)
    for _ in 0..<30 {
      time.advance(seconds: 0.05)
      _ = pool.send(seconds: 100)
      pool.loop.settle()
    }
    pool.loop.settle()
    #expect(waiting.endCount == 1)
    #expect(waiting.wait() == .failed(.timedOut))
    #expect(waiting.sentCount == 0)
  }

  /// A connection that comes free is not for the dead.
  @Test func aCallWhoseTimeIsUpIsNotSentWhenAConnectionComesFree() throws {
    let time = ManualTime()
    let (reached, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let pool = try TestPool(time: time, limits: { $0.connectionsMaximum = 1 }) { connection, _ in
      _ = connection.readRequest()
      reached.signal()
      gate.wait()
      connection.send(Self.ok)
      connection.answerAll(Self.ok)
    }
    let first = pool.send(seconds: 100)
    reached.wait()
    let dead = pool.send(seconds: 1)
    let alive = pool.send(seconds: 100)
    pool.loop.settle()
    // The loop is held until the time has passed and the answer is there: it sees both in one turn.
    let held = DispatchSemaphore(value: 0)
    pool.loop.execute { held.wait() }
    time.advance(seconds: 2)
    gate.signal()
    usleep(50_000)
    held.signal()
    #expect(first.wait() == .ok("ok"))
    #expect(dead.wait() == .failed(.timedOut))
    #expect(alive.wait() == .ok("ok"))
    #expect(dead.sentCount == 0 && pool.backend?.connectionCount == 1)
  }

  @Test func closingThePoolEndsAllCalls() throws {
    let pool = try TestPool(limits: { $0.connectionsMaximum = 1 }) { connection, _ in
      _ = connection.readRequest()
      _ = connection.readRequest()
    }
    let calls = (0..<3).map { _ in pool.send() }
    pool.loop.settle()
    let inner = pool.pool
    pool.loop.run { inner.close() }
    for call in calls {
      #expect(call.wait() == .failed(.unreachable))
      #expect(call.endCount == 1)
    }
    #expect(pool.send().wait() == .failed(.unreachable))
  }

  @Test func aLargeRequestArrivesWhole() throws {
    let body = String(repeating: "0123456789abcdef", count: 1 << 18)
    let pool = try TestPool { connection, _ in
      usleep(20_000)
      while let request = connection.readRequest() {
        let answer = "\(request.body.count) \(request.text == body)"
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(answer.utf8.count)\r\n\r\n\(answer)")
      }
    }
    for _ in 0..<2 {
      let call = pool.send("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
      #expect(call.wait() == .ok("\(body.utf8.count) true"))
    }
    #expect(pool.backend?.connectionCount == 1)
  }

  /// The backend has answered before it read everything: the rest must not stand before the next request.
  @Test func anAnswerBeforeTheRequestIsSentEndsTheConnection() throws {
    let answered = DispatchSemaphore(value: 0)
    let pool = try TestPool { connection, number in
      if number == 0 {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
        answered.wait()
      } else {
        connection.answerAll(Self.ok)
      }
    }
    let body = String(repeating: "x", count: 32 << 20)
    #expect(pool.send("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)").wait() == .ok("early"))
    answered.signal()
    #expect(pool.send().wait() == .ok("ok"))
    #expect(pool.backend?.connectionCount == 2)
  }

  @Test(arguments: [("b", 80, "b"), ("b", 8080, "b:8080"), ("::1", 8080, "[::1]:8080"), ("10.0.0.1", 80, "10.0.0.1")])
  func theAuthority(_ host: String, _ port: Int, _ expected: String) {
    #expect(UpstreamTarget(host: host, port: port).authority == expected)
  }
}
