import Bytes
import Store
import Testing

@Suite("Interactions")
struct InteractionsTests {
  func record(_ fixture: Fixture) -> InteractionRecord {
    InteractionRecord(
      digest: digest("handle"), sessionDigest: nil, payload: Array("{}".utf8), createdAt: fixture.now(),
      expiresAt: fixture.now(plus: 600))
  }

  @Test("it is found as it was stored, bound to a session, and finished once")
  func way() async throws {
    let fixture = try Fixture()
    let interactions = fixture.stores.interactions
    var record = record(fixture)
    try await interactions.insert(record)
    #expect(try interactions.find(digest: record.digest) == record)
    record.sessionDigest = digest("session")
    record.payload = Array("{\"more\":1}".utf8)
    #expect(try await interactions.update(record))
    #expect(try interactions.find(digest: record.digest) == record)
    #expect(try await interactions.finish(digest: record.digest))
    #expect(try await !interactions.finish(digest: record.digest))
    #expect(try await !interactions.update(record))
    #expect(try interactions.find(digest: record.digest)?.finishedAt == fixture.now())
    #expect(try interactions.find(digest: digest("other")) == nil)
  }

  @Test("of 50 decisions at once one counts")
  func race() async throws {
    let fixture = try Fixture()
    let interactions = fixture.stores.interactions
    try await interactions.insert(record(fixture))
    let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<50 { group.addTask { try await interactions.finish(digest: digest("handle")) } }
      return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(wins == 1)
  }

  @Test("an expired one is neither changed nor finished", arguments: [(599.0, true), (600.0, false)])
  func expiry(seconds: Double, isGood: Bool) async throws {
    let fixture = try Fixture()
    let interactions = fixture.stores.interactions
    let record = record(fixture)
    try await interactions.insert(record)
    fixture.time.advance(seconds: seconds)
    #expect(try await interactions.update(record) == isGood)
    #expect(try await interactions.finish(digest: record.digest) == isGood)
  }
}
