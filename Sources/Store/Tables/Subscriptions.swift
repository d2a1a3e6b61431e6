import Bytes
import Identifiers
import JOSE

/// Subscriptions to events. Those that live, and those that ended, for as long as their clients may still read them.
public protocol SubscriptionStore: Sendable {
  /// Puts one there before its backend is asked; durable when it returns.
  ///
  /// - Parameter secret: SHA-256 of the secret in the address that the backend gets.
  func insert(_ record: SubscriptionRecord, secret: Digest32) async throws
  /// The backend made it: its name for it, when it ends, whether it is active yet, and what it said of it. One that has ended by then gets
  /// its name all the same, and stays ended.
  func made(_ id: String, backendID: String, expiresAt: Timestamp?, isActive: Bool, document: [UInt8]?) async throws
  /// The backend made nothing.
  func discard(_ id: String) async throws
  func find(secret: Digest32) throws -> SubscriptionRecord?
  func find(id: String) throws -> SubscriptionRecord?
  /// By the backend's names, in their order; nil for those that are not known.
  func find(kind: String, backendIDs: [String]) throws -> [SubscriptionRecord?]
  /// It is over. Of its queue all goes, in the same transaction, but `farewell`, the event that tells of it, which is queued when there is
  /// one. False when it had ended before; then nothing happens.
  func end(
    _ id: String, status: SubscriptionRecord.Status, reason: String, at: Timestamp, farewell: QueuedEvent?
  ) async throws -> Bool
  /// Live ones of which the time, or the sink's token, runs out before `time`, the first first.
  func runningOut(before time: Timestamp, limit: Int) throws -> [SubscriptionRecord]
  /// Live ones that were asked for before `time`, and of which no backend has said that it made them, the oldest first.
  func neverMade(before time: Timestamp, limit: Int) throws -> [SubscriptionRecord]
  /// Live ones about a subscriber, of one client or of all.
  func live(subject: SubjectPseudonym, client: ClientID?) throws -> [SubscriptionRecord]
  /// Live ones of a client.
  func live(client: ClientID, limit: Int) throws -> [SubscriptionRecord]
  /// Live ones of clients that are disabled or gone.
  func liveOfDisabledClients(limit: Int) throws -> [SubscriptionRecord]
  /// Consents of which something was taken back since a place in their history: whose, and the place up to which that is said. The place is
  /// kept by `seen`.
  func withdrawals(limit: Int) throws -> (of: [(subject: SubjectPseudonym, client: ClientID)], place: Int)
  /// The withdrawals up to this place have been dealt with.
  func seen(_ place: Int) async throws
  /// What backends said of subscriptions about a subscriber is gone, of those that live and those that ended.
  func forgetDocuments(of subject: SubjectPseudonym) async throws
  /// For operators, newest first.
  func search(_ filter: SubscriptionFilter) throws -> [SubscriptionRecord]
  func counts() throws -> [SubscriptionRecord.Status: Int]
}

