import Bytes
import Foundation
import Identifiers
import JOSE
import Ledger
import Store
import Testing

@Suite("Usage from the ledger")
struct UsageProjectionTests {
  struct Fixture {
    let folder: Folder
    let clock = ManualTime(Timestamp(rfc3339: "2026-03-10T12:30:00Z")!)
    let writer: LedgerWriter
    let usage: SQLiteUsageStore

    init() throws {
      folder = Folder()
      writer = try LedgerWriter(directory: folder.ledger, time: clock, options: LedgerOptions(segmentBytesMaximum: 20_000))
      usage = SQLiteUsageStore(database: try Database(path: folder.database, time: clock))
    }

    /// The same ledger and store, opened again.
    init(_ other: Fixture) throws {
      folder = other.folder
      clock.set(other.clock.now())
      usage = other.usage
      writer = try LedgerWriter(directory: folder.ledger, time: clock)
    }

    func projection(_ store: (any UsageStore)? = nil) -> UsageProjection {
      UsageProjection(directory: folder.ledger, store: store ?? usage)
    }

    /// A random mixture of what a ledger holds.
    func write(_ count: Int) throws {
      for number in 0..<count {
        switch Int.random(in: 0..<6) {
        case 0: try writer.appendNow(call(number, client: "client-\(number % 3)", decision: "refused", status: 403))
        case 1: try writer.appendNow(call(number, client: "client-\(number % 3)", decision: "failed", status: 502))
        case 2: try writer.appendNow(call(number, client: "client-\(number % 3)", status: 404))
        case 3: try writer.appendNow(LedgerEntry(event: "token.issued", clientID: "client-1", status: 200))
        default: try writer.appendNow(call(number, client: "client-\(number % 3)"))
        }
        clock.advance(seconds: 60)
      }
    }

    /// Usage equals the ledger: a recount by the plainest means.
    func recount() throws -> [String: [Int]] {
      var counts: [String: [Int]] = [:]
      for segment in folder.segments {
        for line in folder.lines(segment) {
          let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as! [String: Any]
          guard json["event"] as? String == "api.call" else { continue }
          let status = json["status"] as! Int
          let refused = json["decision"] as! String == "refused"
          let key = "\(json["client_id"]!) \((json["time"] as! String).prefix(13)) \(status / 100)"
          var row = counts[key] ?? [0, 0, 0, 0]
          row[0] += 1
          if refused { row[2] += 1 } else if status / 100 == 2 { row[1] += 1 } else { row[3] += 1 }
          counts[key] = row
        }
      }
      return counts
    }

    func rows() throws -> [String: [Int]] {
      var counts: [String: [Int]] = [:]
      for row in try usage.rows(UsageFilter()) {
        let key = "\(row.client) \(row.period.rfc3339.prefix(13)) \(row.statusClass)"
        let sum = counts[key] ?? [0, 0, 0, 0]
        counts[key] = zip(sum, [row.calls, row.succeeded, row.refused, row.failed]).map { $0 + $1 }
      }
      return counts
    }
  }

  @Test("usage equals a plain recount of the ledger, whenever it is counted")
  func equals() throws {
    let fixture = try Fixture()
    let projection = fixture.projection()
    for count in [1, 50, 0, 120, 3] {
      try fixture.write(count)
      #expect(try projection.advance() == count)
      #expect(try fixture.rows() == fixture.recount())
      #expect(try fixture.usage.position().sequence == fixture.writer.lastSequence)
    }
    #expect(try projection.advance() == 0)
  }

  /// A store whose process dies before or after the transaction.
  final class Dying: UsageStore {
    struct Died: Error {}
    let store: SQLiteUsageStore
    init(_ store: SQLiteUsageStore) { self.store = store }

    func apply(_ batch: UsageBatch) throws -> Bool {
      if Bool.random() { throw Died() }
      _ = try store.apply(batch)
      throw Died()
    }
    func position() throws -> LedgerPosition { try store.position() }
    func rows(_ filter: UsageFilter) throws -> [UsageRow] { try store.rows(filter) }
    func snapshot(_ position: (LedgerPosition) throws -> Void, _ row: (UsageRow) throws -> Void) throws {}
    func replace(_ rows: [UsageRow], at position: LedgerPosition) throws {}
    func clients() throws -> [ClientID] { [] }
    func countForwarded(client: ClientID, fromHour: Int, toHour: Int) throws -> Int { 0 }
  }

