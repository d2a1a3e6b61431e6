import CSQLite
import Glibc

/// One connection to the database file: used by one thread at a time, lent by `Database` for the length of a closure.
///
/// Statements are prepared once per connection and kept: SQL comes as static strings only, so that their number is bounded by
/// the program's text and no value can ever become SQL.
public final class Connection {
  private let handle: OpaquePointer
  let path: String
  private var statements: [UnsafeRawPointer: Statement] = [:]
  /// Handed out since the last `resetStatements`.
  private var used: [Statement] = []

  enum Role {
    /// The one writer: each commit is on the disk before it returns.
    case writer
    case reader
  }

  /// Milliseconds that a writer waits for another process's transaction.
  static let busyMillisecondsMaximum: Int32 = 5_000

  init(path: String, role: Role) throws(StoreError) {
    var opened: OpaquePointer?
    // NOMUTEX: a connection is never used by two threads at once, `Database` sees to it.
    let code = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil)
    guard code == SQLITE_OK, let opened else {
      let error = StoreError.from(code: code, handle: opened, path: path)
      sqlite3_close_v2(opened)
      throw error
    }
    handle = opened
    self.path = path
    sqlite3_extended_result_codes(handle, 1)
    sqlite3_busy_timeout(handle, Self.busyMillisecondsMaximum)
    // trusted_schema: a damaged or planted schema may not call functions; cell_size_check: finds damage before it is followed.
    try execute("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;")
    switch role {
    case .writer:
      // secure_delete: an erased subscriber's row is overwritten, not only unlinked.
      try execute(
        """
        PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA cache_size=-8192;
        PRAGMA journal_size_limit=67108864;
        """)
    case .reader:
      try execute("PRAGMA query_only=ON; PRAGMA cache_size=-512;")
    }
  }

  deinit {
    statements.removeAll()
    used.removeAll()
    sqlite3_close_v2(handle)
  }

  /// The prepared statement for this text. A text is one at a time in one closure: asking for it again starts it anew.
  public func statement(_ sql: StaticString) throws(StoreError) -> Statement {
    let key = UnsafeRawPointer(sql.utf8Start)
    let statement: Statement
    if let kept = statements[key] {
      statement = kept
    } else {
      var prepared: OpaquePointer?
      let code = sql.withUTF8Buffer { bytes in
        bytes.withMemoryRebound(to: CChar.self) {
          sqlite3_prepare_v3(handle, $0.baseAddress, Int32($0.count), UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        }
      }
      guard code == SQLITE_OK, let prepared else { throw StoreError.from(code: code, handle: handle, path: path) }
      statement = Statement(handle: prepared, path: path, table: Self.tableName(in: sql))
      statements[key] = statement
    }
    statement.reset()
    used.append(statement)
    return statement
  }

  /// Rows that the last statement inserted, changed or deleted.
  public var changes: Int { Int(sqlite3_changes64(handle)) }

  /// Runs several statements without parameters: pragmas and schema, not prepared, not kept.
  func execute(_ sql: String) throws(StoreError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw StoreError.from(code: code, handle: handle, path: path) }
  }

  /// Ends what the closure left open: a SELECT that is not reset holds its snapshot, and the log file then only grows.
  func resetStatements() {
    for statement in used { statement.reset() }
    used.removeAll(keepingCapacity: true)
  }

  /// False after an error that made SQLite roll the whole transaction back by itself (a full disk, for one).
  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// The table that a statement is about, for error texts: the word after FROM, INTO or UPDATE.
  private static func tableName(in sql: StaticString) -> String {
    let words = "\(sql)".split(whereSeparator: { $0 == " " || $0 == "\n" || $0 == "(" })
    for (index, word) in words.enumerated() where ["FROM", "INTO", "UPDATE"].contains(String(word)) {
      if index + 1 < words.count { return String(words[index + 1]) }
    }
    return "?"
  }
}
