import Bytes
import Dispatch
import Identifiers
import Store
import Synchronization
import Testing

@testable import Gateway

@Suite struct QuotaCountersTests {
  private let client = ClientID(rawValue: "client")!

  @Test func itCountsOnFromWhatWasCountedBefore() {
    let now = Timestamp(seconds: 0)
    let quotas = QuotaCounters(used: [client: QuotaCounts(day: 3, month: 30)], at: now)
    let counters = quotas.counters(of: client)
    #expect(counters.day.take(period: 0, limit: 5) != nil)
    #expect(counters.day.take(period: 0, limit: 5) != nil)
    #expect(counters.day.take(period: 0, limit: 5) == nil)
    #expect(counters.month.take(period: QuotaCounters.month(now), limit: 30) == nil)
    #expect(quotas.counters(of: client) === counters)
    #expect(quotas.counters(of: ClientID(rawValue: "other")!).day.take(period: 0, limit: 1) == 0)
  }

  @Test func aNewPeriodBeginsAtNought() {
    let counter = QuotaCounters.Counter(period: 1, count: 5)
    #expect(counter.take(period: 1, limit: 5) == nil)
    #expect(counter.take(period: 2, limit: 1) == 2)
    #expect(counter.take(period: 2, limit: 1) == nil)
  }

  /// Two loops at midnight, or a clock that was set back: what was counted is not forgotten.
  @Test func anOlderPeriodIsCountedInTheOneThatHasBegun() {
    let counter = QuotaCounters.Counter(period: 2, count: 4)
    #expect(counter.take(period: 1, limit: 5) == 2)
    #expect(counter.take(period: 1, limit: 5) == nil)
    #expect(counter.take(period: 2, limit: 5) == nil)
    counter.giveBack(period: 2)
    #expect(counter.take(period: 2, limit: 5) == 2)
  }

  @Test func noMixOfPeriodsLetsOneMoreThrough() {
    let counter = QuotaCounters.Counter(period: 1, count: 0)
    let taken = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      for round in 0..<500 where counter.take(period: UInt32(1 + (thread + round) % 2), limit: 300) == 2 {
        taken.add(1, ordering: .relaxed)
      }
    }
    #expect(taken.load(ordering: .relaxed) == 300)
  }

  @Test func aCountThatCannotGoHigherNeitherTrapsNorReachesIntoThePeriod() {
    for count in [Int(UInt32.max) - 1, Int(UInt32.max), 1 << 40 - 2, 1 << 40 - 1, .max] {
      let counter = QuotaCounters.Counter(period: 1, count: count)
      for _ in 0..<3 { #expect(counter.take(period: 1, limit: .max) == 1) }
      #expect(counter.take(period: 1, limit: 10) == nil)
    }
    // The largest quota that a registration may have, beyond 32 bits.
    let counter = QuotaCounters.Counter(period: 1, count: 1_000_000_000_000 - 1)
    #expect(counter.take(period: 1, limit: 1_000_000_000_000) == 1)
    #expect(counter.take(period: 1, limit: 1_000_000_000_000) == nil)
  }

  @Test func whatIsGivenBackInAnotherPeriodChangesNothing() {
    let counter = QuotaCounters.Counter(period: 1, count: 1)
    counter.giveBack(period: 2)
    #expect(counter.take(period: 1, limit: 1) == nil)
    counter.giveBack(period: 1)
    #expect(counter.take(period: 1, limit: 1) == 1)
  }

  @Test func concurrencyLetsNotOneMoreThrough() {
    let counter = QuotaCounters.Counter(period: 9, count: 0)
    let taken = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<500 where counter.take(period: 9, limit: 777) != nil { taken.add(1, ordering: .relaxed) }
    }
    #expect(taken.load(ordering: .relaxed) == 777)
  }

  @Test func periodsAreDaysAndMonthsInUTC() {
    let before = Timestamp(rfc3339: "2026-11-30T23:59:59Z")!
    let after = Timestamp(rfc3339: "2026-12-01T00:00:00Z")!
    #expect(QuotaCounters.day(after) == QuotaCounters.day(before) + 1)
    #expect(QuotaCounters.month(after) == QuotaCounters.month(before) + 1)
  }
}
