import Bytes
import Identifiers

/// Dead letters: what could not be delivered, until an operator decides or 30 days have passed.
extension SQLiteEventQueue {
  static let deadOfAll: StaticString = """
    SELECT d.number, s.id, s.client_id, d.type, d.time, d.buried_at, d.attempts, d.failure
    FROM dead_letters d CROSS JOIN subscriptions s ON s.number = d.subscription ORDER BY d.number DESC LIMIT ?1
    """
  static let deadOfOne: StaticString = """
    SELECT d.number, s.id, s.client_id, d.type, d.time, d.buried_at, d.attempts, d.failure
    FROM subscriptions s CROSS JOIN dead_letters d ON d.subscription = s.number WHERE s.id = ?1 ORDER BY d.number DESC LIMIT ?2
    """
  static let deadNumbers: StaticString = """
    SELECT number FROM dead_letters WHERE subscription = (SELECT number FROM subscriptions WHERE id = ?1) ORDER BY number LIMIT ?2
    """
  static let takeLiveDead: StaticString = """
    DELETE FROM dead_letters WHERE number = ?1
      AND subscription IN (SELECT number FROM subscriptions WHERE number = dead_letters.subscription
        AND status IN ('requested', 'active'))
    RETURNING subscription, digest, type, time, is_lifecycle, sealed
    """
  static let deleteDead: StaticString = "DELETE FROM dead_letters WHERE number = ?1"
  /// Of one transaction: nobody waits for an operator longer than some ten milliseconds.
  private static let portionMaximum = 500

  public func deadLetters(subscription: String?, limit: Int) throws -> [DeadLetter] {
    try database.read { connection in
      let row =
        if let subscription {
          try connection.statement(Self.deadOfOne).bind(subscription, max(0, limit))
        } else {
          try connection.statement(Self.deadOfAll).bind(max(0, limit))
        }
      var letters: [DeadLetter] = []
      while try row.step() {
        letters.append(
          DeadLetter(
            number: row.integer(0), subscription: row.text(1), client: try row.identifier(2), type: row.text(3),
            time: row.timestamp(4), buriedAt: row.timestamp(5), attempts: row.integer(6), failure: row.text(7)))
      }
      return letters
    }
  }

  public func replay(_ letters: DeadLetters, at: Timestamp) async throws -> Int {
    try await inPortions(letters) { number, connection in
      let row = try connection.statement(Self.takeLiveDead).bind(number)
      guard try row.step() else { return false }
      let event = Sealed(
        subscription: "", digest: row.blob(1), type: row.text(2), time: row.timestamp(3), isLifecycle: row.boolean(4),
        acceptedAt: at, sealed: row.blob(5))
      try Self.insert(event, subscription: row.integer(0), connection)
      return true
    }
  }

  public func discard(_ letters: DeadLetters) async throws -> Int {
    try await inPortions(letters) { number, connection in
      try connection.statement(Self.deleteDead).bind(number).run()
      return connection.changes == 1
    }
  }

  /// Oldest first; gives for how many the closure said yes.
  private func inPortions(
    _ letters: DeadLetters, _ body: @escaping @Sendable (_ number: Int, _ connection: Connection) throws -> Bool
  ) async throws -> Int {
    var rest = try numbers(letters)[...]
    var count = 0
    while !rest.isEmpty {
      let portion = Array(rest.prefix(Self.portionMaximum))
      rest = rest.dropFirst(portion.count)
      count += try await database.write { connection in try portion.count { try body($0, connection) } }
    }
    return count
  }

  private func numbers(_ letters: DeadLetters) throws -> [Int] {
    switch letters {
    case .numbers(let numbers): return Set(numbers).sorted()
    case .of(let subscription):
      return try database.read { connection in
        let row = try connection.statement(Self.deadNumbers).bind(subscription, Int.max)
        var numbers: [Int] = []
        while try row.step() { numbers.append(row.integer(0)) }
        return numbers
      }
    }
  }
}
