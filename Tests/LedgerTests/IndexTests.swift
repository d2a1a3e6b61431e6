import Bytes
import Dispatch
import Foundation
import JOSE
import Store
import Synchronization
import Testing

@testable import Ledger

@Suite("The index of the ledger")
struct IndexTests {
  private static let key = HMACKey(Array("0123456789abcdef0123456789abcdef".utf8))

  /// 400 calls of five clients and forty subscribers, a second apart, in segments of about ten.
  private static func filled() throws -> (folder: Folder, index: LedgerIndex) {
    let folder = Folder()
    let clock = ManualTime(Timestamp(rfc3339: "2026-03-10T12:00:00Z")!)
    let writer = try LedgerWriter(directory: folder.ledger, time: clock, options: LedgerOptions(segmentBytesMaximum: 6000))
    for number in 0..<400 {
      var entry = call(
        number, client: "client-\(number % 5)", decision: number % 7 == 0 ? "refused" : "allowed",
        subject: "subject-\(number % 40)")
      if number % 50 == 13 { entry = LedgerEntry(event: "consent.granted", clientID: "client-1", correlator: "a<b>{\(number)}") }
      try writer.appendNow(entry)
      clock.advance(seconds: 1)
    }
    writer.close()
    return (folder, LedgerIndex(directory: folder.ledger, key: key))
  }

  private static let filters: [LedgerFilter] = [
    LedgerFilter(subject: "subject-7"), LedgerFilter(client: "client-3", limit: 1000), LedgerFilter(correlator: "correlator-200"),
    LedgerFilter(correlator: "a<b>{113}"), LedgerFilter(correlator: "no such"), LedgerFilter(event: "consent.granted"),
    LedgerFilter(client: "client-0", subject: "subject-35", decision: "refused"), LedgerFilter(event: "api.call", limit: 7),
    LedgerFilter(client: "client-2", from: at(100), to: at(200)), LedgerFilter(from: at(390)), LedgerFilter(to: at(3)),
    LedgerFilter(decision: "refused", from: at(55), to: at(56)), LedgerFilter(client: "client-1", from: at(500)),
    LedgerFilter(client: "client-3", limit: 3), LedgerFilter(operation: "other", from: at(2), to: at(380)),
    LedgerFilter(limit: 20),
  ]

  private static func at(_ seconds: Int64) -> Timestamp { Timestamp(rfc3339: "2026-03-10T12:00:00Z")!.adding(seconds: seconds) }

  private func agree(_ folder: Folder, _ index: LedgerIndex) throws {
    for filter in Self.filters {
      let wanted = try LedgerSearch(directory: folder.ledger, filter: filter).run()
      #expect(try LedgerSearch(directory: folder.ledger, filter: filter, index: index).run() == wanted)
      var all = filter
      all.limit = 1_000_000
      var streamed: [LedgerRow] = []
      try LedgerSearch(directory: folder.ledger, filter: filter, index: index).forEach {
        streamed.append($0); return true
      }
      #expect(try streamed == LedgerSearch(directory: folder.ledger, filter: all).run())
    }
  }

  private func path(_ folder: Folder, _ segment: Int) -> String { "index/\(folder.segments[segment]).index" }

  private func states(_ index: LedgerIndex) throws -> [LedgerIndex.State] {
    var states: [LedgerIndex.State] = []
    try index.check { states.append($1) }
    return states
  }

