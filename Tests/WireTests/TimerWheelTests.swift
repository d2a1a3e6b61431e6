import Testing

@testable import Wire

/// Notes the deadline-time of each firing.
private final class Target: TimerTarget {
  lazy var timer = LoopTimer(self)
  var firings = 0
  var onFire: (Target) -> Void = { _ in }

  func timerFired(_ timer: LoopTimer) {
    firings += 1
    onFire(self)
  }
}

@Suite struct TimerWheelTests {
  private static let slot = TimerWheel.slotNanoseconds
  private static let second: UInt64 = 1_000_000_000

  /// The wheel beside a plain list: any sequence of setting, moving, turning off and passing time.
  @Test(arguments: 1...20) func neverEarly_andAtMostOneSlotLate(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var now: UInt64 = .random(in: 0...100 * Self.second, using: &generator)
    let wheel = TimerWheel(startNanoseconds: now)
    let targets = (0..<50).map { _ in Target() }
    var expected: [UInt64?] = Array(repeating: nil, count: targets.count)
    for _ in 0..<3000 {
      let index = Int.random(in: targets.indices, using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0...2:
        // Near and far: far ones go round the wheel several times.
        let far = Bool.random(using: &generator) ? 30 * Self.second : Self.slot * 4
        let deadline = now + .random(in: 0...far, using: &generator)
        wheel.set(targets[index].timer, at: deadline)
        expected[index] = deadline
      case 3:
        wheel.cancel(targets[index].timer)
        expected[index] = nil
      default:
        let most = Int.random(in: 0..<20, using: &generator) == 0 ? 20 * Self.second : Self.slot * 3
        now += .random(in: 0...most, using: &generator)
        let before = targets.map(\.firings)
        wheel.advance(to: now)
        for (index, target) in targets.enumerated() {
          let fired = target.firings - before[index]
          if let deadline = expected[index] {
            if deadline > now { #expect(fired == 0, "early by \(deadline - now)") }
            if deadline + Self.slot <= now { #expect(fired == 1, "late by \(now - deadline)") }
          } else {
            #expect(fired == 0)
          }
          if fired > 0 { expected[index] = nil }
          #expect(target.timer.deadlineNanoseconds == expected[index])
        }
      }
      checkWait(wheel, expected, now)
    }
  }

  /// The loop neither sleeps past a timer nor wakes in vain all the time.
  private func checkWait(_ wheel: TimerWheel, _ expected: [UInt64?], _ now: UInt64) {
    let wait = wheel.millisecondsToNext(from: now)
    guard let next = expected.compactMap({ $0 }).min() else {
      // A timer that was turned off leaves its slot at once.
      #expect(wait == -1)
      return
    }
    #expect(wait >= 0)
    let latest = max(next, now) + Self.slot + 1_000_000
    #expect(now + UInt64(wait) * 1_000_000 <= latest)
  }

  @Test func aTimerThatIsMovedLaterFiresOnceAndLater() {
    let wheel = TimerWheel(startNanoseconds: 0)
    let target = Target()
    for step in 1...100 {
      wheel.set(target.timer, at: UInt64(step) * Self.second + 5 * Self.second)
      wheel.advance(to: UInt64(step) * Self.second)
    }
    #expect(target.firings == 0)
    wheel.advance(to: 106 * Self.second)
    #expect(target.firings == 1)
    wheel.advance(to: 300 * Self.second)
    #expect(target.firings == 1)
  }

  @Test func firingMaySetItselfAndTurnOthersOff() {
    let wheel = TimerWheel(startNanoseconds: 0)
    let (first, second) = (Target(), Target())
    for target in [first, second] {
      wheel.set(target.timer, at: Self.second)
      target.onFire = { target in
        // Whichever comes first turns the other off, and itself on again.
        wheel.cancel((target === first ? second : first).timer)
        if target.firings < 3 { wheel.set(target.timer, at: Self.second * UInt64(target.firings + 1)) }
      }
    }
    for step in 1...10 { wheel.advance(to: UInt64(step) * Self.second + Self.slot) }
    #expect(first.firings + second.firings == 3)
    #expect(first.firings == 0 || second.firings == 0)
    #expect(wheel.millisecondsToNext(from: 11 * Self.second) == -1)
  }

  /// Nobody is told who is not there any more, and nobody is kept for longer than the timer needs him.
  @Test(arguments: [true, false]) func aTimerKeepsItsTargetUntilItIsOff(_ fires: Bool) {
    let wheel = TimerWheel(startNanoseconds: 0)
    var target: Target? = Target()
    weak let held = target
    wheel.set(target!.timer, at: Self.second)
    target = nil
    #expect(held != nil)
    if fires { wheel.advance(to: 2 * Self.second) } else { wheel.cancel(held!.timer) }
    #expect(held == nil)
    #expect(wheel.millisecondsToNext(from: 2 * Self.second) == -1)
  }
}
