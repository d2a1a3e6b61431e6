import Bytes
import Identifiers
import JOSE

/// Pushed authorization requests (RFC 9126): the parameters that a `request_uri` stands for, for one minute and one use. Sealed
/// on the disk: a login hint may name a subscriber.
public protocol PushedRequestStore: Sendable {
  /// - Parameters:
  ///   - digest: SHA-256 of the reference in the `request_uri`.
  ///   - payload: as the authorization server wrote it.
  func insert(digest: Digest32, client: ClientID, payload: [UInt8], expiresAt: Timestamp) async throws
  /// Gives the request and forgets it. Of any number that ask, exactly one gets it; another client, or one that comes late,
  /// gets nil.
  func take(digest: Digest32, client: ClientID) async throws -> [UInt8]?
}

public final class SQLitePushedRequestStore: PushedRequestStore {
  static let schema: StaticString = """
    CREATE TABLE pushed_requests (
      digest     BLOB NOT NULL PRIMARY KEY,  -- SHA-256 of the reference
      client_id  TEXT NOT NULL,
      sealed     BLOB NOT NULL,              -- AES-GCM(sealing key, payload), bound to the digest
      expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX pushed_requests_by_expiry ON pushed_requests (expires_at);
    """
  private static let insertOne: StaticString = """
    INSERT INTO pushed_requests (digest, client_id, sealed, expires_at) VALUES (?1, ?2, ?3, ?4)
    """
  private static let takeOne: StaticString = """
    DELETE FROM pushed_requests WHERE digest = ?1 AND client_id = ?2 AND expires_at > ?3 RETURNING sealed
    """
  static let sweepStatement: StaticString = """
    DELETE FROM pushed_requests WHERE digest IN
      (SELECT digest FROM pushed_requests WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)
    """

  private let database: Database
  private let sealing: SealingKey

  public init(database: Database, sealing: SealingKey) {
    self.database = database
    self.sealing = sealing
  }

  public func insert(digest: Digest32, client: ClientID, payload: [UInt8], expiresAt: Timestamp) async throws {
    let sealed = sealing.seal(payload, context: digest.bytes)
    try await database.write { try $0.statement(Self.insertOne).bind(digest, client, sealed, expiresAt).run() }
  }

  public func take(digest: Digest32, client: ClientID) async throws -> [UInt8]? {
    let now = database.time.now()
    let sealed: [UInt8]? = try await database.write { connection in
      let row = try connection.statement(Self.takeOne).bind(digest, client, now)
      return try row.step() ? row.blob(0) : nil
    }
    guard let sealed else { return nil }
    guard let payload = sealing.open(sealed, context: digest.bytes) else {
      throw StoreError.malformedRow(table: "pushed_requests", column: "sealed")
    }
    return payload
  }
}
