import Bytes
import Foundation
import JOSE
import Ledger
import Store
import Testing

@Suite("The story of an entry")
struct EntryStoryTests {
  struct Fixture {
    let folder = Folder()

    init() throws {
      let clock = ManualTime(Timestamp(rfc3339: "2026-03-10T12:30:00Z")!)
      let writer = try LedgerWriter(directory: folder.ledger, time: clock, options: LedgerOptions(segmentBytesMaximum: 4096))
      func consent(_ kind: String, _ id: String) -> LedgerEntry {
        LedgerEntry(event: "consent." + kind, clientID: "shop", subject: "alice", consentID: id)
      }
      func token(_ grant: String) -> LedgerEntry {
        LedgerEntry(
          event: "token.issued", clientID: "shop", subject: "alice", consentID: "c1", detail: [.init("grant_id", grant)])
      }
      try writer.appendNow(consent("granted", "c1"))  // 1
      try writer.appendNow(consent("granted", "c2"))  // 2
      try writer.appendNow(token("g1"))  // 3
      try writer.appendNow(token("g2"))  // 4
      for number in 0..<40 { try writer.appendNow(call(number)) }  // 5 to 44, somebody else's
      try writer.appendNow(
        LedgerEntry(event: "api.call", clientID: "shop", subject: "alice", consentID: "c1", status: 200, correlator: "x"))  // 45
      try writer.appendNow(LedgerEntry(event: "api.call", clientID: "shop", subject: "bob", status: 403, correlator: "x"))  // 46
      try writer.appendNow(consent("revoked", "c1"))  // 47
      writer.close()
    }

    func story(_ sequence: UInt64) throws -> EntryStory? { try EntryStory.read(directory: folder.ledger, sequence: sequence) }
  }

  @Test("from a call to its consent, its withdrawal and its correlator")
  func ofACall() throws {
    let fixture = try Fixture()
    #expect(fixture.folder.segments.count > 1)
    let story = try #require(try fixture.story(45))
    #expect(story.entry.entry.status == 200)
    #expect(story.consent.map(\.sequence) == [1, 47])
    #expect(story.correlated.map(\.sequence) == [46])
    #expect(story.calls.isEmpty && story.tokens.isEmpty)
  }

  @Test("from a token to its grant and to the calls with the consent")
  func ofAToken() throws {
    let story = try #require(try Fixture().story(3))
    #expect(story.tokens.map(\.sequence) == [3])
    #expect(story.calls.map(\.sequence) == [45])
    #expect(story.consent.map(\.sequence) == [1, 47])
  }

  @Test("every entry is found by its number, and no other", arguments: [1, 2, 20, 44, 47])
  func lookup(_ sequence: Int) throws {
    let fixture = try Fixture()
    #expect(try EntryLookup.entry(directory: fixture.folder.ledger, sequence: UInt64(sequence))?.sequence == UInt64(sequence))
    for none: UInt64 in [0, 48, .max] { #expect(try EntryLookup.entry(directory: fixture.folder.ledger, sequence: none) == nil) }
  }

  @Test("the grant of a call is among its members, that of a token among its details")
  func grants() throws {
    let zeros = String(repeating: "0", count: 64)
    func grant(_ members: String) -> String? {
      let line = #"{"seq":1,"time":"2026-03-10T12:30:00.000000Z",\#(members),"prev":"\#(zeros)"}"#
      return LedgerRow(line: Array(line.utf8).span)?.grantID
    }
    #expect(grant(#""event":"api.call","grant_id":"g9""#) == "g9")
    #expect(grant(#""event":"token.issued","detail":{"flow":"x","grant_id":"g8"}"#) == "g8")
    #expect(grant(#""event":"key.rotated""#) == nil)
  }

  @Test("what the ledger takes on its disk")
  func volume() throws {
    let fixture = try Fixture()
    let volume = try LedgerVolume.read(directory: fixture.folder.ledger, key: SigningKey.generate(.es256).verificationKey)
    #expect(volume.segmentCount == fixture.folder.segments.count)
    #expect(volume.bytes == fixture.folder.segments.reduce(0) { $0 + fixture.folder.bytes($1).count })
    #expect(volume.lastSeal == nil && (volume.freeBytes ?? 0) > 0)
  }
}