  @Test("a crash at any point neither loses a call nor counts one twice")
  func crashes() throws {
    let fixture = try Fixture()
    for _ in 0..<15 {
      try fixture.write(Int.random(in: 0..<10))
      _ = try? fixture.projection(Dying(fixture.usage)).advance()
    }
    try fixture.projection().advance()
    #expect(try fixture.rows() == fixture.recount())
  }

  @Test("two projections at once count each call once")
  func together() async throws {
    let fixture = try Fixture()
    try fixture.write(200)
    let second = SQLiteUsageStore(database: try Database(path: fixture.folder.database, time: fixture.clock))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<8 {
        let projection = fixture.projection(number % 2 == 0 ? fixture.usage : second)
        group.addTask { try projection.advance() }
      }
      try await group.waitForAll()
    }
    #expect(try fixture.rows() == fixture.recount())
  }

  @Test("only what is durable is counted")
  func durable() throws {
    let fixture = try Fixture()
    try fixture.write(10)
    let projection = UsageProjection(directory: fixture.folder.ledger, store: fixture.usage, durableSequence: { 6 })
    #expect(try projection.advance() == 6)
    #expect(try projection.advance() == 0)
  }

  @Test("a ledger that is not what was counted is refused, and nothing is counted from it")
  func rolledBack() throws {
    let fixture = try Fixture()
    try fixture.write(10)
    try fixture.projection().advance()
    let rows = try fixture.rows()
    fixture.writer.close()
    for segment in fixture.folder.segments { try FileManager.default.removeItem(atPath: fixture.folder.ledger + "/" + segment) }
    try FileManager.default.removeItem(atPath: fixture.folder.ledger + "/head.json")
    withExtendedLifetime(fixture.writer) {}
    let writer = try LedgerWriter(directory: fixture.folder.ledger, time: fixture.clock)
    for number in 0..<20 { try writer.appendNow(call(number)) }
    #expect(throws: LedgerError.self) { try fixture.projection().advance() }
    #expect(try fixture.rows() == rows)
    let position = try fixture.usage.position()
    #expect(try fixture.folder.verify(expected: [position]).fault != nil, "verification says so too")
    // Nor is a ledger that ends before what was counted counted anew.
    #expect(throws: LedgerError.self) {
      try UsageProjection(directory: fixture.folder.ledger, store: fixture.usage, durableSequence: { 9 }).rebuild()
    }
    #expect(try fixture.rows() == rows)
  }

  // MARK: What the writer counts itself

  /// Calls as a loop hands them over, and what else the ledger holds in between.
  private func writeLive(_ count: Int, _ fixture: Fixture, known: Bool = true) throws {
    let loop = FakeLoop(fixture.writer)
    for number in 0..<count {
      let (client, status) = ("client-\(number % 3)", [200, 204, 403, 404, 502].randomElement()!)
      let decision = status == 403 ? "refused" : status == 200 || status == 204 || status == 404 ? "allowed" : "failed"
      let slot = fixture.writer.usage.slot(
        client: ClientID(rawValue: client)!, api: "device-identifier", operation: "retrieveIdentifier")
      let mark = UsageMark(slot: known ? slot : nil, status: status, isRefused: decision == "refused")
      let entry = call(number, client: client, decision: decision, status: status)
      loop.run { loop.append(number, members(entry), usage: mark) }
      if number % 7 == 0 { try fixture.writer.appendNow(LedgerEntry(event: "token.issued", clientID: "client-1", status: 200)) }
      #expect(loop.wait(for: number + 1))
      fixture.clock.advance(seconds: 300)
    }
  }

  private func live(_ fixture: Fixture, directory: String? = nil, _ store: (any UsageStore)? = nil) -> UsageProjection {
    UsageProjection(
      directory: directory ?? fixture.folder.ledger, store: store ?? fixture.usage,
      durableSequence: { [writer = fixture.writer] in writer.lastSequence }, live: fixture.writer.usage)
  }

  @Test("what the writer counts is what a recount gives, and no file is read for it")
  func liveCount() throws {
    let fixture = try Fixture()
    let projection = live(fixture, directory: "/nowhere")
    for count in [1, 30, 12] {
      try writeLive(count, fixture)
      try projection.advance()
      #expect(try fixture.rows() == fixture.recount())
      #expect(try fixture.usage.position().sequence == fixture.writer.lastSequence)
    }
    let checked = try UsageCheck.run(
      directory: fixture.folder.ledger, store: fixture.usage, key: SigningKey.generate(.es256).verificationKey)
    #expect(checked.isRight && checked.callCount == 43)
  }

  @Test("what the writer cannot tell of, and what a store lost, is counted from the files")
  func liveFallsBack() throws {
    let fixture = try Fixture()
    try writeLive(10, fixture)
    try writeLive(3, fixture, known: false)
    #expect(throws: LedgerError.self) { try live(fixture, directory: "/nowhere").advance() }
    try live(fixture).advance()
    #expect(try fixture.rows() == fixture.recount())
    for _ in 0..<15 {
      try writeLive(Int.random(in: 0..<6), fixture)
      _ = try? live(fixture, Dying(fixture.usage)).advance()
    }
    try live(fixture).advance()
    #expect(try fixture.rows() == fixture.recount())
    try fixture.write(20)
    try live(fixture).advance()
    #expect(try fixture.rows() == fixture.recount(), "calls that came over no lane")
  }

  @Test("it begins where the ledger stood when the writer opened it")
  func liveAfterARestart() throws {
    let fixture = try Fixture()
    try writeLive(10, fixture)
    fixture.writer.close()
    try fixture.projection().advance()
    withExtendedLifetime(fixture.writer) {}
    let again = try Fixture(fixture)
    try writeLive(10, again)
    try live(again, directory: "/nowhere").advance()
    #expect(try again.rows() == again.recount())
  }

  @Test("passes count by themselves, and finishing counts the rest")
  func thread() async throws {
    let fixture = try Fixture()
    let projection = fixture.projection()
    let counting = RepeatedPass(everyMilliseconds: 10) { _ in try projection.advance() }
    counting.start()
    try fixture.write(30)
    for _ in 0..<200 where try fixture.usage.position().sequence < 30 { try await Task.sleep(for: .milliseconds(10)) }
    #expect(try fixture.usage.position().sequence == 30)
    #expect(projection.fault == nil && counting.fault == nil)
    try fixture.write(5)
    counting.stop(finishing: true)
    #expect(try fixture.rows() == fixture.recount())
  }

  @Test("a quota counts succeeded and failed calls, not refusals")
  func quota() throws {
    let fixture = try Fixture()
    for (decision, status) in [("allowed", 200), ("refused", 429), ("failed", 504), ("allowed", 404)] {
      try fixture.writer.appendNow(call(0, decision: decision, status: status))
    }
    try fixture.projection().advance()
    let counts = try fixture.usage.quotaCounts(client: ClientID(rawValue: "client-1")!, at: fixture.clock.now())
    #expect(counts == QuotaCounts(day: 3, month: 3))
  }

  @Test("to rebuild gives what was counted, whatever stood there")
  func rebuild() throws {
    let fixture = try Fixture()
    try fixture.write(150)
    try fixture.projection().advance()
    let (rows, position) = (try fixture.usage.rows(UsageFilter()), try fixture.usage.position())
    var wrong = rows
    wrong[0].calls += 1
    wrong[0].refused += 1
    try fixture.usage.replace(Array(wrong.dropLast()), at: position)
    #expect(try fixture.rows() != fixture.recount())
    #expect(try fixture.projection().rebuild() == 150)
    #expect(try fixture.usage.rows(UsageFilter()) == rows)
    #expect(try fixture.usage.position() == position)
    try fixture.write(20)
    try fixture.projection().advance()
    #expect(try fixture.rows() == fixture.recount(), "it goes on from there")
  }
}
