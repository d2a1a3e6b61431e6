import Bytes
import JOSE
import Store
import Testing

@Suite("Authorization codes")
struct CodesTests {
  @Test("a code works once, and the second use names the grant to end")
  func once() async throws {
    let fixture = try Fixture()
    let record = code("secret", expiresAt: fixture.now(plus: 60))
    try await fixture.stores.codes.insert(record)
    #expect(try fixture.stores.codes.find(digest: record.digest) == record)
    #expect(try await fixture.stores.codes.redeem(digest: record.digest) == .redeemed(record))
    #expect(try await fixture.stores.codes.redeem(digest: record.digest) == .usedBefore(record))
    #expect(try await fixture.stores.codes.redeem(digest: digest("another")) == .unknown)
  }

  @Test("a code is good until it expires, and not at that moment", arguments: [(59, true), (60, false), (61, false)])
  func expiry(seconds: Double, isGood: Bool) async throws {
    let fixture = try Fixture()
    let record = code("secret", expiresAt: fixture.now(plus: 60))
    try await fixture.stores.codes.insert(record)
    fixture.time.advance(seconds: seconds)
    let outcome = try await fixture.stores.codes.redeem(digest: record.digest)
    #expect(outcome == (isGood ? .redeemed(record) : .expired(record)))
  }

  @Test("of 50 that redeem one code at once, in two processes, exactly one wins")
  func race() async throws {
    let fixture = try Fixture()
    let other = try fixture.reopened()
    for round in 0..<10 {
      let record = code("secret-\(round)", expiresAt: fixture.now(plus: 60))
      try await fixture.stores.codes.insert(record)
      let outcomes = try await withThrowingTaskGroup(of: CodeRedemption.self) { group in
        for number in 0..<50 {
          let codes = number % 2 == 0 ? fixture.stores.codes : other.codes
          group.addTask { try await codes.redeem(digest: record.digest) }
        }
        return try await group.reduce(into: [CodeRedemption]()) { $0.append($1) }
      }
      #expect(outcomes.count(where: { $0 == .redeemed(record) }) == 1)
      #expect(outcomes.count(where: { $0 == .usedBefore(record) }) == 49)
    }
  }

  @Test("a used code stays used after a restart")
  func restart() async throws {
    let fixture = try Fixture()
    let record = code("secret", expiresAt: fixture.now(plus: 60))
    try await fixture.stores.codes.insert(record)
    _ = try await fixture.stores.codes.redeem(digest: record.digest)
    fixture.database.close()
    #expect(try await fixture.reopened().codes.redeem(digest: record.digest) == .usedBefore(record))
  }
}
