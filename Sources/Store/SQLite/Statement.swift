import Bytes
import CSQLite
import Identifiers
import JOSE

/// One prepared statement of one connection, used like this:
///
///     let statement = try connection.statement(sql).bind(client, now)
///     while try statement.step() { ... statement.text(0) ... }
///
/// It belongs to the closure that got it from `Connection.statement`; when the closure ends it is reset, so no read
/// transaction outlives it. Columns are numbered from 0, parameters from 1 in the order of `bind`.
public final class Statement {
  let handle: OpaquePointer
  private let path: String
  private let table: String

  init(handle: OpaquePointer, path: String, table: String) {
    self.handle = handle
    self.path = path
    self.table = table
  }

  deinit { sqlite3_finalize(handle) }

  /// Binds all parameters, the first to `?1`. What was bound before is gone.
  @discardableResult
  public func bind<each Value: Bindable>(_ values: repeat each Value) throws(StoreError) -> Statement {
    reset()
    var index: Int32 = 0
    var worst: Int32 = SQLITE_OK
    for value in repeat each values {
      index += 1
      let code = value.bind(to: handle, at: index)
      if code != SQLITE_OK { worst = code }
    }
    precondition(index == sqlite3_bind_parameter_count(handle), "a statement takes other parameters than it was given")
    guard worst == SQLITE_OK else { throw failure(worst) }
    return self
  }

  /// Goes to the next row: true when there is one.
  public func step() throws(StoreError) -> Bool {
    let code = sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default: throw failure(code)
    }
  }

  /// Runs a statement that gives no rows that matter, to its end.
  public func run() throws(StoreError) {
    while try step() {}
    sqlite3_reset(handle)
  }

  func reset() {
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
  }

  private func failure(_ code: Int32) -> StoreError {
    defer { sqlite3_reset(handle) }
    return .from(code: code, handle: sqlite3_db_handle(handle), path: path)
  }
}

// MARK: - Columns of the present row

extension Statement {
  public func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  /// An integer column; NULL reads as 0.
  public func integer(_ column: Int32) -> Int { Int(sqlite3_column_int64(handle, column)) }
  public func optionalInteger(_ column: Int32) -> Int? { isNull(column) ? nil : integer(column) }
  public func boolean(_ column: Int32) -> Bool { integer(column) != 0 }

  /// A text column, an owned copy; NULL reads as the empty text.
  public func text(_ column: Int32) -> String { optionalText(column) ?? "" }

  public func optionalBlob(_ column: Int32) -> [UInt8]? { isNull(column) ? nil : blob(column) }

  public func optionalText(_ column: Int32) -> String? {
    // Order matters: the pointer first, then the count of what it points to (sqlite3_column_bytes).
    guard let base = sqlite3_column_text(handle, column) else { return nil }
    let count = Int(sqlite3_column_bytes(handle, column))
    return String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self)
  }

  /// A blob column, an owned copy; NULL reads as no bytes.
  public func blob(_ column: Int32) -> [UInt8] {
    guard let base = sqlite3_column_blob(handle, column) else { return [] }
    let count = Int(sqlite3_column_bytes(handle, column))
    return [UInt8](UnsafeRawBufferPointer(start: base, count: count))
  }

  public func digest(_ column: Int32) throws(StoreError) -> Digest32 {
    guard let digest = Digest32(bytes: blob(column)) else { throw malformed(column) }
    return digest
  }

  public func optionalDigest(_ column: Int32) throws(StoreError) -> Digest32? {
    isNull(column) ? nil : try digest(column)
  }

  public func timestamp(_ column: Int32) -> Timestamp { Timestamp(microseconds: sqlite3_column_int64(handle, column)) }
  public func optionalTimestamp(_ column: Int32) -> Timestamp? { isNull(column) ? nil : timestamp(column) }

  public func identifier<Identifier: StringIdentifier>(
    _ column: Int32, as type: Identifier.Type = Identifier.self
  ) throws(StoreError) -> Identifier {
    guard let value = Identifier(rawValue: text(column)) else { throw malformed(column) }
    return value
  }

  public func optionalIdentifier<Identifier: StringIdentifier>(
    _ column: Int32, as type: Identifier.Type = Identifier.self
  ) throws(StoreError) -> Identifier? {
    isNull(column) ? nil : try identifier(column, as: type)
  }

  public func scopes(_ column: Int32) throws(StoreError) -> ScopeSet {
    guard let scopes = ScopeSet(parsing: text(column)) else { throw malformed(column) }
    return scopes
  }

  /// Words separated by single spaces; the empty text is none.
  public func words(_ column: Int32) -> [String] { text(column).split(separator: " ").map(String.init) }

  /// The error for a value that this program never writes; it names table and column, not the value.
  public func malformed(_ column: Int32) -> StoreError {
    let name = sqlite3_column_name(handle, column).map { String(cString: $0) } ?? "\(column)"
    return .malformedRow(table: table, column: name)
  }
}
