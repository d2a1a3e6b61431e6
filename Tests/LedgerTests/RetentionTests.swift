import Bytes
import Foundation
import JOSE
import Store
import Synchronization
import Testing

@testable import Ledger

@Suite("Retention")
struct RetentionTests {
  /// A ledger of 40 calls, one a day, in segments of a day or two, sealed; the writer goes on.
  private final class Kept: Sendable {
    let folder = Folder()
    let clock = ManualTime(Timestamp(rfc3339: "2026-01-01T12:00:00Z")!)
    let key: SigningKey
    let writer: LedgerWriter
    let sealer: LedgerSealer
    let counted = Mutex(UInt64.max)

    init() throws {
      key = try SigningKey.generate(.es256)
      writer = try LedgerWriter(directory: folder.ledger, time: clock, options: LedgerOptions(segmentBytesMaximum: 4000))
      sealer = LedgerSealer(directory: folder.ledger, key: key, time: clock)
      for number in 0..<40 {
        try writer.appendNow(call(number))
        clock.advance(seconds: 86_400)
      }
      try sealer.sealClosedSegments()
    }

    func retention(_ days: Int) -> LedgerRetention {
      LedgerRetention(
        directory: folder.ledger, key: key, time: clock, days: days, countedSequence: { [self] in counted.withLock { $0 } },
        note: { [writer] in try writer.appendNow($0) })
    }

    /// Chain and seals.
    func fault() throws -> String? {
      let report = try LedgerVerification.verify(directory: folder.ledger, key: key.verificationKey)
      if let fault = report.fault { return fault.description }
      return try SealVerification.verify(directory: folder.ledger, key: key.verificationKey, retention: report.retention).fault
    }
  }

  @Test("whole old segments go, the rest verifies, the ledger says so, and it goes on")
  func removes() throws {
    let kept = try Kept()
    let before = kept.folder.segments
    let plan = try kept.retention(20).plan()
    #expect(kept.folder.segments == before)
    let report = try kept.retention(20).run()
    #expect(report == plan && report.segments.count > 1 && report.entries?.lowerBound == 1)
    #expect(kept.folder.segments.first == before[report.segments.count])
    #expect(try kept.fault() == nil)
    let verified = try LedgerVerification.verify(directory: kept.folder.ledger, key: kept.key.verificationKey)
    #expect(verified.retention?.last == report.entries?.upperBound)
    #expect(verified.notes.contains { $0.contains("ledger.retained") })
    #expect(try kept.folder.all().first?.sequence == report.entries!.upperBound + 1)
    // Nothing that is younger went.
    let cutoff = kept.clock.now().adding(seconds: -20 * 86_400)
    #expect(report.segments.allSatisfy { before.firstIndex(of: $0)! < report.segments.count })
    #expect(Timestamp(rfc3339: "2026-01-01T12:00:00Z")!.adding(seconds: Int64(report.entries!.upperBound - 1) * 86_400) < cutoff)
    // And again, after more has come.
    for number in 0..<20 {
      try kept.writer.appendNow(call(number))
      kept.clock.advance(seconds: 86_400)
    }
    try kept.sealer.sealClosedSegments()
    #expect(try kept.retention(20).run().entries?.lowerBound == report.entries!.upperBound + 1)
    #expect(try kept.fault() == nil)
    #expect(try kept.retention(20).run().segments.isEmpty)
  }

  @Test("what was counted stands when its entries go, and the rest can still be proved and counted anew")
  func usage() throws {
    let kept = try Kept()
    let usage = SQLiteUsageStore(database: try Database(path: kept.folder.database, time: kept.clock))
    let projection = UsageProjection(directory: kept.folder.ledger, store: usage)
    try projection.advance()
    let before = try usage.rows(UsageFilter())
    let removed = try #require(try kept.retention(20).run().entries).count
    try projection.advance()
    func check() throws -> UsageCheck.Report {
      try UsageCheck.run(directory: kept.folder.ledger, store: usage, key: kept.key.verificationKey)
    }
    // The hour of the first entry that is left may have lost some.
    let report = try check()
    #expect(report.isRight && report.uncheckedRowCount == removed + 1 && report.rowCount == 40 - removed - 1)
    try projection.rebuild(key: kept.key.verificationKey)
    #expect(try usage.rows(UsageFilter()) == before)
    #expect(try check() == report)
    // Without its mark the beginning is missing.
    try FileManager.default.removeItem(atPath: kept.folder.ledger + "/" + RetentionMark.fileName)
    #expect(try check().isRight == false)
    // And the bill is not counted from the rest.
    func stands() throws {
      for key in [nil, kept.key.verificationKey] {
        #expect(throws: LedgerError.self) { try projection.rebuild(key: key) }
      }
      #expect(try usage.rows(UsageFilter()) == before)
    }
    try stands()
    // A mark that cannot be read is not a mark that is not there: this link leads to itself.
    let mark = kept.folder.ledger + "/" + RetentionMark.fileName
    try FileManager.default.createSymbolicLink(atPath: mark, withDestinationPath: mark)
    #expect(RetentionMark.read(kept.folder.ledger, key: kept.key.verificationKey) == .forged)
    try stands()
  }

