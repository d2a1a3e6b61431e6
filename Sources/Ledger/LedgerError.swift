/// Why the ledger could not do what it was asked. Messages name files and places, never what an entry says.
public enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Directory or file cannot be opened or made.
  case cannotOpen(path: String, reason: String)
  /// Another process writes to this ledger.
  case inUse(path: String)
  /// The entry is not durable: the disk is full or failing. Nothing of it is left in the file.
  case notWritten(reason: String)
  /// More entries wait than the bounds allow; this one was not taken.
  case overloaded
  /// The entry is too long, or not one line.
  case unwritable(reason: String)
  /// The writer was closed before the entry was durable.
  case closed
  /// A line that a ledger cannot have. `audit verify` says more.
  case malformed(segment: String, offset: Int, reason: String)
  /// The ledger does not hold what was counted before: entries were removed or replaced.
  case rolledBack(reason: String)
  /// The ledger goes as far as it was known to go, or further: there is no loss to accept.
  case nothingLost(last: UInt64, known: UInt64)
  /// There is no entry with this number.
  case noEntry(UInt64)

  public var description: String {
    switch self {
    case .cannotOpen(let path, let reason): "\(path): cannot open the ledger: \(reason)"
    case .inUse(let path): "\(path): another process is writing to this ledger"
    case .notWritten(let reason): "the ledger cannot be written: \(reason)"
    case .overloaded: "too many entries are waiting for the ledger"
    case .unwritable(let reason): "the ledger does not take this entry: \(reason)"
    case .closed: "the ledger is closed"
    case .malformed(let segment, let offset, let reason): "\(segment): byte \(offset): \(reason)"
    case .rolledBack(let reason): "the ledger is not what it was: \(reason)"
    case .nothingLost(let last, let known):
      "nothing is lost: the ledger goes to entry \(last), and entry \(known) is the last known"
    case .noEntry(let sequence): "there is no entry \(sequence) in the ledger"
    }
  }
}
