import Bytes
import Foundation
import Ledger
import Store
import Testing

@Suite("Writing the ledger")
struct LedgerWriterTests {
  @Test("a line on the disk looks like this")
  func format() throws {
    let folder = try ledger(0)
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    #expect(try writer.appendNow(LedgerEntry(event: "api.call", clientID: "shop", status: 200)) == 1)
    #expect(try writer.appendNow(LedgerEntry(event: "key.rotated")) == 2)
    #expect(folder.segments == ["000000000001.jsonl"])
    let lines = folder.lines(folder.segments[0])
    let zeros = String(repeating: "0", count: 64)
    let stamp = time.now().rfc3339
    #expect(lines[0] == #"{"seq":1,"time":"\#(stamp)","event":"api.call","client_id":"shop","status":200,"prev":"\#(zeros)"}"#)
    #expect(lines[1].hasPrefix(#"{"seq":2,"time":"\#(stamp)","event":"key.rotated","prev":""#))
    #expect(try folder.verify().isIntact)
    #expect(writer.lastSequence == 2)
  }

  @Test("an entry has every field by its name, and what does not apply is absent")
  func fields() throws {
    var entry = call(1)
    entry.reason = "because"
    entry.detail = [.init("key", "value"), .init("key", "again")]
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    try writer.appendNow(entry)
    let json = try JSONSerialization.jsonObject(with: Data(folder.lines(folder.segments[0])[0].utf8)) as? [String: Any]
    #expect(
      Set(try #require(json).keys) == [
        "seq", "time", "event", "client_id", "subject", "api", "operation", "scopes", "purpose", "legal_basis", "consent_id",
        "decision", "reason", "categories", "status", "upstream_status", "duration_us", "correlator", "request_bytes",
        "response_bytes", "detail", "prev",
      ])
    entry.detail = [.init("key", "value")]
    let row = try #require(try folder.all().first)
    #expect(row.entry == entry)
    #expect(row.sequence == 1)
    #expect(row.time == time.now())
  }

  @Test(
    "nothing that a client sends can end a line or forge a member (A33)",
    arguments: [
      "a\r\n{\"seq\":2}", "a\nb", "a\u{2028}b", "a\u{2029}b", "\",\"decision\":\"allowed", "a\\", "\u{1B}[31m", "a\u{0}b",
      "</script>",
      "\u{7F}", "\u{85}", "{}<>;:./-_",
    ])
  func injection(correlator: String) throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    try writer.appendNow(LedgerEntry(event: "api.call", decision: "refused", correlator: correlator))
    try writer.appendNow(LedgerEntry(event: "api.call", reason: correlator, detail: [.init(correlator, correlator)]))
    writer.close()
    let bytes = folder.bytes(folder.segments[0])
    #expect(bytes.count(where: { $0 == 0x0A }) == 2)
    #expect(bytes.allSatisfy { $0 == 0x0A || $0 >= 0x20 && $0 != 0x7F })
    #expect(!folder.text(folder.segments[0]).unicodeScalars.contains { $0.value == 0x2028 || $0.value == 0x2029 })
    let rows = try folder.all()
    #expect(rows.map(\.entry.correlator) == [correlator, nil])
    #expect(rows[0].entry.decision == "refused")
    #expect(try folder.verify().isIntact)
    #expect(try LedgerSearch(directory: folder.ledger, filter: LedgerFilter(correlator: correlator)).run().count == 1)
  }

  @Test(
    "members that are no line are refused, and the chain goes on",
    arguments: ["", "\"a\":\n1", String(repeating: "x", count: 70_000)])
  func unwritable(text: String) throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    let loop = FakeLoop(writer)
    loop.run {
      loop.append(0, members(call(0)))
      loop.append(1, Array(text.utf8))
      loop.append(2, members(call(2)))
    }
    #expect(loop.wait(for: 3))
    #expect(loop.queue.sync { loop.settled.map(\.durable) } == [true, false, true])
    writer.close()
    #expect(try folder.verify().entryCount == 2)
    #expect(try folder.verify().isIntact)
  }

  @Test("four loops and the control plane at once: every entry is there once, each loop's in its order")
  func concurrency() async throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: SystemTime())
    let loops = (0..<4).map { _ in FakeLoop(writer) }
    let count = 500
    for (index, loop) in loops.enumerated() {
      loop.queue.async {
        for number in 0..<count { loop.append(number, members(call(number, client: "client-\(index)"))) }
      }
    }
    try await withThrowingTaskGroup(of: UInt64.self) { group in
      for number in 0..<200 {
        group.addTask { try await writer.append(LedgerEntry(event: "token.issued", correlator: "\(number)")) }
      }
      let numbers = try await group.reduce(into: Set<UInt64>()) { $0.insert($1) }
      #expect(numbers.count == 200)
    }
    for loop in loops {
      #expect(loop.wait(for: count))
      loop.run {
        #expect(loop.settled.map(\.number) == Array(0..<count))
        #expect(loop.settled.allSatisfy { $0.durable })
        #expect(loop.notifications <= count)
      }
    }
    writer.close()
    let rows = try folder.all()
    #expect(rows.count == 4 * count + 200)
    for index in 0..<4 {
      #expect(
        rows.filter { $0.entry.clientID == "client-\(index)" }.map(\.entry.correlator) == (0..<count).map { "correlator-\($0)" })
    }
    #expect(try folder.verify().isIntact)
  }

  @Test("entries that wait together share one flush and one notification")
  func groupCommit() throws {
    let folder = Folder()
    let disk = Disk()
    let writer = try LedgerWriter(directory: folder.ledger, time: time, faults: disk)
    let loop = FakeLoop(writer)
    disk.whileFlushing(loop) { for number in 0..<500 { loop.append(number, members(call(number))) } }
    #expect(loop.wait(for: 501))
    #expect(disk.state.withLock { $0.synchronizations } == 2)
    #expect(loop.queue.sync { loop.notifications } == 2)
  }

  @Test("a ticket may append its next entry while it is settled")
  func reentrant() throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    let loop = FakeLoop(writer)
    loop.onSettled = { [unowned loop] number, _ in
      if number < 50 { loop.append(number + 1, members(call(number + 1))) }
      loop.lane.drain()
    }
    loop.run { loop.append(0, members(call(0))) }
    #expect(loop.wait(for: 51))
    #expect(loop.queue.sync { loop.settled.map(\.number) } == Array(0...50))
  }

  @Test("a full lane settles what is too much as not durable, in its place")
  func bounds() throws {
    let folder = Folder()
    let disk = Disk()
    let writer = try LedgerWriter(directory: folder.ledger, time: time, faults: disk)
    let loop = FakeLoop(writer)
    let large = members(LedgerEntry(event: "x", reason: String(repeating: "r", count: 60_000)))
    let fitting = LedgerLane.pendingBytesMaximum / large.count
    disk.whileFlushing(loop) { for number in 0..<fitting + 10 { loop.append(number, large) } }
    #expect(loop.wait(for: fitting + 11))
    loop.run {
      #expect(loop.settled.map(\.number) == Array(-1..<fitting + 10))
      #expect(loop.settled.dropLast(10).allSatisfy { $0.durable })
      #expect(loop.settled.suffix(10).allSatisfy { !$0.durable })
    }
  }

  @Test("closing makes durable what waits; later entries are settled as not durable")
  func closing() async throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    let loop = FakeLoop(writer)
    loop.run { for number in 0..<100 { loop.append(number, members(call(number)), wakes: false) } }
    writer.close()
    loop.run { loop.append(100, members(call(100))) }
    #expect(loop.wait(for: 101))
    loop.run { #expect(loop.settled.map(\.durable) == [Bool](repeating: true, count: 100) + [false]) }
    await #expect(throws: LedgerError.closed) { try await writer.append(call(0)) }
    #expect(throws: LedgerError.closed) { try writer.appendNow(call(0)) }
    #expect(try folder.all().count == 100)
    let late = FakeLoop(writer)
    late.run { late.append(0, members(call(0))) }
    #expect(late.wait(for: 1))
    writer.close()
  }

  @Test("a second writer is refused; readers are not; after closing another may write")
  func oneWriter() throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    try writer.appendNow(call(0))
    #expect(throws: LedgerError.inUse(path: folder.ledger)) { try LedgerWriter(directory: folder.ledger, time: time) }
    #expect(try folder.verify().isIntact)
    writer.close()
    withExtendedLifetime(writer) {}
    let second = try LedgerWriter(directory: folder.ledger, time: time)
    #expect(try second.appendNow(call(1)) == 2)
    #expect(try folder.verify().entryCount == 2)
  }

  @Test("segments are followed by the next one when they are full, and the chain goes through")
  func rolling() throws {
    let folder = try ledger(50, options: LedgerOptions(segmentBytesMaximum: 3000))
    #expect(folder.segments.count >= 8)
    for segment in folder.segments {
      #expect(folder.bytes(segment).count <= 3000)
      #expect(folder.lines(segment)[0].hasPrefix("{\"seq\":\(Int(segment.prefix(12))!),"))
    }
    let report = try folder.verify()
    #expect(report.isIntact)
    #expect(report.entryCount == 50)
    #expect(report.segmentCount == folder.segments.count)
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    #expect(try writer.appendNow(call(50)) == 51)
  }

  @Test("segments are followed by the next one when they are old")
  func age() throws {
    let folder = Folder()
    let clock = ManualTime()
    let writer = try LedgerWriter(directory: folder.ledger, time: clock, options: LedgerOptions(segmentSecondsMaximum: 60))
    try writer.appendNow(call(0))
    clock.advance(seconds: 60)
    try writer.appendNow(call(1))
    #expect(folder.segments.count == 1)
    clock.advance(seconds: 1)
    try writer.appendNow(call(2))
    #expect(folder.segments == ["000000000001.jsonl", "000000000003.jsonl"])
    #expect(try folder.verify().isIntact)
  }

  @Test("the relaxed ledger does not flush, and has the same chain")
  func relaxed() throws {
    let folder = Folder()
    let disk = Disk()
    let writer = try LedgerWriter(
      directory: folder.ledger, time: time, options: LedgerOptions(durability: .relaxed), faults: disk)
    for number in 0..<20 { try writer.appendNow(call(number)) }
    #expect(disk.state.withLock { $0.synchronizations } == 0)
    #expect(try folder.verify().entryCount == 20)
  }

  @Test("where calls are not kept, they are settled at once, and everything else is kept")
  func none() throws {
    final class Ticket: LedgerTicket {
      var outcome: Bool?
      func ledgerSettled(_ durable: Bool) { outcome = durable }
    }
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time, options: LedgerOptions(durability: .none))
    let ticket = Ticket()
    writer.makeLane(notify: {}).append(members: members(call(1)).span, ticket: ticket)
    #expect(ticket.outcome == true)
    try writer.appendNow(call(2))
    #expect(try folder.verify().entryCount == 1)
  }

  @Test("files are for their owner alone")
  func modes() throws {
    let folder = try ledger(1)
    #expect(try FileManager.default.attributesOfItem(atPath: folder.ledger)[.posixPermissions] as? Int == 0o700)
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.ledger) {
      #expect(try FileManager.default.attributesOfItem(atPath: folder.ledger + "/" + name)[.posixPermissions] as? Int == 0o600)
    }
  }

  @Test("a directory that cannot be is one clear line")
  func unusable() throws {
    let folder = Folder()
    #expect(throws: LedgerError.cannotOpen(path: folder.path + "/a/b", reason: "No such file or directory")) {
      try LedgerWriter(directory: folder.path + "/a/b", time: time)
    }
    _ = FileManager.default.createFile(atPath: folder.path + "/file", contents: nil)
    #expect(throws: LedgerError.self) { try LedgerWriter(directory: folder.path + "/file", time: time) }
  }
}
