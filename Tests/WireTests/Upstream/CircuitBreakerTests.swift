import Testing

@testable import Wire

@Suite struct CircuitBreakerTests {
  private static let second: UInt64 = 1_000_000_000
  private static let start: UInt64 = 100 * second

  /// One to ask in the midst of an expectation.
  private final class Breaker {
    private var value: CircuitBreaker
    init(_ rules: UpstreamSettings.Health) { value = CircuitBreaker(rules) }
    var state: CircuitBreaker.State { value.state }
    var ejections: Int { value.ejections }
    var isQuiet: Bool { value.isQuiet }
    func failed(_ fault: CircuitBreaker.Fault, at now: UInt64, mayLeave: Bool, jitter: Double) -> Bool {
      value.failed(fault, at: now, mayLeave: mayLeave, jitter: jitter)
    }
    func succeeded(at now: UInt64) -> Bool { value.succeeded(at: now) }
    func probed(_ isGood: Bool, at now: UInt64, mayLeave: Bool = true, jitter: Double) -> Bool {
      value.probed(isGood, at: now, mayLeave: mayLeave, jitter: jitter)
    }
    func takeLease(at now: UInt64) -> Bool { value.takeLease(at: now) }
  }

  private static func breaker(_ adjust: (inout UpstreamSettings.Health) -> Void = { _ in }) -> Breaker {
    var rules = UpstreamSettings.Health()
    rules.connectFaultsMaximum = 3
    rules.answerFaultsMaximum = 5
    rules.ejectedMilliseconds = 1000
    rules.ejectedMillisecondsMaximum = 8000
    adjust(&rules)
    return Breaker(rules)
  }

  private static func fail(
    _ breaker: Breaker, _ fault: CircuitBreaker.Fault, _ count: Int, at now: UInt64 = start, mayLeave: Bool = true
  ) -> [Bool] {
    (0..<count).map { _ in breaker.failed(fault, at: now, mayLeave: mayLeave, jitter: 0) }
  }

  @Test(arguments: [
    (CircuitBreaker.Fault.noConnection, 3, false), (.noConnection, 3, true), (.badAnswer, 5, true),
  ])
  func soManyFaultsInARowOpenIt_andNotOneLess(_ fault: CircuitBreaker.Fault, _ count: Int, _ mayLeave: Bool) {
    let breaker = Self.breaker()
    let changes = Self.fail(breaker, fault, count, mayLeave: mayLeave)
    #expect(changes == Array(repeating: false, count: count - 1) + [true])
    #expect(breaker.state == .open(untilNanoseconds: Self.start + Self.second) && breaker.ejections == 1)
  }

  @Test func anAnswerBetweenBeginsTheCountAnew() {
    let breaker = Self.breaker()
    _ = Self.fail(breaker, .badAnswer, 4)
    #expect(!breaker.isQuiet)
    #expect(!breaker.succeeded(at: Self.start) && breaker.isQuiet)
    #expect(!Self.fail(breaker, .badAnswer, 4).contains(true) && breaker.state == .closed)
  }

  @Test func badAnswersNeverTakeOutTheLast() {
    let breaker = Self.breaker()
    #expect(!Self.fail(breaker, .badAnswer, 1000, mayLeave: false).contains(true))
    #expect(breaker.state == .closed)
    // What keeps connections from being made counts all the same.
    #expect(Self.fail(breaker, .noConnection, 3, mayLeave: false) == [false, false, true])
  }

  @Test func anAnswerShowsThatConnectionsCome() {
    let breaker = Self.breaker()
    _ = Self.fail(breaker, .noConnection, 2)
    _ = Self.fail(breaker, .badAnswer, 1)
    _ = Self.fail(breaker, .noConnection, 2)
    #expect(breaker.state == .closed)
  }

  @Test func itsTimeGrowsToItsEnd_andIsShortAgainAfterALongGoodTime() {
    let breaker = Self.breaker()
    var now = Self.start
    for seconds in [1, 2, 4, 8, 8, 8] as [UInt64] {
      _ = Self.fail(breaker, .noConnection, 3, at: now)
      #expect(breaker.state == .open(untilNanoseconds: now + seconds * Self.second))
      now += seconds * Self.second
      #expect(breaker.probed(true, at: now, jitter: 0) && breaker.takeLease(at: now) && breaker.succeeded(at: now))
    }
    now += 9 * Self.second
    _ = Self.fail(breaker, .noConnection, 3, at: now)
    #expect(breaker.state == .open(untilNanoseconds: now + Self.second))
    #expect(breaker.ejections == 7)
  }

