import CSQLite
import Testing

@testable import Store

/// With a million subscriptions no statement may read a table from end to end, or sort what it found.
@Suite("How the statements of subscriptions and events find their rows")
struct EventPlansTests {
  private static let statements: [StaticString] = [
    SQLiteSubscriptionStore.activate, SQLiteSubscriptionStore.deleteOne, SQLiteSubscriptionStore.endOne,
    SQLiteSubscriptionStore.bySecret, SQLiteSubscriptionStore.byID, SQLiteSubscriptionStore.byBackend,
    SQLiteSubscriptionStore.byEnd, SQLiteSubscriptionStore.unanswered, SQLiteSubscriptionStore.ofDisabled,
    SQLiteSubscriptionStore.searchSubject,
    SQLiteSubscriptionStore.searchClient, SQLiteSubscriptionStore.searchKind, SQLiteSubscriptionStore.searchAll,
    SQLiteSubscriptionStore.dropDocuments, SQLiteSubscriptionStore.historyAfter, SQLiteSubscriptionStore.sweepStatement,
    SQLiteEventQueue.standing,
    SQLiteEventQueue.dueHeads, SQLiteEventQueue.dueHeadsFrom, SQLiteEventQueue.earliest, SQLiteEventQueue.ofSubscription,
    SQLiteEventQueue.takeOne,
    SQLiteEventQueue.addToCount, SQLiteEventQueue.countOf, SQLiteEventQueue.delay, SQLiteEventQueue.dropQueued,
    SQLiteEventQueue.dropDead, SQLiteEventQueue.emptyDead, SQLiteEventQueue.total, SQLiteEventQueue.totalOf,
    SQLiteEventQueue.sweepIDs, SQLiteEventQueue.sweepDead, SQLiteEventQueue.deadOfAll, SQLiteEventQueue.deadOfOne,
    SQLiteEventQueue.deadNumbers, SQLiteEventQueue.takeLiveDead, SQLiteEventQueue.deleteDead,
  ]
  /// Tables of one row, what is read in its own order up to a limit, and the intermediate result of the clients.
  private static let readWhole = [
    "SCAN event_totals", "SCAN subscription_place", "SCAN owners", "SCAN d", "SCAN event_queues USING COVERING INDEX",
    "SCAN queued_events",
  ]

  @Test("each has an index for what it looks for, and for its order", arguments: statements.indices)
  func plan(index: Int) throws {
    let fixture = try Fixture()
    let sql = Self.statements[index]
    for line in try Self.plan(sql, path: fixture.folder.database) {
      #expect(!line.contains("TEMP B-TREE"), "\(line): \(sql)")
      if line.hasPrefix("SCAN") { #expect(Self.readWhole.contains { line.hasPrefix($0) }, "\(line): \(sql)") }
    }
  }

  private static func plan(_ sql: StaticString, path: String) throws -> [String] {
    var (handle, statement): (OpaquePointer?, OpaquePointer?)
    defer {
      sqlite3_finalize(statement)
      sqlite3_close_v2(handle)
    }
    try #require(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK)
    try #require(sqlite3_prepare_v2(handle, "EXPLAIN QUERY PLAN \(sql)", -1, &statement, nil) == SQLITE_OK)
    var lines: [String] = []
    while sqlite3_step(statement) == SQLITE_ROW { lines.append(String(cString: sqlite3_column_text(statement, 3))) }
    return lines
  }
}
