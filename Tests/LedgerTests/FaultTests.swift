import Bytes
import Foundation
import Ledger
import Synchronization
import Testing

@Suite("A failing disk")
struct FaultTests {
  /// Each test's own: some move it.
  let time = ManualTime()

  /// A ledger of three entries with a disk that can be broken.
  func start() throws -> (Folder, Disk, LedgerWriter) {
    let folder = Folder()
    let disk = Disk()
    let writer = try LedgerWriter(directory: folder.ledger, time: time, faults: disk)
    for number in 0..<3 { try writer.appendNow(call(number)) }
    return (folder, disk, writer)
  }

  enum Fault: CaseIterable {
    case write, full, partial, flush, flushAndTruncate, partialAndTruncate

    func apply(_ disk: Disk) {
      disk.set { state in
        switch self {
        case .write: state.write = .fails(errno: EIO)
        case .full: state.write = .fails(errno: ENOSPC)
        case .partial: state.write = .partial(byteCount: 100, errno: ENOSPC)
        case .flush: state.synchronize = EIO
        case .flushAndTruncate: (state.synchronize, state.truncate) = (EIO, EIO)
        case .partialAndTruncate: (state.write, state.truncate) = (.partial(byteCount: 100, errno: ENOSPC), EIO)
        }
      }
    }
  }

  @Test("a disk that hangs is noticed, one that fails is not mistaken for it")
  func hanging() throws {
    final class Hanging: FileFaults {
      let (reached, released) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
      let hangs = Mutex(false)
      func beforeSynchronize() -> Int32? {
        guard hangs.withLock({ $0 }) else { return nil }
        reached.signal()
        released.wait()
        return nil
      }
    }
    let (folder, disk) = (Folder(), Hanging())
    let writer = try LedgerWriter(directory: folder.ledger, time: time, faults: disk)
    try writer.appendNow(call(0))
    #expect(writer.goesRound(until: .now() + 10))
    #expect(LedgerWriter.isInUse(directory: folder.ledger))
    disk.hangs.withLock { $0 = true }
    let isWritten = DispatchSemaphore(value: 0)
    DispatchQueue.global().async {
      _ = try? writer.appendNow(call(1))
      isWritten.signal()
    }
    disk.reached.wait()
    #expect(!writer.goesRound(until: .now() + .milliseconds(50)))
    disk.hangs.withLock { $0 = false }
    disk.released.signal()
    #expect(writer.goesRound(until: .now() + 10))
    isWritten.wait()
    #expect(writer.lastSequence == 2)
    writer.close()
  }

