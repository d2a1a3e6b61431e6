import Bytes
import Identifiers
import JOSE

/// Whose the resources are that calls have made: sessions, payments, subscriptions. What is not here is nobody's.
public protocol ResourceStore: Sendable {
  /// Nil for one that is not known, or not any more.
  func owner(kind: String, id: String) throws -> ResourceOwner?
  /// The same for several, in their order, as they stand at one moment.
  func owners(kind: String, ids: [String]) throws -> [ResourceOwner?]
  /// Holds the place of one that is about to be made; durable when it returns. It counts like one, and nobody can name it.
  ///
  /// - Returns: the id of the place; nil when the client has as many as it may have.
  func reserve(kind: String, owner: ResourceOwner, expiresAt: Timestamp, countMaximum: Int) async throws -> String?
  /// Keeps a new one until `expiresAt`; durable when it returns. One that its owner had already is kept on.
  ///
  /// - Parameter reservation: the place that it takes; it is given back whatever becomes of the new one.
  func keep(
    kind: String, id: String, owner: ResourceOwner, expiresAt: Timestamp, countMaximum: Int, reservation: String?
  ) async throws -> ResourceKeeping
  /// Nothing was made: the place is free again.
  func giveBack(kind: String, reservation: String) async throws
  /// It is over: forgotten at once, or at that time when that is earlier than it would be otherwise.
  func end(kind: String, id: String, at: Timestamp?) async throws
  /// How many a client has, of all kinds.
  func count(client: ClientID) throws -> Int
  /// How many that are known now were made about a subscriber, of all clients and kinds. Reads the whole table: not on a loop.
  func count(subject: SubjectPseudonym) throws -> Int
  /// The kinds of which there are any, in order.
  func kinds() throws -> [String]
}

public final class SQLiteResourceStore: ResourceStore {
  static let schema: StaticString = """
    CREATE TABLE resources (
      kind       TEXT NOT NULL,       -- API and kind: quality-on-demand:sessions
      id         TEXT NOT NULL,       -- as the backend named it
      client_id  TEXT NOT NULL,
      subject    TEXT,
      is_named   INTEGER NOT NULL,    -- the client named the subscriber itself
      created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      PRIMARY KEY (kind, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX resources_by_expiry ON resources (expires_at);
    -- How many each client has: counting them at each new one would read them all.
    CREATE TABLE resource_counts (
      client_id TEXT NOT NULL PRIMARY KEY,
      count     INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER resources_counted AFTER INSERT ON resources BEGIN
      INSERT INTO resource_counts (client_id, count) VALUES (new.client_id, 1)
        ON CONFLICT (client_id) DO UPDATE SET count = count + 1;
    END;
    CREATE TRIGGER resources_discounted AFTER DELETE ON resources BEGIN
      UPDATE resource_counts SET count = count - 1 WHERE client_id = old.client_id;
      DELETE FROM resource_counts WHERE client_id = old.client_id AND count <= 0;
    END;
    """
  private static let ownerOf: StaticString = """
    SELECT client_id, subject, is_named FROM resources WHERE kind = ?1 AND id = ?2 AND expires_at > ?3
    """
  private static let countOf: StaticString = "SELECT count FROM resource_counts WHERE client_id = ?1"
  private static let countAbout: StaticString = "SELECT count(*) FROM resources WHERE subject = ?1 AND expires_at > ?2"
  /// One look-up in the primary key for each kind, however many there are of it.
  private static let kindsThere: StaticString = """
    WITH RECURSIVE kinds (kind) AS (
      SELECT min(kind) FROM resources
      UNION ALL
      SELECT (SELECT min(kind) FROM resources WHERE kind > kinds.kind) FROM kinds WHERE kinds.kind IS NOT NULL)
    SELECT kind FROM kinds WHERE kind IS NOT NULL
    """
  private static let insertOne: StaticString = """
    INSERT INTO resources (kind, id, client_id, subject, is_named, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    """
  private static let prolong: StaticString = """
    UPDATE resources SET expires_at = max(expires_at, ?3) WHERE kind = ?1 AND id = ?2
    """
  private static let deleteOne: StaticString = "DELETE FROM resources WHERE kind = ?1 AND id = ?2"
  private static let shorten: StaticString = """
    UPDATE resources SET expires_at = min(expires_at, ?3) WHERE kind = ?1 AND id = ?2
    """
  static let sweepStatement: StaticString = """
    DELETE FROM resources WHERE (kind, id) IN
      (SELECT kind, id FROM resources WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)
    """

