import Bytes
import Foundation
import Ledger
import Store
import Testing

@Suite("Starting after a crash")
struct RecoveryTests {
  func reopen(_ folder: Folder) throws -> LedgerWriter { try LedgerWriter(directory: folder.ledger, time: time) }

  func append(_ bytes: [UInt8], to folder: Folder) {
    folder.write(folder.bytes(folder.segments.last!) + bytes, folder.segments.last!)
  }

  @Test("a torn last line is cut, kept beside, and noted; the chain goes on", arguments: [1, 6, 40, 200, 480])
  func torn(count: Int) throws {
    let folder = try ledger(3)
    let good = folder.bytes(folder.segments[0])
    let torn = Array(folder.lines(folder.segments[0])[2].replacing("\"seq\":3", with: "\"seq\":4").utf8.prefix(count))
    append(torn, to: folder)
    #expect(try folder.verify().isIntact, "what was acknowledged is all there")
    #expect(try folder.verify().notes.contains { $0.contains("\(torn.count) bytes at the end are no entry") })

    let writer = try reopen(folder)
    #expect(try writer.appendNow(call(3)) == 5)
    writer.close()
    let report = try folder.verify()
    #expect(report.isIntact)
    #expect(report.entryCount == 5)
    #expect(report.notes.contains { $0.hasPrefix("entry 4: ledger.repaired") && $0.contains("bytes_cut \(torn.count)") })
    #expect(folder.bytes(folder.segments[0]).starts(with: good))
    #expect(folder.bytes("\(folder.segments[0]).cut-\(good.count)") == torn)
  }

  @Test("pages that arrived out of order: zeros with a whole line behind them are cut too")
  func outOfOrder() throws {
    let folder = try ledger(3)
    append([UInt8](repeating: 0, count: 4096) + Array("{\"seq\":9}\n".utf8), to: folder)
    let writer = try reopen(folder)
    #expect(try writer.appendNow(call(3)) == 5)
    #expect(try folder.verify().isIntact)
  }

  @Test("whole entries that were written and not acknowledged stay")
  func unacknowledged() throws {
    let folder = try ledger(3)
    let head = folder.bytes("head.json")
    var writer = try reopen(folder)
    for number in 3..<6 { try writer.appendNow(call(number)) }
    writer.close()
    folder.write(head, "head.json")  // as after a loss of power: the head is behind
    #expect(try folder.verify().isIntact)
    writer = try reopen(folder)
    #expect(try writer.appendNow(call(6)) == 7)
    #expect(try folder.verify().notes.isEmpty)
  }

  @Test("without head.json the whole last segment is read instead", arguments: [0, 30])
  func withoutHead(tornCount: Int) throws {
    let folder = try ledger(3)
    try FileManager.default.removeItem(atPath: folder.ledger + "/head.json")
    append([UInt8](repeating: 0x7B, count: tornCount), to: folder)
    #expect(try folder.verify().notes.contains { $0.contains("head.json is missing") })
    let writer = try reopen(folder)
    #expect(try writer.appendNow(call(3)) == (tornCount == 0 ? 4 : 5))
    #expect(try folder.verify().isIntact)
  }

  @Test("an empty segment from a start that got no further is used")
  func emptySegment() throws {
    let folder = try ledger(3, options: LedgerOptions(segmentBytesMaximum: 100))
    folder.write([], "000000000004.jsonl")
    #expect(try folder.verify().isIntact)
    let writer = try reopen(folder)
    #expect(try writer.appendNow(call(3)) == 4)
    #expect(folder.lines("000000000004.jsonl").count == 1)
    #expect(try folder.verify().isIntact)
  }

  @Test("a torn line in the first line of a new segment")
  func tornFirst() throws {
    let folder = try ledger(3, options: LedgerOptions(segmentBytesMaximum: 100))
    folder.write("{\"seq\":4,\"ti", "000000000004.jsonl")
    let writer = try reopen(folder)
    #expect(try writer.appendNow(call(3)) == 5)
    #expect(try folder.verify().isIntact)
  }

