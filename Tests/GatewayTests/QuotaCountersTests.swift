import Bytes
import Dispatch
import Identifiers
import Synchronization
import Testing

@testable import Gateway

@Suite struct QuotaCountersTests {
  private let client = ClientID(rawValue: "client")!

  @Test func itCountsOnFromWhatWasCountedBefore() throws {
    let counters = try QuotaCounters { _, _ in (day: 3, month: 30) }.counters(of: client, at: Timestamp(seconds: 0))
    #expect(counters.day.take(period: 0, limit: 5))
    #expect(counters.day.take(period: 0, limit: 5))
    #expect(!counters.day.take(period: 0, limit: 5))
    #expect(!counters.month.take(period: QuotaCounters.month(Timestamp(seconds: 0)), limit: 30))
  }

  @Test func aNewPeriodBeginsAtNought() {
    let counter = QuotaCounters.Counter(period: 1, count: 5)
    #expect(!counter.take(period: 1, limit: 5))
    #expect(counter.take(period: 2, limit: 1))
    #expect(!counter.take(period: 2, limit: 1))
  }

  @Test func whatIsGivenBackInAnotherPeriodChangesNothing() {
    let counter = QuotaCounters.Counter(period: 1, count: 1)
    counter.giveBack(period: 2)
    #expect(!counter.take(period: 1, limit: 1))
    counter.giveBack(period: 1)
    #expect(counter.take(period: 1, limit: 1))
  }

  @Test func concurrencyLetsNotOneMoreThrough() {
    let counter = QuotaCounters.Counter(period: 9, count: 0)
    let taken = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<500 where counter.take(period: 9, limit: 777) { taken.add(1, ordering: .relaxed) }
    }
    #expect(taken.load(ordering: .relaxed) == 777)
  }

  @Test func aBaselineThatCannotBeReadIsNoFreeQuota() {
    struct Unreadable: Error {}
    #expect(throws: Unreadable.self) {
      try QuotaCounters { _, _ in throw Unreadable() }.counters(of: client, at: Timestamp(seconds: 0))
    }
  }

  @Test func periodsAreDaysAndMonthsInUTC() {
    let before = Timestamp(rfc3339: "2026-11-30T23:59:59Z")!
    let after = Timestamp(rfc3339: "2026-12-01T00:00:00Z")!
    #expect(QuotaCounters.day(after) == QuotaCounters.day(before) + 1)
    #expect(QuotaCounters.month(after) == QuotaCounters.month(before) + 1)
  }
}
