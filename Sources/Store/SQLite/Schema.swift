import CSQLite

/// The schema and its history. Each step is written once and never edited; `PRAGMA user_version` says how many were taken.
enum Schema {
  /// "PASR": says that the file is Passerelle's and nobody else's.
  static let applicationID = 0x5041_5352

  static let steps: [[StaticString]] = [
    [
      SQLiteSubjectStore.schema, SQLiteClientStore.schema, SQLiteGrantStore.schema, SQLiteCodeStore.schema,
      SQLiteAssertionMemory.schema, SQLiteInteractionStore.schema, SQLiteConsentStore.schema, SQLiteUsageStore.schema,
    ],
    [
      SQLitePushedRequestStore.schema, SQLiteBackchannelStore.schema, SQLiteRefreshTokenStore.schema,
      SQLiteCodeStore.proofKeyColumn,
    ],
    [SQLiteOneTimeCodeStore.schema],
    [SQLiteGrantStore.subjectIndex, SQLiteConsentStore.searchIndexes],
    [SQLiteCaptureStore.schema, SQLiteBackchannelStore.subjectIndex],
    [SQLiteUsageStore.withoutAmounts],
    [SQLiteConsentOutboxStore.schema],
    [SQLiteConsentOutboxStore.dueIndex],
    [SQLiteResourceStore.schema],
    [SQLiteSubscriptionStore.schema, SQLiteEventQueue.schema, SQLiteEventQueue.triggers],
    [SQLiteSubscriptionStore.askedIndex],
  ]

  /// A file up to this size is checked wholly when it is opened; a larger one would delay the start, and damage in it is
  /// reported when it is met.
  static let checkedBytesMaximum = 16 << 20

  static func checkAndMigrate(_ connection: Connection) throws(StoreError) {
    defer { connection.resetStatements() }
    // One transaction: another process may be making the schema at this moment.
    try connection.statement("BEGIN").run()
    let tables = try pragma("SELECT count(*) FROM sqlite_schema", connection)
    let application = try pragma("PRAGMA application_id", connection)
    try connection.statement("COMMIT").run()
    guard application == applicationID || (application == 0 && tables == 0) else {
      throw .notADatabase(path: connection.path, reason: "it belongs to another program")
    }
    try check(connection)
    guard try version(connection) < steps.count else { return }
    try connection.statement("BEGIN IMMEDIATE").run()
    do throws(StoreError) {
      // Again, now that nobody else can: another process may have migrated in between.
      for step in try version(connection)..<steps.count {
        for sql in steps[step] { try connection.execute("\(sql)") }
        try connection.execute("PRAGMA application_id=\(applicationID); PRAGMA user_version=\(step + 1);")
      }
      try connection.statement("COMMIT").run()
    } catch {
      if connection.isInTransaction { try? connection.statement("ROLLBACK").run() }
      throw error
    }
  }

  private static func version(_ connection: Connection) throws(StoreError) -> Int {
    let found = try pragma("PRAGMA user_version", connection)
    guard (0...steps.count).contains(found) else {
      throw .newerSchema(path: connection.path, found: found, known: steps.count)
    }
    return found
  }

  private static func check(_ connection: Connection) throws(StoreError) {
    let pageCount = try pragma("PRAGMA page_count", connection)
    let pageBytes = try pragma("PRAGMA page_size", connection)
    guard pageCount * pageBytes <= checkedBytesMaximum else { return }
    let statement = try connection.statement("PRAGMA quick_check(1)")
    // A statement that is still open keeps a table from being dropped by a step of the schema.
    defer { statement.reset() }
    guard try statement.step() else { return }
    let finding = statement.text(0)
    guard finding == "ok" else { throw .corrupt(path: connection.path, reason: firstLine(finding)) }
  }

  private static func firstLine(_ text: String) -> String {
    String(text.split(separator: "\n").first { !$0.hasPrefix("***") } ?? "unknown damage")
  }

  private static func pragma(_ sql: StaticString, _ connection: Connection) throws(StoreError) -> Int {
    let statement = try connection.statement(sql)
    defer { statement.reset() }
    return try statement.step() ? statement.integer(0) : 0
  }
}