  @Test func oneThatIsNeededIsAskedAgainSoon_howeverOftenItWasOut() {
    let breaker = Self.breaker()
    var now = Self.start
    _ = Self.fail(breaker, .noConnection, 3, at: now, mayLeave: false)
    for _ in 0..<20 {
      #expect(breaker.state == .open(untilNanoseconds: now + Self.second))
      now += Self.second
      #expect(!breaker.probed(false, at: now, mayLeave: false, jitter: 0))
    }
    now += Self.second
    #expect(breaker.probed(true, at: now, mayLeave: false, jitter: 0) && breaker.takeLease(at: now))
    #expect(breaker.failed(.noConnection, at: now, mayLeave: false, jitter: 0))
    #expect(breaker.state == .open(untilNanoseconds: now + Self.second))
  }

  @Test func jitterMakesTheTimeLongerByAQuarterAtMost() {
    let breaker = Self.breaker { $0.connectFaultsMaximum = 1 }
    #expect(breaker.failed(.noConnection, at: Self.start, mayLeave: true, jitter: 1))
    #expect(breaker.state == .open(untilNanoseconds: Self.start + Self.second * 5 / 4))
  }

  @Test func whileItIsOpenNothingChangesItButTheTrialOfAConnection() {
    let breaker = Self.breaker()
    _ = Self.fail(breaker, .noConnection, 3)
    #expect(!breaker.succeeded(at: Self.start) && !breaker.takeLease(at: Self.start))
    #expect(!Self.fail(breaker, .badAnswer, 100).contains(true))
    #expect(breaker.state == .open(untilNanoseconds: Self.start + Self.second))
    let later = Self.start + Self.second
    #expect(!breaker.probed(false, at: later, jitter: 0))
    #expect(breaker.state == .open(untilNanoseconds: later + 2 * Self.second))
    #expect(breaker.probed(true, at: later + 2 * Self.second, jitter: 0))
    #expect(breaker.state == .halfOpen(leaseNanoseconds: 0) && breaker.ejections == 1)
  }

  @Test func halfOpenOneCallAtATimeMayTry_andTheFirstDecides() {
    for isGood in [true, false] {
      let breaker = Self.breaker()
      _ = Self.fail(breaker, .noConnection, 3)
      _ = breaker.probed(true, at: Self.start, jitter: 0)
      #expect(breaker.takeLease(at: Self.start) && !breaker.takeLease(at: Self.start + Self.second / 2))
      if isGood {
        #expect(breaker.succeeded(at: Self.start) && breaker.state == .closed)
      } else {
        #expect(breaker.failed(.badAnswer, at: Self.start, mayLeave: true, jitter: 0))
        #expect(breaker.state == .open(untilNanoseconds: Self.start + 2 * Self.second))
      }
    }
  }

  /// Nobody heard of the call that tried: the next may try after a while.
  @Test func aTrialThatNeverEndsHoldsUpNobodyForEver() {
    let breaker = Self.breaker()
    _ = Self.fail(breaker, .noConnection, 3)
    _ = breaker.probed(true, at: Self.start, jitter: 0)
    #expect(breaker.takeLease(at: Self.start))
    #expect(!breaker.takeLease(at: Self.start + CircuitBreaker.leaseNanoseconds - 1))
    #expect(breaker.takeLease(at: Self.start + CircuitBreaker.leaseNanoseconds))
  }

  @Test func halfOpenABadAnswerOfTheLastOneIsAnAnswer() {
    for mayLeave in [true, false] {
      let breaker = Self.breaker()
      _ = Self.fail(breaker, .noConnection, 3)
      _ = breaker.probed(true, at: Self.start, jitter: 0)
      #expect(breaker.failed(.badAnswer, at: Self.start, mayLeave: mayLeave, jitter: 0))
      #expect((breaker.state == .closed) == !mayLeave)
    }
  }

  @Test func checksTakeOutAndBringBackBySoManyInARow() {
    var rules = UpstreamSettings.Check()
    (rules.badMaximum, rules.goodMinimum) = (3, 2)
    var streak = CheckStreak()
    let answers = [false, false, true, false, false, false, false, true, false, true, true, true]
    let changes = answers.map { streak.answered($0, rules) }
    #expect(changes.indices.filter { changes[$0] } == [5, 10])
    #expect(!streak.isOut && streak.outCount == 1)
  }
}
