import Bytes
import Foundation
import Ledger
import Store
import Testing

@Suite("Tampering (A43)")
struct TamperingTests {
  let small = LedgerOptions(segmentBytesMaximum: 3000)

  @Test("a ledger that nobody touched is intact", arguments: [0, 1, 2, 100])
  func intact(count: Int) throws {
    let report = try ledger(count, options: small).verify()
    #expect(report.isIntact)
    #expect(report.entryCount == UInt64(count))
    #expect(report.head.sequence == UInt64(count))
    #expect(report.notes.isEmpty)
  }

  @Test("a deleted entry is found at its place", arguments: [0, 1, 5, 8])
  func delete(index: Int) throws {
    let folder = try ledger(10)
    var lines = folder.lines(folder.segments[0])
    lines.remove(at: index)
    folder.write(lines: lines, folder.segments[0])
    let fault = try #require(try folder.verify().fault)
    #expect(fault.sequence == UInt64(index + 1))
    #expect(fault.line == index + 1)
    #expect(fault.segment == folder.segments[0])
  }

  @Test("an edited entry is found at its place", arguments: [0, 1, 5, 9])
  func edit(index: Int) throws {
    let folder = try ledger(10)
    var lines = folder.lines(folder.segments[0])
    lines[index] = lines[index].replacing("\"allowed\"", with: "\"refused\"")
    folder.write(lines: lines, folder.segments[0])
    let report = try folder.verify()
    let fault = try #require(report.fault)
    #expect(fault.sequence == UInt64(index + 1))
    #expect(fault.line == index + 1)
    #expect(report.entryCount == UInt64(index))
  }

  @Test("any change of any byte is found", arguments: 0..<4)
  func everyByte(part: Int) throws {
    let folder = try ledger(3, options: LedgerOptions(segmentBytesMaximum: 1))
    #expect(folder.segments.count == 3)
    for segment in folder.segments {
      let good = folder.bytes(segment)
      for index in stride(from: part, to: good.count, by: 4) {
        for change in [1, 0x80, 0x20] as [UInt8] {
          var bytes = good
          bytes[index] ^= change
          folder.write(bytes, segment)
          #expect(try !folder.verify().isIntact, "byte \(index) of \(segment), \(good[index]) to \(bytes[index])")
        }
      }
      folder.write(good, segment)
    }
    #expect(try folder.verify().isIntact)
  }

  @Test("two entries in another order are found", arguments: [(0, 1), (3, 4), (2, 8)])
  func reorder(one: Int, other: Int) throws {
    let folder = try ledger(10)
    var lines = folder.lines(folder.segments[0])
    lines.swapAt(one, other)
    folder.write(lines: lines, folder.segments[0])
    #expect(try folder.verify().fault?.line == one + 1)
  }

  @Test("an inserted entry is found, a copied one and a forged one", arguments: [0, 4, 9])
  func insert(index: Int) throws {
    let folder = try ledger(10)
    let lines = folder.lines(folder.segments[0])
    for forged in [lines[index], lines[index].replacing("\"seq\":\(index + 1),", with: "\"seq\":\(index + 2),"), "{}", ""] {
      var changed = lines
      changed.insert(forged, at: index + 1)
      folder.write(lines: changed, folder.segments[0])
      let report = try folder.verify()
      // Behind the last durable entry it is no entry of this ledger; before it, it is a fault.
      #expect(!report.isIntact, "\(forged)")
    }
  }

  @Test("a removed end is found by the head, to the entry", arguments: [1, 5, 9])
  func truncate(kept: Int) throws {
    let folder = try ledger(10)
    let lines = folder.lines(folder.segments[0])
    folder.write(lines: Array(lines.prefix(kept)), folder.segments[0])
    var fault = try #require(try folder.verify().fault)
    #expect(fault.reason == "entries \(kept + 1) to 10 were removed from the end")
    // In the middle of a line it is a line without an end.
    folder.write(lines.prefix(kept).map { $0 + "\n" }.joined() + lines[kept].prefix(50), folder.segments[0])
    fault = try #require(try folder.verify().fault)
    #expect(fault.sequence == UInt64(kept + 1))
    #expect(fault.reason.contains("no end"))
  }

