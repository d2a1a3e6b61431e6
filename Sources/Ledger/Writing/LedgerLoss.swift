import Bytes
import Glibc
import Store

/// A ledger whose end is lost for good, with a memory of where it ended: the usage store's.
public enum LedgerLoss {
  /// Lets the ledger go on behind the entry that was its last known one. The next start finds that entries are missing, says which in the
  /// chain (`ledger.lost`), and goes on with the number and the hash after them; verification names the gap for ever. Nothing is written
  /// into a segment here.
  ///
  /// - Parameter known: the last entry that was counted, or another that is known to have been durable.
  /// - Throws: `LedgerError.inUse` beside a writer; `nothingLost`; `cannotOpen`, `notWritten`.
  public static func accept(directory: String, known: LedgerPosition, time: any TimeSource) throws(LedgerError) {
    // Mends what a crash left, as any start does, and says where the ledger ends.
    let writer = try LedgerWriter(directory: directory, time: time)
    writer.close()
    guard writer.lastSequence < known.sequence else {
      throw .nothingLost(last: writer.lastSequence, known: known.sequence)
    }
    let lock = try LedgerLock(directory: directory)
    try LedgerHead.File(directory: directory).write(known)
    withExtendedLifetime(lock) {}
    guard LedgerHead.read(directory) == known else {
      throw .notWritten(reason: "\(LedgerHead.fileName) could not be written")
    }
  }
}
