import Bytes
import Identifiers
import JOSE

/// Events between their backends and the sinks. What is here was acknowledged to a backend, and is lost by nothing but its own end.
public protocol EventQueue: Sendable {
  /// Queues an event; durable when it returns.
  ///
  /// - Parameters:
  ///   - waitingMaximum: of one subscription.
  ///   - totalMaximum: of all together.
  func accept(_ event: QueuedEvent, waitingMaximum: Int, totalMaximum: Int) async throws -> EventAcceptance
  /// Subscriptions whose first event is due, the longest due first, none of `excluding` among them.
  func due(at now: Timestamp, excluding: Set<String>, limit: Int) throws -> [String]
  /// Some of them, and where to go on with the others; nil when these were the last. Each question costs no more than its own portion.
  ///
  /// - Parameter place: what the question before gave; nil begins with the longest due.
  func due(at now: Timestamp, from place: QueuePlace?, limit: Int) throws -> (ids: [String], next: QueuePlace?)
  /// When the next one becomes due, which may be past; nil when none waits.
  func nextDue() throws -> Timestamp?
  /// The first events of a subscription, in their order.
  func first(_ subscription: String, limit: Int) throws -> [QueuedEvent]
  /// The sink has it, or it may not have it: it is forgotten, and counted towards the end of the subscription when `counts`. Gives the count
  /// then. Durable when it returns.
  func settle(_ event: QueuedEvent, counts: Bool) async throws -> Int
  /// Tries again at `dueAt`; the events behind it wait.
  ///
  /// - Parameter isTried: it counts as an attempt.
  func putOff(_ event: QueuedEvent, dueAt: Timestamp, failure: String, isTried: Bool) async throws
  /// Gives up: it goes to the dead letters, from which an operator can take it, and those behind it have their turn. Unless it is of the
  /// lifecycle it counts towards the end of the subscription, now and not again when it is delivered after all. Gives the count then.
  @discardableResult
  func bury(_ event: QueuedEvent, failure: String, at: Timestamp) async throws -> Int
  /// The newest first.
  func deadLetters(subscription: String?, limit: Int) throws -> [DeadLetter]
  /// Back to the queue in their order, behind what waits there, as if they had come at `at`; gives how many. Those of subscriptions that
  /// have ended stay.
  func replay(_ letters: DeadLetters, at: Timestamp) async throws -> Int
  /// Forgets dead letters; gives how many.
  func discard(_ letters: DeadLetters) async throws -> Int
  func depths() throws -> EventDepths
  /// Of one subscription.
  func depth(_ subscription: String) throws -> EventDepths
  /// Subscriptions of which events wait or were given up, those with most first. For operators: it looks at all of them.
  func longest(limit: Int) throws -> [String]
}

extension EventQueue {
  /// Of an event that was tried.
  public func putOff(_ event: QueuedEvent, dueAt: Timestamp, failure: String) async throws {
    try await putOff(event, dueAt: dueAt, failure: failure, isTried: true)
  }
}

/// A place among the subscriptions that have events.
public struct QueuePlace: Sendable, Equatable {
  let dueAt: Timestamp
  let subscription: Int
}

