import Bytes
import Identifiers
import Store
import Testing

@Suite("Grants")
struct GrantsTests {
  func grant(_ id: String, _ fixture: Fixture, consent: String? = "consent-1", client name: String = "client-1") -> GrantRecord {
    GrantRecord(
      id: GrantID(rawValue: id)!, client: ClientID(rawValue: name)!, subject: subject, purpose: purpose, scopes: scopes("a b"),
      consent: consent.flatMap(ConsentID.init(rawValue:)), flow: "authorization_code", amr: ["nba", "sms"],
      authenticatedAt: fixture.now(), createdAt: fixture.now(), expiresAt: fixture.now(plus: 3600))
  }

  @Test("it comes back as it was stored")
  func way() async throws {
    let fixture = try Fixture()
    var record = grant("g1", fixture)
    try await fixture.stores.grants.insert(record)
    #expect(try fixture.stores.grants.grant(record.id) == record)
    record = GrantRecord(
      id: GrantID(rawValue: "g2")!, client: client, scopes: [], flow: "client_credentials", createdAt: fixture.now(),
      expiresAt: fixture.now(plus: 1))
    try await fixture.stores.grants.insert(record)
    #expect(try fixture.stores.grants.grant(record.id) == record)
    #expect(try fixture.stores.grants.grant(GrantID(rawValue: "g3")!) == nil)
  }

  @Test("ending it marks the board after it is durable; the first reason stays")
  func end() async throws {
    let fixture = try Fixture()
    let grants = fixture.stores.grants
    let record = grant("g1", fixture)
    try await grants.insert(record)
    let stamp = grants.changes.stamp(record.id.changeHash)
    try await grants.end(record.id, reason: "code_reused")
    #expect(grants.changes.stamp(record.id.changeHash) > stamp)
    try await grants.end(record.id, reason: "later")
    let ended = try #require(try grants.grant(record.id))
    #expect(ended.endedReason == "code_reused")
    #expect(!ended.isActive(at: fixture.now()))
  }

  @Test("a consent's end ends its grants, a client's end ends its grants, and no others")
  func endMany() async throws {
    let fixture = try Fixture()
    let grants = fixture.stores.grants
    try await grants.insert(grant("g1", fixture))
    try await grants.insert(grant("g2", fixture))
    try await grants.insert(grant("g3", fixture, consent: "consent-2"))
    try await grants.insert(grant("g4", fixture, consent: nil, client: "client-2"))
    #expect(
      Set(try await grants.end(consent: ConsentID(rawValue: "consent-1")!, reason: "consent_revoked").map(\.rawValue)) == [
        "g1", "g2",
      ])
    #expect(try await grants.end(client: client, reason: "disabled").map(\.rawValue) == ["g3"])
    #expect(try grants.grant(GrantID(rawValue: "g4")!)?.isActive(at: fixture.now()) == true)
  }

  @Test("another process's change makes every memory look again")
  func foreign() async throws {
    let fixture = try Fixture()
    let stamp = fixture.stores.grants.changes.stamp(7)
    let generation = fixture.stores.clients.generation
    try await fixture.reopened().grants.insert(grant("g1", fixture))
    for _ in 0..<200 where fixture.stores.grants.changes.stamp(7) == stamp { try await Task.sleep(for: .milliseconds(5)) }
    #expect(fixture.stores.grants.changes.stamp(7) > stamp)
    #expect(fixture.stores.clients.generation > generation)
  }
}

@Suite("The change board")
struct ChangeBoardTests {
  @Test("a change moves the stamp of its key, never back, and everything moves all")
  func stamps() {
    let board = ChangeBoard()
    let hash = ChangeBoard.hash("a", "b")
    let other = ChangeBoard.hash("a", "c")
    let (before, otherBefore) = (board.stamp(hash), board.stamp(other))
    board.changed(hash)
    #expect(board.stamp(hash) == before + 1)
    #expect(board.stamp(other) == otherBefore)
    board.changedEverything()
    #expect(board.stamp(hash) == before + 2)
    #expect(board.stamp(other) == otherBefore + 1)
  }

  @Test("parts of a key cannot be cut in another place")
  func parts() {
    #expect(ChangeBoard.hash("a", "bc") != ChangeBoard.hash("ab", "c"))
    #expect(ChangeBoard.hash("a") == ClientID(rawValue: "a")!.changeHash)
  }
}
