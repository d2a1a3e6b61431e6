import Bytes
import Identifiers
import JOSE

/// What was used, by whom, per hour: a projection of the ledger, with the place in the ledger up to which it is complete.
public protocol UsageStore: Sendable {
  /// Adds a batch and moves the position, in one transaction. False, and nothing done, when the store does not stand where the
  /// batch begins: it was applied before, or somebody else was faster. Blocks until it is durable.
  func apply(_ batch: UsageBatch) throws -> Bool
  /// Up to where the ledger is counted.
  func position() throws -> LedgerPosition
  /// By client, hour, API, operation, status class.
  func rows(_ filter: UsageFilter) throws -> [UsageRow]
  /// Gives the position, and then every row that belongs to it, by client, hour, API, operation, status class. Blocks; never on a loop.
  func snapshot(_ position: (LedgerPosition) throws -> Void, _ row: (UsageRow) throws -> Void) throws
  /// Puts these rows and this position in the place of all, in one transaction. Blocks until it is durable; others that write wait.
  func replace(_ rows: [UsageRow], at position: LedgerPosition) throws
  /// Every client that has used anything.
  func clients() throws -> [ClientID]
  /// Calls that were forwarded (succeeded or failed) from the first hour to before the last: what a quota counts.
  func countForwarded(client: ClientID, fromHour: Int, toHour: Int) throws -> Int
}

/// Calls of a client that its quotas count, in the UTC day and the UTC month of a moment.
public struct QuotaCounts: Sendable, Equatable {
  public var day: Int
  public var month: Int

  public init(day: Int, month: Int) {
    self.day = day
    self.month = month
  }
}

extension UsageStore {
  /// As far as the ledger is counted; who enforces a quota adds what it has let through since.
  public func quotaCounts(client: ClientID, at time: Timestamp) throws -> QuotaCounts {
    let hour = Int(time.seconds) / 3600
    let dayStart = hour - hour % 24
    let monthStart = dayStart - (time.day - 1) * 24
    return QuotaCounts(
      day: try countForwarded(client: client, fromHour: dayStart, toHour: dayStart + 24),
      month: try countForwarded(client: client, fromHour: monthStart, toHour: dayStart + 24))
  }

  /// The same of every client that has used anything. Blocks; for the start.
  public func quotaCounts(at time: Timestamp) throws -> [ClientID: QuotaCounts] {
    var counts: [ClientID: QuotaCounts] = [:]
    for client in try clients() { counts[client] = try quotaCounts(client: client, at: time) }
    return counts
  }
}

public final class SQLiteUsageStore: UsageStore {
  static let schema: StaticString = """
    CREATE TABLE usage (
      client_id     TEXT NOT NULL,
      hour          INTEGER NOT NULL,
      api           TEXT NOT NULL,
      operation     TEXT NOT NULL,
      status_class  INTEGER NOT NULL,
      currency      TEXT NOT NULL,
      calls         INTEGER NOT NULL,
      succeeded     INTEGER NOT NULL,
      refused       INTEGER NOT NULL,
      failed        INTEGER NOT NULL,
      amount_micros INTEGER NOT NULL,
      PRIMARY KEY (client_id, hour, api, operation, status_class, currency),
      CHECK (calls = succeeded + refused + failed)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE usage_position (
      one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
      sequence INTEGER NOT NULL,
      segment  TEXT NOT NULL,
      offset   INTEGER NOT NULL,
      hash     BLOB NOT NULL
    ) STRICT;
    """
  /// Counts alone: what they cost is worked out when somebody asks.
  static let withoutAmounts: StaticString = """
    CREATE TABLE usage_counted (
      client_id     TEXT NOT NULL,
      hour          INTEGER NOT NULL,
      api           TEXT NOT NULL,
      operation     TEXT NOT NULL,
      status_class  INTEGER NOT NULL,
      calls         INTEGER NOT NULL,
      succeeded     INTEGER NOT NULL,
      refused       INTEGER NOT NULL,
      failed        INTEGER NOT NULL,
      PRIMARY KEY (client_id, hour, api, operation, status_class),
      CHECK (calls = succeeded + refused + failed)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO usage_counted
      SELECT client_id, hour, api, operation, status_class, sum(calls), sum(succeeded), sum(refused), sum(failed)
      FROM usage GROUP BY client_id, hour, api, operation, status_class;
    DROP TABLE usage;
    ALTER TABLE usage_counted RENAME TO usage;
    """
  private static let add: StaticString = """
    INSERT INTO usage (client_id, hour, api, operation, status_class, calls, succeeded, refused, failed)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (client_id, hour, api, operation, status_class) DO UPDATE SET
      calls = calls + excluded.calls, succeeded = succeeded + excluded.succeeded, refused = refused + excluded.refused,
      failed = failed + excluded.failed
    """
  private static let clear: StaticString = "DELETE FROM usage"
  private static let readPosition: StaticString = "SELECT sequence, segment, offset, hash FROM usage_position WHERE one = 1"
  private static let writePosition: StaticString = """
    INSERT INTO usage_position (one, sequence, segment, offset, hash) VALUES (1, ?1, ?2, ?3, ?4)
    ON CONFLICT (one) DO UPDATE SET sequence = excluded.sequence, segment = excluded.segment, offset = excluded.offset,
      hash = excluded.hash
    """
  private static let ofClient: StaticString = """
    SELECT client_id, api, operation, hour, status_class, calls, succeeded, refused, failed
    FROM usage WHERE client_id = ?1 AND hour >= ?2 AND hour < ?3 AND (?4 IS NULL OR api = ?4)
      AND (?5 IS NULL OR operation = ?5)
    ORDER BY client_id, hour, api, operation, status_class
    """
  private static let ofAll: StaticString = """
    SELECT client_id, api, operation, hour, status_class, calls, succeeded, refused, failed
    FROM usage WHERE (?1 IS NULL OR client_id = ?1) AND hour >= ?2 AND hour < ?3 AND (?4 IS NULL OR api = ?4)
      AND (?5 IS NULL OR operation = ?5)
    ORDER BY client_id, hour, api, operation, status_class
    """
  /// From one client to the next along the primary key, which a `DISTINCT` would read as a whole.
  private static let nextClient: StaticString = """
    SELECT client_id FROM usage WHERE client_id > ?1 ORDER BY client_id LIMIT 1
    """
  private static let forwarded: StaticString = """
    SELECT coalesce(sum(succeeded + failed), 0) FROM usage WHERE client_id = ?1 AND hour >= ?2 AND hour < ?3
    """

