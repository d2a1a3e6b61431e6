import Bytes
import Store

/// A count of the ledger from its first entry on, in memory: one row for each client, operation, hour and class of status.
struct UsageCount {
  private(set) var rows: [UsageKey: UsageRow] = [:]
  private(set) var position = LedgerPosition.start
  private let directory: String
  private var tape = JSONTape()

  init(directory: String) { self.directory = directory }

  /// Goes on to an entry, and checks the chain on the way.
  ///
  /// - Throws: `LedgerError` when the ledger is damaged or ends before that entry.
  mutating func read(upTo last: UInt64) throws(LedgerError) {
    let reader = try LedgerReader(directory: directory, from: position)
    while try reader.next(upTo: last) { UsageCall(reader, &tape)?.add(to: &rows) }
    position = reader.position
    guard position.sequence >= last else {
      throw .rolledBack(reason: "entry \(position.sequence + 1) was durable and cannot be found")
    }
  }

  mutating func take(_ key: UsageKey) -> UsageRow? { rows.removeValue(forKey: key) }
}