  @Test("it fails closed, leaves nothing behind, and goes on by itself without a gap", arguments: Fault.allCases)
  func failsClosed(fault: Fault) async throws {
    let (folder, disk, writer) = try start()
    let loop = FakeLoop(writer)
    fault.apply(disk)
    loop.run {
      for number in 0..<5 { loop.append(number, members(call(number)), wakes: false) }; loop.lane.flush()
    }
    #expect(loop.wait(for: 5))
    loop.run { #expect(loop.settled.allSatisfy { !$0.durable }) }
    #expect(!writer.isHealthy)
    #expect(writer.fault != nil)
    #expect(writer.lastSequence == 3)
    await #expect(throws: LedgerError.self) { try await writer.append(call(9)) }

    disk.heal()
    for _ in 0..<200 where !writer.isHealthy { try await Task.sleep(for: .milliseconds(10)) }
    #expect(writer.isHealthy, "it recovers while nothing is asked")
    #expect(writer.fault == nil)
    #expect(try await writer.append(call(10)) == 5)
    writer.close()

    let report = try folder.verify()
    #expect(report.isIntact, "\(report.fault.map(\.description) ?? "")")
    #expect(report.entryCount == 5)
    let rows = try folder.all()
    #expect(rows.map(\.entry.correlator) == ["correlator-0", "correlator-1", "correlator-2", nil, "correlator-10"])
    #expect(rows[3].entry.event == "ledger.recovered")
    #expect(rows[3].entry.detail.first == LedgerEntry.Detail("entries_refused", "6"))
  }

  @Test("the next entry tries at once, before the retry does", arguments: Fault.allCases)
  func nextAppend(fault: Fault) throws {
    let (folder, disk, writer) = try start()
    fault.apply(disk)
    #expect(throws: LedgerError.self) { try writer.appendNow(call(3)) }
    disk.heal()
    #expect(try writer.appendNow(call(4)) == 5, "after the entry about the fault")
    #expect(writer.isHealthy)
    #expect(try folder.verify().isIntact)
  }

  @Test("a fault that lasts is answered each time, and the file does not grow", arguments: Fault.allCases)
  func lasting(fault: Fault) throws {
    let (folder, disk, writer) = try start()
    let good = folder.bytes(folder.segments[0])
    fault.apply(disk)
    for number in 0..<10 { #expect(throws: LedgerError.self) { try writer.appendNow(call(number)) } }
    usleep(500_000)
    #expect(!writer.isHealthy)
    let bytes = folder.bytes(folder.segments[0])
    #expect(bytes.starts(with: good))
    #expect(bytes.count <= good.count + 10_000)
    disk.heal()
    #expect(try writer.appendNow(call(3)) == 5)
    #expect(try folder.verify().isIntact)
    #expect(folder.bytes(folder.segments[0]).starts(with: good))
  }

  @Test("a write that takes only a part is continued")
  func shortWrites() throws {
    let (folder, disk, writer) = try start()
    disk.set { $0.write = .short(byteCount: 7) }
    for number in 3..<6 { try writer.appendNow(call(number)) }
    #expect(writer.isHealthy)
    #expect(try folder.verify().entryCount == 6)
    #expect(try folder.verify().isIntact)
  }

  @Test("a segment that cannot be made fails closed too, and is made later")
  func create() throws {
    let folder = Folder()
    let disk = Disk()
    let writer = try LedgerWriter(
      directory: folder.ledger, time: time, options: LedgerOptions(segmentBytesMaximum: 1000), faults: disk)
    try writer.appendNow(call(0))
    disk.set { $0.create = ENOSPC }
    #expect(throws: LedgerError.self) { for number in 1..<5 { try writer.appendNow(call(number)) } }
    disk.heal()
    for number in 5..<10 { try writer.appendNow(call(number)) }
    #expect(try folder.verify().isIntact)
  }

  @Test("a first segment that cannot be made at the start")
  func firstSegment() throws {
    let folder = Folder()
    let disk = Disk()
    disk.set { $0.create = EROFS }
    let writer = try LedgerWriter(directory: folder.ledger, time: time, faults: disk)
    #expect(throws: LedgerError.self) { try writer.appendNow(call(0)) }
    disk.heal()
    #expect(try writer.appendNow(call(1)) == 2)
    #expect(try folder.verify().isIntact)
  }

  @Test("a disk that fails at random never loses an acknowledged entry, never keeps a refused one")
  func random() throws {
    let (folder, disk, writer) = try start()
    var generator = SystemRandomNumberGenerator()
    var acknowledged: [String] = (0..<3).map { "correlator-\($0)" }
    for number in 3..<400 {
      if Int.random(in: 0..<3, using: &generator) == 0 {
        Fault.allCases.randomElement(using: &generator)!.apply(disk)
      } else {
        disk.heal()
      }
      do {
        try writer.appendNow(call(number))
        acknowledged.append("correlator-\(number)")
      } catch {}
    }
    disk.heal()
    writer.close()
    #expect(try folder.verify().isIntact)
    let kept = try folder.all().compactMap(\.entry.correlator)
    #expect(kept == acknowledged, "\(kept.difference(from: acknowledged))")
  }

  @Test("a segment that is removed is noticed at the next batch, and the chain goes on in a new one")
  func removed() throws {
    let (folder, _, writer) = try start()
    try FileManager.default.removeItem(atPath: folder.ledger + "/" + folder.segments[0])
    #expect(throws: LedgerError.self) { try writer.appendNow(call(3)) }
    #expect(try writer.appendNow(call(4)) == 5)
    #expect(folder.segments == ["000000000004.jsonl"])
    let report = try folder.verify()
    #expect(report.fault?.reason.contains("entry 1 is missing") == true)
  }

  @Test("a directory that goes away and comes back: refused in between, then without a gap")
  func directoryGone() async throws {
    let (folder, _, writer) = try start()
    try FileManager.default.moveItem(atPath: folder.ledger, toPath: folder.path + "/away")
    time.advance(seconds: 2)
    #expect(throws: LedgerError.self) { try writer.appendNow(call(3)) }
    #expect(!writer.isHealthy)
    try FileManager.default.moveItem(atPath: folder.path + "/away", toPath: folder.ledger)
    for _ in 0..<200 where !writer.isHealthy { try await Task.sleep(for: .milliseconds(10)) }
    #expect(try writer.appendNow(call(4)) == 5)
    let report = try folder.verify()
    #expect(report.isIntact, "\(report.fault.map(\.description) ?? "")")
  }

  @Test("bytes that somebody else appends are noticed, cut and not built upon")
  func foreignBytes() throws {
    let (folder, _, writer) = try start()
    let segment = folder.segments[0]
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.ledger + "/" + segment))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data("{\"forged\":true}\n".utf8))
    #expect(throws: LedgerError.self) { try writer.appendNow(call(3)) }
    #expect(try writer.appendNow(call(4)) == 5)
    #expect(try folder.verify().isIntact)
    #expect(!folder.text(segment).contains("forged"))
  }

  @Test("a segment that somebody cuts is not built upon: the gap stays to be seen")
  func foreignCut() throws {
    let (folder, _, writer) = try start()
    let segment = folder.segments[0]
    folder.write(lines: Array(folder.lines(segment).dropLast()), segment)
    #expect(throws: LedgerError.self) { try writer.appendNow(call(3)) }
    time.advance(seconds: 2)
    _ = try? writer.appendNow(call(4))
    #expect(try writer.appendNow(call(5)) >= 5)
    #expect(try folder.verify().fault != nil)
  }

  @Test("a fault is told once, and so is its end")
  func told() throws {
    let (folder, disk) = (Folder(), Disk())
    let heard = Mutex<[String?]>([])
    let writer = try LedgerWriter(
      directory: folder.ledger, time: time, faults: disk, told: { fault in heard.withLock { $0.append(fault) } })
    try writer.appendNow(call(0))
    #expect(heard.withLock { $0.isEmpty })
    for _ in 0..<2 {
      disk.set { $0.write = .fails(errno: ENOSPC) }
      for _ in 0..<3 { #expect(throws: LedgerError.self) { try writer.appendNow(call(1)) } }
      disk.heal()
      try writer.appendNow(call(2))
    }
    writer.close()
    let found = heard.withLock { $0 }
    #expect(found.map { $0 == nil } == [false, true, false, true])
    #expect(found[0]?.contains("No space left") == true)
  }
}