  @Test("a removed end with a removed or set back head is found by a place that was kept elsewhere")
  func rollback() throws {
    let folder = try ledger(5)
    let old = (segment: folder.bytes(folder.segments[0]), head: folder.bytes("head.json"))
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    for number in 5..<9 { try writer.appendNow(call(number)) }
    writer.close()
    let remembered = try folder.verify().head
    #expect(try folder.verify(expected: [remembered]).isIntact)

    folder.write(old.segment, folder.segments[0])
    folder.write(old.head, "head.json")
    #expect(try folder.verify().isIntact, "nothing within the directory can show it")
    #expect(try folder.verify(expected: [remembered]).fault?.reason == "entries 6 to 9 were removed from the end")
    try FileManager.default.removeItem(atPath: folder.ledger + "/head.json")
    #expect(try folder.verify(expected: [remembered]).fault != nil)

    // Rolled back and written on: the numbers are there again, with other entries.
    let again = try LedgerWriter(directory: folder.ledger, time: time)
    for number in 100..<110 { try again.appendNow(call(number)) }
    again.close()
    #expect(try folder.verify().isIntact)
    let fault = try #require(try folder.verify(expected: [remembered]).fault)
    #expect(fault.sequence == 9)
    #expect(fault.reason.contains("another entry"))
  }

  @Test("a whole chain that was made anew is found by the head")
  func rewritten() throws {
    let folder = try ledger(5)
    let head = folder.bytes("head.json")
    let forged = Folder()
    let writer = try LedgerWriter(directory: forged.ledger, time: time)
    for number in 0..<5 { try writer.appendNow(call(number, decision: "refused")) }
    writer.close()
    folder.write(forged.bytes(forged.segments[0]), folder.segments[0])
    folder.write(head, "head.json")
    #expect(try folder.verify().fault?.sequence == 5)
  }

  @Test("a missing segment is found: the first, one in the middle, the last")
  func missingSegment() throws {
    for place in 0..<3 {
      let folder = try ledger(30, options: small)
      let segments = folder.segments
      let index = [0, segments.count / 2, segments.count - 1][place]
      try FileManager.default.removeItem(atPath: folder.ledger + "/" + segments[index])
      let fault = try #require(try folder.verify().fault)
      let first = Int(segments[index].prefix(12))!
      #expect(fault.reason.contains(place == 2 ? "entries \(first) to 30 were removed" : "entry \(first) is missing"), "\(fault)")
    }
  }

  @Test("segments with exchanged names are found")
  func swapped() throws {
    let folder = try ledger(30, options: small)
    let (one, other) = (folder.segments[1], folder.segments[2])
    let (first, second) = (folder.bytes(one), folder.bytes(other))
    folder.write(second, one)
    folder.write(first, other)
    let fault = try #require(try folder.verify().fault)
    #expect(fault.segment == one)
    #expect(fault.line == 1)
  }

  @Test("a segment of another ledger in the place of one is found")
  func foreignSegment() throws {
    let folder = try ledger(30, options: small)
    let other = Folder()
    let writer = try LedgerWriter(directory: other.ledger, time: time, options: small)
    for number in 0..<30 { try writer.appendNow(call(number, client: "client-2")) }
    writer.close()
    #expect(other.segments == folder.segments)
    folder.write(other.bytes(folder.segments[1]), folder.segments[1])
    let fault = try #require(try folder.verify().fault)
    #expect(fault.segment == folder.segments[0], "the link between the two is what does not hold")
  }

  @Test("a line with a member that stands twice, or that is no JSON, is found although the chain holds")
  func malformed() throws {
    for text in ["\"a\":1,\"a\":2", "\"a\":", "\"seq\":1"] {
      let folder = Folder()
      let writer = try LedgerWriter(directory: folder.ledger, time: time)
      let loop = FakeLoop(writer)
      loop.run { loop.append(0, Array(text.utf8)) }
      #expect(loop.wait(for: 1))
      writer.close()
      #expect(try folder.verify().fault?.sequence == 1, "\(text)")
    }
  }

  @Test("verification beside a living writer finds nothing")
  func live() async throws {
    let folder = Folder()
    let writer = try LedgerWriter(
      directory: folder.ledger, time: SystemTime(), options: LedgerOptions(segmentBytesMaximum: 200_000))
    let loop = FakeLoop(writer)
    loop.queue.async {
      for number in 0..<4_000 {
        loop.append(number, members(call(number)))
        if number % 100 == 0 { usleep(1000) }
      }
    }
    var rounds = 0
    while writer.lastSequence < 4_000, rounds < 500 {
      let report = try folder.verify()
      #expect(report.isIntact, "\(report.fault.map(\.description) ?? "")")
      rounds += 1
      try await Task.sleep(for: .milliseconds(2))
    }
    #expect(loop.wait(for: 4_000))
  }
}
