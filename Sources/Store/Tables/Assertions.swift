import Bytes
import Identifiers
import JOSE

/// Remembers the `jti` of client assertions until they expire, so that each works once (RFC 7523 §3, A9): also when it comes
/// twice at the same moment, to another process, or after a restart.
public protocol AssertionMemory: Sendable {
  /// True the first time, once that is durable; false when this client used this `jti` before.
  func useOnce(client: ClientID, jti: String, expiresAt: Timestamp) async throws -> Bool
  /// The same for a DPoP proof (RFC 9449 §11.1), by the thumbprint of its key.
  func useOnce(proofKey: String, jti: String, expiresAt: Timestamp) async throws -> Bool
}

public final class SQLiteAssertionMemory: AssertionMemory {
  static let schema: StaticString = """
    CREATE TABLE assertions (
      digest     BLOB NOT NULL PRIMARY KEY,  -- SHA-256 of client and jti: a jti may be long, a row may not
      expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX assertions_by_expiry ON assertions (expires_at);
    """
  private static let insert: StaticString = """
    INSERT INTO assertions (digest, expires_at) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING
    """
  /// Kept ten minutes longer than they are good, for clocks that are not quite right.
  static let sweepStatement: StaticString = """
    DELETE FROM assertions WHERE digest IN
      (SELECT digest FROM assertions WHERE expires_at < ?1 - 600000000 ORDER BY expires_at LIMIT ?2)
    """

  private let database: Database

  public init(database: Database) { self.database = database }

  public func useOnce(client: ClientID, jti: String, expiresAt: Timestamp) async throws -> Bool {
    // A client id holds no NUL, so the pair cannot be read in two ways.
    try await useOnce(SHA256.digest(Array(client.rawValue.utf8) + [0] + Array(jti.utf8)), expiresAt)
  }

  public func useOnce(proofKey: String, jti: String, expiresAt: Timestamp) async throws -> Bool {
    // Nor does it begin with one, so a proof is never taken for an assertion; a thumbprint has 43 characters always.
    try await useOnce(SHA256.digest([0] + Array(proofKey.utf8) + Array(jti.utf8)), expiresAt)
  }

  private func useOnce(_ digest: Digest32, _ expiresAt: Timestamp) async throws -> Bool {
    try await database.write { connection in
      try connection.statement(Self.insert).bind(digest, expiresAt).run()
      return connection.changes == 1
    }
  }
}