public final class SQLiteSubscriptionStore: SubscriptionStore {
  static let schema: StaticString = """
    CREATE TABLE subscriptions (
      number                INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,  -- the tables of events refer to it
      id                    TEXT NOT NULL UNIQUE,
      secret                BLOB NOT NULL UNIQUE,  -- SHA-256 of the secret in the backend's sink
      kind                  TEXT NOT NULL,
      backend_id            TEXT,
      api                   TEXT NOT NULL,
      version               TEXT NOT NULL,
      operation             TEXT NOT NULL,
      client_id             TEXT NOT NULL,
      subject               TEXT,
      is_named              INTEGER NOT NULL,
      granted_at            INTEGER,
      purpose               TEXT,
      scopes                TEXT NOT NULL,
      types                 TEXT NOT NULL,
      status                TEXT NOT NULL CHECK (status IN ('requested', 'active', 'inactive', 'expired', 'deleted')),
      created_at            INTEGER NOT NULL,
      expires_at            INTEGER,
      credential_expires_at INTEGER,
      events_maximum        INTEGER,
      event_count           INTEGER NOT NULL,
      end_reason            TEXT,
      ended_at              INTEGER,
      sealed                BLOB NOT NULL,  -- AES-GCM(sealing key, sink and its credential), bound to the id
      document              BLOB,           -- AES-GCM(sealing key, what the backend said of it), bound to the id
      runs_out_at           INTEGER GENERATED ALWAYS AS
        (min(coalesce(expires_at, credential_expires_at), coalesce(credential_expires_at, expires_at))) VIRTUAL
    ) STRICT;
    CREATE INDEX subscriptions_by_backend ON subscriptions (backend_id, kind) WHERE backend_id IS NOT NULL;
    CREATE INDEX subscriptions_by_subject ON subscriptions (subject, status) WHERE subject IS NOT NULL;
    CREATE INDEX subscriptions_by_client ON subscriptions (client_id, status);
    CREATE INDEX subscriptions_by_kind ON subscriptions (kind, status);
    CREATE INDEX subscriptions_by_status ON subscriptions (status);
    CREATE INDEX subscriptions_by_end ON subscriptions (runs_out_at)
      WHERE runs_out_at IS NOT NULL AND status IN ('requested', 'active');
    CREATE INDEX subscriptions_by_ended ON subscriptions (ended_at) WHERE ended_at IS NOT NULL;
    -- How many stand how: counting them at each look at the metrics would read them all.
    CREATE TABLE subscription_counts (
      status TEXT NOT NULL PRIMARY KEY,
      count  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER subscriptions_counted AFTER INSERT ON subscriptions BEGIN
      INSERT INTO subscription_counts (status, count) VALUES (new.status, 1)
        ON CONFLICT (status) DO UPDATE SET count = count + 1;
    END;
    CREATE TRIGGER subscriptions_discounted AFTER DELETE ON subscriptions BEGIN
      UPDATE subscription_counts SET count = count - 1 WHERE status = old.status;
    END;
    CREATE TRIGGER subscriptions_recounted AFTER UPDATE OF status ON subscriptions WHEN new.status <> old.status BEGIN
      UPDATE subscription_counts SET count = count - 1 WHERE status = old.status;
      INSERT INTO subscription_counts (status, count) VALUES (new.status, 1)
        ON CONFLICT (status) DO UPDATE SET count = count + 1;
    END;
    -- Up to where the history of consents has been looked through. What was taken back before there were subscriptions concerns none.
    CREATE TABLE subscription_place (
      one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
      number INTEGER NOT NULL  -- of consent_events
    ) STRICT;
    INSERT INTO subscription_place (one, number) SELECT 1, coalesce(max(number), 0) FROM consent_events;
    """
  /// Of a process that died the others do not know what it asked for: they are looked for.
  static let askedIndex: StaticString = """
    CREATE INDEX subscriptions_by_question ON subscriptions (created_at) WHERE status = 'requested' AND backend_id IS NULL;
    """
  static let insertOne: StaticString = """
    INSERT INTO subscriptions (id, secret, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at,
      purpose, scopes, types, status, created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason,
      ended_at, sealed)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)
    """
  static let activate: StaticString = """
    UPDATE subscriptions SET backend_id = coalesce(backend_id, ?2), expires_at = coalesce(?3, expires_at),
      document = coalesce(document, ?5),
      status = CASE WHEN ?4 AND status = 'requested' THEN 'active' ELSE status END
    WHERE id = ?1
    """
  static let deleteOne: StaticString = "DELETE FROM subscriptions WHERE id = ?1 RETURNING number"
  static let endOne: StaticString = """
    UPDATE subscriptions SET status = ?2, end_reason = ?3, ended_at = ?4
    WHERE id = ?1 AND status IN ('requested', 'active') RETURNING number
    """
  static let bySecret: StaticString = """
    SELECT id, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at, purpose, scopes, types, status,
      created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason, ended_at, sealed, number, document
    FROM subscriptions WHERE secret = ?1
    """
  static let byID: StaticString = """
    SELECT id, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at, purpose, scopes, types, status,
      created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason, ended_at, sealed, number, document
    FROM subscriptions WHERE id = ?1
    """
  /// A backend may give the name of one that is long over to another: the newer one it is.
  static let byBackend: StaticString = """
    SELECT id, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at, purpose, scopes, types, status,
      created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason, ended_at, sealed, number, document
    FROM subscriptions WHERE backend_id = ?2 AND kind = ?1 ORDER BY number DESC LIMIT 1
    """
  /// The index is named: SQLite knows no numbers, and would rather sort all live ones.
  static let byEnd: StaticString = """
    SELECT id, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at, purpose, scopes, types, status,
      created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason, ended_at, sealed, number, document
    FROM subscriptions INDEXED BY subscriptions_by_end WHERE runs_out_at < ?1 AND status IN ('requested', 'active') ORDER BY runs_out_at LIMIT ?2
    """
  static let unanswered: StaticString = """
    SELECT id, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at, purpose, scopes, types, status,
      created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason, ended_at, sealed, number, document
    FROM subscriptions INDEXED BY subscriptions_by_question
    WHERE created_at < ?1 AND status = 'requested' AND backend_id IS NULL ORDER BY created_at LIMIT ?2
    """
  /// The clients are leapt through in the index, one look for each: those of a million subscriptions are few.
  static let ofDisabled: StaticString = """
    WITH RECURSIVE owners (client_id) AS (
      SELECT min(client_id) FROM subscriptions
      UNION ALL
      SELECT (SELECT min(s.client_id) FROM subscriptions s WHERE s.client_id > owners.client_id) FROM owners
        WHERE owners.client_id IS NOT NULL)
    SELECT s.id, s.kind, s.backend_id, s.api, s.version, s.operation, s.client_id, s.subject, s.is_named, s.granted_at, s.purpose,
      s.scopes, s.types, s.status, s.created_at, s.expires_at, s.credential_expires_at, s.events_maximum, s.event_count,
      s.end_reason, s.ended_at, s.sealed, s.number, s.document
    FROM owners CROSS JOIN subscriptions s ON s.client_id = owners.client_id AND s.status IN ('requested', 'active')
    WHERE NOT EXISTS (SELECT 1 FROM clients WHERE clients.client_id = owners.client_id AND enabled = 1) LIMIT ?1
    """
  // One search per index, each of one status: so all of them give the newest first without sorting. Parameters: status, client,
  // subject, kind, limit.
  static let searchSubject: StaticString = """
    SELECT id, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at, purpose, scopes, types, status,
      created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason, ended_at, sealed, number, document
    FROM subscriptions WHERE status = ?1 AND (?2 IS NULL OR client_id = ?2) AND subject = ?3 AND (?4 IS NULL OR kind = ?4)
    ORDER BY number DESC LIMIT ?5
    """
  static let searchClient: StaticString = """
    SELECT id, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at, purpose, scopes, types, status,
      created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason, ended_at, sealed, number, document
    FROM subscriptions WHERE status = ?1 AND client_id = ?2 AND (?3 IS NULL OR subject = ?3) AND (?4 IS NULL OR kind = ?4)
    ORDER BY number DESC LIMIT ?5
    """
  static let searchKind: StaticString = """
    SELECT id, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at, purpose, scopes, types, status,
      created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason, ended_at, sealed, number, document
    FROM subscriptions WHERE status = ?1 AND (?2 IS NULL OR client_id = ?2) AND (?3 IS NULL OR subject = ?3) AND kind = ?4
    ORDER BY number DESC LIMIT ?5
    """
  static let searchAll: StaticString = """
    SELECT id, kind, backend_id, api, version, operation, client_id, subject, is_named, granted_at, purpose, scopes, types, status,
      created_at, expires_at, credential_expires_at, events_maximum, event_count, end_reason, ended_at, sealed, number, document
    FROM subscriptions WHERE status = ?1 AND (?2 IS NULL OR client_id = ?2) AND (?3 IS NULL OR subject = ?3)
      AND (?4 IS NULL OR kind = ?4)
    ORDER BY number DESC LIMIT ?5
    """
  /// What follows the kept place, and whether it takes something from a subscription that lives. A consent that is given anew may be given
  /// for less than before: only a request takes nothing back. The index is named: one client may have a million subscriptions, one subscriber never.
  static let historyAfter: StaticString = """
    SELECT e.number, e.subject, e.client_id, e.kind <> 'requested' AND EXISTS (
      SELECT 1 FROM subscriptions s INDEXED BY subscriptions_by_subject
      WHERE s.subject = e.subject AND s.status IN ('requested', 'active') AND s.client_id = e.client_id)
    FROM consent_events e WHERE e.number > (SELECT number FROM subscription_place) ORDER BY e.number LIMIT ?1
    """
  static let keptPlace: StaticString = "SELECT number FROM subscription_place"
  static let dropDocuments: StaticString = "UPDATE subscriptions SET document = NULL WHERE subject = ?1 AND document IS NOT NULL"
  static let movePlace: StaticString = "UPDATE subscription_place SET number = max(number, ?1)"
  static let allCounts: StaticString = "SELECT status, count FROM subscription_counts WHERE count > 0"
  /// 30 days after the end; one of which an event is still there, waiting or given up, stays with it.
  static let sweepStatement: StaticString = """
    DELETE FROM subscriptions WHERE number IN (
      SELECT number FROM subscriptions s WHERE ended_at < ?1 - 2592000000000
        AND NOT EXISTS (SELECT 1 FROM event_queues q WHERE q.subscription = s.number)
      ORDER BY ended_at LIMIT ?2)
    """

