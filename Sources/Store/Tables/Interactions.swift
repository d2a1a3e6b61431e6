import Bytes
import Identifiers
import JOSE

/// Authorization requests that wait for a person. What they hold is sealed: it names the subscriber.
public protocol InteractionStore: Sendable {
  func insert(_ record: InteractionRecord) async throws
  /// The interaction, also when it is finished or expired: the caller says which of the two it was.
  func find(digest: Digest32) throws -> InteractionRecord?
  /// Replaces payload, session and end of one that is neither finished nor expired; false when there is none such.
  func update(_ record: InteractionRecord) async throws -> Bool
  /// True once only, for one that is neither finished nor expired: a decision cannot be sent twice (A39).
  func finish(digest: Digest32) async throws -> Bool
}

public final class SQLiteInteractionStore: InteractionStore {
  static let schema: StaticString = """
    CREATE TABLE interactions (
      digest         BLOB NOT NULL PRIMARY KEY,  -- SHA-256 of the handle
      session_digest BLOB,                       -- SHA-256 of the browser's session cookie
      sealed         BLOB NOT NULL,              -- AES-GCM(sealing key, payload), bound to the digest
      created_at     INTEGER NOT NULL,
      expires_at     INTEGER NOT NULL,
      finished_at    INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX interactions_by_expiry ON interactions (expires_at);
    """
  private static let byDigest: StaticString = """
    SELECT session_digest, sealed, created_at, expires_at, finished_at FROM interactions WHERE digest = ?1
    """
  private static let insertOne: StaticString = """
    INSERT INTO interactions (digest, session_digest, sealed, created_at, expires_at, finished_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    """
  private static let updateOne: StaticString = """
    UPDATE interactions SET session_digest = ?2, sealed = ?3, expires_at = ?5
    WHERE digest = ?1 AND finished_at IS NULL AND expires_at > ?4
    """
  private static let finishOne: StaticString = """
    UPDATE interactions SET finished_at = ?2 WHERE digest = ?1 AND finished_at IS NULL AND expires_at > ?2
    """
  /// Kept an hour longer, so that a late click is told what happened.
  static let sweepStatement: StaticString = """
    DELETE FROM interactions WHERE digest IN
      (SELECT digest FROM interactions WHERE expires_at < ?1 - 3600000000 ORDER BY expires_at LIMIT ?2)
    """

  private let database: Database
  private let sealing: SealingKey

  public init(database: Database, sealing: SealingKey) {
    self.database = database
    self.sealing = sealing
  }

  public func insert(_ record: InteractionRecord) async throws {
    let sealed = seal(record)
    try await database.write { connection in
      try connection.statement(Self.insertOne).bind(
        record.digest, record.sessionDigest, sealed, record.createdAt, record.expiresAt, record.finishedAt
      ).run()
    }
  }

  public func find(digest: Digest32) throws -> InteractionRecord? {
    try database.read { connection in
      let row = try connection.statement(Self.byDigest).bind(digest)
      guard try row.step() else { return nil }
      guard let payload = sealing.open(row.blob(1), context: digest.bytes) else { throw row.malformed(1) }
      return InteractionRecord(
        digest: digest, sessionDigest: try row.optionalDigest(0), payload: payload, createdAt: row.timestamp(2),
        expiresAt: row.timestamp(3), finishedAt: row.optionalTimestamp(4))
    }
  }

  public func update(_ record: InteractionRecord) async throws -> Bool {
    let sealed = seal(record)
    let now = database.time.now()
    return try await database.write { connection in
      try connection.statement(Self.updateOne).bind(record.digest, record.sessionDigest, sealed, now, record.expiresAt).run()
      return connection.changes == 1
    }
  }

  public func finish(digest: Digest32) async throws -> Bool {
    let now = database.time.now()
    return try await database.write { connection in
      try connection.statement(Self.finishOne).bind(digest, now).run()
      return connection.changes == 1
    }
  }

  private func seal(_ record: InteractionRecord) -> [UInt8] { sealing.seal(record.payload, context: record.digest.bytes) }
}