public final class SQLiteEventQueue: EventQueue {
  static let schema: StaticString = """
    CREATE TABLE queued_events (
      number       INTEGER NOT NULL PRIMARY KEY,
      subscription INTEGER NOT NULL,  -- subscriptions.number
      digest       BLOB NOT NULL,     -- of subscription, source and id: which event it is
      type         TEXT NOT NULL,
      time         INTEGER NOT NULL,
      is_lifecycle INTEGER NOT NULL,
      is_counted   INTEGER NOT NULL,  -- towards the end of its subscription, when it was buried
      accepted_at  INTEGER NOT NULL,
      attempts     INTEGER NOT NULL,
      due_at       INTEGER NOT NULL,
      failure      TEXT,
      sealed       BLOB NOT NULL      -- AES-GCM(sealing key, source, id and data), bound to the digest
    ) STRICT;
    CREATE INDEX queued_events_by_subscription ON queued_events (subscription, number);
    CREATE TABLE dead_letters (
      number       INTEGER NOT NULL PRIMARY KEY,
      subscription INTEGER NOT NULL,
      digest       BLOB NOT NULL,
      type         TEXT NOT NULL,
      time         INTEGER NOT NULL,
      is_lifecycle INTEGER NOT NULL,
      accepted_at  INTEGER NOT NULL,
      attempts     INTEGER NOT NULL,
      buried_at    INTEGER NOT NULL,
      failure      TEXT NOT NULL,
      sealed       BLOB NOT NULL      -- empty when its subscription has ended
    ) STRICT;
    CREATE INDEX dead_letters_by_subscription ON dead_letters (subscription, number);
    CREATE INDEX dead_letters_by_age ON dead_letters (buried_at);
    -- What came before, so that it is not queued twice.
    CREATE TABLE event_ids (
      digest    BLOB NOT NULL PRIMARY KEY,
      forget_at INTEGER               -- NULL while the event is there
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_ids_by_age ON event_ids (forget_at) WHERE forget_at IS NOT NULL;
    -- One row for each subscription that has events: what is due is found among the heads, however many wait behind them.
    CREATE TABLE event_queues (
      subscription INTEGER NOT NULL PRIMARY KEY,
      waiting      INTEGER NOT NULL,
      dead         INTEGER NOT NULL,
      due_at       INTEGER            -- of the first event; NULL when none waits
    ) STRICT;
    CREATE INDEX event_queues_by_due ON event_queues (due_at) WHERE due_at IS NOT NULL;
    CREATE TABLE event_totals (
      one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
      last_number INTEGER NOT NULL,
      waiting     INTEGER NOT NULL,
      dead        INTEGER NOT NULL
    ) STRICT;
    INSERT INTO event_totals (one, last_number, waiting, dead) VALUES (1, 0, 0, 0);
    """
  /// Heads and counts follow the rows, whoever changes them. An id is kept for three days after its event came, and longer while the
  /// event waits or is among the dead letters.
  static let triggers: StaticString = """
    CREATE TRIGGER queued_events_counted AFTER INSERT ON queued_events BEGIN
      UPDATE event_totals SET waiting = waiting + 1, last_number = max(last_number, new.number);
      INSERT INTO event_queues (subscription, waiting, dead, due_at) VALUES (new.subscription, 1, 0, new.due_at)
        ON CONFLICT (subscription) DO UPDATE SET waiting = waiting + 1, due_at = coalesce(due_at, excluded.due_at);
      INSERT INTO event_ids (digest, forget_at) VALUES (new.digest, NULL)
        ON CONFLICT (digest) DO UPDATE SET forget_at = NULL;
    END;
    CREATE TRIGGER queued_events_discounted AFTER DELETE ON queued_events BEGIN
      UPDATE event_totals SET waiting = waiting - 1;
      UPDATE event_queues SET waiting = waiting - 1,
        due_at = (SELECT due_at FROM queued_events WHERE subscription = old.subscription ORDER BY number LIMIT 1)
        WHERE subscription = old.subscription;
      DELETE FROM event_queues WHERE subscription = old.subscription AND waiting = 0 AND dead = 0;
      UPDATE event_ids SET forget_at = old.accepted_at + 259200000000 WHERE digest = old.digest;
    END;
    CREATE TRIGGER queued_events_delayed AFTER UPDATE OF due_at ON queued_events BEGIN
      UPDATE event_queues
        SET due_at = (SELECT due_at FROM queued_events WHERE subscription = new.subscription ORDER BY number LIMIT 1)
        WHERE subscription = new.subscription;
    END;
    CREATE TRIGGER dead_letters_counted AFTER INSERT ON dead_letters BEGIN
      UPDATE event_totals SET dead = dead + 1;
      INSERT INTO event_queues (subscription, waiting, dead, due_at) VALUES (new.subscription, 0, 1, NULL)
        ON CONFLICT (subscription) DO UPDATE SET dead = dead + 1;
      UPDATE event_ids SET forget_at = NULL WHERE digest = new.digest;
    END;
    CREATE TRIGGER dead_letters_discounted AFTER DELETE ON dead_letters BEGIN
      UPDATE event_totals SET dead = dead - 1;
      UPDATE event_queues SET dead = dead - 1 WHERE subscription = old.subscription;
      DELETE FROM event_queues WHERE subscription = old.subscription AND waiting = 0 AND dead = 0;
      UPDATE event_ids SET forget_at = old.accepted_at + 259200000000 WHERE digest = old.digest;
    END;
    """
  /// How a subscription stands, before an event is queued for it.
  static let standing: StaticString = """
    SELECT s.number, s.status IN ('requested', 'active'), coalesce(q.waiting, 0), (SELECT waiting FROM event_totals),
      EXISTS (SELECT 1 FROM event_ids WHERE digest = ?2)
    FROM subscriptions s LEFT JOIN event_queues q ON q.subscription = s.number WHERE s.id = ?1
    """
  static let insertOne: StaticString = """
    INSERT INTO queued_events (number, subscription, digest, type, time, is_lifecycle, is_counted, accepted_at, attempts, due_at,
      failure, sealed)
    SELECT last_number + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, NULL, ?9 FROM event_totals
    """
  static let dueHeads: StaticString = """
    SELECT s.id FROM event_queues q CROSS JOIN subscriptions s ON s.number = q.subscription
    WHERE q.due_at <= ?1 ORDER BY q.due_at
    """
  static let dueHeadsFrom: StaticString = """
    SELECT s.id, q.due_at, q.subscription FROM event_queues q CROSS JOIN subscriptions s ON s.number = q.subscription
    WHERE q.due_at <= ?1 AND (q.due_at, q.subscription) > (?2, ?3) ORDER BY q.due_at, q.subscription LIMIT ?4
    """
  static let earliest: StaticString = "SELECT min(due_at) FROM event_queues WHERE due_at IS NOT NULL"
  static let ofSubscription: StaticString = """
    SELECT number, digest, type, time, is_lifecycle, accepted_at, attempts, due_at, failure, sealed FROM queued_events
    WHERE subscription = (SELECT number FROM subscriptions WHERE id = ?1) ORDER BY number LIMIT ?2
    """
  static let takeOne: StaticString = """
    DELETE FROM queued_events WHERE number = ?1
    RETURNING is_counted, subscription, digest, type, time, is_lifecycle, accepted_at, attempts, sealed
    """
  static let addToCount: StaticString = """
    UPDATE subscriptions SET event_count = event_count + 1 WHERE id = ?1 RETURNING event_count
    """
  static let countOf: StaticString = "SELECT event_count FROM subscriptions WHERE id = ?1"
  static let delay: StaticString = """
    UPDATE queued_events SET attempts = attempts + ?4, due_at = ?2, failure = ?3 WHERE number = ?1
    """
  static let insertDead: StaticString = """
    INSERT INTO dead_letters (number, subscription, digest, type, time, is_lifecycle, accepted_at, attempts, buried_at, failure,
      sealed)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    """
  static let dropQueued: StaticString = "DELETE FROM queued_events WHERE subscription = ?1"
  static let dropDead: StaticString = "DELETE FROM dead_letters WHERE subscription = ?1"
  /// Nobody can replay them any more: what they say is not needed, only that they were.
  static let emptyDead: StaticString = "UPDATE dead_letters SET sealed = x'' WHERE subscription = ?1"
  static let total: StaticString = """
    SELECT waiting, dead, (SELECT accepted_at FROM queued_events ORDER BY number LIMIT 1) FROM event_totals
    """
  static let totalOf: StaticString = """
    SELECT q.waiting, q.dead, e.accepted_at, e.attempts, e.due_at, e.failure
    FROM event_queues q LEFT JOIN queued_events e ON e.number =
      (SELECT number FROM queued_events f WHERE f.subscription = q.subscription ORDER BY number LIMIT 1)
    WHERE q.subscription = (SELECT number FROM subscriptions WHERE id = ?1)
    """
  /// All that have events are looked at, for a person only.
  private static let longestQueues: StaticString = """
    SELECT s.id FROM event_queues q CROSS JOIN subscriptions s ON s.number = q.subscription
    ORDER BY q.waiting + q.dead DESC, q.subscription LIMIT ?1
    """
  static let sweepIDs: StaticString = """
    DELETE FROM event_ids WHERE digest IN
      (SELECT digest FROM event_ids WHERE forget_at < ?1 ORDER BY forget_at LIMIT ?2)
    """
  /// Dead letters are kept for 30 days.
  static let sweepDead: StaticString = """
    DELETE FROM dead_letters WHERE number IN
      (SELECT number FROM dead_letters WHERE buried_at < ?1 - 2592000000000 ORDER BY buried_at LIMIT ?2)
    """