  private let database: Database
  private let sealing: SealingKey

  public init(database: Database, sealing: SealingKey) {
    self.database = database
    self.sealing = sealing
  }

  public func insert(_ record: SubscriptionRecord, secret: Digest32) async throws {
    let sealed = Self.seal(record, sealing)
    try await database.write { connection in
      try connection.statement(Self.insertOne).bind(
        record.id, secret, record.kind, record.backendID, record.api, record.version, record.operation, record.client,
        record.subject, record.isNamedByClient, record.grantedAt, record.purpose, record.scopes,
        record.types.joined(separator: " "), record.status.rawValue, record.createdAt, record.expiresAt,
        record.credential?.expiresAt, record.eventsMaximum, record.eventCount, record.endReason, record.endedAt, sealed
      ).run()
    }
  }

  public func made(
    _ id: String, backendID: String, expiresAt: Timestamp?, isActive: Bool, document: [UInt8]?
  ) async throws {
    let sealed = document.map { Self.seal(document: $0, id, sealing) }
    try await database.write { try $0.statement(Self.activate).bind(id, backendID, expiresAt, isActive, sealed).run() }
  }

  public func discard(_ id: String) async throws {
    try await database.write { connection in
      let row = try connection.statement(Self.deleteOne).bind(id)
      guard try row.step() else { return }
      try SQLiteEventQueue.forget(subscription: row.integer(0), connection)
    }
  }