  @Test("several at once make the same index, each whole")
  func atOnce() throws {
    let (folder, index) = try Self.filled()
    let faults = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      do { try index.rebuild { _, _ in } } catch { faults.withLock { $0.append("\(error)") } }
    }
    #expect(faults.withLock { $0 } == [])
    #expect(try states(index).allSatisfy { $0 == .good })
    try agree(folder, index)
  }

  @Test("a search by index finds what a search without it finds, and makes what it lacks")
  func search() throws {
    let (folder, index) = try Self.filled()
    #expect(try Set(states(index)) == [.missing])
    try agree(folder, index)
    #expect(try Set(states(index)) == [.good])
    #expect(try folder.verify().isIntact)
  }

  @Test("all closed segments are indexed at once, each only when it lacks its index")
  func makeMissing() throws {
    let (folder, index) = try Self.filled()
    #expect(try index.makeMissing() == folder.segments.count - 1)
    #expect(try index.makeMissing() == 0)
    try FileManager.default.removeItem(atPath: folder.ledger + "/" + path(folder, 2))
    #expect(try index.makeMissing() == 1)
    try agree(folder, index)
  }

  @Test("a byte that was changed anywhere in an index is noticed, hides nothing, and the index is made anew")
  func tampered() throws {
    let (folder, index) = try Self.filled()
    try index.makeMissing()
    let good = folder.bytes(path(folder, 3))
    for offset in stride(from: 0, to: good.count, by: 5) {
      var bytes = good
      bytes[offset] ^= 0x41
      folder.write(bytes, path(folder, 3))
      let filter = LedgerFilter(subject: "subject-\(offset % 40)")
      let wanted = try LedgerSearch(directory: folder.ledger, filter: filter).run()
      #expect(try LedgerSearch(directory: folder.ledger, filter: filter, index: index).run() == wanted, "byte \(offset)")
    }
    folder.write(good, path(folder, 3))
    #expect(try Set(states(index)) == [.good])
  }

  @Test("an index by another key, of another segment, or cut short is none")
  func foreign() throws {
    let (folder, index) = try Self.filled()
    try index.makeMissing()
    let other = LedgerIndex(directory: folder.ledger, key: HMACKey(Array("another key, and not the right one".utf8)))
    #expect(try Set(states(other)) == [.unfit])
    folder.write(folder.bytes(path(folder, 1)), path(folder, 2))
    folder.write(Array(folder.bytes(path(folder, 4)).dropLast()), path(folder, 4))
    #expect(try states(index).enumerated().filter { $1 == .unfit }.map(\.offset) == [2, 4])
    try agree(folder, index)
  }

  @Test("a segment that was changed after it was indexed is not looked at through its old index")
  func stale() throws {
    let (folder, index) = try Self.filled()
    try index.makeMissing()
    let segment = folder.segments[1]
    var lines = folder.lines(segment)
    lines[lines.count - 1] = lines[lines.count - 1].replacing("subject-", with: "subjecT-")
    folder.write(lines: lines, segment)
    #expect(try states(index)[1] == .unfit)
    try agree(folder, index)
  }

  @Test("what a line says counts, not what the index says of it")
  func wrong() throws {
    let (folder, index) = try Self.filled()
    try index.makeMissing()
    let segment = folder.segments[1]
    var lines = folder.lines(segment)
    lines[0] = lines[0].replacing("client-", with: "clienT-")
    folder.write(lines: lines, segment)
    #expect(try states(index)[1] == .wrong)
    let found = try LedgerSearch(directory: folder.ledger, filter: LedgerFilter(client: "client-0", limit: 1000), index: index)
      .run()
    #expect(!found.isEmpty && found.allSatisfy { $0.entry.clientID == "client-0" })
    var told: [LedgerIndex.State] = []
    try index.rebuild { told.append($1) }
    #expect(try Set(told + states(index)) == [.good])
    try agree(folder, index)
  }

  @Test("a segment with a line that is no entry is read, and the check says why")
  func unreadable() throws {
    let (folder, index) = try Self.filled()
    let segment = folder.segments[2]
    folder.write(lines: folder.lines(segment) + ["not an entry"], segment)
    try index.makeMissing()
    guard case .notIndexable = try states(index)[2] else {
      Issue.record("it was indexed")
      return
    }
    try agree(folder, index)
  }

  @Test("a clock that was set back does not hide entries from a search by time")
  func unordered() throws {
    let folder = Folder()
    let clock = ManualTime(Timestamp(rfc3339: "2026-03-10T12:00:00Z")!)
    let writer = try LedgerWriter(directory: folder.ledger, time: clock, options: LedgerOptions(segmentBytesMaximum: 6000))
    for number in 0..<60 {
      try writer.appendNow(call(number))
      clock.set(clock.now().adding(seconds: number % 10 == 9 ? -15 : 1))
    }
    writer.close()
    let index = LedgerIndex(directory: folder.ledger, key: Self.key)
    for second in stride(from: Int64(-70), to: 20, by: 3) {
      let filter = LedgerFilter(client: "client-1", from: Self.at(second), to: Self.at(second + 4))
      let wanted = try LedgerSearch(directory: folder.ledger, filter: filter).run()
      #expect(try LedgerSearch(directory: folder.ledger, filter: filter, index: index).run() == wanted)
    }
  }

  @Test("the index of a segment that is gone goes too")
  func stray() throws {
    let (folder, index) = try Self.filled()
    try index.makeMissing()
    let first = path(folder, 0)
    try FileManager.default.removeItem(atPath: folder.ledger + "/" + folder.segments[0])
    try index.makeMissing()
    #expect(!FileManager.default.fileExists(atPath: folder.ledger + "/" + first))
  }

  @Test("a look-back goes through indexed segments whatever their length, and reads the others within its bounds")
  func lookback() throws {
    let (folder, index) = try Self.filled()
    let filter = LedgerFilter(subject: "subject-7", limit: 1000)
    let wanted = try LedgerSearch(directory: folder.ledger, filter: filter).run()
    // Enough for the open segment alone.
    func look() throws -> LedgerLookback.Finding {
      try LedgerLookback(directory: folder.ledger, filter: filter, bytesMaximum: 8000, secondsMaximum: 5, index: index).look()
    }
    let short = try look()
    #expect(short.rows.count < wanted.count && short.since != nil)
    try index.makeMissing()
    let whole = try look()
    #expect(whole.rows == wanted.reversed() && whole.since == nil)
    #expect(try states(index).allSatisfy { $0 == .good })
  }
}
