import Synchronization

/// Token buckets that all loops share, without a lock on the way of a call.
///
/// Each bucket is one atomic word, the "theoretical arrival time" of the generic cell rate algorithm (GCRA): a bucket of
/// `burst` tokens that refills evenly. A compare-and-swap admits a call, so that concurrency never lets one more through.
/// The clock is monotonic: a step of the wall clock neither opens nor shuts a bucket (A41).
final class RateBucket: Sendable {
  /// Nanoseconds between two tokens.
  let intervalNanoseconds: UInt64
  /// Tokens in a full bucket.
  let burst: UInt64
  private let theoreticalArrival = Atomic<UInt64>(0)

  /// - Parameters:
  ///   - callsPerMinute: 1 or more.
  ///   - burst: from 1 to what a day refills; how many calls may come at once when the bucket is full.
  init(callsPerMinute: Int, burst: Int) {
    // Rounded up: never more in a minute than the limit says.
    let calls = UInt64(max(1, callsPerMinute))
    intervalNanoseconds = (60_000_000_000 + calls - 1) / calls
    self.burst = UInt64(max(1, burst))
  }

  /// What a bucket answers.
  enum Verdict: Equatable {
    /// A token was taken; so many are left, and the bucket is full again after so many nanoseconds.
    case admitted(remaining: Int, fullInNanoseconds: UInt64)
    /// No token; the next one comes after so many nanoseconds.
    case refused(retryInNanoseconds: UInt64)
  }

  /// How long an empty bucket takes to be full.
  var fillNanoseconds: UInt64 { intervalNanoseconds * burst }

  /// Takes one token at a monotonic time in nanoseconds. Any thread.
  func take(at now: UInt64) -> Verdict {
    let depth = fillNanoseconds
    var seen = theoreticalArrival.load(ordering: .relaxed)
    while true {
      let next = max(seen, now) + intervalNanoseconds
      guard next <= now + depth else { return .refused(retryInNanoseconds: next - now - depth) }
      let (exchanged, original) = theoreticalArrival.compareExchange(
        expected: seen, desired: next, ordering: .acquiringAndReleasing)
      if exchanged {
        let used = next - now
        return .admitted(remaining: Int((depth - used) / intervalNanoseconds), fullInNanoseconds: used)
      }
      seen = original
    }
  }

  /// Gives back a token that was taken for a call that another limit refused.
  func giveBack() {
    theoreticalArrival.subtract(intervalNanoseconds, ordering: .acquiringAndReleasing)
  }
}

/// The buckets of all clients and operations. A bucket is made at the first call and found through the memory of the loop
/// afterwards; the lock is taken once per bucket and loop.
final class RateLimiter: Sendable {
  struct Key: Hashable {
    /// The client, by its identifier.
    var client: String
    /// The operation, by names that other policies do not change; nil for the client's own bucket over all operations.
    var operation: Operation?
    var callsPerMinute: Int
    var burst: Int

    struct Operation: Hashable {
      var api: String
      var version: String
      var id: String
    }
  }

  private let buckets = Mutex<[Key: RateBucket]>([:])

  /// The one bucket for a key, the same for every loop. A changed limit is another key: it starts with a full bucket.
  func bucket(for key: Key) -> RateBucket {
    buckets.withLock { buckets in
      if let bucket = buckets[key] { return bucket }
      let bucket = RateBucket(callsPerMinute: key.callsPerMinute, burst: key.burst)
      buckets[key] = bucket
      return bucket
    }
  }
}
