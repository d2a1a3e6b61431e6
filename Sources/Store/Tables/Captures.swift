import Bytes
import Identifiers
import JOSE

/// Capture URLs: issued, opened by their subscriber, decided once. Only the digest of what is in the address is kept.
public protocol CaptureStore: Sendable {
  /// Keeps a new one unless the client got `countMaximum` about this subscriber and purpose since `since`; false then. Counting
  /// and keeping are one act.
  func insert(_ record: CaptureRecord, countMaximum: Int, since: Timestamp) async throws -> Bool
  /// Also when it is finished or expired: the caller says which of the two it was.
  func find(digest: Digest32) throws -> CaptureRecord?
  /// The first browser that comes with its subscriber gets it, and time to decide until `expiresAt`; gives the record as it then
  /// is, whoever has it. Nil when it is finished or expired.
  func open(digest: Digest32, session: Digest32, expiresAt: Timestamp) async throws -> CaptureRecord?
  /// True once only, for one that is neither finished nor expired.
  func finish(digest: Digest32) async throws -> Bool
  /// All scopes that wait for the subscriber's decision at addresses that are still good.
  func openScopes(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> ScopeSet
}

public final class SQLiteCaptureStore: CaptureStore {
  static let schema: StaticString = """
    CREATE TABLE captures (
      digest         BLOB NOT NULL PRIMARY KEY,  -- SHA-256 of the secret in the address
      client_id      TEXT NOT NULL,
      subject        TEXT NOT NULL,
      purpose        TEXT NOT NULL,
      scopes         TEXT NOT NULL,
      callback_url   TEXT,
      session_digest BLOB,                       -- SHA-256 of the session of the browser that opened it
      created_at     INTEGER NOT NULL,
      expires_at     INTEGER NOT NULL,
      finished_at    INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX captures_by_subject ON captures (subject, client_id, purpose);
    CREATE INDEX captures_by_expiry ON captures (expires_at);
    """
  private static let byDigest: StaticString = """
    SELECT client_id, subject, purpose, scopes, callback_url, session_digest, created_at, expires_at, finished_at
    FROM captures WHERE digest = ?1
    """
  private static let countSince: StaticString = """
    SELECT count(*) FROM captures WHERE subject = ?1 AND client_id = ?2 AND purpose = ?3 AND created_at > ?4
    """
  private static let insertOne: StaticString = """
    INSERT INTO captures (digest, client_id, subject, purpose, scopes, callback_url, session_digest, created_at, expires_at,
      finished_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    """
  private static let openOne: StaticString = """
    UPDATE captures SET session_digest = ?2, expires_at = ?3
    WHERE digest = ?1 AND session_digest IS NULL AND finished_at IS NULL AND expires_at > ?4
    """
  private static let finishOne: StaticString = """
    UPDATE captures SET finished_at = ?2 WHERE digest = ?1 AND finished_at IS NULL AND expires_at > ?2
    """
  private static let openScopes: StaticString = """
    SELECT scopes FROM captures
    WHERE subject = ?1 AND client_id = ?2 AND purpose = ?3 AND finished_at IS NULL AND expires_at > ?4
    """
  /// Kept for a day after they expired: they are what is counted.
  static let sweepStatement: StaticString = """
    DELETE FROM captures WHERE digest IN
      (SELECT digest FROM captures WHERE expires_at < ?1 - 86400000000 ORDER BY expires_at LIMIT ?2)
    """

  private let database: Database

  public init(database: Database) { self.database = database }

  public func insert(_ record: CaptureRecord, countMaximum: Int, since: Timestamp) async throws -> Bool {
    try await database.write { connection in
      let count = try connection.statement(Self.countSince).bind(record.subject, record.client, record.purpose, since)
      guard try count.step(), count.integer(0) < countMaximum else { return false }
      try connection.statement(Self.insertOne).bind(
        record.digest, record.client, record.subject, record.purpose, record.scopes, record.callbackURL, record.sessionDigest,
        record.createdAt, record.expiresAt, record.finishedAt
      ).run()
      return true
    }
  }

  public func find(digest: Digest32) throws -> CaptureRecord? { try database.read { try Self.row(digest, $0) } }

  public func open(digest: Digest32, session: Digest32, expiresAt: Timestamp) async throws -> CaptureRecord? {
    let now = database.time.now()
    return try await database.write { connection in
      try connection.statement(Self.openOne).bind(digest, session, expiresAt, now).run()
      guard let record = try Self.row(digest, connection), record.finishedAt == nil, now < record.expiresAt else { return nil }
      return record
    }
  }

  public func finish(digest: Digest32) async throws -> Bool {
    let now = database.time.now()
    return try await database.write { connection in
      try connection.statement(Self.finishOne).bind(digest, now).run()
      return connection.changes == 1
    }
  }

  public func openScopes(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> ScopeSet {
    let now = database.time.now()
    return try database.read { connection in
      let row = try connection.statement(Self.openScopes).bind(subject, client, purpose, now)
      var scopes: ScopeSet = []
      while try row.step() { scopes = scopes.union(try row.scopes(0)) }
      return scopes
    }
  }

  private static func row(_ digest: Digest32, _ connection: Connection) throws -> CaptureRecord? {
    let row = try connection.statement(byDigest).bind(digest)
    guard try row.step() else { return nil }
    return CaptureRecord(
      digest: digest, client: try row.identifier(0), subject: try row.identifier(1), purpose: try row.identifier(2),
      scopes: try row.scopes(3), callbackURL: row.optionalText(4), sessionDigest: try row.optionalDigest(5),
      createdAt: row.timestamp(6), expiresAt: row.timestamp(7), finishedAt: row.optionalTimestamp(8))
  }
}
