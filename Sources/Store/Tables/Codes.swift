import Bytes
import Identifiers
import JOSE

/// Authorization codes (RFC 6749 §4.1.2): good once, for a minute, for one client. Only their digest is kept.
public protocol CodeStore: Sendable {
  func insert(_ record: CodeRecord) async throws
  /// What a code would give, without using it up: to check client and redirect URI first.
  func find(digest: Digest32) throws -> CodeRecord?
  /// Uses the code up. Of any number of redeemers, in any process, exactly one is told `.redeemed` (A12).
  func redeem(digest: Digest32) async throws -> CodeRedemption
}

public enum CodeRedemption: Sendable, Equatable {
  /// The one time that it works.
  case redeemed(CodeRecord)
  case unknown
  case expired(CodeRecord)
  /// Somebody redeemed it before: the grant of the record must end (RFC 6749 §4.1.2, A12).
  case usedBefore(CodeRecord)
}

public final class SQLiteCodeStore: CodeStore {
  static let schema: StaticString = """
    CREATE TABLE codes (
      digest         BLOB NOT NULL PRIMARY KEY,  -- SHA-256 of the code
      client_id      TEXT NOT NULL,
      redirect_uri   TEXT NOT NULL,
      code_challenge TEXT,
      nonce          TEXT,
      grant_id       TEXT NOT NULL,
      scopes         TEXT NOT NULL,
      expires_at     INTEGER NOT NULL,
      used_at        INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX codes_by_expiry ON codes (expires_at);
    """
  /// The second step of the schema.
  static let proofKeyColumn: StaticString = "ALTER TABLE codes ADD COLUMN proof_key TEXT;"
  private static let byDigest: StaticString = """
    SELECT digest, client_id, redirect_uri, code_challenge, nonce, grant_id, scopes, expires_at, used_at, proof_key
    FROM codes WHERE digest = ?1
    """
  private static let insertOne: StaticString = """
    INSERT INTO codes (digest, client_id, redirect_uri, code_challenge, nonce, grant_id, scopes, expires_at, proof_key)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    """
  private static let use: StaticString = "UPDATE codes SET used_at = ?2 WHERE digest = ?1 AND used_at IS NULL"
  /// A used code is remembered for a day, so that a late replay still ends the grant.
  static let sweepStatement: StaticString = """
    DELETE FROM codes WHERE digest IN
      (SELECT digest FROM codes WHERE expires_at < ?1 - 86400000000 ORDER BY expires_at LIMIT ?2)
    """

  private let database: Database

  public init(database: Database) { self.database = database }

  public func insert(_ record: CodeRecord) async throws {
    try await database.write { connection in
      try connection.statement(Self.insertOne).bind(
        record.digest, record.client, record.redirectURI, record.codeChallenge, record.nonce, record.grant, record.scopes,
        record.expiresAt, record.proofKey
      ).run()
    }
  }

  public func find(digest: Digest32) throws -> CodeRecord? {
    try database.read { try Self.row(digest, $0)?.record }
  }

  public func redeem(digest: Digest32) async throws -> CodeRedemption {
    let now = database.time.now()
    return try await database.write { connection in
      // Looking and marking are one act: the transaction holds the only write lock there is, in all processes.
      guard let (record, isUsed) = try Self.row(digest, connection) else { return .unknown }
      guard !isUsed else { return .usedBefore(record) }
      guard now < record.expiresAt else { return .expired(record) }
      try connection.statement(Self.use).bind(digest, now).run()
      return connection.changes == 1 ? .redeemed(record) : .usedBefore(record)
    }
  }

  private static func row(_ digest: Digest32, _ connection: Connection) throws -> (record: CodeRecord, isUsed: Bool)? {
    let row = try connection.statement(byDigest).bind(digest)
    guard try row.step() else { return nil }
    let record = CodeRecord(
      digest: try row.digest(0), client: try row.identifier(1), redirectURI: row.text(2), codeChallenge: row.optionalText(3),
      nonce: row.optionalText(4), grant: try row.identifier(5), scopes: try row.scopes(6), expiresAt: row.timestamp(7),
      proofKey: row.optionalText(9))
    return (record, !row.isNull(8))
  }
}
