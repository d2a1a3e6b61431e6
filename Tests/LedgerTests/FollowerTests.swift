import Bytes
import Foundation
import Testing

@testable import Ledger

@Suite("Following the ledger")
struct FollowerTests {
  @Test("every durable entry once, as it comes, over all segments, and from a place that was kept")
  func follow() throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time, options: LedgerOptions(segmentBytesMaximum: 3000))
    var follower = LedgerFollower(directory: folder.ledger, from: .start)
    #expect(try follower.next() == nil)
    var wanted: UInt64 = 0
    for round in 0..<12 {
      for _ in 0..<7 { try writer.appendNow(call(round)) }
      while let row = try follower.next() {
        wanted += 1
        #expect(row.sequence == wanted && row.entry.correlator == "correlator-\(round)")
      }
      #expect(wanted == writer.lastSequence)
      follower = LedgerFollower(directory: folder.ledger, from: follower.place)
    }
    #expect(LedgerPlace.end(of: folder.ledger) == follower.place)
  }

  @Test("what is not durable yet is not given")
  func durable() throws {
    let folder = try ledger(10)
    var durable: UInt64 = 4
    let follower = LedgerFollower(directory: folder.ledger, from: .start, durableSequence: { durable })
    var count = 0
    while try follower.next() != nil { count += 1 }
    #expect(count == 4)
    durable = 10
    while try follower.next() != nil { count += 1 }
    #expect(count == 10)
  }

  @Test("what was read ahead and was not durable is read again: it may have been cut, and written anew")
  func readAhead() throws {
    let folder = try ledger(5)
    var durable: UInt64 = 3
    let follower = LedgerFollower(directory: folder.ledger, from: .start, durableSequence: { durable })
    var found: [String?] = []
    func read() throws {
      while let row = try follower.next() { found.append(row.entry.correlator) }
    }
    // The end of what is durable is reached without another look at the file.
    for _ in 0..<3 { found.append(try follower.next()?.entry.correlator) }
    let lines = folder.lines(folder.segments[0])
    folder.write(
      lines: lines[..<3] + lines[3...].map { $0.replacing("correlator-", with: "written-anew-") }, folder.segments[0])
    durable = 5
    try read()
    #expect(found == ["correlator-0", "correlator-1", "correlator-2", "written-anew-3", "written-anew-4"])
  }

  @Test("a place that does not fit gives nothing twice")
  func misplaced() throws {
    let folder = try ledger(10)
    let end = LedgerPlace.end(of: folder.ledger)
    for place in [
      LedgerPlace(sequence: 7, segment: folder.segments[0], offset: 0), LedgerPlace(sequence: 7, segment: "", offset: 0),
      LedgerPlace(sequence: 7, segment: folder.segments[0], offset: 5),
    ] {
      let follower = LedgerFollower(directory: folder.ledger, from: place)
      var found: [UInt64] = []
      while let row = try follower.next() { found.append(row.sequence) }
      #expect(found == [8, 9, 10] && follower.place == end)
    }
    #expect(try LedgerFollower(directory: folder.ledger, from: LedgerPlace(sequence: 99, segment: "", offset: 0)).next() == nil)
  }

  @Test("segments that are gone are passed over, and so are lines that are no entries")
  func gaps() throws {
    let folder = try ledger(40, options: LedgerOptions(segmentBytesMaximum: 3000))
    let follower = LedgerFollower(directory: folder.ledger, from: .start)
    #expect(try follower.next()?.sequence == 1)
    let segments = folder.segments
    for name in segments[..<2] { try FileManager.default.removeItem(atPath: folder.ledger + "/" + name) }
    var lines = folder.lines(segments[3])
    lines[0] = "not an entry"
    folder.write(lines: lines, segments[3])
    let other = LedgerFollower(directory: folder.ledger, from: follower.place)
    var found: [UInt64] = []
    while let row = try other.next() { found.append(row.sequence) }
    #expect(found.first == Segments.firstSequence(of: segments[2]) && found.last == 40)
    #expect(!found.contains(Segments.firstSequence(of: segments[3])!))
  }
}
