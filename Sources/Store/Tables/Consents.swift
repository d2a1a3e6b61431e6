import Bytes
import Identifiers
import JOSE

/// Consents and the events that they are the sum of.
public protocol ConsentStore: Sendable {
  func record(_ id: ConsentID) throws -> ConsentRow?
  func record(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> ConsentRow?
  /// By id, at most `filter.limit` rows.
  func search(_ filter: ConsentFilter) throws -> [ConsentRow]
  /// Adds an event and writes the new sum in the same transaction; gives the sum, once both are durable.
  ///
  /// - Parameter whenDurable: called as soon as they are, on the writer's thread: the caller's own may be busy for long.
  @discardableResult
  func append(_ event: ConsentEventRow, whenDurable: @escaping @Sendable () -> Void) async throws -> ConsentRow
  /// The history of one consent, oldest first.
  func events(of id: ConsentID) throws -> [ConsentEventRow]
  /// Adds what a history has and the record here has not, all of it or nothing; gives what was added, and the sum.
  ///
  /// - Parameter adding: gives, of the events here, those to add. It runs in the transaction; what it throws is thrown.
  func adopt(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose,
    adding: @escaping @Sendable (_ here: [ConsentEventRow]) throws -> [ConsentEventRow],
    whenDurable: @escaping @Sendable () -> Void
  ) async throws -> (row: ConsentRow?, added: [ConsentEventRow])
}

extension ConsentStore {
  @discardableResult
  public func append(_ event: ConsentEventRow) async throws -> ConsentRow { try await append(event) {} }
}

public final class SQLiteConsentStore: ConsentStore {
  static let schema: StaticString = """
    CREATE TABLE consents (
      id          TEXT NOT NULL PRIMARY KEY,
      subject     TEXT NOT NULL,
      client_id   TEXT NOT NULL,
      purpose     TEXT NOT NULL,
      scopes      TEXT NOT NULL,
      categories  TEXT NOT NULL,
      legal_basis TEXT NOT NULL,
      status      TEXT NOT NULL CHECK (status IN ('pending', 'granted', 'denied', 'revoked', 'expired', 'objected')),
      granted_at  INTEGER,
      expires_at  INTEGER,
      updated_at  INTEGER NOT NULL,
      UNIQUE (subject, client_id, purpose)
    ) STRICT;
    CREATE INDEX consents_by_client ON consents (client_id, id);
    CREATE TABLE consent_events (
      number           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
      consent_id       TEXT NOT NULL REFERENCES consents (id),
      subject          TEXT NOT NULL,
      client_id        TEXT NOT NULL,
      purpose          TEXT NOT NULL,
      legal_basis      TEXT NOT NULL,
      kind             TEXT NOT NULL CHECK (kind IN ('requested', 'granted', 'denied', 'revoked', 'objected', 'expired')),
      at               INTEGER NOT NULL,
      scopes           TEXT NOT NULL,
      categories       TEXT NOT NULL,
      shown_scopes     TEXT,
      shown_categories TEXT,
      flow             TEXT NOT NULL,
      page_version     TEXT,
      language         TEXT,
      text_digest      TEXT,
      actor            TEXT NOT NULL,
      reason           TEXT,
      expires_at       INTEGER
    ) STRICT;
    CREATE INDEX consent_events_by_consent ON consent_events (consent_id, number);
    CREATE TRIGGER consent_events_stay BEFORE UPDATE ON consent_events
      BEGIN SELECT RAISE(ABORT, 'consent_events are never changed'); END;
    CREATE TRIGGER consent_events_remain BEFORE DELETE ON consent_events
      BEGIN SELECT RAISE(ABORT, 'consent_events are never deleted'); END;
    """
  /// The fourth step of the schema: to find what rests on one purpose must not read all records; and that a consent was never
  /// withdrawn, which every look-up asks, is known from the few events that would say so, without reading any event.
  static let searchIndexes: StaticString = """
    CREATE INDEX consents_by_purpose ON consents (purpose, id);
    CREATE INDEX consent_events_by_end ON consent_events (consent_id) WHERE kind IN ('denied', 'revoked', 'objected');
    """
  private static let byID: StaticString = """
    SELECT id, subject, client_id, purpose, scopes, categories, legal_basis, status, granted_at, expires_at, updated_at,
      EXISTS (SELECT 1 FROM consent_events WHERE consent_id = consents.id AND kind IN ('denied', 'revoked', 'objected'))
    FROM consents WHERE id = ?1
    """
  private static let byKey: StaticString = """
    SELECT id, subject, client_id, purpose, scopes, categories, legal_basis, status, granted_at, expires_at, updated_at,
      EXISTS (SELECT 1 FROM consent_events WHERE consent_id = consents.id AND kind IN ('denied', 'revoked', 'objected'))
    FROM consents WHERE subject = ?1 AND client_id = ?2 AND purpose = ?3
    """
  private static let upsert: StaticString = """
    INSERT INTO consents (id, subject, client_id, purpose, scopes, categories, legal_basis, status, granted_at, expires_at,
      updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (id) DO UPDATE SET scopes = excluded.scopes, categories = excluded.categories,
      legal_basis = excluded.legal_basis, status = excluded.status, granted_at = excluded.granted_at,
      expires_at = excluded.expires_at, updated_at = excluded.updated_at
    WHERE subject = excluded.subject AND client_id = excluded.client_id AND purpose = excluded.purpose
    """
  private static let insertEvent: StaticString = """
    INSERT INTO consent_events (consent_id, subject, client_id, purpose, legal_basis, kind, at, scopes, categories,
      shown_scopes, shown_categories, flow, page_version, language, text_digest, actor, reason, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
    """
  private static let eventsByConsent: StaticString = """
    SELECT consent_id, subject, client_id, purpose, legal_basis, kind, at, scopes, categories, shown_scopes,
      shown_categories, flow, page_version, language, text_digest, actor, reason, expires_at
    FROM consent_events WHERE consent_id = ?1 ORDER BY number
    """
  // One search per index. Parameters: subject, client, purpose, status, now, after, limit.
  private static let searchSubject: StaticString = """
    SELECT id, subject, client_id, purpose, scopes, categories, legal_basis, status, granted_at, expires_at, updated_at,
      EXISTS (SELECT 1 FROM consent_events WHERE consent_id = consents.id AND kind IN ('denied', 'revoked', 'objected'))
    FROM consents WHERE subject = ?1 AND (?2 IS NULL OR client_id = ?2) AND (?3 IS NULL OR purpose = ?3)
      AND (?4 IS NULL OR ?4 = CASE WHEN status = 'granted' AND expires_at <= ?5 THEN 'expired' ELSE status END)
      AND id > ?6 ORDER BY id LIMIT ?7
    """
  private static let searchClient: StaticString = """
    SELECT id, subject, client_id, purpose, scopes, categories, legal_basis, status, granted_at, expires_at, updated_at,
      EXISTS (SELECT 1 FROM consent_events WHERE consent_id = consents.id AND kind IN ('denied', 'revoked', 'objected'))
    FROM consents WHERE (?1 IS NULL OR subject = ?1) AND client_id = ?2 AND (?3 IS NULL OR purpose = ?3)
      AND (?4 IS NULL OR ?4 = CASE WHEN status = 'granted' AND expires_at <= ?5 THEN 'expired' ELSE status END)
      AND id > ?6 ORDER BY id LIMIT ?7
    """
  private static let searchPurpose: StaticString = """
    SELECT id, subject, client_id, purpose, scopes, categories, legal_basis, status, granted_at, expires_at, updated_at,
      EXISTS (SELECT 1 FROM consent_events WHERE consent_id = consents.id AND kind IN ('denied', 'revoked', 'objected'))
    FROM consents WHERE (?1 IS NULL OR subject = ?1) AND (?2 IS NULL OR client_id = ?2) AND purpose = ?3
      AND (?4 IS NULL OR ?4 = CASE WHEN status = 'granted' AND expires_at <= ?5 THEN 'expired' ELSE status END)
      AND id > ?6 ORDER BY id LIMIT ?7
    """
  private static let searchAll: StaticString = """
    SELECT id, subject, client_id, purpose, scopes, categories, legal_basis, status, granted_at, expires_at, updated_at,
      EXISTS (SELECT 1 FROM consent_events WHERE consent_id = consents.id AND kind IN ('denied', 'revoked', 'objected'))
    FROM consents WHERE (?1 IS NULL OR subject = ?1) AND (?2 IS NULL OR client_id = ?2) AND (?3 IS NULL OR purpose = ?3)
      AND (?4 IS NULL OR ?4 = CASE WHEN status = 'granted' AND expires_at <= ?5 THEN 'expired' ELSE status END)
      AND id > ?6 ORDER BY id LIMIT ?7
    """