  @Test("what is not sealed, not counted, or the newest stays")
  func stays() throws {
    let kept = try Kept()
    kept.counted.withLock { $0 = 0 }
    #expect(try kept.retention(1).plan().segments.isEmpty)
    #expect(try kept.retention(1).plan().stays?.contains("counted") == true)
    kept.counted.withLock { $0 = .max }
    let segments = kept.folder.segments
    try FileManager.default.removeItem(atPath: kept.folder.ledger + "/seals/\(segments[2]).seal")
    #expect(try kept.retention(1).plan().segments == Array(segments[..<2]))
    kept.clock.advance(seconds: 1000 * 86_400)
    try kept.sealer.sealClosedSegments()
    #expect(try kept.retention(1).plan().segments == Array(segments.dropLast()))
    kept.writer.close()
  }

  @Test("A43: removing more than the mark says, its seals, or the mark is found")
  func tampered() throws {
    let kept = try Kept()
    let report = try kept.retention(20).run()
    let ledger = kept.folder.ledger
    func whileGone(_ name: String) throws -> String? {
      try FileManager.default.moveItem(atPath: ledger + "/" + name, toPath: ledger + "/away")
      defer { try? FileManager.default.moveItem(atPath: ledger + "/away", toPath: ledger + "/" + name) }
      return try kept.fault()
    }
    for name in [
      "retention.jws", kept.folder.segments[0], "seals/\(report.segments[0]).seal", "seals/\(report.segments.last!).seal",
    ] {
      #expect(try whileGone(name) != nil, "\(name)")
    }
    #expect(try kept.fault() == nil)
    // A mark by another key.
    let text = kept.folder.text("retention.jws")
    let other = try RetentionMark(
      last: report.entries!.upperBound + 3, segment: report.segments.last!, hash: SHA256.digest([]), seal: "s", days: 1,
      time: kept.clock.now(), key: SigningKey.generate(.es256))
    kept.folder.write(other.text + "\n", "retention.jws")
    #expect(try kept.fault() != nil)
    #expect(throws: LedgerError.self) { try kept.retention(20).run() }
    kept.folder.write(text, "retention.jws")
    #expect(try kept.fault() == nil)
  }

  @Test("a crash before the files went leaves what the next run removes")
  func interrupted() throws {
    let kept = try Kept()
    let copies = try kept.retention(20).plan().segments.map { ($0, kept.folder.bytes($0)) }
    try kept.retention(20).run()
    for (name, bytes) in copies.dropFirst() { kept.folder.write(bytes, name) }
    #expect(try kept.fault() == nil)
    // Usage too is checked and counted anew behind what the mark has given up, all of it or a part of it.
    let usage = SQLiteUsageStore(database: try Database(path: kept.folder.database, time: kept.clock))
    let projection = UsageProjection(directory: kept.folder.ledger, store: usage)
    let key = kept.key.verificationKey
    for count in [copies.count, copies.count - 1] {
      for (name, bytes) in copies.suffix(count) { kept.folder.write(bytes, name) }
      try projection.rebuild(key: key)
      let report = try UsageCheck.run(directory: kept.folder.ledger, store: usage, key: key)
      #expect(report.isRight && report.position == kept.writer.lastSequence)
      try? FileManager.default.removeItem(atPath: kept.folder.ledger + "/" + copies[0].0)
    }
    #expect(try kept.retention(20).run().segments.isEmpty)
    #expect(!kept.folder.segments.contains(copies[1].0))
  }

  @Test("readers and the writer's next start begin with what is left")
  func readers() throws {
    let kept = try Kept()
    let all = try LedgerReader(directory: kept.folder.ledger)
    while try all.next() {}
    let report = try kept.retention(20).run()
    let reader = try LedgerReader(directory: kept.folder.ledger)
    #expect(try reader.next() && reader.position.sequence == report.entries!.upperBound + 1)
    // One that stood exactly at the end of what went.
    let mark = try #require(try LedgerVerification.verify(directory: kept.folder.ledger, key: kept.key.verificationKey).retention)
    let place = LedgerPosition(sequence: mark.last, segment: mark.segment, offset: 1, hash: mark.hash)
    let second = try LedgerReader(directory: kept.folder.ledger, from: place)
    #expect(try second.next() && second.position.sequence == mark.last + 1)
    // One that stood before it, and was not counted.
    let lost = LedgerPosition(sequence: mark.last - 1, segment: mark.segment, offset: 1, hash: mark.hash)
    #expect(throws: LedgerError.self) { try LedgerReader(directory: kept.folder.ledger, from: lost) }
    let last = kept.writer.lastSequence
    kept.writer.close()
    let again = try LedgerWriter(directory: kept.folder.ledger, time: kept.clock)
    #expect(try again.appendNow(call(1)) == last + 1)
    again.close()
    #expect(try kept.fault() == nil)
  }
}
