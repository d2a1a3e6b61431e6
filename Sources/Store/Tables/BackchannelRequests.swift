import Bytes
import Identifiers
import JOSE

/// Backchannel authentication requests (CIBA Core §7 to §11). Only the digest of an `auth_req_id` is kept.
public protocol BackchannelStore: Sendable {
  func insert(_ record: BackchannelRecord) async throws
  func find(digest: Digest32) throws -> BackchannelRecord?
  /// The subscriber's decision; true once only, for one that is pending and not expired (A45).
  func decide(_ digest: Digest32, granted: Bool) async throws -> Bool
  /// One poll of its client. Looking, counting and redeeming are one act: of any number of polls of a granted request exactly
  /// one is told `.granted`.
  func poll(_ digest: Digest32) async throws -> BackchannelPoll
  /// All scopes that a subscriber is being asked about by a client, for a purpose, and has not decided on.
  func pendingScopes(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> ScopeSet
  /// No more polls.
  func end(_ digest: Digest32) async throws
  /// The same for all requests of a client.
  func end(client: ClientID) async throws
  /// The same for all requests about a subscriber.
  func end(subject: SubjectPseudonym) async throws
}

public enum BackchannelPoll: Sendable, Equatable {
  case unknown
  case expired
  /// Sooner than the interval; it has grown (CIBA Core §11, profile item 32).
  case tooSoon
  case pending
  case denied
  /// The one time that it gives tokens.
  case granted(BackchannelRecord)
  case redeemedBefore
}

public final class SQLiteBackchannelStore: BackchannelStore {
  /// By how much the interval grows when a client polls too soon, in seconds (CIBA Core §11).
  static let slowDownSeconds = 5
  /// How much sooner than the interval a poll may come: clients wait by their own clock, and networks hurry and dawdle.
  static let earlyMicroseconds: Int64 = 250_000

  static let schema: StaticString = """
    CREATE TABLE backchannel_requests (
      digest           BLOB NOT NULL PRIMARY KEY,  -- SHA-256 of the auth_req_id
      client_id        TEXT NOT NULL,
      subject          TEXT NOT NULL,
      purpose          TEXT NOT NULL,
      scopes           TEXT NOT NULL,
      status           TEXT NOT NULL CHECK (status IN ('pending', 'granted', 'denied', 'redeemed')),
      amr              TEXT NOT NULL,
      authenticated_at INTEGER NOT NULL,
      interval_seconds INTEGER NOT NULL,
      polled_at        INTEGER,
      created_at       INTEGER NOT NULL,
      expires_at       INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX backchannel_requests_by_expiry ON backchannel_requests (expires_at);
    """
  static let subjectIndex: StaticString = """
    CREATE INDEX backchannel_requests_by_subject ON backchannel_requests (subject, client_id, purpose);
    """
  private static let pendingBySubject: StaticString = """
    SELECT scopes FROM backchannel_requests
    WHERE subject = ?1 AND client_id = ?2 AND purpose = ?3 AND status = 'pending' AND expires_at > ?4
    """
  private static let byDigest: StaticString = """
    SELECT client_id, subject, purpose, scopes, status, amr, authenticated_at, interval_seconds, polled_at, created_at, expires_at
    FROM backchannel_requests WHERE digest = ?1
    """
  private static let insertOne: StaticString = """
    INSERT INTO backchannel_requests (digest, client_id, subject, purpose, scopes, status, amr, authenticated_at,
      interval_seconds, polled_at, created_at, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
    """
  private static let decideOne: StaticString = """
    UPDATE backchannel_requests SET status = ?2 WHERE digest = ?1 AND status = 'pending' AND expires_at > ?3
    """
  private static let polled: StaticString = """
    UPDATE backchannel_requests SET polled_at = ?2, interval_seconds = ?3, status = ?4 WHERE digest = ?1
    """
  private static let endOne: StaticString = "UPDATE backchannel_requests SET status = 'redeemed' WHERE digest = ?1"
  private static let endByClient: StaticString = "UPDATE backchannel_requests SET status = 'redeemed' WHERE client_id = ?1"
  private static let endBySubject: StaticString = "UPDATE backchannel_requests SET status = 'redeemed' WHERE subject = ?1"
  /// Kept for an hour after it expired, so that a late poll is told so.
  static let sweepStatement: StaticString = """
    DELETE FROM backchannel_requests WHERE digest IN
      (SELECT digest FROM backchannel_requests WHERE expires_at < ?1 - 3600000000 ORDER BY expires_at LIMIT ?2)
    """

