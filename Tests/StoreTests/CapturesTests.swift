import Bytes
import Identifiers
import JOSE
import Store
import Testing

@Suite struct CapturesTests {
  private let fixture: Fixture
  private var captures: any CaptureStore { fixture.stores.captures }

  init() throws { fixture = try Fixture() }

  private func record(_ name: String, _ words: String = "a b") -> CaptureRecord {
    CaptureRecord(
      digest: digest(name), client: client, subject: subject, purpose: purpose, scopes: scopes(words),
      callbackURL: "https://app.example/back", createdAt: fixture.now(), expiresAt: fixture.now(plus: 600))
  }

  private func insert(_ record: CaptureRecord, maximum: Int = 3) async throws -> Bool {
    try await captures.insert(record, countMaximum: maximum, since: fixture.now(plus: -86_400))
  }

  @Test func whatWasKeptIsFoundUnchanged() async throws {
    #expect(try await insert(record("1")))
    #expect(try captures.find(digest: digest("1")) == record("1"))
    #expect(try captures.find(digest: digest("2")) == nil)
  }

  @Test func theLimitHoldsForADayAndUnderRaces() async throws {
    let kept = try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<20 { group.addTask { try await insert(record("\(number)")) } }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(kept == 3)
    fixture.time.advance(seconds: 86_399)
    #expect(try await !insert(record("later")))
    fixture.time.advance(seconds: 2)
    #expect(try await insert(record("later")))
  }

  @Test func theFirstBrowserHasItAndTimeToDecide() async throws {
    _ = try await insert(record("1"))
    let first = try await captures.open(digest: digest("1"), session: digest("s1"), expiresAt: fixture.now(plus: 900))
    #expect(first?.sessionDigest == digest("s1") && first?.expiresAt == fixture.now(plus: 900))
    let second = try await captures.open(digest: digest("1"), session: digest("s2"), expiresAt: fixture.now(plus: 9000))
    #expect(second == first)
    fixture.time.advance(seconds: 900)
    #expect(try await captures.open(digest: digest("1"), session: digest("s1"), expiresAt: fixture.now(plus: 900)) == nil)
    #expect(try await !captures.finish(digest: digest("1")))
  }

  @Test func itIsFinishedOnce() async throws {
    _ = try await insert(record("1"))
    #expect(try await captures.finish(digest: digest("1")))
    #expect(try await !captures.finish(digest: digest("1")))
    #expect(try await captures.open(digest: digest("1"), session: digest("s"), expiresAt: fixture.now(plus: 900)) == nil)
  }

  @Test func openScopesAreThoseThatWait() async throws {
    _ = try await insert(record("1", "a b"))
    _ = try await insert(record("2", "c"))
    func open() throws -> ScopeSet { try captures.openScopes(subject: subject, client: client, purpose: purpose) }
    #expect(try Set(open()) == Set(scopes("a b c")))
    _ = try await captures.finish(digest: digest("1"))
    #expect(try open() == scopes("c"))
    fixture.time.advance(seconds: 600)
    #expect(try open().isEmpty)
  }
}
