import Bytes
import Identifiers
import Policy
import Synchronization
import Wire

/// Tells the operator of backends whose TLS is no good, and of answers that break their API, each at most once a minute, whichever
/// handler the calls come to: what is refused for it, calls say to the ledger one by one.
final class UpstreamNotices: Sendable {
  private static let periodNanoseconds: UInt64 = 60 * 1_000_000_000

  private let tell: @Sendable (UpstreamNotice) -> Void
  private let told = Mutex<[String: UInt64]>([:])
  /// Answers that broke their schema, by operation, since the last line about it.
  private let invalidCounts = Mutex<[String: Int]>([:])
  private let time: any TimeSource

  init(time: any TimeSource, tell: @escaping @Sendable (UpstreamNotice) -> Void) {
    self.time = time
    self.tell = tell
  }

  /// - Parameters:
  ///   - upstream: its name in the configuration.
  ///   - fault: OpenSSL's own words; nothing that the peer sent.
  func untrusted(_ upstream: String, _ fault: TLSFault, at now: UInt64) {
    if isDue(upstream, at: now) {
      tell(UpstreamNotice(.untrusted, "upstream \(upstream): \(fault); its calls are answered 503"))
    }
  }

  /// - Parameter violation: names a field by its path, never a value.
  func invalid(_ operation: OperationPolicy, _ violation: SchemaViolation) {
    // Not by its index, which another set of policies gives to another operation.
    let name = "\(operation.api.rawValue) \(operation.version) \(operation.id.rawValue)"
    invalidCounts.withLock { $0[name, default: 0] += 1 }
    guard isDue(name, at: time.monotonicNanoseconds()) else { return }
    let count = invalidCounts.withLock { $0.removeValue(forKey: name) ?? 1 }
    tell(UpstreamNotice(.invalid, "answers of \(name) break their schema, \(count) since the last line: \(violation.message)"))
  }

  /// What a backend made and nobody can find again here, each one: somebody has to end it there.
  func orphaned(_ created: CreatedResource, client: ClientID, _ reason: StaticString, correlator: [UInt8]) {
    tell(
      UpstreamNotice(
        .orphaned,
        "the backend made \(created.use.kind) \(DocumentError.printable(created.id, maximum: 128)) for \(client.rawValue), and it could not be kept (\(reason), correlator \(String(decoding: correlator, as: UTF8.self))): end it at the backend"
      ))
  }

  private func isDue(_ subject: String, at now: UInt64) -> Bool {
    told.withLock { told in
      if let last = told[subject], now < last + Self.periodNanoseconds { return false }
      told[subject] = now
      return true
    }
  }
}
