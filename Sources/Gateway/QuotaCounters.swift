import Bytes
import Identifiers
import Store
import Synchronization

/// How many calls a client has had in the current day and month (UTC), shared by all loops.
///
/// A count is one atomic word, period and number together, so that the change of a day cannot let a call slip between. The
/// numbers start from the ledger's usage, read once at the start, and every call of every client is counted from there on, with
/// a limit or without: what was answered before a restart or a crash stays counted, and a quota that is set later finds the
/// right number.
final class QuotaCounters: Sendable {
  /// A count within one period.
  ///
  /// Periods only go up: who comes late with the day before (two loops at midnight), or with a clock that was set back, is
  /// counted in the period that has begun, or the count of that one would be lost.
  final class Counter: Sendable {
    private static let countBits: UInt64 = 40
    private static let countMaximum: UInt64 = 1 << countBits - 1
    private let word: Atomic<UInt64>

    init(period: UInt32, count: Int) { word = Atomic(Self.pack(period, min(UInt64(max(0, count)), Self.countMaximum))) }

    /// 24 bits of period and 40 of count: days until the year 47904, and more calls than any limit may be.
    private static func pack(_ period: UInt32, _ count: UInt64) -> UInt64 { UInt64(period) << countBits | count }

    /// Takes one of `limit`; nil when none is left.
    ///
    /// - Parameter limit: `.max` for none: there is always one left, also when the count cannot go higher.
    /// - Returns: the period that it was taken from, for `giveBack`.
    func take(period: UInt32, limit: Int) -> UInt32? {
      var seen = word.load(ordering: .relaxed)
      while true {
        let stored = UInt32(seen >> Self.countBits)
        let count = period > stored ? 0 : seen & Self.countMaximum
        guard count < UInt64(max(0, limit)) else { return nil }
        let desired = Self.pack(max(period, stored), min(count + 1, Self.countMaximum))
        let (exchanged, original) = word.compareExchange(
          expected: seen, desired: desired, ordering: .acquiringAndReleasing)
        if exchanged { return max(period, stored) }
        seen = original
      }
    }

    /// Gives one back when the call came to nothing that counts. Nothing happens when the period has changed meanwhile.
    func giveBack(period: UInt32) {
      var seen = word.load(ordering: .relaxed)
      while UInt32(seen >> Self.countBits) == period, seen & Self.countMaximum > 0 {
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

  /// A client that is not here has no counted call.
  private let clients: Mutex<[ClientID: ClientCounters]>

  /// - Parameters:
  ///   - used: the calls of each client in the day and the month of `now`, as the ledger has them.
  init(used: [ClientID: QuotaCounts], at now: Timestamp) {
    clients = Mutex(
      used.mapValues { before in
        ClientCounters(
          day: Counter(period: Self.day(now), count: before.day), month: Counter(period: Self.month(now), count: before.month))
      })
  }

  /// The counters of a client, the same for every loop. A lock and no more: nothing is read.
  func counters(of client: ClientID) -> ClientCounters {
    clients.withLock { clients in
      if let counters = clients[client] { return counters }
      let counters = ClientCounters(day: Counter(period: 0, count: 0), month: Counter(period: 0, count: 0))
      clients[client] = counters
      return counters
    }
  }

  /// Days since 1970, UTC.
  static func day(_ time: Timestamp) -> UInt32 { UInt32(clamping: time.seconds / 86_400) }
  /// Months since year 0, UTC.
  static func month(_ time: Timestamp) -> UInt32 { UInt32(clamping: time.year * 12 + time.month - 1) }
}
