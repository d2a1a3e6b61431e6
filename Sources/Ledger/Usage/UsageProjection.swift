import Bytes
import JOSE
import Identifiers
import Store
import Synchronization

/// Counts the ledger's calls into the usage store, each exactly once.
///
/// Rows and the place in the ledger up to which they are complete change in one transaction, and only when the store stands
/// where the batch begins. A crash at any point therefore neither loses a call nor counts one twice, and two projections at
/// once do no harm. Only durable entries are counted.
public final class UsageProjection: Sendable {
  /// Entries that one transaction covers at most.
  static let batchEntriesMaximum = 20_000

  private let directory: String
  private let store: any UsageStore
  private let durableSequence: @Sendable () -> UInt64
  private let live: LiveUsage?
  /// One pass at a time in this process; the store keeps others out.
  private let pass = Mutex(())
  private let stopped = Mutex<String?>(nil)

  /// - Parameters:
  ///   - durableSequence: the last entry that is durable: `LedgerWriter.lastSequence` beside a writer. Without it, what `head.json`
  ///     says.
  ///   - live: what the writer has counted itself, `LedgerWriter.usage`; nil to count from the files alone.
  public init(
    directory: String, store: any UsageStore, durableSequence: (@Sendable () -> UInt64)? = nil, live: LiveUsage? = nil
  ) {
    self.directory = directory
    self.store = store
    self.live = live
    self.durableSequence = durableSequence ?? { LedgerHead.read(directory)?.sequence ?? 0 }
  }

  /// Counts all that is durable and not counted yet. Blocks; never on a loop.
  /// - Returns: the number of entries passed over, calls or not.
  /// - Throws: `LedgerError` when the ledger is not what was counted before or is damaged, `StoreError` when the store fails.
  ///   What was counted until then stays counted.
  @discardableResult
  public func advance() throws -> Int {
    do {
      let count = try countOn()
      stopped.withLock { $0 = nil }
      return count
    } catch {
      stopped.withLock { $0 = "\(error)" }
      throw error
    }
  }

  /// Why the last count did not come to the end; nil when it did.
  public var fault: String? { stopped.withLock { $0 } }

  private func countOn() throws -> Int {
    try pass.withLock { _ in
      let last = durableSequence()
      var total = try countLive()
      while true {
        let from = try store.position()
        guard from.sequence < last else { return total }
        let reader = try LedgerReader(directory: directory, from: from, isTrusting: true)
        let batch = try nextBatch(reader, from, last)
        // False: another process counted the same stretch first; the next turn begins where it ended.
        if try store.apply(batch) { total += Int(batch.to.sequence - batch.from.sequence) }
      }
    }
  }

  /// Counts what the writer has counted already, when it begins where the store stands. Otherwise it is lost, and counted from the
  /// files.
  private func countLive() throws -> Int {
    guard let batch = live?.take(), try store.position() == batch.from, try store.apply(batch) else { return 0 }
    return Int(batch.to.sequence - batch.from.sequence)
  }

  /// Counts the whole ledger anew and puts that in the place of what is stored, in one transaction: who reads meanwhile sees the one or
  /// the other. Blocks, for as long as it takes to read the ledger; never on a loop.
  ///
  /// - Parameter key: the audit key. Of hours whose entries retention has removed, what is stored stays.
  /// - Returns: the number of the last entry read.
  /// - Throws: `LedgerError` when the ledger cannot be read to its end, `StoreError`: what is stored stays then.
  @discardableResult
  public func rebuild(key: VerificationKey? = nil) throws -> Int {
    try pass.withLock { _ in
      var count = try UsageCount(directory: directory, key: key)
      let last = durableSequence()
      let counted = try store.position().sequence
      // A count of less than was counted would take the rest from the bill.
      guard counted <= last else {
        throw LedgerError.rolledBack(reason: "it ends at entry \(last), and usage is counted up to entry \(counted)")
      }
      try count.read(upTo: last)
      var rows = count.rows
      try store.snapshot { _ in
      } _: {
        if !count.covers($0) { rows.append($0) }
      }
      try store.replace(rows, at: count.position)
      return Int(count.position.sequence)
    }
  }

  private func nextBatch(_ reader: LedgerReader, _ from: LedgerPosition, _ last: UInt64) throws(LedgerError) -> UsageBatch {
    var tally = UsageTally()
    var count = 0
    while count < Self.batchEntriesMaximum, try reader.next(upTo: last) {
      count += 1
      tally.add(reader)
    }
    guard count > 0 else {
      throw .rolledBack(reason: "entry \(from.sequence + 1) was durable and cannot be found")
    }
    reader.settle()
    return UsageBatch(rows: tally.rows, from: from, to: reader.position)
  }
}
