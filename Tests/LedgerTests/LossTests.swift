import Bytes
import Foundation
import Ledger
import Store
import Testing

@Suite("A ledger whose end is lost")
struct LossTests {
  @Test("a loss that was accepted stays to see, and the chain goes on behind it")
  func loss() throws {
    let folder = try ledger(20)
    let database = try Database(path: folder.database, time: time)
    let usage = SQLiteUsageStore(database: database)
    try UsageProjection(directory: folder.ledger, store: usage).advance()
    let (known, rows) = (try usage.position(), try usage.rows(UsageFilter()))
    #expect(throws: LedgerError.nothingLost(last: 20, known: 20)) {
      try LedgerLoss.accept(directory: folder.ledger, known: known, time: time)
    }
    for name in folder.segments + ["head.json"] { try FileManager.default.removeItem(atPath: folder.ledger + "/" + name) }
    try LedgerLoss.accept(directory: folder.ledger, known: known, time: time)
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    #expect(throws: LedgerError.inUse(path: folder.ledger)) {
      try LedgerLoss.accept(directory: folder.ledger, known: known, time: time)
    }
    #expect(try writer.appendNow(call(1)) > 20)
    writer.close()
    let entries = try folder.all()
    #expect(entries.first?.sequence == 21 && entries.first?.entry.event == "ledger.lost")
    #expect(entries.first?.entry.detail == [.init("first_missing", "1"), .init("last_missing", "20")])
    #expect(try folder.verify().fault != nil)
    // What was counted stands, and is counted on.
    try UsageProjection(directory: folder.ledger, store: usage).advance()
    #expect(try usage.position().sequence == entries.last?.sequence)
    #expect(try usage.rows(UsageFilter()).reduce(0) { $0 + $1.calls } == rows.reduce(0) { $0 + $1.calls } + 1)
    #expect(throws: LedgerError.self) { try UsageProjection(directory: folder.ledger, store: usage).rebuild() }
  }
}