  private let database: Database

  public init(database: Database) { self.database = database }

  public func insert(_ record: BackchannelRecord) async throws {
    try await database.write { connection in
      try connection.statement(Self.insertOne).bind(
        record.digest, record.client, record.subject, record.purpose, record.scopes, record.status.rawValue,
        record.amr.joined(separator: " "), record.authenticatedAt, record.intervalSeconds, record.polledAt, record.createdAt,
        record.expiresAt
      ).run()
    }
  }

  public func find(digest: Digest32) throws -> BackchannelRecord? { try database.read { try Self.row(digest, $0) } }

  public func pendingScopes(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> ScopeSet {
    let now = database.time.now()
    return try database.read { connection in
      let row = try connection.statement(Self.pendingBySubject).bind(subject, client, purpose, now)
      var scopes: ScopeSet = []
      while try row.step() { scopes = scopes.union(try row.scopes(0)) }
      return scopes
    }
  }

  public func decide(_ digest: Digest32, granted: Bool) async throws -> Bool {
    let now = database.time.now()
    let status: BackchannelRecord.Status = granted ? .granted : .denied
    return try await database.write { connection in
      try connection.statement(Self.decideOne).bind(digest, status.rawValue, now).run()
      return connection.changes == 1
    }
  }

  public func poll(_ digest: Digest32) async throws -> BackchannelPoll {
    let now = database.time.now()
    return try await database.write { connection in
      guard var record = try Self.row(digest, connection) else { return .unknown }
      guard record.status != .redeemed else { return .redeemedBefore }
      guard now < record.expiresAt else { return .expired }
      let found = record
      let outcome: BackchannelPoll
      if Self.isTooSoon(record, now) {
        record.intervalSeconds += Self.slowDownSeconds
        outcome = .tooSoon
      } else {
        switch record.status {
        case .pending: outcome = .pending
        case .denied: outcome = .denied
        case .granted, .redeemed:
          record.status = .redeemed
          outcome = .granted(found)
        }
      }
      try connection.statement(Self.polled).bind(digest, now, record.intervalSeconds, record.status.rawValue).run()
      return outcome
    }
  }

  public func end(_ digest: Digest32) async throws {
    try await database.write { try $0.statement(Self.endOne).bind(digest).run() }
  }

  public func end(client: ClientID) async throws {
    try await database.write { try $0.statement(Self.endByClient).bind(client).run() }
  }

  public func end(subject: SubjectPseudonym) async throws {
    try await database.write { try $0.statement(Self.endBySubject).bind(subject).run() }
  }

  private static func isTooSoon(_ record: BackchannelRecord, _ now: Timestamp) -> Bool {
    guard let polledAt = record.polledAt else { return false }
    return now.microseconds - polledAt.microseconds < Int64(record.intervalSeconds) * 1_000_000 - earlyMicroseconds
  }

  private static func row(_ digest: Digest32, _ connection: Connection) throws -> BackchannelRecord? {
    let row = try connection.statement(byDigest).bind(digest)
    guard try row.step() else { return nil }
    guard let status = BackchannelRecord.Status(rawValue: row.text(4)) else { throw row.malformed(4) }
    return BackchannelRecord(
      digest: digest, client: try row.identifier(0), subject: try row.identifier(1), purpose: try row.identifier(2),
      scopes: try row.scopes(3), status: status, amr: row.words(5), authenticatedAt: row.timestamp(6),
      intervalSeconds: row.integer(7), polledAt: row.optionalTimestamp(8), createdAt: row.timestamp(9),
      expiresAt: row.timestamp(10))
  }
}
