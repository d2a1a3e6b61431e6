import Bytes
import Foundation
import JOSE
import Identifiers
import Ledger
import Store
import Testing

@Suite("Usage compared with the ledger")
struct UsageCheckTests {
  struct Fixture {
    let folder = Folder()
    let clock = ManualTime(Timestamp(rfc3339: "2026-03-10T12:30:00Z")!)
    let writer: LedgerWriter
    let usage: SQLiteUsageStore

    /// Nothing was ever removed here: there is nothing that it would have signed.
    let auditKey: VerificationKey

    init() throws {
      auditKey = try SigningKey.generate(.es256).verificationKey
      writer = try LedgerWriter(directory: folder.ledger, time: clock, options: LedgerOptions(segmentBytesMaximum: 20_000))
      usage = SQLiteUsageStore(database: try Database(path: folder.database, time: clock))
      for number in 0..<100 {
        try writer.appendNow(call(number, client: "client-\(number % 3)", decision: number % 7 == 0 ? "refused" : "allowed"))
        clock.advance(seconds: 120)
      }
      try UsageProjection(directory: folder.ledger, store: usage).advance()
    }

    func check() throws -> UsageCheck.Report { try UsageCheck.run(directory: folder.ledger, store: usage, key: auditKey) }
  }

  @Test("what was counted is right, up to where it was counted")
  func right() throws {
    let fixture = try Fixture()
    for number in 0..<5 { try fixture.writer.appendNow(call(number)) }
    let report = try fixture.check()
    #expect(report.isRight && report.position == 100 && report.callCount == 100)
    #expect(report.rowCount == (try fixture.usage.rows(UsageFilter()).count))
  }

  @Test("nothing counted of an empty ledger is right")
  func empty() throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: ManualTime())
    let usage = SQLiteUsageStore(database: try Database(path: folder.database, time: ManualTime()))
    let auditKey = try SigningKey.generate(.es256).verificationKey
    #expect(try UsageCheck.run(directory: folder.ledger, store: usage, key: auditKey).isRight)
    withExtendedLifetime(writer) {}
  }

  @Test("each row that differs is named: too many, too few, missing, invented")
  func differences() throws {
    let fixture = try Fixture()
    let position = try fixture.usage.position()
    var rows = try fixture.usage.rows(UsageFilter())
    let missing = rows.removeLast()
    rows[0].calls += 1
    rows[0].refused += 1
    rows[1].refused -= 1
    rows[1].failed += 1
    var invented = rows[2]
    invented.client = ClientID(rawValue: "nobody")!
    rows.append(invented)
    try fixture.usage.replace(rows, at: position)
    let report = try fixture.check()
    #expect(!report.isRight && report.fault == nil)
    #expect(report.differenceCount == 4)
    #expect(report.differences.contains { $0.counted == invented && $0.ledger == nil })
    #expect(report.differences.contains { $0.ledger == missing && $0.counted == nil })
    #expect(report.differences.filter { $0.ledger != nil && $0.counted != nil }.count == 2)
  }

  @Test("a count that is ahead of the ledger, or of another ledger, is not proved")
  func anotherLedger() throws {
    let fixture = try Fixture()
    var position = try fixture.usage.position()
    let rows = try fixture.usage.rows(UsageFilter())
    position.sequence += 1
    try fixture.usage.replace(rows, at: position)
    #expect(try fixture.check().fault != nil)
    position.sequence -= 1
    position.hash = LedgerPosition.start.hash
    try fixture.usage.replace(rows, at: position)
    #expect(try fixture.check().fault?.contains("another one") == true)
  }

  @Test("a ledger that was changed is not what was counted")
  func changed() throws {
    let fixture = try Fixture()
    let path = fixture.folder.ledger + "/" + fixture.folder.segments[0]
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let place = try #require(text.range(of: "\"decision\":\"allowed\""))
    try text.replacingCharacters(in: place, with: "\"decision\":\"refused\"").write(
      toFile: path, atomically: true, encoding: .utf8)
    #expect(try fixture.check().fault != nil)
  }
}
