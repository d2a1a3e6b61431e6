import Bytes
import Identifiers
import Synchronization

/// How many calls a client has had in the current day and month (UTC), shared by all loops.
///
/// A count is one atomic word, period and number together, so that the change of a day cannot let a call slip between. The
/// number starts from the ledger's usage when a client is first seen after a start, and counts on from there: what was
/// answered before a restart, or before a crash, stays counted.
final class QuotaCounters: Sendable {
  /// A count within one period.
  final class Counter: Sendable {
    private let word: Atomic<UInt64>

    init(period: UInt32, count: Int) { word = Atomic(Self.pack(period, UInt32(clamping: count))) }

    private static func pack(_ period: UInt32, _ count: UInt32) -> UInt64 { UInt64(period) << 32 | UInt64(count) }

    /// Takes one of `limit` in this period; false when none is left.
    func take(period: UInt32, limit: Int) -> Bool {
      var seen = word.load(ordering: .relaxed)
      while true {
        let count = UInt32(seen >> 32) == period ? UInt32(truncatingIfNeeded: seen) : 0
        guard Int(count) < limit else { return false }
        let (exchanged, original) = word.compareExchange(
          expected: seen, desired: Self.pack(period, count + 1), ordering: .acquiringAndReleasing)
        if exchanged { return true }
        seen = original
      }
    }

    /// Gives one back when the call came to nothing that counts. Nothing happens when the period has changed meanwhile.
    func giveBack(period: UInt32) {
      var seen = word.load(ordering: .relaxed)
      while UInt32(seen >> 32) == period, UInt32(truncatingIfNeeded: seen) > 0 {
        let (exchanged, original) = word.compareExchange(
          expected: seen, desired: seen - 1, ordering: .acquiringAndReleasing)
        if exchanged { return }
        seen = original
      }
    }
  }

  /// The two counts of one client.
  final class ClientCounters: Sendable {
    let day: Counter
    let month: Counter
    init(day: Counter, month: Counter) {
      self.day = day
      self.month = month
    }
  }

  /// What was counted before: calls of a client in the day and in the month of a time.
  typealias Baseline = @Sendable (ClientID, Timestamp) throws -> (day: Int, month: Int)

  private let baseline: Baseline
  private let clients = Mutex<[ClientID: ClientCounters]>([:])

  init(baseline: @escaping Baseline) { self.baseline = baseline }

  /// The counters of a client, the same for every loop.
  ///
  /// - Throws: what the baseline throws; the call is then refused, for a quota that cannot be read is not a free one.
  func counters(of client: ClientID, at now: Timestamp) throws -> ClientCounters {
    try clients.withLock { clients in
      if let counters = clients[client] { return counters }
      let before = try baseline(client, now)
      let counters = ClientCounters(
        day: Counter(period: Self.day(now), count: before.day), month: Counter(period: Self.month(now), count: before.month))
      clients[client] = counters
      return counters
    }
  }

  /// Days since 1970, UTC.
  static func day(_ time: Timestamp) -> UInt32 { UInt32(clamping: time.seconds / 86_400) }
  /// Months since year 0, UTC.
  static func month(_ time: Timestamp) -> UInt32 { UInt32(clamping: time.year * 12 + time.month - 1) }
}
