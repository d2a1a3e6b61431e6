import Bytes
import Dispatch
import Foundation
import Synchronization
import Testing

@testable import Wire

/// The thread, its queue, its tasks and its hooks.
@Suite struct EventLoopTests {
  private func withLoop(time: any TimeSource = SystemTime(), _ body: (EventLoop) throws -> Void) throws {
    let loop = try EventLoop(index: 0, time: time)
    loop.start()
    try body(loop)
    loop.stop()
  }

  @Test func workRunsOnTheLoop_inItsOrder() throws {
    try withLoop { loop in
      #expect(EventLoop.current == nil && !loop.isCurrent)
      let seen = Mutex<[Int]>([])
      for number in 0..<1000 {
        loop.execute { seen.withLock { $0.append(loop.isCurrent && EventLoop.current === loop ? number : -1) } }
      }
      loop.settle()
      #expect(seen.withLock { $0 } == Array(0..<1000))
    }
  }

  @Test func workFromManyThreadsAllRuns() throws {
    try withLoop { loop in
      let count = Atomic<Int>(0)
      DispatchQueue.concurrentPerform(iterations: 4) { _ in
        for _ in 0..<5000 { loop.execute { count.add(1, ordering: .relaxed) } }
      }
      loop.settle()
      #expect(count.load(ordering: .relaxed) == 20_000)
    }
  }

  @Test func workThatIsSentBeforeTheEndStillRuns() throws {
    let loop = try EventLoop(index: 0, time: SystemTime())
    let count = Atomic<Int>(0)
    for _ in 0..<100 { loop.execute { count.add(1, ordering: .relaxed) } }
    loop.start()
    loop.stop()
    #expect(count.load(ordering: .relaxed) == 100)
    loop.stop()
  }

  /// However a task comes back from where it waited, it goes on on its loop.
  @Test func aTaskBeginsAndResumesOnTheLoop() throws {
    try withLoop { loop in
      let done = AsyncGate()
      let places = Places(loop)
      let note: @Sendable () -> Void = { places.note() }
      loop.spawn {
        note()
        await Task.yield()
        note()
        try? await Task.sleep(for: .milliseconds(5))
        note()
        await withCheckedContinuation { continuation in
          DispatchQueue.global().async { continuation.resume() }
        }
        note()
        await Self.inner(note)
        note()
        async let one: Void = note()
        async let two: Void = note()
        _ = await (one, two)
        await withTaskGroup(of: Void.self) { group in
          for _ in 0..<3 { group.addTask { note() } }
        }
        note()
        done.open()
      }
      #expect(done.isOpenSoon())
      let seen = places.seen
      #expect(seen.count == 12 && seen.allSatisfy { $0 })
    }
  }

  /// Where something ran: true for on the loop.
  private final class Places: Sendable {
    private let loop: EventLoop
    private let list = Mutex<[Bool]>([])
    init(_ loop: EventLoop) { self.loop = loop }
    func note() { list.withLock { $0.append(loop.isCurrent) } }
    var seen: [Bool] { list.withLock { $0 } }
  }

  private static func inner(_ note: @Sendable () -> Void) async {
    note()
    await Task.yield()
  }

  @Test func tasksOfTwoLoopsWaitForEachOther() throws {
    try withLoop { first in
      try withLoop { second in
        let (ping, pong, done) = (AsyncGate(), AsyncGate(), AsyncGate())
        let wrong = Atomic<Int>(0)
        first.spawn {
          await ping.wait()
          if !first.isCurrent { wrong.add(1, ordering: .relaxed) }
          pong.open()
        }
        second.spawn {
          ping.open()
          await pong.wait()
          if !second.isCurrent { wrong.add(1, ordering: .relaxed) }
          done.open()
        }
        #expect(done.isOpenSoon())
        #expect(wrong.load(ordering: .relaxed) == 0)
      }
    }
  }

  @Test func anAsyncHandlerRunsOnTheLoopOfItsConnection() throws {
    let handler = TestHandler(onRequest: { exchange in
      exchange.answer { request in
        let before = request.loop.isCurrent
        try? await Task.sleep(for: .milliseconds(1))
        return HTTPResponse(status: before && request.loop.isCurrent ? 200 : 500, body: Array("\(request.loop.index)".utf8))
      }
    })
    let server = try TestServer(handler, loops: 2)
    var indices: Set<String> = []
    for _ in 0..<8 {
      let client = try server.connect()
      for _ in 0..<5 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = try #require(client.readAnswer())
        #expect(answer.status == 200)
        indices.insert(answer.text)
      }
    }
    #expect(indices == ["0", "1"])
  }

  @Test func hooksRunAfterAWake_andManyWakesMayCountAsOne() throws {
    let loop = try EventLoop(index: 0, time: SystemTime())
    let count = Atomic<Int>(0)
    let elsewhere = Atomic<Int>(0)
    loop.onWake { [unowned loop] in
      if loop.isCurrent { count.add(1, ordering: .relaxed) } else { elsewhere.add(1, ordering: .relaxed) }
    }
    loop.start()
    loop.wake()
    #expect(eventually { count.load(ordering: .relaxed) == 1 })
    DispatchQueue.concurrentPerform(iterations: 4) { _ in for _ in 0..<10_000 { loop.wake() } }
    let before = count.load(ordering: .relaxed)
    loop.wake()
    #expect(eventually { count.load(ordering: .relaxed) > before })
    #expect(count.load(ordering: .relaxed) <= 40_002 && elsewhere.load(ordering: .relaxed) == 0)
    loop.stop()
  }

  @Test func anIdleLoopCostsNoProcessorTime() throws {
    try withLoop { loop in
      loop.settle()
      func used() -> Double {
        loop.run {
          var time = timespec()
          clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
          return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
      }
      loop.run { loop.timers.set(Self.farTimer, at: loop.nowNanoseconds + 3_600_000_000_000) }
      let before = used()
      usleep(200_000)
      #expect(used() - before < 0.02)
      loop.run { loop.timers.cancel(Self.farTimer) }
    }
  }

  private final class Nobody: TimerTarget { func timerFired(_ timer: LoopTimer) {} }
  private nonisolated(unsafe) static let nobody = Nobody()
  private nonisolated(unsafe) static let farTimer = LoopTimer(nobody)

  /// The real clock: a timer comes neither early nor much too late.
  @Test func aTimerFiresInTime() throws {
    final class Target: TimerTarget, @unchecked Sendable {
      let fired = DispatchSemaphore(value: 0)
      var firedNanoseconds: UInt64 = 0
      lazy var timer = LoopTimer(self)

      func timerFired(_ timer: LoopTimer) {
        firedNanoseconds = SystemTime().monotonicNanoseconds()
        fired.signal()
      }
    }
    try withLoop { loop in
      let target = Target()
      let start = SystemTime().monotonicNanoseconds()
      loop.execute { loop.timers.set(target.timer, at: start + 50_000_000) }
      target.fired.wait()
      let after = target.firedNanoseconds - start
      #expect(after >= 50_000_000)
      #expect(after < 10_000_000_000, "the machine may be busy, but not so busy")
    }
  }
}
