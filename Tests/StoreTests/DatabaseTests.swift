import Bytes
import Foundation
import Synchronization
import Testing

@testable import Store

@Suite("The database")
struct DatabaseTests {
  static let create: StaticString = "CREATE TABLE IF NOT EXISTS notes (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"
  static let add: StaticString = "INSERT INTO notes (text) VALUES (?1)"
  static let count: StaticString = "SELECT count(*) FROM notes"

  func notes() throws -> Fixture {
    let fixture = try Fixture()
    try fixture.database.writeNow { try $0.statement(Self.create).run() }
    return fixture
  }

  func count(_ database: Database) throws -> Int {
    try database.read { connection in
      let row = try connection.statement(Self.count)
      return try row.step() ? row.integer(0) : 0
    }
  }

  @Test("what a write gave back is there for every reader, and after opening again")
  func writesAreSeen() async throws {
    let fixture = try notes()
    let changes = try await fixture.database.write { connection in
      try connection.statement(Self.add).bind("one").run()
      return connection.changes
    }
    #expect(changes == 1)
    #expect(try count(fixture.database) == 1)
    fixture.database.close()
    #expect(try count(try Database(path: fixture.folder.database, time: fixture.time)) == 1)
  }

  @Test("a job that throws takes back its own rows and nobody else's")
  func savepoints() async throws {
    struct Refused: Error {}
    let fixture = try notes()
    let database = fixture.database
    let outcomes = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask {
          do {
            try await database.write { connection in
              try connection.statement(Self.add).bind("\(number)").run()
              if number % 4 == 0 { throw Refused() }
            }
            return true
          } catch {
            #expect(error is Refused)
            return false
          }
        }
      }
      return await group.reduce(into: [Bool]()) { $0.append($1) }
    }
    #expect(outcomes.count(where: { $0 }) == 150)
    #expect(try count(database) == 150)
  }

  @Test("a broken rule of the schema is an error that names the rule and no value")
  func constraint() async throws {
    let fixture = try notes()
    await #expect(throws: StoreError.constraint("NOT NULL constraint failed: notes.text")) {
      try await fixture.database.write { try $0.statement(Self.add).bind(String?.none).run() }
    }
  }

  @Test("readers cannot write")
  func readersRead() throws {
    let fixture = try notes()
    #expect(throws: StoreError.readOnly(path: fixture.folder.database)) {
      try fixture.database.read { try $0.statement(Self.add).bind("x").run() }
    }
  }

  @Test("a read sees one state, whatever is written meanwhile, and holds nobody up")
  func snapshots() throws {
    let fixture = try notes()
    let other = try Database(path: fixture.folder.database, time: fixture.time)
    try fixture.database.read { connection in
      func rows() throws -> Int {
        let row = try connection.statement(Self.count)
        return try row.step() ? row.integer(0) : -1
      }
      #expect(try rows() == 0)
      try other.writeNow { try $0.statement(Self.add).bind("x").run() }
      try fixture.database.writeNow { try $0.statement(Self.add).bind("x").run() }
      #expect(try rows() == 0)
    }
    #expect(try count(fixture.database) == 2)
  }

  @Test("after closing, writes and reads say so; what waited is written")
  func closing() async throws {
    let fixture = try notes()
    let database = fixture.database
    async let last: Void = database.write { try $0.statement(Self.add).bind("x").run() }
    _ = try? await last
    database.close()
    await #expect(throws: StoreError.closed) { try await database.write { _ in } }
    #expect(throws: StoreError.closed) { try database.writeNow { _ in } }
    #expect(throws: StoreError.closed) { try database.read { _ in } }
    database.close()
  }

  @Test("two processes write to the same file")
  func twoProcesses() async throws {
    let fixture = try notes()
    let other = try Database(path: fixture.folder.database, time: fixture.time)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        let database = number % 2 == 0 ? fixture.database : other
        group.addTask { try await database.write { try $0.statement(Self.add).bind("x").run() } }
      }
      try await group.waitForAll()
    }
    #expect(try count(other) == 200)
  }

  @Test("another process's commit is told, one's own is not")
  func foreignCommits() async throws {
    let fixture = try notes()
    let counter = Counter()
    fixture.database.onForeignCommit { counter.add() }
    for _ in 0..<5 { try fixture.database.writeNow { try $0.statement(Self.add).bind("own").run() } }
    try await Task.sleep(for: .milliseconds(50))
    #expect(counter.value == 0)
    let other = try Database(path: fixture.folder.database, time: fixture.time)
    try other.writeNow { try $0.statement(Self.add).bind("foreign").run() }
    for _ in 0..<200 where counter.value == 0 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(counter.value == 1)
  }

  final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func add() { count.wrappingAdd(1, ordering: .relaxed) }
    var value: Int { count.load(ordering: .relaxed) }
  }

  @Test("a full disk fails the write, keeps what was there, and the next write works again")
  func diskFull() throws {
    let fixture = try notes()
    let database = fixture.database
    try database.writeNow { try $0.statement(Self.add).bind("kept").run() }
    try database.writeNow { try $0.execute("PRAGMA max_page_count=\(60)") }
    #expect(throws: StoreError.diskFull(path: fixture.folder.database)) {
      for _ in 0..<100 { try database.writeNow { try $0.statement(Self.add).bind(String(repeating: "x", count: 8000)).run() } }
    }
    let before = try count(database)
    #expect(before >= 1)
    try database.writeNow { try $0.execute("PRAGMA max_page_count=1000000") }
    try database.writeNow { try $0.statement(Self.add).bind("again").run() }
    #expect(try count(database) == before + 1)
  }

  @Test("copies of the files taken in the middle of writing open, and hold every acknowledged row")
  func copiedWhileWriting() async throws {
    let fixture = try notes()
    let database = fixture.database
    let writing = Task {
      for number in 0..<300 { try await database.write { try $0.statement(Self.add).bind("\(number)").run() } }
    }
    for round in 0..<5 {
      try await Task.sleep(for: .milliseconds(4))
      let acknowledged = try count(database)
      // The log before the database: what a crash of the machine between two writes would leave.
      let copy = fixture.folder.path + "/copy-\(round).sqlite"
      try FileManager.default.copyItem(atPath: fixture.folder.database + "-wal", toPath: copy + "-wal")
      try FileManager.default.copyItem(atPath: fixture.folder.database, toPath: copy)
      #expect(try count(try Database(path: copy, time: fixture.time)) >= acknowledged)
    }
    try await writing.value
    #expect(try count(database) == 300)
  }
}
