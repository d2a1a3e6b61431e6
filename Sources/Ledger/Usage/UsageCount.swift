import Bytes
import Store

/// A count of the ledger from its first entry on, in memory: one row for each client, operation, hour and class of status.
struct UsageCount {
  private var tally = UsageTally()
  private(set) var position = LedgerPosition.start
  private let directory: String

  init(directory: String) { self.directory = directory }

  /// Goes on to an entry, and checks the chain on the way.
  ///
  /// - Throws: `LedgerError` when the ledger is damaged or ends before that entry.
  mutating func read(upTo last: UInt64) throws(LedgerError) {
    let reader = try LedgerReader(directory: directory, from: position)
    while try reader.next(upTo: last) { tally.add(reader) }
    position = reader.position
    guard position.sequence >= last else {
      throw .rolledBack(reason: "entry \(position.sequence + 1) was durable and cannot be found")
    }
  }

  /// The rows that were not taken out, in no order.
  var rows: [UsageRow] { tally.rows }

  mutating func take(_ key: UsageKey) -> UsageRow? { tally.take(key) }
}
