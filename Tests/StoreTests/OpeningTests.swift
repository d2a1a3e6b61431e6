import Bytes
import Foundation
import Testing

@testable import Store

@Suite("Opening a database file")
struct OpeningTests {
  let folder = Folder()
  let time = ManualTime()

  func open(_ name: String = "passerelle.sqlite") throws(StoreError) -> Database {
    try Database(path: folder.path + "/" + name, time: time)
  }

  @Test("a new file is made for its owner alone")
  func mode() throws {
    let database = try open()
    let attributes = try FileManager.default.attributesOfItem(atPath: database.path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    for suffix in ["-wal", "-shm"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: database.path + suffix)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
  }

  @Test("the writer flushes each commit, in a write-ahead log, with foreign keys and secure deletion")
  func pragmas() throws {
    let database = try open()
    func pragma(_ sql: StaticString) throws -> String {
      try database.writeNow { connection in
        let row = try connection.statement(sql)
        return try row.step() ? row.text(0) : ""
      }
    }
    #expect(try pragma("PRAGMA journal_mode") == "wal")
    #expect(try pragma("PRAGMA synchronous") == "2")
    #expect(try pragma("PRAGMA foreign_keys") == "1")
    #expect(try pragma("PRAGMA secure_delete") == "1")
    #expect(try pragma("PRAGMA user_version") == "\(Schema.steps.count)")
  }

  @Test("what is no database is refused with one clear line")
  func notADatabase() throws {
    folder.write(
      Array("this is a letter to my aunt, and it is long enough to be read as a header of something".utf8)
        + [UInt8](repeating: 7, count: 2000), to: "passerelle.sqlite")
    let error = #expect(throws: StoreError.self) { try open() }
    guard case .notADatabase = error else { Issue.record("\(String(describing: error))"); return }
    #expect(error?.description.contains("not a Passerelle database") == true)
    #expect(error?.description.contains("\n") == false)
  }

  @Test("a damaged database is refused with one clear line", arguments: [1, 2, 3])
  func corrupt(page: Int) throws {
    let database = try open()
    let stores = Fixture.stores(database)
    try database.writeNow { connection in
      for number in 0..<200 {
        try connection.statement("INSERT INTO assertions (digest, expires_at) VALUES (?1, ?2)").bind(digest("\(number)"), number)
          .run()
      }
    }
    _ = stores
    database.close()
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: database.path)))
    for index in page * 4096..<(page + 2) * 4096 where index < bytes.count { bytes[index] = 0xA5 }
    folder.write(bytes, to: "passerelle.sqlite")
    let error = #expect(throws: StoreError.self) { try open() }
    guard case .corrupt = error else { Issue.record("\(String(describing: error))"); return }
    #expect(error?.description.contains("damaged") == true)
    #expect(error?.description.contains("\n") == false)
  }

  @Test("a database that was cut short is refused")
  func truncated() throws {
    let database = try open()
    database.close()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: database.path)))
    folder.write(Array(bytes[..<(bytes.count / 2)]), to: "passerelle.sqlite")
    let error = #expect(throws: StoreError.self) { try open() }
    guard case .corrupt = error else { Issue.record("\(String(describing: error))"); return }
  }

  @Test("a newer schema is not touched")
  func newer() throws {
    let database = try open()
    try database.writeNow { try $0.execute("PRAGMA user_version=\(Schema.steps.count + 4)") }
    database.close()
    #expect(throws: StoreError.newerSchema(path: database.path, found: Schema.steps.count + 4, known: Schema.steps.count)) {
      try open()
    }
  }

  @Test("another program's database is not touched")
  func foreign() throws {
    let database = try open()
    try database.writeNow { try $0.execute("PRAGMA application_id=7") }
    database.close()
    #expect(throws: StoreError.notADatabase(path: database.path, reason: "it belongs to another program")) { try open() }
  }

  @Test("a missing directory, and a directory in the file's place, are refused")
  func unusable() throws {
    #expect(throws: StoreError.cannotOpen(path: folder.path + "/no/where.sqlite", reason: "No such file or directory")) {
      try Database(path: folder.path + "/no/where.sqlite", time: time)
    }
    try FileManager.default.createDirectory(atPath: folder.path + "/here.sqlite", withIntermediateDirectories: false)
    #expect(throws: StoreError.cannotOpen(path: folder.path + "/here.sqlite", reason: "Is a directory")) {
      try open("here.sqlite")
    }
  }

  @Test("two that open a new file at once both get the whole schema")
  func together() async throws {
    let (folder, time) = (folder, time)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let stores = Fixture.stores(try Database(path: folder.database, time: time))
          #expect(try stores.clients.all().isEmpty)
        }
      }
      try await group.waitForAll()
    }
  }

  /// What stood in a file of an earlier version stays, whatever a later step makes of its tables.
  @Test("the calls that were counted with amounts are counted without them")
  func usageWithAmounts() throws {
    let path = folder.path + "/earlier.sqlite"
    let step = try #require(Schema.steps.firstIndex { $0.contains { "\($0)" == "\(SQLiteUsageStore.withoutAmounts)" } })
    let connection = try Connection(path: path, role: .writer)
    for sql in Schema.steps[..<step].joined() { try connection.execute("\(sql)") }
    try connection.execute("PRAGMA application_id=\(Schema.applicationID); PRAGMA user_version=\(step)")
    try connection.execute(
      """
      INSERT INTO usage VALUES ('client-1', 7, 'a', 'o', 2, 'EUR', 3, 3, 0, 0, 90000), ('client-1', 7, 'a', 'o', 2, '', 2, 2, 0, 0, 0),
        ('client-1', 8, 'a', 'o', 4, '', 4, 0, 4, 0, 0)
      """)
    let usage = Fixture.stores(try open("earlier.sqlite")).usage
    #expect(
      try usage.rows(UsageFilter()) == [
        UsageRow(client: client, api: "a", operation: "o", hour: 7, statusClass: 2, calls: 5, succeeded: 5),
        UsageRow(client: client, api: "a", operation: "o", hour: 8, statusClass: 4, calls: 4, refused: 4),
      ])
  }
}
