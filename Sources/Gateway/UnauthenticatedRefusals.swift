import Bytes
import Ledger
import Synchronization
import Wire

/// How many refusals of calls without a good token one source may have in the ledger.
///
/// Whoever has no token costs an entry, and a disk that they fill stops everybody (the ledger fails closed). Each source has a
/// token bucket; beyond it the answer is 429 and there is no entry of its own, but one a minute for all of them together that
/// says how many there were. Calls with a good token are never counted here.
///
/// Bounded: sources are kept in two generations; when the young one is full it becomes the old one, and who has not come since
/// then is forgotten. Safe from any thread; the lock is taken for refusals alone.
final class UnauthenticatedRefusals: Sendable {
  /// In both generations together, half a megabyte.
  static let sourcesMaximum = 16_384

  /// An IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets.
  struct Source: Hashable {
    private let bits: UInt64
    private let isIPv6: Bool

    init(_ address: SocketAddress) {
      isIPv6 = address.ipBytes.count == 16
      bits = address.ipBytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  /// By source, the theoretical arrival time of its bucket (`RateBucket`).
  private struct Buckets {
    var intervalNanoseconds: UInt64 = 0
    var depthNanoseconds: UInt64 = 0
    var young: [Source: UInt64] = [:]
    var old: [Source: UInt64] = [:]
  }

  private let buckets = Mutex(Buckets())
  /// Those beyond the measure.
  let untold: CountedRefusals

  /// - Parameter perMinute: of one source, and at once; 0 for no limit.
  init(perMinute: Int, ledger: LedgerWriter) {
    untold = CountedRefusals(
      event: "api.refused_unauthenticated", reason: "source_limit", status: 429, ledger: ledger)
    limit(perMinute: perMinute)
  }

  /// From now on this is the measure; 0 for no limit. What a source has spent stays spent.
  func limit(perMinute: Int) {
    let perMinute = UInt64(max(0, perMinute))
    buckets.withLock { buckets in
      buckets.intervalNanoseconds = perMinute == 0 ? 0 : (60_000_000_000 + perMinute - 1) / perMinute
      buckets.depthNanoseconds = buckets.intervalNanoseconds * perMinute
    }
  }

  /// Nil when the refusal gets its entry; otherwise the seconds after which another one does.
  func admit(_ address: SocketAddress, at now: UInt64) -> Int? {
    let source = Source(address)
    return buckets.withLock { buckets in
      guard buckets.intervalNanoseconds > 0 else { return nil }
      let next = max(buckets.young[source] ?? buckets.old[source] ?? 0, now) + buckets.intervalNanoseconds
      guard next <= now + buckets.depthNanoseconds else {
        return max(1, Int((next - now - buckets.depthNanoseconds + 999_999_999) / 1_000_000_000))
      }
      if buckets.young[source] == nil, buckets.young.count >= Self.sourcesMaximum / 2 {
        buckets.old = buckets.young
        buckets.young = [:]
      }
      buckets.young[source] = next
      return nil
    }
  }

  /// Sources that are remembered now.
  var sourceCount: Int { buckets.withLock { $0.young.count + $0.old.count } }
}
