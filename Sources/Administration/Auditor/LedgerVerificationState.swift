import Bytes
import Ledger
import Synchronization

/// What the last verification of the ledger found, for the auditor's page. One runs at a time. Any thread.
final class LedgerVerificationState: Sendable {
  struct Finding: Sendable {
    var at: Timestamp
    var entries: UInt64
    /// Nil: all is as it was.
    var fault: String?
    /// Seals that were found good.
    var seals: Int
    /// Usage is what the ledger says; nil when the ledger was not good enough to say.
    var usage: UsageCheck.Report?
  }

  private struct State {
    var finding: Finding?
    var isRunning = false
  }

  private let state = Mutex(State())

  var finding: Finding? { state.withLock { $0.finding } }

  /// Checks chain, seals, and usage, on a thread that may be blocked.
  ///
  /// - Throws: `LedgerError` when one runs already, or the ledger cannot be read at all.
  func run(_ dependencies: AdminDependencies) async throws {
    let isFree = state.withLock { state in
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard isFree else { throw LedgerError.overloaded }
    defer { state.withLock { $0.isRunning = false } }
    let finding = try await AdminAPI.offLoop { try Self.look(dependencies) }
    state.withLock { $0.finding = finding }
  }

  private static func look(_ dependencies: AdminDependencies) throws -> Finding {
    let (directory, key) = (dependencies.ledger.directory, dependencies.keys.audit.verificationKey)
    // Read first, so that it cannot be ahead.
    let counted = try dependencies.stores.usage.position()
    let report = try LedgerVerification.verify(directory: directory, expected: [counted], key: key)
    var finding = Finding(at: dependencies.time.now(), entries: report.entryCount, fault: report.fault?.description, seals: 0)
    guard report.fault == nil else { return finding }
    let seals = try SealVerification.verify(directory: directory, key: key, retention: report.retention)
    (finding.seals, finding.fault) = (seals.sealCount, seals.fault)
    finding.usage = try UsageCheck.run(directory: directory, store: dependencies.stores.usage, key: key)
    return finding
  }
}
