import Bytes
import Identifiers

/// What was granted to clients; every token names its grant, and a grant that ended ends them all.
public protocol GrantStore: Sendable {
  func grant(_ id: GrantID) throws -> GrantRecord?
  func insert(_ record: GrantRecord) async throws
  /// Ends one grant; the first reason stays when it had ended before.
  func end(_ id: GrantID, reason: String) async throws
  /// Ends all grants that rest on a consent. Gives those that it ended.
  @discardableResult
  func end(consent: ConsentID, reason: String) async throws -> [GrantID]
  /// Ends all grants of a client. Gives those that it ended.
  @discardableResult
  func end(client: ClientID, reason: String) async throws -> [GrantID]
  /// Ends all grants about a subscriber. Gives those that it ended.
  @discardableResult
  func end(subject: SubjectPseudonym, reason: String) async throws -> [GrantID]
  /// The number of grants about a subscriber that have not ended.
  func openCount(subject: SubjectPseudonym) throws -> Int
  /// Marked under `GrantID.changeHash` when a grant ended, after that is durable.
  var changes: ChangeBoard { get }
}

public final class SQLiteGrantStore: GrantStore {
  static let schema: StaticString = """
    CREATE TABLE grants (
      id               TEXT NOT NULL PRIMARY KEY,
      client_id        TEXT NOT NULL,
      subject          TEXT,
      purpose          TEXT,
      scopes           TEXT NOT NULL,
      consent_id       TEXT,
      flow             TEXT NOT NULL,
      amr              TEXT NOT NULL,
      authenticated_at INTEGER,
      created_at       INTEGER NOT NULL,
      expires_at       INTEGER NOT NULL,
      ended_at         INTEGER,
      ended_reason     TEXT
    ) STRICT;
    CREATE INDEX grants_by_consent ON grants (consent_id) WHERE consent_id IS NOT NULL;
    CREATE INDEX grants_by_client ON grants (client_id);
    CREATE INDEX grants_by_expiry ON grants (expires_at);
    """
  /// The fourth step of the schema: what is asked of one subscriber must not read everybody's.
  static let subjectIndex: StaticString = """
    CREATE INDEX grants_by_subject ON grants (subject) WHERE subject IS NOT NULL;
    """
  private static let byID: StaticString = """
    SELECT id, client_id, subject, purpose, scopes, consent_id, flow, amr, authenticated_at, created_at, expires_at,
      ended_at, ended_reason
    FROM grants WHERE id = ?1
    """
  private static let insertOne: StaticString = """
    INSERT INTO grants (id, client_id, subject, purpose, scopes, consent_id, flow, amr, authenticated_at, created_at,
      expires_at, ended_at, ended_reason)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
    """
  private static let endOne: StaticString = """
    UPDATE grants SET ended_at = ?2, ended_reason = ?3 WHERE id = ?1 AND ended_at IS NULL RETURNING id
    """
  private static let endByConsent: StaticString = """
    UPDATE grants SET ended_at = ?2, ended_reason = ?3 WHERE consent_id = ?1 AND ended_at IS NULL RETURNING id
    """
  private static let endByClient: StaticString = """
    UPDATE grants SET ended_at = ?2, ended_reason = ?3 WHERE client_id = ?1 AND ended_at IS NULL RETURNING id
    """
  private static let endBySubject: StaticString = """
    UPDATE grants SET ended_at = ?2, ended_reason = ?3 WHERE subject = ?1 AND ended_at IS NULL RETURNING id
    """
  private static let openBySubject: StaticString = """
    SELECT count(*) FROM grants WHERE subject = ?1 AND ended_at IS NULL AND expires_at > ?2
    """
  /// A grant is kept for 30 days after it expired, so that what was granted can still be explained.
  static let sweepStatement: StaticString = """
    DELETE FROM grants WHERE id IN
      (SELECT id FROM grants WHERE expires_at < ?1 - 2592000000000 ORDER BY expires_at LIMIT ?2)
    """

  public let changes = ChangeBoard()
  private let database: Database

  public init(database: Database) {
    self.database = database
    database.onForeignCommit { [changes] in changes.changedEverything() }
  }

  public func grant(_ id: GrantID) throws -> GrantRecord? {
    try database.read { connection in
      let row = try connection.statement(Self.byID).bind(id)
      guard try row.step() else { return nil }
      return GrantRecord(
        id: try row.identifier(0), client: try row.identifier(1), subject: try row.optionalIdentifier(2),
        purpose: try row.optionalIdentifier(3), scopes: try row.scopes(4), consent: try row.optionalIdentifier(5),
        flow: row.text(6), amr: row.words(7), authenticatedAt: row.optionalTimestamp(8), createdAt: row.timestamp(9),
        expiresAt: row.timestamp(10), endedAt: row.optionalTimestamp(11), endedReason: row.optionalText(12))
    }
  }

  public func insert(_ record: GrantRecord) async throws {
    try await database.write { connection in
      try connection.statement(Self.insertOne).bind(
        record.id, record.client, record.subject, record.purpose, record.scopes, record.consent, record.flow,
        record.amr.joined(separator: " "), record.authenticatedAt, record.createdAt, record.expiresAt, record.endedAt,
        record.endedReason
      ).run()
    }
  }

  public func end(_ id: GrantID, reason: String) async throws { _ = try await end(Self.endOne, id, reason) }

  @discardableResult
  public func end(consent: ConsentID, reason: String) async throws -> [GrantID] {
    try await end(Self.endByConsent, consent, reason)
  }

  @discardableResult
  public func end(client: ClientID, reason: String) async throws -> [GrantID] {
    try await end(Self.endByClient, client, reason)
  }

  @discardableResult
  public func end(subject: SubjectPseudonym, reason: String) async throws -> [GrantID] {
    try await end(Self.endBySubject, subject, reason)
  }

  public func openCount(subject: SubjectPseudonym) throws -> Int {
    let now = database.time.now()
    return try database.read { connection in
      let row = try connection.statement(Self.openBySubject).bind(subject, now)
      return try row.step() ? row.integer(0) : 0
    }
  }

  private func end(
    _ sql: StaticString, _ key: some Bindable & Sendable, _ reason: String
  ) async throws -> [GrantID] {
    let now = database.time.now()
    return try await database.write { connection in
      let row = try connection.statement(sql).bind(key, now, reason)
      var ended: [GrantID] = []
      while try row.step() { ended.append(try row.identifier(0)) }
      return ended
    } whenDurable: { [changes] ended in
      for id in ended { changes.changed(id.changeHash) }
    }
  }
}