  @Test("entries missing at the start are said so, their numbers are not used again, and verification finds the gap")
  func lost() throws {
    let folder = try ledger(10)
    folder.write(lines: Array(folder.lines(folder.segments[0]).prefix(6)), folder.segments[0])
    let writer = try reopen(folder)
    #expect(try writer.appendNow(call(10)) == 12)
    writer.close()
    let rows = try folder.all()
    #expect(rows.map(\.sequence) == [1, 2, 3, 4, 5, 6, 11, 12])
    #expect(rows[6].entry.event == "ledger.lost")
    #expect(rows[6].entry.detail == [.init("first_missing", "7"), .init("last_missing", "10")])
    let fault = try #require(try folder.verify().fault)
    #expect(fault.sequence == 7)
    #expect(fault.reason.contains("entry 7 is missing"))
  }

  @Test("all segments missing at the start")
  func allLost() throws {
    let folder = try ledger(4)
    try FileManager.default.removeItem(atPath: folder.ledger + "/" + folder.segments[0])
    let writer = try reopen(folder)
    #expect(try writer.appendNow(call(4)) == 6)
    #expect(try folder.verify().fault?.reason.contains("entry 1 is missing") == true)
  }

  @Test("damage to what was durable is left as it is, and the chain goes on in a new segment")
  func damaged() throws {
    let folder = try ledger(10)
    var bytes = folder.bytes(folder.segments[0])
    bytes[bytes.count / 2] ^= 1
    folder.write(bytes, folder.segments[0])
    // Without a head that vouches for the end, the walk meets the damage.
    for headIsThere in [true, false] {
      if !headIsThere { try FileManager.default.removeItem(atPath: folder.ledger + "/head.json") }
      let writer = try reopen(folder)
      try writer.appendNow(call(10))
      writer.close()
      #expect(folder.bytes(folder.segments[0]).starts(with: bytes))
      #expect(try folder.verify().fault != nil)
    }
  }

  @Test("copies taken in the middle of writing open, and hold every acknowledged entry")
  func copiedWhileWriting() async throws {
    let folder = Folder()
    let writer = try LedgerWriter(
      directory: folder.ledger, time: SystemTime(), options: LedgerOptions(segmentBytesMaximum: 100_000))
    let loop = FakeLoop(writer)
    loop.queue.async {
      for number in 0..<4_000 {
        loop.append(number, members(call(number)))
        if number % 50 == 0 { usleep(500) }
      }
    }
    for round in 0..<5 {
      try await Task.sleep(for: .milliseconds(20))
      let acknowledged = writer.lastSequence
      let copy = folder.path + "/copy-\(round)"
      try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: false)
      // head.json first, as a crash would leave it: never ahead of the segments.
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.ledger)
      for name in ["head.json"] + names.filter({ $0.hasSuffix(".jsonl") }).sorted() {
        try FileManager.default.copyItem(atPath: folder.ledger + "/" + name, toPath: copy + "/" + name)
      }
      let again = try LedgerWriter(directory: copy, time: time)
      #expect(again.lastSequence >= acknowledged)
      try again.appendNow(call(0))
      again.close()
      let report = try LedgerVerification.verify(directory: copy)
      #expect(report.isIntact, "\(report.fault.map(\.description) ?? "")")
    }
    #expect(loop.wait(for: 4_000))
    writer.close()
    #expect(try folder.verify().isIntact)
    #expect(try folder.verify().entryCount == 4_000)
  }
}

@Suite("Damage without a head")
struct DamageWithoutHeadTests {
  @Test("numbers of entries that cannot be read are not given out again", arguments: [1, 5, 10])
  func numbers(line: Int) throws {
    let folder = try ledger(10)
    try FileManager.default.removeItem(atPath: folder.ledger + "/head.json")
    var lines = folder.lines(folder.segments[0])
    lines[line - 1] = "x" + lines[line - 1]
    folder.write(lines: lines, folder.segments[0])
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    #expect(try writer.appendNow(call(10)) == 12)
    #expect(try folder.all().contains { $0.entry.event == "ledger.damaged" && $0.sequence == 11 })
    #expect(try folder.verify().fault?.line == line)
  }
}
