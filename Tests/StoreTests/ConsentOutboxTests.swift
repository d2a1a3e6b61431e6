import Bytes
import Identifiers
import Store
import Testing

@Suite("What a consent master has to learn")
struct ConsentOutboxTests {
  private let fixture: Fixture
  private let consents: SQLiteConsentStore
  private var outbox: any ConsentOutboxStore { fixture.stores.consentOutbox }

  init() throws {
    fixture = try Fixture()
    consents = SQLiteConsentStore(database: fixture.database, hasMaster: true)
  }

  /// A change of the record of a client.
  private func change(_ name: String, _ kind: String = "granted") async throws {
    try await consents.append(
      ConsentEventRow(
        consent: ConsentID(rawValue: "-")!, subject: subject, client: ClientID(rawValue: name)!, purpose: purpose, kind: kind,
        at: fixture.now(), scopes: scopes("a"), flow: "test", actor: "subscriber"))
  }

  private func next() throws -> String? { try outbox.next().map { "\($0.event.client) \($0.event.kind)" } }

  @Test("changes of one record stay in their order; what is put off keeps no other record from its turn")
  func order() async throws {
    try await change("one")
    try await change("one", "revoked")
    try await change("two")
    #expect(try next() == "one granted")
    try await outbox.putOff(try #require(try outbox.next()).number, dueAt: fixture.now(plus: 10))
    #expect(try next() == "two granted")
    try await outbox.taken(try #require(try outbox.next()).number)
    #expect(try next() == nil && outbox.nextDue() == fixture.now(plus: 10))
    // Due again; and still behind what was never put off.
    fixture.time.advance(seconds: 10)
    #expect(try next() == "one granted" && outbox.nextDue() == fixture.now())
    try await change("three")
    #expect(try next() == "three granted")
    try await outbox.taken(try #require(try outbox.next()).number)
    try await outbox.taken(try #require(try outbox.next()).number)
    #expect(try next() == "one revoked")
    try await outbox.taken(try #require(try outbox.next()).number)
    #expect(try next() == nil && outbox.nextDue() == nil)
  }

  @Test("what waits is found by its record and by its subscriber")
  func waiting() async throws {
    try await change("one")
    try await change("two")
    try await change("one", "revoked")
    let other = SubjectPseudonym(rawValue: "pseudonym-2")!
    #expect(
      try outbox.waiting(subject: subject).map { "\($0.client) \($0.kind)" } == ["one granted", "two granted", "one revoked"])
    #expect(try outbox.waiting(subject: other).isEmpty)
    let one = try outbox.waiting(subject: subject, client: ClientID(rawValue: "one")!, purpose: purpose)
    #expect(one.map(\.kind) == ["granted", "revoked"])
    #expect(try outbox.backlog(subject: subject).count == 3 && outbox.backlog(subject: other).count == 0)
  }
}