  private let database: Database

  public init(database: Database) { self.database = database }

  public func owner(kind: String, id: String) throws -> ResourceOwner? {
    let now = database.time.now()
    return try database.read { try Self.owner(kind, id, now, $0) }
  }

  public func owners(kind: String, ids: [String]) throws -> [ResourceOwner?] {
    let now = database.time.now()
    return try database.read { connection in try ids.map { try Self.owner(kind, $0, now, connection) } }
  }

  /// No kind of a policy has a space in it, so that no request leads here.
  private static func placeholder(_ kind: String) -> String { "reserved \(kind)" }

  public func reserve(
    kind: String, owner: ResourceOwner, expiresAt: Timestamp, countMaximum: Int
  ) async throws -> String? {
    let (now, id) = (database.time.now(), Random.uuid())
    return try await database.write { connection in
      guard try Self.count(owner.client, connection) < countMaximum else { return nil }
      try connection.statement(Self.insertOne).bind(
        Self.placeholder(kind), id, owner.client, owner.subject, owner.isNamedByClient, now, expiresAt
      ).run()
      return id
    }
  }

  public func giveBack(kind: String, reservation: String) async throws {
    try await end(kind: Self.placeholder(kind), id: reservation, at: nil)
  }

  public func keep(
    kind: String, id: String, owner: ResourceOwner, expiresAt: Timestamp, countMaximum: Int, reservation: String?
  ) async throws -> ResourceKeeping {
    let now = database.time.now()
    return try await database.write { connection in
      if let reservation { try connection.statement(Self.deleteOne).bind(Self.placeholder(kind), reservation).run() }
      if let known = try Self.owner(kind, id, now, connection) {
        guard known.client == owner.client, known.subject == owner.subject else { return .ofAnother }
        try connection.statement(Self.prolong).bind(kind, id, expiresAt).run()
        return .kept
      }
      // One that has expired and is not swept yet.
      try connection.statement(Self.deleteOne).bind(kind, id).run()
      guard try Self.count(owner.client, connection) < countMaximum else { return .tooMany }
      try connection.statement(Self.insertOne).bind(
        kind, id, owner.client, owner.subject, owner.isNamedByClient, now, expiresAt
      ).run()
      return .kept
    }
  }

  public func end(kind: String, id: String, at time: Timestamp?) async throws {
    try await database.write { connection in
      if let time {
        try connection.statement(Self.shorten).bind(kind, id, time).run()
      } else {
        try connection.statement(Self.deleteOne).bind(kind, id).run()
      }
    }
  }

  public func count(client: ClientID) throws -> Int { try database.read { try Self.count(client, $0) } }

  public func count(subject: SubjectPseudonym) throws -> Int {
    let now = database.time.now()
    return try database.read { connection in
      let row = try connection.statement(Self.countAbout).bind(subject, now)
      return try row.step() ? row.integer(0) : 0
    }
  }

  public func kinds() throws -> [String] {
    try database.read { connection in
      let rows = try connection.statement(Self.kindsThere)
      var kinds: [String] = []
      while try rows.step() { kinds.append(rows.text(0)) }
      return kinds
    }
  }

  private static func count(_ client: ClientID, _ connection: Connection) throws -> Int {
    let row = try connection.statement(countOf).bind(client)
    return try row.step() ? row.integer(0) : 0
  }

  private static func owner(
    _ kind: String, _ id: String, _ now: Timestamp, _ connection: Connection
  ) throws -> ResourceOwner? {
    let row = try connection.statement(ownerOf).bind(kind, id, now)
    guard try row.step() else { return nil }
    return ResourceOwner(
      client: try row.identifier(0), subject: try row.optionalIdentifier(1), isNamedByClient: row.boolean(2))
  }
}
