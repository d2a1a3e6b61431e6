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
  /// By period, client, API, operation, currency: all of it, however much there is. Blocks; never on a loop.
  func sums(_ filter: UsageFilter, by period: UsagePeriod) throws -> [UsageSum]
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
  private static let add: StaticString = """
    INSERT INTO usage (client_id, hour, api, operation, status_class, currency, calls, succeeded, refused, failed,
      amount_micros)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (client_id, hour, api, operation, status_class, currency) DO UPDATE SET
      calls = calls + excluded.calls, succeeded = succeeded + excluded.succeeded, refused = refused + excluded.refused,
      failed = failed + excluded.failed, amount_micros = amount_micros + excluded.amount_micros
    """
  private static let readPosition: StaticString = "SELECT sequence, segment, offset, hash FROM usage_position WHERE one = 1"
  private static let writePosition: StaticString = """
    INSERT INTO usage_position (one, sequence, segment, offset, hash) VALUES (1, ?1, ?2, ?3, ?4)
    ON CONFLICT (one) DO UPDATE SET sequence = excluded.sequence, segment = excluded.segment, offset = excluded.offset,
      hash = excluded.hash
    """
  private static let ofClient: StaticString = """
    SELECT client_id, api, operation, hour, status_class, calls, succeeded, refused, failed, amount_micros, currency
    FROM usage WHERE client_id = ?1 AND hour >= ?2 AND hour < ?3 AND (?4 IS NULL OR api = ?4)
      AND (?5 IS NULL OR operation = ?5)
    ORDER BY client_id, hour, api, operation, status_class
    """
  private static let ofAll: StaticString = """
    SELECT client_id, api, operation, hour, status_class, calls, succeeded, refused, failed, amount_micros, currency
    FROM usage WHERE (?1 IS NULL OR client_id = ?1) AND hour >= ?2 AND hour < ?3 AND (?4 IS NULL OR api = ?4)
      AND (?5 IS NULL OR operation = ?5)
    ORDER BY client_id, hour, api, operation, status_class
    """
  /// From one client to the next along the primary key, which a `DISTINCT` would read as a whole.
  private static let nextClient: StaticString = """
    SELECT client_id FROM usage WHERE client_id > ?1 ORDER BY client_id LIMIT 1
    """
  // One sum per period. Parameters: client, first hour, last hour, API, operation. What had a price comes before what had none.
  private static let sumByHour: StaticString = """
    SELECT client_id, api, operation, hour AS start, sum(calls), sum(succeeded), sum(refused), sum(failed), sum(amount_micros),
      currency
    FROM usage WHERE client_id = ?1 AND hour >= ?2 AND hour < ?3 AND (?4 IS NULL OR api = ?4) AND (?5 IS NULL OR operation = ?5)
    GROUP BY start, api, operation, currency ORDER BY start, api, operation, currency DESC
    """
  private static let sumByDay: StaticString = """
    SELECT client_id, api, operation, hour - hour % 24 AS start, sum(calls), sum(succeeded), sum(refused), sum(failed),
      sum(amount_micros), currency
    FROM usage WHERE client_id = ?1 AND hour >= ?2 AND hour < ?3 AND (?4 IS NULL OR api = ?4) AND (?5 IS NULL OR operation = ?5)
    GROUP BY start, api, operation, currency ORDER BY start, api, operation, currency DESC
    """
  private static let sumByMonth: StaticString = """
    SELECT client_id, api, operation, unixepoch(hour * 3600, 'unixepoch', 'start of month') / 3600 AS start, sum(calls),
      sum(succeeded), sum(refused), sum(failed), sum(amount_micros), currency
    FROM usage WHERE client_id = ?1 AND hour >= ?2 AND hour < ?3 AND (?4 IS NULL OR api = ?4) AND (?5 IS NULL OR operation = ?5)
    GROUP BY start, api, operation, currency ORDER BY start, api, operation, currency DESC
    """
  private static let forwarded: StaticString = """
    SELECT coalesce(sum(succeeded + failed), 0) FROM usage WHERE client_id = ?1 AND hour >= ?2 AND hour < ?3
    """

  private let database: Database

  public init(database: Database) { self.database = database }

  public func apply(_ batch: UsageBatch) throws -> Bool {
    try database.writeNow { connection in
      guard try Self.position(connection) == batch.from else { return false }
      for row in batch.rows {
        try connection.statement(Self.add).bind(
          row.client, row.hour, row.api, row.operation, row.statusClass, row.currency, row.calls, row.succeeded, row.refused,
          row.failed, row.amountMicros
        ).run()
      }
      try connection.statement(Self.writePosition).bind(
        Int(batch.to.sequence), batch.to.segment, batch.to.offset, batch.to.hash
      ).run()
      return true
    }
  }

  public func position() throws -> LedgerPosition { try database.read { try Self.position($0) } }

  public func rows(_ filter: UsageFilter) throws -> [UsageRow] {
    try database.read { connection in
      let row = try connection.statement(filter.client == nil ? Self.ofAll : Self.ofClient).bind(
        filter.client, filter.fromHour ?? 0, filter.toHour ?? Int.max, filter.api, filter.operation)
      var rows: [UsageRow] = []
      while try row.step() {
        rows.append(
          UsageRow(
            client: try row.identifier(0), api: row.text(1), operation: row.text(2), hour: row.integer(3),
            statusClass: row.integer(4), calls: row.integer(5), succeeded: row.integer(6), refused: row.integer(7),
            failed: row.integer(8), amountMicros: row.integer(9), currency: row.text(10)))
      }
      return rows
    }
  }

  public func sums(_ filter: UsageFilter, by period: UsagePeriod) throws -> [UsageSum] {
    var sums: [UsageSum] = []
    for client in try filter.client.map({ [$0] }) ?? clients() { try add(client, filter, period, to: &sums) }
    return sums.sorted {
      ($0.hour, $0.client, $0.api, $0.operation, $0.currency) < ($1.hour, $1.client, $1.api, $1.operation, $1.currency)
    }
  }

  /// What cost nothing has no currency of its own: it is counted in the row of what did.
  private func add(_ client: ClientID, _ filter: UsageFilter, _ period: UsagePeriod, to sums: inout [UsageSum]) throws {
    let sql = period == .hour ? Self.sumByHour : period == .day ? Self.sumByDay : Self.sumByMonth
    try database.read { connection in
      let row = try connection.statement(sql).bind(
        client, filter.fromHour ?? 0, filter.toHour ?? Int.max, filter.api, filter.operation)
      while try row.step() {
        let sum = UsageSum(
          client: client, api: row.text(1), operation: row.text(2), hour: row.integer(3), calls: row.integer(4),
          succeeded: row.integer(5), refused: row.integer(6), failed: row.integer(7), amountMicros: row.integer(8),
          currency: row.text(9))
        guard sum.currency.isEmpty, let last = sums.last, last.client == client,
          (last.hour, last.api, last.operation) == (sum.hour, sum.api, sum.operation)
        else {
          sums.append(sum)
          continue
        }
        sums[sums.count - 1].calls += sum.calls
        sums[sums.count - 1].succeeded += sum.succeeded
        sums[sums.count - 1].refused += sum.refused
        sums[sums.count - 1].failed += sum.failed
      }
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

  private static func position(_ connection: Connection) throws -> LedgerPosition {
    let row = try connection.statement(readPosition)
    guard try row.step() else { return .start }
    return LedgerPosition(
      sequence: UInt64(max(0, row.integer(0))), segment: row.text(1), offset: row.integer(2), hash: try row.digest(3))
  }
}
