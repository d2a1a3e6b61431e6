import Bytes
import Identifiers

/// Changes of consents that a consent master has to learn, until it has taken them. Each comes to stand here in the transaction that
/// writes the event itself, so that no crash loses one.
public protocol ConsentOutboxStore: Sendable {
  /// A change that is due and before which nothing of the same record waits; nil when there is none. The oldest of those that were never
  /// put off, then what has been due for longest: what fails again and again keeps nothing new from its turn.
  func next() throws -> ConsentOutboxItem?
  /// When the next one becomes due, which may be past; nil when none waits.
  func nextDue() throws -> Timestamp?
  /// Changes of one record that the master has not taken, oldest first.
  func waiting(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> [ConsentEventRow]
  /// The same of all records about a subscriber.
  func waiting(subject: SubjectPseudonym) throws -> [ConsentEventRow]
  /// How many wait, of one subscriber or of all, and since when the oldest does.
  func backlog(subject: SubjectPseudonym?) throws -> (count: Int, oldest: Timestamp?)
  /// The master has it.
  func taken(_ number: Int) async throws
  /// The master does not want it now; it is due again at `dueAt`, and those of the same record wait behind it.
  func putOff(_ number: Int, dueAt: Timestamp) async throws
}

/// A change on its way.
public struct ConsentOutboxItem: Sendable {
  /// Grows with each event and is never given twice.
  public let number: Int
  /// Times that the master refused it.
  public let attempts: Int
  public let event: ConsentEventRow
}

public final class SQLiteConsentOutboxStore: ConsentOutboxStore {
  static let schema: StaticString = """
    CREATE TABLE consent_outbox (
      number     INTEGER NOT NULL PRIMARY KEY REFERENCES consent_events (number),
      consent_id TEXT NOT NULL,
      attempts   INTEGER NOT NULL,
      due_at     INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX consent_outbox_by_consent ON consent_outbox (consent_id, number);
    """
  /// The eighth step of the schema: to find what is due must not sort all that waits.
  static let dueIndex: StaticString = "CREATE INDEX consent_outbox_by_due ON consent_outbox (due_at, number)"
  /// In the transaction of the event that was written last.
  static let insertLast: StaticString = """
    INSERT INTO consent_outbox (number, consent_id, attempts, due_at) VALUES (last_insert_rowid(), ?1, 0, 0)
    """
  private static let nextOne: StaticString = """
    SELECT e.consent_id, e.subject, e.client_id, e.purpose, e.legal_basis, e.kind, e.at, e.scopes, e.categories, e.shown_scopes,
      e.shown_categories, e.flow, e.page_version, e.language, e.text_digest, e.actor, e.reason, e.expires_at, o.number, o.attempts
    FROM consent_outbox o JOIN consent_events e ON e.number = o.number
    WHERE o.due_at <= ?1
      AND NOT EXISTS (SELECT 1 FROM consent_outbox b WHERE b.consent_id = o.consent_id AND b.number < o.number)
    ORDER BY o.due_at, o.number LIMIT 1
    """
  private static let earliest: StaticString = """
    SELECT min(o.due_at) FROM consent_outbox o
    WHERE NOT EXISTS (SELECT 1 FROM consent_outbox b WHERE b.consent_id = o.consent_id AND b.number < o.number)
    """
  private static let ofRecord: StaticString = """
    SELECT e.consent_id, e.subject, e.client_id, e.purpose, e.legal_basis, e.kind, e.at, e.scopes, e.categories, e.shown_scopes,
      e.shown_categories, e.flow, e.page_version, e.language, e.text_digest, e.actor, e.reason, e.expires_at
    FROM consents c JOIN consent_outbox o ON o.consent_id = c.id JOIN consent_events e ON e.number = o.number
    WHERE c.subject = ?1 AND c.client_id = ?2 AND c.purpose = ?3 ORDER BY o.number
    """
  private static let ofSubject: StaticString = """
    SELECT e.consent_id, e.subject, e.client_id, e.purpose, e.legal_basis, e.kind, e.at, e.scopes, e.categories, e.shown_scopes,
      e.shown_categories, e.flow, e.page_version, e.language, e.text_digest, e.actor, e.reason, e.expires_at
    FROM consents c JOIN consent_outbox o ON o.consent_id = c.id JOIN consent_events e ON e.number = o.number
    WHERE c.subject = ?1 ORDER BY o.number
    """
  private static let count: StaticString = """
    SELECT count(*), min(e.at) FROM consent_outbox o JOIN consent_events e ON e.number = o.number
    WHERE ?1 IS NULL OR e.subject = ?1
    """
  private static let delete: StaticString = "DELETE FROM consent_outbox WHERE number = ?1"
  private static let delay: StaticString = "UPDATE consent_outbox SET attempts = attempts + 1, due_at = ?2 WHERE number = ?1"

  private let database: Database

  public init(database: Database) { self.database = database }

  public func next() throws -> ConsentOutboxItem? {
    let now = database.time.now()
    return try database.read { connection in
      let row = try connection.statement(Self.nextOne).bind(now)
      guard try row.step() else { return nil }
      return ConsentOutboxItem(number: row.integer(18), attempts: row.integer(19), event: try SQLiteConsentStore.event(row))
    }
  }

  public func nextDue() throws -> Timestamp? {
    try database.read { connection in
      let row = try connection.statement(Self.earliest)
      return try row.step() ? row.optionalTimestamp(0) : nil
    }
  }

  public func waiting(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> [ConsentEventRow] {
    try database.read { try Self.events($0.statement(Self.ofRecord).bind(subject, client, purpose)) }
  }

  public func waiting(subject: SubjectPseudonym) throws -> [ConsentEventRow] {
    try database.read { try Self.events($0.statement(Self.ofSubject).bind(subject)) }
  }

  private static func events(_ row: Statement) throws -> [ConsentEventRow] {
    var events: [ConsentEventRow] = []
    while try row.step() { events.append(try SQLiteConsentStore.event(row)) }
    return events
  }

  public func backlog(subject: SubjectPseudonym?) throws -> (count: Int, oldest: Timestamp?) {
    try database.read { connection in
      let row = try connection.statement(Self.count).bind(subject)
      guard try row.step() else { return (0, nil) }
      return (row.integer(0), row.optionalTimestamp(1))
    }
  }

  public func taken(_ number: Int) async throws {
    try await database.write { try $0.statement(Self.delete).bind(number).run() }
  }

  public func putOff(_ number: Int, dueAt: Timestamp) async throws {
    try await database.write { try $0.statement(Self.delay).bind(number, dueAt).run() }
  }
}
