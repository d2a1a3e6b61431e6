import Bytes
import Identifiers
import Store
import Testing

@Suite struct ResourcesTests {
  private let fixture: Fixture
  private var resources: any ResourceStore { fixture.stores.resources }
  private static let other = ClientID(rawValue: "other-client")!

  init() throws { fixture = try Fixture() }

  private func keep(
    _ id: String, client: ClientID = client, subject: SubjectPseudonym? = subject, seconds: Int64 = 3600, maximum: Int = 100
  ) async throws -> ResourceKeeping {
    try await resources.keep(
      kind: "api:sessions", id: id, owner: ResourceOwner(client: client, subject: subject, isNamedByClient: false),
      expiresAt: fixture.now(plus: seconds), countMaximum: maximum, reservation: nil)
  }

  @Test func whoMadeOneIsFoundAgain() async throws {
    #expect(try await keep("s1") == .kept)
    #expect(try await keep("s2", subject: nil) == .kept)
    let owner = ResourceOwner(client: client, subject: subject, isNamedByClient: false)
    #expect(try resources.owner(kind: "api:sessions", id: "s1") == owner)
    #expect(try resources.owner(kind: "api:sessions", id: "s2")?.subject == nil)
    #expect(try resources.owner(kind: "api:other", id: "s1") == nil)
    #expect(try resources.owners(kind: "api:sessions", ids: ["x", "s1"]) == [nil, owner])
  }

  @Test func whatThereIsIsTold() async throws {
    #expect(try resources.kinds() == [] && resources.count(subject: subject) == 0)
    for id in ["s1", "s2"] { #expect(try await keep(id) == .kept) }
    #expect(try await keep("s3", subject: nil) == .kept)
    #expect(try await keep("s4", client: Self.other, seconds: 10) == .kept)
    let owner = ResourceOwner(client: client, subject: nil, isNamedByClient: false)
    for kind in ["zeta:payments", "alpha:sessions"] {
      #expect(
        try await resources.keep(
          kind: kind, id: "s1", owner: owner, expiresAt: fixture.now(plus: 60), countMaximum: 100, reservation: nil) == .kept
      )
    }
    #expect(try resources.kinds() == ["alpha:sessions", "api:sessions", "zeta:payments"])
    #expect(try resources.count(subject: subject) == 3)
    fixture.time.advance(seconds: 11)
    #expect(try resources.count(subject: subject) == 2)
  }

  @Test func aNameThatSomebodyElseHasIsNotGivenAgain() async throws {
    #expect(try await keep("s1") == .kept)
    #expect(try await keep("s1", client: Self.other) == .ofAnother)
    #expect(try await keep("s1", subject: nil) == .ofAnother)
    #expect(try await keep("s1", seconds: 7200) == .kept)
    #expect(try resources.count(client: client) == 1)
    fixture.time.advance(seconds: 7201)
    #expect(try await keep("s1", client: Self.other) == .kept)
    #expect(try resources.count(client: client) == 0 && resources.count(client: Self.other) == 1)
  }

  @Test func itEndsAtOnceOrLater() async throws {
    for id in ["s1", "s2"] { #expect(try await keep(id) == .kept) }
    try await resources.end(kind: "api:sessions", id: "s1", at: nil)
    try await resources.end(kind: "api:sessions", id: "s2", at: fixture.now(plus: 60))
    #expect(try resources.owner(kind: "api:sessions", id: "s1") == nil)
    #expect(try resources.owner(kind: "api:sessions", id: "s2") != nil)
    fixture.time.advance(seconds: 61)
    #expect(try resources.owner(kind: "api:sessions", id: "s2") == nil)
  }

  @Test func aClientHasNoMoreThanItMay() async throws {
    for number in 1...3 { #expect(try await keep("s\(number)", maximum: 3) == .kept) }
    #expect(try await keep("s4", maximum: 3) == .tooMany)
    #expect(try await keep("s4", client: Self.other, maximum: 3) == .kept)
    try await resources.end(kind: "api:sessions", id: "s1", at: nil)
    #expect(try await keep("s4b", maximum: 3) == .kept)
    #expect(try resources.count(client: client) == 3)
  }

  @Test func allOfItSurvivesARestart() async throws {
    #expect(try await keep("s1") == .kept)
    #expect(try fixture.reopened().resources.owner(kind: "api:sessions", id: "s1")?.client == client)
  }
}
