import CSQLite

/// Why the store could not do what it was asked. Messages name files, tables and columns, never values: no row of the
/// database can reach a log through an error.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file or its directory cannot be opened: absent, a directory, or not ours to read.
  case cannotOpen(path: String, reason: String)
  /// The file is there and is something else.
  case notADatabase(path: String, reason: String)
  /// SQLite found damage.
  case corrupt(path: String, reason: String)
  /// A newer Passerelle wrote it: this one would misread it, and does not try.
  case newerSchema(path: String, found: Int, known: Int)
  case diskFull(path: String)
  /// Reading or writing failed beneath SQLite.
  case inputOutput(path: String, reason: String)
  /// Another process held the write lock longer than the wait allows.
  case busy(path: String)
  case readOnly(path: String)
  /// A rule of the schema refused a row: `UNIQUE constraint failed: table.column`.
  case constraint(String)
  /// A row holds what this program never writes there.
  case malformedRow(table: String, column: String)
  /// More writes wait than `Database.jobsMaximum`; nothing was written.
  case overloaded
  /// The database was closed before the write was done; it was not done.
  case closed
  /// Anything else SQLite reports; a fault of the program.
  case failed(code: Int, reason: String)

  public var description: String {
    switch self {
    case .cannotOpen(let path, let reason): "\(path): cannot open the database: \(reason)"
    case .notADatabase(let path, let reason): "\(path): not a Passerelle database: \(reason)"
    case .corrupt(let path, let reason):
      "\(path): the database is damaged: \(reason); restore a copy, or move it away to start with an empty one"
    case .newerSchema(let path, let found, let known):
      "\(path): written by a newer Passerelle (schema \(found); this program knows up to \(known))"
    case .diskFull(let path): "\(path): no space left for the database"
    case .inputOutput(let path, let reason): "\(path): reading or writing the database failed: \(reason)"
    case .busy(let path): "\(path): another process is writing to the database and did not finish in time"
    case .readOnly(let path): "\(path): the database cannot be written to"
    case .constraint(let rule): "the database refused a row: \(rule)"
    case .malformedRow(let table, let column): "the database holds an unreadable value in \(table).\(column)"
    case .overloaded: "too many writes are waiting for the database"
    case .closed: "the database is closed"
    case .failed(let code, let reason): "the database failed (\(code)): \(reason)"
    }
  }

  /// The error for a result code of SQLite; `handle` gives the text when it is there.
  static func from(code: Int32, handle: OpaquePointer?, path: String) -> StoreError {
    let reason = handle.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) } ?? String(cString: sqlite3_errstr(code))
    switch code & 0xFF {
    case SQLITE_FULL: return .diskFull(path: path)
    case SQLITE_CORRUPT: return .corrupt(path: path, reason: reason)
    case SQLITE_NOTADB: return .notADatabase(path: path, reason: reason)
    case SQLITE_BUSY, SQLITE_LOCKED: return .busy(path: path)
    case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH: return .cannotOpen(path: path, reason: reason)
    case SQLITE_IOERR: return .inputOutput(path: path, reason: reason)
    case SQLITE_READONLY: return .readOnly(path: path)
    case SQLITE_CONSTRAINT: return .constraint(reason)
    default: return .failed(code: Int(code), reason: reason)
    }
  }
}
