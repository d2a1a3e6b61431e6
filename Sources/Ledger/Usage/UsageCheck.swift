import Bytes
import Identifiers
import JOSE
import Store

/// Proves that what is counted is what the ledger says: counts its files again and compares every row, at the place that the stored
/// count covers. Changes nothing; good beside a running gateway.
public enum UsageCheck {
  /// A row that is not what the ledger says.
  public struct Difference: Sendable, Equatable {
    /// Nil: the ledger has no such calls.
    public var ledger: UsageRow?
    /// Nil: they are not counted.
    public var counted: UsageRow?

    /// The row that is there, for its names.
    public var row: UsageRow { (ledger ?? counted)! }
  }

  public struct Report: Sendable, Equatable {
    /// The last entry that the stored count covers.
    public var position: UInt64 = 0
    /// Rows that were compared.
    public var rowCount = 0
    /// Calls of known clients in the ledger up to there.
    public var callCount = 0
    /// Rows of hours whose entries retention has removed: they stand as they were counted.
    public var uncheckedRowCount = 0
    /// The first ones; `differenceCount` says how many there are.
    public var differences: [Difference] = []
    public var differenceCount = 0
    /// Why the ledger is not the one that was counted.
    public var fault: String?

    public var isRight: Bool { differenceCount == 0 && fault == nil }
  }

  public static let differencesMaximum = 1000

  /// Blocks for as long as it takes to read the ledger; never on a loop.
  ///
  /// - Parameter key: the audit key, by which retention signs for what it removed.
  /// - Throws: `StoreError`.
  public static func run(directory: String, store: any UsageStore, key: VerificationKey) throws -> Report {
    var report = Report()
    var count: UsageCount
    do throws(LedgerError) {
      count = try UsageCount(directory: directory, key: key)
      // The long part before the snapshot: a snapshot that lasts keeps SQLite from emptying its log.
      try count.read(upTo: position(store))
    } catch {
      report.fault = "\(error)"
      return report
    }
    try store.snapshot { position in
      do throws(LedgerError) { try count.read(upTo: position.sequence) } catch { report.fault = "\(error)" }
      report.position = position.sequence
      report.callCount = count.rows.reduce(0) { $0 + $1.calls }
      // The same number is not enough: it must be the same entry.
      if report.fault == nil, count.position != position {
        report.fault = "entry \(position.sequence) is another one than the one that was counted"
      }
    } _: { row in
      guard count.covers(row) else { report.uncheckedRowCount += 1; return }
      report.rowCount += 1
      let found = count.take(UsageKey(row))
      if found != row { add(Difference(ledger: found, counted: row), to: &report) }
    }
    // What is left was not counted.
    for row in count.rows.sorted(by: isBefore) { add(Difference(ledger: row, counted: nil), to: &report) }
    return report
  }

  private static func position(_ store: any UsageStore) throws(LedgerError) -> UInt64 {
    do { return try store.position().sequence } catch { throw .cannotOpen(path: "usage", reason: "\(error)") }
  }

  private static func add(_ difference: Difference, to report: inout Report) {
    report.differenceCount += 1
    if report.differences.count < differencesMaximum { report.differences.append(difference) }
  }

  private static func isBefore(_ left: UsageRow, _ right: UsageRow) -> Bool {
    (left.client, left.hour, left.api, left.operation, left.statusClass)
      < (right.client, right.hour, right.api, right.operation, right.statusClass)
  }
}