  public func end(
    _ id: String, status: SubscriptionRecord.Status, reason: String, at: Timestamp, farewell: QueuedEvent?
  ) async throws -> Bool {
    precondition(!status.isLive, "a status of one that has ended")
    let farewell = farewell.map { SQLiteEventQueue.Sealed($0, sealing) }
    return try await database.write { connection in
      let row = try connection.statement(Self.endOne).bind(id, status.rawValue, reason, at)
      guard try row.step() else { return false }
      let number = row.integer(0)
      try SQLiteEventQueue.drop(subscription: number, connection)
      if let farewell { try SQLiteEventQueue.insert(farewell, subscription: number, connection) }
      return true
    }
  }

  public func find(secret: Digest32) throws -> SubscriptionRecord? {
    try database.read { try first($0.statement(Self.bySecret).bind(secret)) }
  }

  public func find(id: String) throws -> SubscriptionRecord? {
    try database.read { try first($0.statement(Self.byID).bind(id)) }
  }

  public func find(kind: String, backendIDs: [String]) throws -> [SubscriptionRecord?] {
    try database.read { connection in
      try backendIDs.map { try first(connection.statement(Self.byBackend).bind(kind, $0)) }
    }
  }

  public func runningOut(before time: Timestamp, limit: Int) throws -> [SubscriptionRecord] {
    try database.read { try all($0.statement(Self.byEnd).bind(time, limit)) }
  }

