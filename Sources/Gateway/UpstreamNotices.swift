import Synchronization
import Wire

/// Tells the operator of backends whose TLS is no good, each at most once a minute: calls say it to the ledger one by one.
final class UpstreamNotices: Sendable {
  private static let periodNanoseconds: UInt64 = 60 * 1_000_000_000

  private let tell: @Sendable (UpstreamNotice) -> Void
  private let told = Mutex<[String: UInt64]>([:])

  init(tell: @escaping @Sendable (UpstreamNotice) -> Void) { self.tell = tell }

  /// - Parameters:
  ///   - upstream: its name in the configuration.
  ///   - fault: OpenSSL's own words; nothing that the peer sent.
  func untrusted(_ upstream: String, _ fault: TLSFault, at now: UInt64) {
    let isDue = told.withLock { told in
      if let last = told[upstream], now < last + Self.periodNanoseconds { return false }
      told[upstream] = now
      return true
    }
    if isDue { tell(UpstreamNotice(.untrusted, "upstream \(upstream): \(fault); its calls are answered 503")) }
  }
}
