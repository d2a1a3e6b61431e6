import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// Several targets: where calls go, when one goes out and comes back, and what is sent again.
@Suite struct UpstreamTests {
  private static let refused = CallResult.failed(.unreachable)

  // MARK: The choice

  @Test func callsSpreadOverAllTargets() throws {
    let backends = try (0..<3).map { _ in try MortalBackend() }
    let test = try TestUpstream(ports: backends.map(\.port), loops: 2)
    for number in 0..<120 { #expect(test.send(loop: number % 2).wait() == .ok("ok")) }
    #expect(backends.allSatisfy { $0.requests > 15 })
    let states = test.states
    #expect(states.reduce(0) { $0 + $1.callsAnswered } == 120)
    #expect(states.allSatisfy { $0.callsUnderWay == 0 && $0.callsFailed == 0 && $0.lastFault == nil })
  }

  @Test func weightsCount() throws {
    let backends = try (0..<2).map { _ in try MortalBackend() }
    let targets = [1, 9].enumerated().map {
      UpstreamSettings.Target(UpstreamTarget(host: "127.0.0.1", port: backends[$0.offset].port), weight: $0.element)
    }
    let test = try TestUpstream(targets)
    for _ in 0..<200 { #expect(test.result() == .ok("ok")) }
    #expect((2...60).contains(backends[0].requests), "\(backends[0].requests)")
  }

  @Test func aTargetThatIsBusyGetsLess() throws {
    let (gate, reached) = (AsyncGate(), DispatchSemaphore(value: 0))
    let slow = try Backend { connection, _ in
      while connection.readRequest() != nil {
        reached.signal()
        _ = gate.isOpenSoon()
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
      }
    }
    let quick = try MortalBackend()
    let test = try TestUpstream(ports: [slow.port, quick.port])
    var held: TestCall?
    while held == nil {
      let call = test.send()
      if reached.wait(timeout: .now() + 0.1) == .success { held = call } else { #expect(call.wait() == .ok("ok")) }
    }
    let before = quick.requests
    for _ in 0..<50 { #expect(test.result() == .ok("ok")) }
    #expect(quick.requests == before + 50 && slow.connectionCount == 1)
    gate.open()
    #expect(held?.wait() == .ok("slow"))
    slow.stop()
  }

  @Test func eachTargetIsCalledByItsOwnName() throws {
    let seen = Mutex<[String]>([])
    let backend = try Backend { connection, _ in
      while let request = connection.readRequest() {
        seen.withLock { $0.append(request.field("host") ?? "") }
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      }
    }
    let test = try TestUpstream(ports: [backend.port])
    let call = HostCall()
    let (upstream, loop) = (test.upstream, test.loops[0])
    loop.execute { upstream.send(call, on: loop) }
    #expect(call.done.wait(timeout: .now() + 30) == .success)
    #expect(seen.withLock { $0 } == ["127.0.0.1:\(backend.port)"])
    backend.stop()
  }

  private final class HostCall: UpstreamCall, @unchecked Sendable {
    let deadlineNanoseconds = UInt64.max
    let isRepeatable = true
    let done = DispatchSemaphore(value: 0)
    func appendRequest(to output: inout [UInt8], authority: [UInt8]) {
      output += Array("GET / HTTP/1.1\r\nHost: ".utf8) + authority + Array("\r\n\r\n".utf8)
    }
    func answered(_ answer: borrowing UpstreamAnswer) { done.signal() }
    func failed(_ failure: UpstreamFailure) { done.signal() }
  }

  // MARK: A target dies and returns

  @Test func aTargetThatRefusesGoesOut_andNoCallFails() throws {
    let alive = try MortalBackend()
    let test = try TestUpstream(ports: [Backend.unusedPort(), alive.port])
    for _ in 0..<60 {
      // Nothing was sent, so that what may not be repeated goes elsewhere too.
      #expect(test.result(isRepeatable: false) == .ok("ok"))
    }
    #expect(test.stand(.ejected, .healthy))
    let dead = test.states[0]
    #expect(dead.callsFailed == 3 && dead.callsRetried == 3 && dead.ejections == 1 && dead.lastFault == "no connection")
    #expect(test.notices.all == ["upstream api: \(dead.target) is out: no connection"])
  }

  @Test func theOnlyTargetFailsFastWhenItIsOut_andComesBack() throws {
    let backend = try MortalBackend()
    let test = try TestUpstream(ports: [backend.port]) { $0.health.ejectedMilliseconds = 200 }
    #expect(test.result() == .ok("ok"))
    backend.die()
    #expect(eventually { test.states[0].openConnections == 0 })
    var results: [CallResult?] = []
    repeat { results.append(test.result()) } while results.last != .failed(.ejected) && results.count < 50
    #expect(results == [Self.refused, Self.refused, Self.refused, .failed(.ejected)])
    #expect((1...2).contains(test.upstream.retryAfterSeconds(at: SystemTime().monotonicNanoseconds())))
    try backend.rise()
    #expect(test.stand(.probing))
    #expect(test.result(isRepeatable: false) == .ok("ok"))
    #expect(test.stand(.healthy))
    #expect(test.notices.all.map { $0.contains(" is out: ") } == [true, false])
    #expect(test.notices.all.last?.hasSuffix(" is back") == true)
  }

  /// It is tried with connections of the gateway's own, and no call is spent on it.
  @Test func aTargetThatStaysDeadCostsNoMoreCalls() throws {
    let alive = try MortalBackend()
    let test = try TestUpstream(ports: [Backend.unusedPort(), alive.port]) { $0.health.ejectedMilliseconds = 20 }
    let end = Date().addingTimeInterval(0.5)
    while Date() < end { #expect(test.result() == .ok("ok")) }
    let dead = test.states[0]
    #expect(dead.callsFailed == 3 && dead.ejections == 1 && dead.standing == .ejected)
  }

  @Test func answersOf5xxTakeOutOneOfTwo_andNeverTheLast() throws {
    let backends = try (0..<2).map { _ in try MortalBackend() }
    let test = try TestUpstream(ports: backends.map(\.port)) {
      $0.health.answerFaultsMaximum = 5
      $0.health.ejectedMilliseconds = 60_000
    }
    backends[0].say("503 Service Unavailable")
    for _ in 0..<100 { _ = test.result() }
    #expect(test.stand(.ejected, .healthy))
    #expect(test.states[0].lastFault == "status 503")
    backends[1].say("500 Internal Server Error")
    for _ in 0..<100 { #expect(test.result() == .answered(status: 500, body: "ok", fields: [])) }
    #expect(test.stand(.ejected, .healthy))
  }

  @Test func aTargetThatSaysNothingGoesOut_andNeverTheLast() throws {
    let backends = try (0..<2).map { _ in try MortalBackend() }
    backends[0].sayNothing()
    let test = try TestUpstream(ports: backends.map(\.port)) {
      $0.health.answerFaultsMaximum = 4
      $0.health.ejectedMilliseconds = 60_000
    }
    for _ in 0..<60 { _ = test.result(isRepeatable: false) }
    #expect(test.stand(.ejected, .healthy))
    #expect(backends[0].requests == 4 && test.states[0].lastFault == "a broken answer")
    backends[1].sayNothing()
    for _ in 0..<20 { #expect(test.result() == .failed(.broken)) }
    #expect(test.stand(.ejected, .healthy))
  }

  /// What a client can bring about with calls for what a backend stumbles over: the others are served.
  @Test func callsThatTakeTooLongDoNotShutAnAPIForOthers() throws {
    let time = ManualTime()
    let backend = try Backend { connection, _ in
      while let request = connection.readRequest() {
        if !request.startLine.contains("slow") { connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") }
      }
    }
    let test = try TestUpstream(ports: [backend.port], time: time) { $0.health.answerFaultsMaximum = 3 }
    let calls = (0..<20).map { _ in test.send("GET /slow HTTP/1.1\r\nHost: b\r\n\r\n", seconds: 1) }
    #expect(eventually { backend.connectionCount == 20 && test.states[0].callsUnderWay == 20 })
    test.settle()
    time.advance(seconds: 1.1)
    test.settle()
    for call in calls { #expect(call.wait() == .failed(.timedOut)) }
    #expect(test.states[0].lastFault == "no answer in time")
    #expect(test.result() == .ok("ok") && test.standings == [.healthy])
    backend.stop()
  }

  /// Many calls in line before a slow target would make it a dead one.
  @Test func aCallThatHasWaitedAndIsLateIsNoFaultOfItsTarget() throws {
    let time = ManualTime()
    let backend = try Backend { connection, _ in while connection.readRequest() != nil {} }
    let test = try TestUpstream(ports: [backend.port], time: time) {
      $0.limits.connectionsMaximum = 1
      $0.limits.queueMilliseconds = 30_000
    }
    let first = test.send(seconds: 1)
    #expect(eventually { backend.connectionCount == 1 })
    let second = test.send(seconds: 1.5)
    #expect(eventually { test.upstream.snapshot().waitingCalls == 1 })
    test.settle()
    time.advance(seconds: 1.1)
    test.settle()
    #expect(first.wait() == .failed(.timedOut))
    #expect(eventually { backend.connectionCount == 2 && second.sentCount == 1 })
    test.settle()
    time.advance(seconds: 0.5)
    test.settle()
    #expect(second.wait() == .failed(.timedOut))
    #expect(test.upstream.state.withLock { $0.members[0].breaker.answerFaults } == 1)
    let third = test.send(seconds: 1)
    #expect(eventually { backend.connectionCount == 3 && third.sentCount == 1 })
    test.settle()
    time.advance(seconds: 1.1)
    test.settle()
    #expect(third.wait() == .failed(.timedOut))
    #expect(test.upstream.state.withLock { $0.members[0].breaker.answerFaults } == 2)
    backend.stop()
  }

  /// While one call tries a target whose time is over, the others stay away from it.
  @Test func oneCallAtATimeTriesATargetThatWasOut() throws {
    let (gate, reached) = (AsyncGate(), DispatchSemaphore(value: 0))
    let backend = try Backend { connection, number in
      // The first is the connection that is tried before any call.
      guard number > 0 else { return }
      while connection.readRequest() != nil {
        reached.signal()
        _ = gate.isOpenSoon()
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      }
    }
    let test = try TestUpstream(ports: [backend.port]) {
      $0.health.connectFaultsMaximum = 1
      $0.health.ejectedMilliseconds = 10
    }
    let endpoint = test.upstream.state.withLock { $0.members[0].endpoint }
    test.upstream.met(.noConnection, endpoint, "a test", at: SystemTime().monotonicNanoseconds())
    #expect(test.stand(.probing))
    let trial = test.send()
    reached.wait()
    for _ in 0..<3 { #expect(test.result() == .failed(.ejected)) }
    gate.open()
    #expect(trial.wait() == .ok("ok"))
    #expect(test.stand(.healthy))
    #expect(test.result() == .ok("ok"))
    backend.stop()
  }

  /// One of two is enough: what tries and answers badly stays out.
  @Test func aTrialThatIsAnsweredBadlyKeepsItsTargetOut() throws {
    let backends = try (0..<2).map { _ in try MortalBackend() }
    backends[0].say("503 Service Unavailable")
    let test = try TestUpstream(ports: backends.map(\.port)) {
      $0.health.connectFaultsMaximum = 1
      $0.health.ejectedMilliseconds = 10
      $0.health.ejectedMillisecondsMaximum = 3_600_000
    }
    let endpoint = test.upstream.state.withLock { $0.members[0].endpoint }
    test.upstream.met(.noConnection, endpoint, "a test", at: SystemTime().monotonicNanoseconds())
    #expect(test.stand(.probing, .healthy))
    for _ in 0..<10 { _ = test.result() }
    #expect(backends[0].requests >= 1 && test.standings[0] != .healthy)
  }

  @Test func aTargetThatCameBackBeginsWithLittle() throws {
    let time = ManualTime()
    let backends = try (0..<2).map { _ in try MortalBackend() }
    let test = try TestUpstream(ports: backends.map(\.port), time: time) { $0.slowStartSeconds = 100 }
    let endpoint = test.upstream.state.withLock { $0.members[0].endpoint }
    for _ in 0..<3 { test.upstream.met(.noConnection, endpoint, "a test", at: time.monotonicNanoseconds()) }
    test.settle()
    time.advance(seconds: 2)
    #expect(test.stand(.probing, .healthy))
    #expect(test.result() == .ok("ok"))
    #expect(test.stand(.healthy, .healthy))
    let begin = backends[0].requests
    for _ in 0..<200 { _ = test.result() }
    let little = backends[0].requests - begin
    #expect((1...50).contains(little), "\(little)")
    time.advance(seconds: 100)
    for _ in 0..<200 { _ = test.result() }
    #expect(backends[0].requests - begin - little > 60)
  }

  // MARK: What is sent again

  @Test(arguments: [true, false]) func aCallWithoutAnAnswerGoesElsewhere_whenItMayBeRepeated(_ isRepeatable: Bool) throws {
    let backends = try (0..<2).map { _ in try MortalBackend() }
    backends[0].sayNothing()
    let test = try TestUpstream(ports: backends.map(\.port))
    var results: [CallResult?] = []
    repeat { results.append(test.result(isRepeatable: isRepeatable)) } while backends[0].requests == 0 && results.count < 100
    #expect(results.last == (isRepeatable ? .ok("ok") : .failed(.broken)))
    #expect(backends[0].requests == 1 && test.states[0].callsRetried == (isRepeatable ? 1 : 0))
    #expect(backends[1].requests == (isRepeatable ? results.count : results.count - 1))
  }

  @Test func nothingIsSentAgainOnceAByteOfAnAnswerWasThere() throws {
    let backends = try (0..<2).map { _ in try MortalBackend() }
    for backend in backends { backend.answer.withLock { $0 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\nX" } }
    let test = try TestUpstream(ports: backends.map(\.port))
    let call = test.send()
    #expect(eventually { backends.contains { $0.requests == 1 } })
    // The head is cut in the middle of a line.
    usleep(20_000)
    for backend in backends { backend.die() }
    #expect(call.wait() == .failed(.broken))
    #expect(call.sentCount == 1)
  }

  @Test func soManyCallsAreSentAgainAndNoMore() throws {
    let backends = try (0..<2).map { _ in try MortalBackend() }
    for backend in backends { backend.sayNothing() }
    let test = try TestUpstream(ports: backends.map(\.port)) {
      $0.health.answerFaultsMaximum = 1_000_000
      $0.retries.burst = 5
      $0.retries.percent = 10
    }
    for _ in 0..<100 { #expect(test.result() == .failed(.broken)) }
    let retried = test.states.reduce(0) { $0 + $1.callsRetried }
    #expect((14...15).contains(retried))
    #expect(backends[0].requests + backends[1].requests == 100 + retried)
  }

  @Test func oneCallIsSentSoOftenAndNoMore() throws {
    let backends = try (0..<4).map { _ in try MortalBackend() }
    for backend in backends { backend.sayNothing() }
    let test = try TestUpstream(ports: backends.map(\.port)) { $0.retries.perCallMaximum = 2 }
    let call = test.send()
    #expect(call.wait() == .failed(.broken))
    #expect(call.sentCount == 3 && call.endCount == 1)
  }

  // MARK: The line

  @Test func waitingCallsGoToWhicheverTargetIsFree_inOrder() throws {
    let orders = Mutex<[[Int]]>([[], []])
    let gate = AsyncGate()
    let backends = try (0..<2).map { index in
      try Backend { connection, _ in
        while let request = connection.readRequest() {
          let number = Int(request.startLine.split(separator: " ")[1].dropFirst())!
          orders.withLock { $0[index].append(number) }
          _ = gate.isOpenSoon()
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
      }
    }
    let test = try TestUpstream(ports: backends.map(\.port)) {
      $0.limits.connectionsMaximum = 1
      $0.limits.queueMilliseconds = 30_000
    }
    let calls = (0..<12).map { test.send("GET /\($0) HTTP/1.1\r\nHost: b\r\n\r\n") }
    #expect(eventually { test.upstream.snapshot().waitingCalls == 10 })
    gate.open()
    for call in calls { #expect(call.wait() == .ok("ok")) }
    #expect(test.upstream.snapshot().waitingCalls == 0)
    // Which of the two is faster is chance; what each gets is the first that waits.
    let gotten = orders.withLock { $0 }
    #expect(gotten.allSatisfy { $0 == $0.sorted() && !$0.isEmpty } && gotten.joined().sorted() == Array(0..<12), "\(gotten)")
    #expect(backends.allSatisfy { $0.connectionCount == 1 })
    for backend in backends { backend.stop() }
  }

  @Test func aCallWaitsSoLongForAConnection() throws {
    let time = ManualTime()
    let backend = try Backend { connection, _ in while connection.readRequest() != nil {} }
    let test = try TestUpstream(ports: [backend.port], time: time) {
      $0.limits.connectionsMaximum = 1
      $0.limits.queueMilliseconds = 500
    }
    _ = test.send(seconds: 100)
    let waiting = test.send(seconds: 100)
    let hasty = test.send(seconds: 0.2)
    #expect(eventually { test.upstream.snapshot().waitingCalls == 2 })
    test.settle()
    time.advance(seconds: 0.3)
    test.settle()
    #expect(hasty.wait() == .failed(.timedOut))
    #expect(waiting.endCount == 0)
    time.advance(seconds: 0.3)
    test.settle()
    #expect(waiting.wait() == .failed(.overloaded))
    #expect(waiting.sentCount == 0)
    backend.stop()
  }

  @Test func whoWaitsWhenTheLastTargetGoesOutIsTold() throws {
    let backend = try Backend { connection, _ in while connection.readRequest() != nil {} }
    let test = try TestUpstream(ports: [backend.port]) {
      $0.limits.connectionsMaximum = 1
      $0.limits.queueMilliseconds = 30_000
    }
    _ = test.send()
    let waiting = test.send()
    #expect(eventually { test.upstream.snapshot().waitingCalls == 1 })
    let endpoint = test.upstream.state.withLock { $0.members[0].endpoint }
    for _ in 0..<3 { test.upstream.met(.noConnection, endpoint, "a test", at: SystemTime().monotonicNanoseconds()) }
    #expect(waiting.wait() == .failed(.ejected))
    backend.stop()
  }

  // MARK: Its end

  @Test func aRetiredUpstreamEndsItsCallsAndThenItsConnections() throws {
    let gate = AsyncGate()
    let backend = try Backend { connection, _ in
      while connection.readRequest() != nil {
        _ = gate.isOpenSoon()
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      }
    }
    let test = try TestUpstream(ports: [backend.port])
    let call = test.send()
    #expect(eventually { test.states[0].callsUnderWay == 1 })
    test.upstream.retire()
    test.settle()
    #expect(call.endCount == 0)
    let late = test.send()
    gate.open()
    #expect(call.wait() == .ok("ok") && late.wait() == .ok("ok"))
    #expect(eventually { test.states[0].openConnections == 0 })
    backend.stop()
  }

  /// A retired upstream that nobody holds goes, and with it what it held.
  @Test func aRetiredUpstreamIsLetGo() throws {
    let backend = try MortalBackend()
    let loop = try EventLoop(index: 0, time: SystemTime())
    loop.start()
    weak var gone: Upstream?
    do {
      let settings = UpstreamSettings(targets: [.init(UpstreamTarget(host: "127.0.0.1", port: backend.port))])
      let upstream = Upstream(name: "api", settings: settings, loops: [loop])
      gone = upstream
      let call = TestCall("GET / HTTP/1.1\r\nHost: b\r\n\r\n", isRepeatable: true, deadlineNanoseconds: .max)
      loop.execute { upstream.send(call, on: loop) }
      #expect(call.wait() == .ok("ok"))
      upstream.retire()
    }
    #expect(
      eventually {
        loop.settle()
        return gone == nil
      })
    loop.stop()
  }
}