  public func neverMade(before time: Timestamp, limit: Int) throws -> [SubscriptionRecord] {
    try database.read { try all($0.statement(Self.unanswered).bind(time, limit)) }
  }

  public func live(subject: SubjectPseudonym, client: ClientID?) throws -> [SubscriptionRecord] {
    try newest(SubscriptionFilter(client: client, subject: subject, limit: .max), of: [.requested, .active])
  }

  public func live(client: ClientID, limit: Int) throws -> [SubscriptionRecord] {
    try newest(SubscriptionFilter(client: client, limit: limit), of: [.requested, .active])
  }

  public func liveOfDisabledClients(limit: Int) throws -> [SubscriptionRecord] {
    try database.read { try all($0.statement(Self.ofDisabled).bind(limit)) }
  }

  public func withdrawals(limit: Int) throws -> (of: [(subject: SubjectPseudonym, client: ClientID)], place: Int) {
    try database.read { connection in
      let kept = try connection.statement(Self.keptPlace)
      var place = try kept.step() ? kept.integer(0) : 0
      var of: [(subject: SubjectPseudonym, client: ClientID)] = []
      let row = try connection.statement(Self.historyAfter).bind(limit)
      while try row.step() {
        place = row.integer(0)
        guard row.boolean(3) else { continue }
        let (subject, client): (SubjectPseudonym, ClientID) = (try row.identifier(1), try row.identifier(2))
        if !of.contains(where: { $0 == (subject, client) }) { of.append((subject, client)) }
      }
      return (of, place)
    }
  }

  public func seen(_ place: Int) async throws {
    try await database.write { try $0.statement(Self.movePlace).bind(place).run() }
  }

  public func forgetDocuments(of subject: SubjectPseudonym) async throws {
    try await database.write { try $0.statement(Self.dropDocuments).bind(subject).run() }
  }

  public func search(_ filter: SubscriptionFilter) throws -> [SubscriptionRecord] {
    try newest(filter, of: filter.status.map { [$0] } ?? SubscriptionRecord.Status.allCases)
  }

  /// The newest of several statuses, as they stand at one moment.
  private func newest(_ filter: SubscriptionFilter, of statuses: [SubscriptionRecord.Status]) throws -> [SubscriptionRecord] {
    let sql =
      if filter.subject != nil {
        Self.searchSubject
      } else if filter.client != nil {
        Self.searchClient
      } else if filter.kind != nil {
        Self.searchKind
      } else {
        Self.searchAll
      }
    let limit = max(0, filter.limit)
    var found: [(number: Int, record: SubscriptionRecord)] = []
    try database.read { connection in
      for status in statuses {
        let row = try connection.statement(sql).bind(status.rawValue, filter.client, filter.subject, filter.kind, limit)
        while try row.step() { found.append((row.integer(22), try Self.record(row, sealing))) }
      }
    }
    return found.sorted { $0.number > $1.number }.prefix(limit).map(\.record)
  }

  public func counts() throws -> [SubscriptionRecord.Status: Int] {
    try database.read { connection in
      let row = try connection.statement(Self.allCounts)
      var counts: [SubscriptionRecord.Status: Int] = [:]
      while try row.step() {
        guard let status = SubscriptionRecord.Status(rawValue: row.text(0)) else { throw row.malformed(0) }
        counts[status] = row.integer(1)
      }
      return counts
    }
  }

  private func first(_ row: Statement) throws -> SubscriptionRecord? { try row.step() ? try Self.record(row, sealing) : nil }

  private func all(_ row: Statement) throws -> [SubscriptionRecord] {
    var records: [SubscriptionRecord] = []
    while try row.step() { records.append(try Self.record(row, sealing)) }
    return records
  }
}
