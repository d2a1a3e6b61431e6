import Bytes
import Foundation
import Ledger
import Store
import Testing

@Suite("Reading the ledger")
struct ReadingTests {
  @Test("a reader gives every entry in order, over all segments, and goes on when more come")
  func follow() throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time, options: LedgerOptions(segmentBytesMaximum: 2000))
    let reader = try LedgerReader(directory: folder.ledger)
    #expect(try !reader.next())
    var number = 0
    for round in 0..<10 {
      for _ in 0..<7 { try writer.appendNow(call(round)) }
      while try reader.next() {
        number += 1
        #expect(reader.position.sequence == UInt64(number))
        #expect(LedgerRow(line: reader.line)?.entry.correlator == "correlator-\(round)")
        #expect(reader.time == time.now())
      }
      #expect(number == (round + 1) * 7)
    }
  }

  @Test("it goes on from a place, and stops at a number")
  func place() throws {
    let folder = try ledger(20, options: LedgerOptions(segmentBytesMaximum: 2000))
    let reader = try LedgerReader(directory: folder.ledger)
    var place = LedgerPosition.start
    while try reader.next(upTo: 7) { place = reader.position }
    #expect(place.sequence == 7)
    let second = try LedgerReader(directory: folder.ledger, from: place)
    #expect(try second.next())
    #expect(second.position.sequence == 8)
  }

  @Test("it refuses a place that the ledger does not have any more")
  func rolledBack() throws {
    let folder = try ledger(5)
    var place = try folder.verify().head
    place.hash = LedgerPosition.start.hash
    #expect(throws: LedgerError.self) { try LedgerReader(directory: folder.ledger, from: place) }
    place.segment = "000000000099.jsonl"
    #expect(throws: LedgerError.self) { try LedgerReader(directory: folder.ledger, from: place) }
  }

  @Test("it gives no entry that does not follow from the one before")
  func broken() throws {
    let folder = try ledger(5)
    folder.write(folder.text(folder.segments[0]).replacing("correlator-2", with: "correlator-9"), folder.segments[0])
    let reader = try LedgerReader(directory: folder.ledger)
    for _ in 0..<3 { #expect(try reader.next()) }
    #expect(throws: LedgerError.self) { try reader.next() }
  }

  @Test("search by each field, together, by time, and the newest up to a limit")
  func search() throws {
    let folder = Folder()
    let clock = ManualTime(Timestamp(rfc3339: "2026-03-10T12:00:00Z")!)
    let writer = try LedgerWriter(directory: folder.ledger, time: clock, options: LedgerOptions(segmentBytesMaximum: 2000))
    for number in 0..<40 {
      var entry = call(
        number, client: "client-\(number % 4)", decision: number % 5 == 0 ? "refused" : "allowed",
        subject: "subject-\(number % 3)")
      if number == 13 { entry = LedgerEntry(event: "consent.granted", clientID: "client-1", correlator: "a<b>{c}") }
      try writer.appendNow(entry)
      clock.advance(seconds: 1)
    }
    func numbers(_ filter: LedgerFilter) throws -> [UInt64] {
      try LedgerSearch(directory: folder.ledger, filter: filter).run().map(\.sequence)
    }
    #expect(try numbers(LedgerFilter()).count == 40)
    #expect(try numbers(LedgerFilter(limit: 3)) == [38, 39, 40])
    #expect(try numbers(LedgerFilter(limit: 0)) == [])
    #expect(try numbers(LedgerFilter(client: "client-1")).count == 10)
    #expect(try numbers(LedgerFilter(client: "client-1", limit: 2)) == [34, 38])
    #expect(try numbers(LedgerFilter(client: "client-10")).isEmpty)
    #expect(try numbers(LedgerFilter(subject: "subject-2")).count == 13)
    #expect(try numbers(LedgerFilter(api: "device-identifier", operation: "retrieveIdentifier")).count == 39)
    #expect(try numbers(LedgerFilter(event: "consent.granted")) == [14])
    #expect(try numbers(LedgerFilter(correlator: "a<b>{c}")) == [14])
    #expect(try numbers(LedgerFilter(decision: "refused")).count == 8)
    #expect(try numbers(LedgerFilter(client: "client-0", decision: "refused")) == [1, 21])
    #expect(try numbers(LedgerFilter(correlator: "correlator-7")) == [8])
    let noon = Timestamp(rfc3339: "2026-03-10T12:00:00Z")!
    #expect(try numbers(LedgerFilter(from: noon.adding(seconds: 10), to: noon.adding(seconds: 13))) == [11, 12, 13])
  }

  @Test("a value of a detail is not taken for a field")
  func detail() throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    try writer.appendNow(LedgerEntry(event: "admin.act", detail: [.init("client_id", "shop")]))
    #expect(try LedgerSearch(directory: folder.ledger, filter: LedgerFilter(client: "shop")).run().isEmpty)
  }
}
