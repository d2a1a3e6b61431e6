import Bytes

/// Deletes what has expired, in portions small enough that nobody waits for it.
///
/// It runs on the writer's thread between batches. A process that lives shorter than `idleMilliseconds` never sweeps.
final class Sweeper {
  /// Rows per table and portion: a commit of about two milliseconds.
  static let rowsMaximum = 500
  /// Between portions when there was little to delete, and when a portion was full.
  static let idleMilliseconds = 10_000
  static let busyMilliseconds = 100

  /// What is swept: each statement takes (now in microseconds, rows at most).
  static let statements: [StaticString] = [
    SQLiteAssertionMemory.sweepStatement, SQLiteCodeStore.sweepStatement, SQLiteInteractionStore.sweepStatement,
    SQLitePushedRequestStore.sweepStatement, SQLiteBackchannelStore.sweepStatement, SQLiteRefreshTokenStore.sweepStatement,
    SQLiteGrantStore.sweepStatement, SQLiteOneTimeCodeStore.sweepStatement, SQLiteCaptureStore.sweepStatement,
    SQLiteResourceStore.sweepStatement, SQLiteEventQueue.sweepIDs, SQLiteEventQueue.sweepDead,
    SQLiteSubscriptionStore.sweepStatement,
  ]

  private let time: any TimeSource
  private let clock = ContinuousClock()
  private var due: ContinuousClock.Instant

  init(time: any TimeSource) {
    self.time = time
    due = clock.now.advanced(by: .milliseconds(Self.idleMilliseconds))
  }

  /// Sweeps one portion when it is time; gives the milliseconds until the next one.
  func sweepIfDue(_ connection: Connection) -> Int {
    let now = clock.now
    if now >= due {
      let period = sweepPortion(connection) ? Self.busyMilliseconds : Self.idleMilliseconds
      due = clock.now.advanced(by: .milliseconds(period))
    }
    let left = clock.now.duration(to: due)
    return max(1, Int(left.components.seconds) * 1000 + Int(left.components.attoseconds / 1_000_000_000_000_000))
  }

  /// True when a portion was full, so that there is more. A disk that is full or busy only puts the sweep off.
  private func sweepPortion(_ connection: Connection) -> Bool {
    defer { connection.resetStatements() }
    do {
      try connection.statement("BEGIN IMMEDIATE").run()
      let deleted = try Self.sweep(connection, now: time.now())
      try connection.statement("COMMIT").run()
      return deleted >= Self.rowsMaximum
    } catch {
      if connection.isInTransaction { try? connection.statement("ROLLBACK").run() }
      return false
    }
  }

  static func sweep(_ connection: Connection, now: Timestamp) throws(StoreError) -> Int {
    var deleted = 0
    for sql in statements {
      try connection.statement(sql).bind(now, rowsMaximum).run()
      deleted += connection.changes
    }
    return deleted
  }
}
