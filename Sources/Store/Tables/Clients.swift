import Bytes
import Identifiers
import Synchronization

/// The registered API consumers.
public protocol ClientStore: Sendable {
  func client(_ id: ClientID) throws -> ClientRecord?
  /// All of them, by id.
  func all() throws -> [ClientRecord]
  /// Adds a registration; false, and nothing done, when there is one with that id.
  func add(_ record: ClientRecord) async throws -> Bool
  /// Adds a registration or replaces the one with the same id.
  func save(_ record: ClientRecord) async throws
  /// False when there is no such client.
  @discardableResult
  func setEnabled(_ id: ClientID, _ isEnabled: Bool) async throws -> Bool
  /// Rises with every change of any client, by this process or another; a memory of clients is good as long as it stands still.
  var generation: UInt64 { get }
}

public final class SQLiteClientStore: ClientStore {
  static let schema: StaticString = """
    CREATE TABLE clients (
      client_id  TEXT NOT NULL PRIMARY KEY,
      metadata   TEXT NOT NULL,          -- the registration, RFC 7591 names, without "enabled"
      enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL
    ) STRICT;
    """
  private static let byID: StaticString = "SELECT metadata, enabled FROM clients WHERE client_id = ?1"
  private static let everyone: StaticString = "SELECT metadata, enabled FROM clients ORDER BY client_id"
  private static let upsert: StaticString = """
    INSERT INTO clients (client_id, metadata, enabled, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)
    ON CONFLICT (client_id) DO UPDATE SET metadata = excluded.metadata, enabled = excluded.enabled,
      updated_at = excluded.updated_at
    """
  private static let insert: StaticString = """
    INSERT INTO clients (client_id, metadata, enabled, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)
    ON CONFLICT (client_id) DO NOTHING
    """
  private static let enable: StaticString = "UPDATE clients SET enabled = ?2, updated_at = ?3 WHERE client_id = ?1"

  /// Registrations that are remembered; beyond it the memory starts over.
  private static let rememberedMaximum = 4096

  private struct Remembered {
    var generation: UInt64 = 0
    var clients: [ClientID: ClientRecord] = [:]
  }

  private let database: Database
  private let changes = Counter()
  /// As they were last read, good until any registration changes: reading one means parsing it, which costs more than the row.
  private let remembered = Mutex(Remembered())

  public init(database: Database) {
    self.database = database
    database.onForeignCommit { [changes] in changes.raise() }
  }

  public var generation: UInt64 { changes.value }

  public func client(_ id: ClientID) throws -> ClientRecord? {
    // The generation is read before the row: a change in between makes the next reader read again.
    let generation = changes.value
    let known = remembered.withLock { $0.generation == generation ? $0.clients[id] : nil }
    if let known { return known }
    let record: ClientRecord? = try database.read { connection in
      let statement = try connection.statement(Self.byID).bind(id)
      return try statement.step() ? try Self.record(statement) : nil
    }
    if let record { remember(record, generation) }
    return record
  }

  /// Unknown clients are not remembered, so only registered ones take room.
  private func remember(_ record: ClientRecord, _ generation: UInt64) {
    remembered.withLock { remembered in
      if remembered.generation < generation { remembered = Remembered(generation: generation) }
      guard remembered.generation == generation else { return }
      if remembered.clients.count >= Self.rememberedMaximum { remembered.clients.removeAll(keepingCapacity: true) }
      remembered.clients[record.id] = record
    }
  }

  public func all() throws -> [ClientRecord] {
    try database.read { connection in
      let statement = try connection.statement(Self.everyone)
      var records: [ClientRecord] = []
      while try statement.step() { records.append(try Self.record(statement)) }
      return records
    }
  }

  public func add(_ record: ClientRecord) async throws -> Bool {
    let metadata = String(decoding: record.json(includingEnabled: false), as: UTF8.self)
    let now = database.time.now()
    return try await database.write { connection in
      try connection.statement(Self.insert).bind(record.id, metadata, record.isEnabled, now).run()
      return connection.changes == 1
    } whenDurable: { [changes] _ in
      changes.raise()
    }
  }

  public func save(_ record: ClientRecord) async throws {
    let metadata = String(decoding: record.json(includingEnabled: false), as: UTF8.self)
    let now = database.time.now()
    try await database.write { connection in
      try connection.statement(Self.upsert).bind(record.id, metadata, record.isEnabled, now).run()
    } whenDurable: { [changes] in
      changes.raise()
    }
  }

  @discardableResult
  public func setEnabled(_ id: ClientID, _ isEnabled: Bool) async throws -> Bool {
    let now = database.time.now()
    return try await database.write { connection in
      try connection.statement(Self.enable).bind(id, isEnabled, now).run()
      return connection.changes == 1
    } whenDurable: { [changes] _ in
      changes.raise()
    }
  }

  private static func record(_ statement: Statement) throws -> ClientRecord {
    do throws(DocumentError) {
      let document = try JSONDocument(Array(statement.text(0).utf8), file: "clients.metadata")
      var record = try ClientRecord(json: document.root)
      record.isEnabled = statement.boolean(1)
      return record
    } catch {
      throw statement.malformed(0)
    }
  }

  private final class Counter: Sendable {
    private let count = Atomic<UInt64>(1)
    var value: UInt64 { count.load(ordering: .acquiring) }
    func raise() { count.wrappingAdd(1, ordering: .acquiringAndReleasing) }
  }
}
