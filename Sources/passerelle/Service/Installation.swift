import Bytes
import Glibc
import JOSE
import Ledger
import Store

/// What one configuration keeps on disk, and whether what belongs together is there: a database without its ledger, a ledger without its
/// database, or either without its keys is a disk that is not mounted, or a loss, and no reason to begin anew. A gateway that did would
/// know of no objection.
struct Installation {
  let configuration: Configuration

  init(_ configuration: Configuration) { self.configuration = configuration }

  private var database: String { configuration.databaseFile }

  /// - Throws: `CommandFailure` when that cannot be told: what cannot be reached is not missing.
  func hasDatabase() throws -> Bool { try Self.isThere(database) }

  /// There is a segment.
  func hasLedger() throws -> Bool {
    guard try Self.isThere(configuration.ledgerFolder) else { return false }
    return try Files.names(in: configuration.ledgerFolder).contains { $0.hasSuffix(".jsonl") }
  }

  private func hasData() throws -> Bool { try hasDatabase() || hasLedger() }

  private static func isThere(_ path: String) throws -> Bool {
    guard access(path, F_OK) != 0 else { return true }
    let code = errno
    guard code == ENOENT else { throw CommandFailure("\(path): \(String(cString: strerror(code)))") }
    return false
  }

  // MARK: Keys

  /// The keys: made when there is no data yet, never beside data.
  ///
  /// - Throws: `KeyFileError` that names the file that is missing or cannot be used.
  func keys(time: any TimeSource = SystemTime()) throws -> KeyRing {
    try hasData()
      ? KeyRing.open(directory: configuration.keys, time: time) : KeyRing.openOrCreate(directory: configuration.keys, time: time)
  }

  /// The keys as they are; no file is written.
  func keysForReading() throws -> KeyRing {
    if try !hasData(), try !Self.isThere(configuration.keys) {
      throw CommandFailure("\(configuration.keys): there are no keys yet; serve makes them at its first start")
    }
    return try KeyRing.open(directory: configuration.keys, isReading: true)
  }

  /// Looks into the stores, beside a gateway that may be running. Nil where there is no database: opening one would make it, and the next
  /// start would take that for the one that is lost.
  ///
  /// - Throws: when the keys or the database cannot be read, and what the work throws.
  func readStores<Result>(_ work: (_ stores: Stores, _ keys: KeyRing) throws -> Result) throws -> Result? {
    guard try hasDatabase() else { return nil }
    let keys = try keysForReading()
    let stores = try Backbone.stores(configuration, keys, SystemTime())
    defer { stores.database.close() }
    return try work(stores, keys)
  }

  // MARK: Before a start

  /// All of it that can be looked at without the ledger's lock and without writing.
  ///
  /// - Throws: one line with everything that is missing or cannot be used.
  func check() throws {
    let faults = KeyRing.faults(in: configuration.keys, isFirstStart: try !hasData())
    guard faults.isEmpty else { throw CommandFailure(faults.map(\.description).joined(separator: "\n")) }
    let end = LedgerPlace.end(of: configuration.ledgerFolder).sequence
    guard try hasDatabase() else {
      guard try !hasLedger() else { throw databaseMissing(entries: end) }
      return
    }
    let counted = try readStores { stores, _ in try stores.usage.position().sequence } ?? 0
    // The file that says where the ledger ends may be behind it after a loss of power.
    if try hasLedger(), try EntryLookup.entry(directory: configuration.ledgerFolder, sequence: counted) != nil { return }
    try checkEnd(of: LedgerPlace.end(of: configuration.ledgerFolder).sequence, counted: counted)
  }

  /// - Throws: when the ledger ends before what was counted from it.
  func checkEnd(of last: UInt64, counted: UInt64) throws {
    guard counted > last else { return }
    throw CommandFailure(
      "\(configuration.ledgerFolder): the ledger ends at entry \(last), but entry \(counted) was durable: is its disk mounted? "
        + "Restore it; if it is lost for good, passerelle audit accept-loss goes on without it")
  }

  func databaseMissing(entries: UInt64) -> CommandFailure {
    CommandFailure(
      "\(database): is missing, but the ledger has \(entries) entries: is its disk mounted? Restore it from the backup, with its consents "
        + "and objections; to begin without them, move \(configuration.ledgerFolder) away")
  }
}