  let database: Database
  let sealing: SealingKey

  public init(database: Database, sealing: SealingKey) {
    self.database = database
    self.sealing = sealing
  }

  public func accept(_ event: QueuedEvent, waitingMaximum: Int, totalMaximum: Int) async throws -> EventAcceptance {
    let event = Sealed(event, sealing)
    return try await database.write { connection in
      let row = try connection.statement(Self.standing).bind(event.subscription, event.digest)
      guard try row.step(), row.boolean(1) else { return .ended }
      guard !row.boolean(4) else { return .duplicate }
      guard row.integer(2) < waitingMaximum, row.integer(3) < totalMaximum else { return .full }
      try Self.insert(event, subscription: row.integer(0), connection)
      return .queued
    }
  }

  /// Behind all that waits for the subscription, with a number of its own.
  static func insert(_ event: Sealed, subscription: Int, _ connection: Connection) throws {
    try connection.statement(insertOne).bind(
      subscription, event.digest, event.type, event.time, event.isLifecycle, event.isCounted, event.acceptedAt, event.dueAt,
      event.sealed
    ).run()
  }

  public func due(at now: Timestamp, excluding: Set<String>, limit: Int) throws -> [String] {
    try database.read { connection in
      let row = try connection.statement(Self.dueHeads).bind(now)
      var ids: [String] = []
      while ids.count < limit, try row.step() {
        let id = row.text(0)
        if !excluding.contains(id) { ids.append(id) }
      }
      return ids
    }
  }

