import Bytes
import Identifiers
import JOSE

/// Refresh tokens (RFC 6749 §6): each good once, replaced by the next. Only their digest is kept.
public protocol RefreshTokenStore: Sendable {
  func insert(_ record: RefreshTokenRecord) async throws
  func find(digest: Digest32) throws -> RefreshTokenRecord?
  /// Puts a successor in the place of a token, in one act. Of any number that try with the same token, in any process, exactly
  /// one is told true (A13).
  func rotate(_ digest: Digest32, to successor: RefreshTokenRecord) async throws -> Bool
  /// Takes a rotation back, when the successor could not be handed out.
  func takeBack(_ digest: Digest32, successor: Digest32) async throws
  /// Ends all tokens of the grants that rest on a subscriber's consent: the consent was withdrawn. Without the subscriber its id says
  /// nothing, where a consent master gave it.
  func end(consent: ConsentID, subject: SubjectPseudonym) async throws
  /// Ends all tokens of the grants about a subscriber.
  func end(subject: SubjectPseudonym) async throws
}

public final class SQLiteRefreshTokenStore: RefreshTokenStore {
  static let schema: StaticString = """
    CREATE TABLE refresh_tokens (
      digest     BLOB NOT NULL PRIMARY KEY,  -- SHA-256 of the token
      grant_id   TEXT NOT NULL,
      client_id  TEXT NOT NULL,
      scopes     TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      used_at    INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
    CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);
    """
  private static let byDigest: StaticString = """
    SELECT grant_id, client_id, scopes, created_at, expires_at, used_at FROM refresh_tokens WHERE digest = ?1
    """
  private static let insertOne: StaticString = """
    INSERT INTO refresh_tokens (digest, grant_id, client_id, scopes, created_at, expires_at, used_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    """
  private static let use: StaticString = "UPDATE refresh_tokens SET used_at = ?2 WHERE digest = ?1 AND used_at IS NULL"
  private static let unuse: StaticString = "UPDATE refresh_tokens SET used_at = NULL WHERE digest = ?1"
  private static let delete: StaticString = "DELETE FROM refresh_tokens WHERE digest = ?1"
  private static let endByConsent: StaticString = """
    UPDATE refresh_tokens SET used_at = ?2
    WHERE used_at IS NULL AND grant_id IN (SELECT id FROM grants WHERE consent_id = ?1 AND subject = ?3)
    """
  private static let endBySubject: StaticString = """
    UPDATE refresh_tokens SET used_at = ?2
    WHERE used_at IS NULL AND grant_id IN (SELECT id FROM grants WHERE subject = ?1)
    """
  /// A used token is remembered until it would have expired, so that its reuse is noticed as long as the family may live.
  static let sweepStatement: StaticString = """
    DELETE FROM refresh_tokens WHERE digest IN
      (SELECT digest FROM refresh_tokens WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)
    """

  private let database: Database

  public init(database: Database) { self.database = database }

  public func insert(_ record: RefreshTokenRecord) async throws {
    try await database.write { try Self.insert(record, $0) }
  }

  public func find(digest: Digest32) throws -> RefreshTokenRecord? {
    try database.read { connection in
      let row = try connection.statement(Self.byDigest).bind(digest)
      guard try row.step() else { return nil }
      return RefreshTokenRecord(
        digest: digest, grant: try row.identifier(0), client: try row.identifier(1), scopes: try row.scopes(2),
        createdAt: row.timestamp(3), expiresAt: row.timestamp(4), usedAt: row.optionalTimestamp(5))
    }
  }

  public func rotate(_ digest: Digest32, to successor: RefreshTokenRecord) async throws -> Bool {
    let now = database.time.now()
    return try await database.write { connection in
      try connection.statement(Self.use).bind(digest, now).run()
      guard connection.changes == 1 else { return false }
      try Self.insert(successor, connection)
      return true
    }
  }

  public func takeBack(_ digest: Digest32, successor: Digest32) async throws {
    try await database.write { connection in
      try connection.statement(Self.delete).bind(successor).run()
      try connection.statement(Self.unuse).bind(digest).run()
    }
  }

  public func end(consent: ConsentID, subject: SubjectPseudonym) async throws {
    let now = database.time.now()
    try await database.write { try $0.statement(Self.endByConsent).bind(consent, now, subject).run() }
  }

  public func end(subject: SubjectPseudonym) async throws {
    let now = database.time.now()
    try await database.write { try $0.statement(Self.endBySubject).bind(subject, now).run() }
  }

  private static func insert(_ record: RefreshTokenRecord, _ connection: Connection) throws {
    try connection.statement(insertOne).bind(
      record.digest, record.grant, record.client, record.scopes, record.createdAt, record.expiresAt, record.usedAt
    ).run()
  }
}