  private let database: Database
  /// There is a consent master that has to learn each change.
  private let hasMaster: Bool

  public init(database: Database, hasMaster: Bool = false) {
    self.database = database
    self.hasMaster = hasMaster
  }

  public func record(_ id: ConsentID) throws -> ConsentRow? {
    try database.read { connection in
      let row = try connection.statement(Self.byID).bind(id)
      return try row.step() ? try Self.consent(row, connection) : nil
    }
  }

  public func record(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> ConsentRow? {
    try database.read { try Self.find(subject, client, purpose, $0) }
  }

  public func search(_ filter: ConsentFilter) throws -> [ConsentRow] {
    let sql =
      if filter.subject != nil {
        Self.searchSubject
      } else if filter.client != nil {
        Self.searchClient
      } else if filter.purpose != nil {
        Self.searchPurpose
      } else {
        Self.searchAll
      }
    let now = database.time.now()
    return try database.read { connection in
      let row = try connection.statement(sql).bind(
        filter.subject, filter.client, filter.purpose, filter.status, now, filter.after?.rawValue ?? "",
        max(0, min(filter.limit, ConsentFilter.limitMaximum)))
      var rows: [ConsentRow] = []
      while try row.step() { rows.append(try Self.consent(row, connection)) }
      return rows
    }
  }

  @discardableResult
  public func append(_ event: ConsentEventRow, whenDurable: @escaping @Sendable () -> Void) async throws -> ConsentRow {
    try await database.write { [hasMaster] connection in
      let old = try Self.find(event.subject, event.client, event.purpose, connection)
      var event = event
      // The id may be the master's, who gives it as it likes: the first record here gets one of its own.
      if hasMaster, old == nil { event.consent = .random() }
      let row = try Self.append(event, to: old, connection)
      if hasMaster { try connection.statement(SQLiteConsentOutboxStore.insertLast).bind(row.id).run() }
      return row
    } whenDurable: { _ in
      whenDurable()
    }
  }

  public func adopt(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose,
    adding: @escaping @Sendable ([ConsentEventRow]) throws -> [ConsentEventRow], whenDurable: @escaping @Sendable () -> Void
  ) async throws -> (row: ConsentRow?, added: [ConsentEventRow]) {
    try await database.write { connection in
      var row = try Self.find(subject, client, purpose, connection)
      let added = try adding(row.map { try Self.events(of: $0.id, connection) } ?? [])
      for event in added { row = try Self.append(event, to: row, connection) }
      return (row, added)
    } whenDurable: { _ in
      whenDurable()
    }
  }

  /// The event and the new sum.
  ///
  /// - Throws: `constraint` when the id of a first event is that of somebody else's record; nothing is written then.
  private static func append(_ event: ConsentEventRow, to old: ConsentRow?, _ connection: Connection) throws -> ConsentRow {
    let new = ConsentRow.adding(event, to: old)
    try connection.statement(upsert).bind(
      new.id, new.subject, new.client, new.purpose, new.scopes, words(new.categories), new.legalBasis, new.status,
      new.grantedAt, new.expiresAt, new.updatedAt
    ).run()
    guard connection.changes == 1 else { throw StoreError.constraint("consents.id is another record's") }
    try connection.statement(insertEvent).bind(
      new.id, event.subject, event.client, event.purpose, event.legalBasis, event.kind, event.at, event.scopes,
      words(event.categories), event.shownScopes, event.shownCategories.map(words), event.flow,
      event.pageVersion, event.language, event.textDigest, event.actor, event.reason, event.expiresAt
    ).run()
    return new
  }

  public func events(of id: ConsentID) throws -> [ConsentEventRow] {
    try database.read { try Self.events(of: id, $0) }
  }

  private static func events(of id: ConsentID, _ connection: Connection) throws -> [ConsentEventRow] {
    let row = try connection.statement(eventsByConsent).bind(id)
    var events: [ConsentEventRow] = []
    while try row.step() { events.append(try event(row)) }
    return events
  }

  /// The columns of `eventsByConsent`, in their order.
  static func event(_ row: Statement) throws -> ConsentEventRow {
    ConsentEventRow(
      consent: try row.identifier(0), subject: try row.identifier(1), client: try row.identifier(2),
      purpose: try row.identifier(3), legalBasis: row.text(4), kind: row.text(5), at: row.timestamp(6),
      scopes: try row.scopes(7), categories: try categories(row, 8), shownScopes: row.isNull(9) ? nil : try row.scopes(9),
      shownCategories: row.isNull(10) ? nil : try categories(row, 10), flow: row.text(11), pageVersion: row.optionalText(12),
      language: row.optionalText(13), textDigest: row.optionalText(14), actor: row.text(15), reason: row.optionalText(16),
      expiresAt: row.optionalTimestamp(17))
  }

  private static func find(
    _ subject: SubjectPseudonym, _ client: ClientID, _ purpose: Purpose, _ connection: Connection
  ) throws -> ConsentRow? {
    let row = try connection.statement(byKey).bind(subject, client, purpose)
    return try row.step() ? try consent(row, connection) : nil
  }

  /// Times of withdrawal and objection stand in no column: they are read from the history of those few that have one.
  private static func consent(_ row: Statement, _ connection: Connection) throws -> ConsentRow {
    let id: ConsentID = try row.identifier(0)
    let sum = row.boolean(11) ? ConsentRow.sum(try events(of: id, connection)) : nil
    return ConsentRow(
      id: id, subject: try row.identifier(1), client: try row.identifier(2), purpose: try row.identifier(3),
      scopes: try row.scopes(4), categories: try categories(row, 5), legalBasis: row.text(6), status: row.text(7),
      grantedAt: row.optionalTimestamp(8), expiresAt: row.optionalTimestamp(9), updatedAt: row.timestamp(10),
      withdrawnAt: sum?.withdrawnAt, objectedAt: sum?.objectedAt)
  }

  private static func words(_ categories: [CategoryID]) -> String { categories.map(\.rawValue).joined(separator: " ") }

  private static func categories(_ row: Statement, _ column: Int32) throws -> [CategoryID] {
    try row.words(column).map { word in
      guard let category = CategoryID(rawValue: word) else { throw row.malformed(column) }
      return category
    }
  }
}