  public func due(at now: Timestamp, from place: QueuePlace?, limit: Int) throws -> (ids: [String], next: QueuePlace?) {
    try database.read { connection in
      let row = try connection.statement(Self.dueHeadsFrom).bind(
        now, place?.dueAt ?? Timestamp(microseconds: .min), place?.subscription ?? 0, limit)
      var (ids, last): ([String], QueuePlace?) = ([], nil)
      while try row.step() {
        ids.append(row.text(0))
        last = QueuePlace(dueAt: row.timestamp(1), subscription: row.integer(2))
      }
      return (ids, ids.count < limit ? nil : last)
    }
  }

  public func nextDue() throws -> Timestamp? {
    try database.read { connection in
      let row = try connection.statement(Self.earliest)
      return try row.step() ? row.optionalTimestamp(0) : nil
    }
  }

  public func first(_ subscription: String, limit: Int) throws -> [QueuedEvent] {
    try database.read { connection in
      let row = try connection.statement(Self.ofSubscription).bind(subscription, limit)
      var events: [QueuedEvent] = []
      while try row.step() { events.append(try Self.event(row, of: subscription, sealing)) }
      return events
    }
  }

  public func settle(_ event: QueuedEvent, counts: Bool) async throws -> Int {
    try await database.write { connection in
      let row = try connection.statement(Self.takeOne).bind(event.number)
      let isCounted = try row.step() && !row.boolean(0)
      return try Self.count(event.subscription, isRaised: counts && isCounted, connection)
    }
  }

  private static func count(_ subscription: String, isRaised: Bool, _ connection: Connection) throws -> Int {
    let row = try connection.statement(isRaised ? addToCount : countOf).bind(subscription)
    return try row.step() ? row.integer(0) : 0
  }

  public func putOff(_ event: QueuedEvent, dueAt: Timestamp, failure: String, isTried: Bool) async throws {
    try await database.write { try $0.statement(Self.delay).bind(event.number, dueAt, failure, isTried ? 1 : 0).run() }
  }

  @discardableResult
  public func bury(_ event: QueuedEvent, failure: String, at: Timestamp) async throws -> Int {
    try await database.write { connection in
      let row = try connection.statement(Self.takeOne).bind(event.number)
      guard try row.step() else { return try Self.count(event.subscription, isRaised: false, connection) }
      try connection.statement(Self.insertDead).bind(
        event.number, row.integer(1), row.blob(2), row.text(3), row.timestamp(4), row.boolean(5), row.timestamp(6),
        row.integer(7) + 1, at, failure, row.blob(8)
      ).run()
      return try Self.count(event.subscription, isRaised: !row.boolean(0) && !row.boolean(5), connection)
    }
  }

  /// Of a subscription that has ended: what waits goes, and of what was given up no more is kept than that it was.
  static func drop(subscription: Int, _ connection: Connection) throws {
    try connection.statement(dropQueued).bind(subscription).run()
    try connection.statement(emptyDead).bind(subscription).run()
  }

  /// Of a subscription that never was.
  static func forget(subscription: Int, _ connection: Connection) throws {
    try connection.statement(dropQueued).bind(subscription).run()
    try connection.statement(dropDead).bind(subscription).run()
  }

  public func depths() throws -> EventDepths {
    try database.read { connection in
      let row = try connection.statement(Self.total)
      guard try row.step() else { return EventDepths(waiting: 0, dead: 0, oldest: nil) }
      return EventDepths(waiting: row.integer(0), dead: row.integer(1), oldest: row.optionalTimestamp(2))
    }
  }

  public func depth(_ subscription: String) throws -> EventDepths {
    try database.read { connection in
      let row = try connection.statement(Self.totalOf).bind(subscription)
      guard try row.step() else { return EventDepths(waiting: 0, dead: 0, oldest: nil) }
      let head = row.optionalTimestamp(4).map {
        EventDepths.Head(attempts: row.integer(3), dueAt: $0, failure: row.optionalText(5))
      }
      return EventDepths(waiting: row.integer(0), dead: row.integer(1), oldest: row.optionalTimestamp(2), head: head)
    }
  }

  public func longest(limit: Int) throws -> [String] {
    try database.read { connection in
      let row = try connection.statement(Self.longestQueues).bind(max(0, limit))
      var ids: [String] = []
      while try row.step() { ids.append(row.text(0)) }
      return ids
    }
  }
}
