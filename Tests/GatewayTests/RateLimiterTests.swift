import Dispatch
import Synchronization
import Testing

@testable import Gateway

@Suite struct RateLimiterTests {
  private static let second: UInt64 = 1_000_000_000

  @Test func aFullBucketGivesItsBurstAndNotOneMore() {
    let bucket = RateBucket(callsPerMinute: 5, burst: 5)
    for left in (0..<5).reversed() {
      guard case .admitted(let remaining, _) = bucket.take(at: 100 * Self.second) else {
        Issue.record("refused too early"); return
      }
      #expect(remaining == left)
    }
    #expect(bucket.take(at: 100 * Self.second) == .refused(retryInNanoseconds: 12 * Self.second))
  }

  @Test func itRefillsEvenly() {
    let bucket = RateBucket(callsPerMinute: 5, burst: 5)
    for _ in 0..<5 { _ = bucket.take(at: 0) }
    #expect(bucket.take(at: 12 * Self.second - 1) == .refused(retryInNanoseconds: 1))
    guard case .admitted = bucket.take(at: 12 * Self.second) else { Issue.record("no token after its time"); return }
    guard case .refused = bucket.take(at: 12 * Self.second) else { Issue.record("two tokens at once"); return }
  }

  @Test func aTokenThatIsGivenBackCanBeTakenAgain() {
    let bucket = RateBucket(callsPerMinute: 1, burst: 1)
    _ = bucket.take(at: 50 * Self.second)
    bucket.giveBack()
    guard case .admitted = bucket.take(at: 50 * Self.second) else { Issue.record("it was not given back"); return }
  }

  /// Rounding must not give more than the limit, nor may the largest limits that a policy may have overflow.
  @Test(arguments: [(7, 7), (900_000_000, 1), (1_000_000_000, 1_000_000_000), (1, 1440)])
  func aMinuteHasNoMoreThanItsLimit(_ callsPerMinute: Int, _ burst: Int) {
    let bucket = RateBucket(callsPerMinute: callsPerMinute, burst: burst)
    #expect(bucket.intervalNanoseconds * UInt64(callsPerMinute) >= 60 * Self.second)
    #expect(bucket.fillNanoseconds <= 86_400 * Self.second)
    guard case .admitted = bucket.take(at: 1 << 62) else { Issue.record("refused"); return }
  }

  @Test func concurrencyLetsNotOneMoreThrough() {
    let bucket = RateBucket(callsPerMinute: 1000, burst: 1000)
    let admitted = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<1000 {
        if case .admitted = bucket.take(at: 7 * Self.second) { admitted.add(1, ordering: .relaxed) }
      }
    }
    #expect(admitted.load(ordering: .relaxed) == 1000)
  }

  @Test func oneKeyIsOneBucketAndAChangedLimitAnother() {
    let limiter = RateLimiter()
    let key = RateLimiter.Key(client: "a", operation: .init(api: "a", version: "v1", id: "o"), callsPerMinute: 5, burst: 5)
    #expect(limiter.bucket(for: key) === limiter.bucket(for: key))
    var changed = key
    changed.callsPerMinute = 6
    #expect(limiter.bucket(for: key) !== limiter.bucket(for: changed))
  }
}