  private let database: Database

  public init(database: Database) { self.database = database }

  public func apply(_ batch: UsageBatch) throws -> Bool {
    try database.writeNow { connection in
      guard try Self.position(connection) == batch.from else { return false }
      for row in batch.rows { try Self.add(row, connection) }
      try Self.write(batch.to, connection)
      return true
    }
  }

  public func position() throws -> LedgerPosition { try database.read { try Self.position($0) } }

  public func rows(_ filter: UsageFilter) throws -> [UsageRow] {
    try database.read { connection in
      let row = try connection.statement(filter.client == nil ? Self.ofAll : Self.ofClient).bind(
        filter.client, filter.fromHour ?? 0, filter.toHour ?? Int.max, filter.api, filter.operation)
      var rows: [UsageRow] = []
      while try row.step() { rows.append(try Self.row(row)) }
      return rows
    }
  }

  public func snapshot(_ position: (LedgerPosition) throws -> Void, _ row: (UsageRow) throws -> Void) throws {
    try database.read { connection in
      try position(try Self.position(connection))
      let rows = try connection.statement(Self.ofAll).bind(nil as ClientID?, 0, Int.max, nil as String?, nil as String?)
      while try rows.step() { try row(try Self.row(rows)) }
    }
  }

  public func replace(_ rows: [UsageRow], at position: LedgerPosition) throws {
    try database.writeNow { connection in
      try connection.statement(Self.clear).run()
      for row in rows { try Self.add(row, connection) }
      try Self.write(position, connection)
    }
  }

  public func clients() throws -> [ClientID] {
    var clients: [ClientID] = []
    while true {
      let next: ClientID? = try database.read { connection in
        let row = try connection.statement(Self.nextClient).bind(clients.last?.rawValue ?? "")
        return try row.step() ? try row.identifier(0) : nil
      }
      guard let next else { return clients }
      clients.append(next)
    }
  }

  public func countForwarded(client: ClientID, fromHour: Int, toHour: Int) throws -> Int {
    try database.read { connection in
      let row = try connection.statement(Self.forwarded).bind(client, fromHour, toHour)
      return try row.step() ? row.integer(0) : 0
    }
  }

  private static func add(_ row: UsageRow, _ connection: Connection) throws {
    try connection.statement(add).bind(
      row.client, row.hour, row.api, row.operation, row.statusClass, row.calls, row.succeeded, row.refused, row.failed
    ).run()
  }

  private static func write(_ position: LedgerPosition, _ connection: Connection) throws {
    try connection.statement(writePosition).bind(Int(position.sequence), position.segment, position.offset, position.hash).run()
  }

  private static func row(_ row: Statement) throws -> UsageRow {
    UsageRow(
      client: try row.identifier(0), api: row.text(1), operation: row.text(2), hour: row.integer(3),
      statusClass: row.integer(4), calls: row.integer(5), succeeded: row.integer(6), refused: row.integer(7),
      failed: row.integer(8))
  }

  private static func position(_ connection: Connection) throws -> LedgerPosition {
    let row = try connection.statement(readPosition)
    guard try row.step() else { return .start }
    return LedgerPosition(
      sequence: UInt64(max(0, row.integer(0))), segment: row.text(1), offset: row.integer(2), hash: try row.digest(3))
  }
}
