import Bytes
import JOSE
import Store

/// A count of the ledger in memory: one row for each client, operation, hour and class of status. From its first entry on, or from
/// what retention has left of it.
struct UsageCount {
  private var tally = UsageTally()
  private(set) var position = LedgerPosition.start
  private let directory: String
  private let isShortened: Bool
  /// The hour of the first entry that was read.
  private var firstHour: Int?

  /// - Parameter key: the audit key, by which retention signs for what it removed; nil where nothing can have been removed.
  /// - Throws: `LedgerError` when a mark of retention is not by the key or cannot be read.
  init(directory: String, key: VerificationKey?) throws(LedgerError) {
    self.directory = directory
    switch key.map({ RetentionMark.read(directory, key: $0) }) ?? .none {
    case .none: isShortened = false
    case .mark(let mark):
      isShortened = true
      position = LedgerPosition(sequence: mark.last, segment: mark.segment, offset: 0, hash: mark.hash)
    case .forged:
      throw .malformed(segment: RetentionMark.fileName, offset: 0, reason: RetentionMark.forgedReason)
    }
  }

  /// Goes on to an entry, and checks the chain on the way.
  ///
  /// - Throws: `LedgerError` when the ledger is damaged, lacks its beginning without a mark, or ends before that entry.
  mutating func read(upTo last: UInt64) throws(LedgerError) {
    let reader = try LedgerReader(directory: directory, from: position)
    var isBeginning = position == .start
    while try reader.next(upTo: last) {
      // A count that leaves out what is missing would take its calls from the bill.
      guard !isBeginning || reader.position.sequence == 1 else {
        throw .rolledBack(
          reason: "it begins with entry \(reader.position.sequence), and nothing says that retention removed those before it")
      }
      isBeginning = false
      if firstHour == nil { firstHour = reader.time.map { Int($0.seconds) / 3600 } }
      tally.add(reader)
    }
    position = reader.position
    guard position.sequence >= last else {
      throw .rolledBack(reason: "entry \(position.sequence + 1) was durable and cannot be found")
    }
  }

  /// False for an hour of which entries may have been removed: what was counted of it stands, and cannot be counted again.
  func covers(_ row: UsageRow) -> Bool { !isShortened || row.hour > firstHour ?? .max }

  /// The rows that were not taken out, in no order; of hours that are covered.
  var rows: [UsageRow] { tally.rows.filter(covers) }

  mutating func take(_ key: UsageKey) -> UsageRow? { tally.take(key) }
}
