import Bytes
import Identifiers
import Testing

@testable import Store

@Suite("Withdrawals that concern subscriptions")
struct WithdrawalsTests {
  private let fixture: Fixture
  private var subscriptions: any SubscriptionStore { fixture.stores.subscriptions }

  init() throws { fixture = try Fixture() }

  private func change(_ kind: String, client: ClientID = client, subject: SubjectPseudonym = subject) async throws {
    try await fixture.stores.consents.append(
      ConsentEventRow(
        consent: .random(), subject: subject, client: client, purpose: purpose, kind: kind, at: fixture.now(),
        scopes: scopes("a"),
        flow: "test", actor: "subscriber"))
  }

  private func found(limit: Int = 100) throws -> [String] {
    try subscriptions.withdrawals(limit: limit).of.map { "\($0.subject) \($0.client)" }
  }

  @Test(
    "whatever may take something back is told until it has been seen, and not what asks",
    arguments: [
      "granted", "denied", "revoked", "objected", "expired",
    ])
  func kinds(kind: String) async throws {
    try await fixture.active("s1")
    try await change("requested")
    #expect(try found() == [])
    try await change(kind)
    #expect(try found() == ["pseudonym-1 client-1"])
    #expect(try found() == ["pseudonym-1 client-1"])
    try await subscriptions.seen(try subscriptions.withdrawals(limit: 100).place)
    #expect(try found() == [])
    #expect(try subscriptions.withdrawals(limit: 100).place == 2)
  }

  @Test("only those are told that have a live subscription, each once; the place moves past all")
  func concerned() async throws {
    let (other, stranger) = (ClientID(rawValue: "other")!, SubjectPseudonym(rawValue: "stranger")!)
    try await fixture.active("s1")
    try await fixture.active("s2", client: other)
    try await fixture.active("s3", client: other, subject: stranger)
    _ = try await fixture.end("s3")
    try await change("granted")
    try await change("revoked")
    try await change("revoked", client: other, subject: stranger)
    try await change("revoked", subject: stranger)
    try await change("objected", client: other)
    #expect(try found() == ["pseudonym-1 client-1", "pseudonym-1 other"])
    #expect(try subscriptions.withdrawals(limit: 100).place == 5)
    let first = try subscriptions.withdrawals(limit: 2)
    #expect(first.of.count == 1 && first.place == 2)
    try await subscriptions.seen(4)
    #expect(try found() == ["pseudonym-1 other"])
    // The place never goes back, and is kept.
    try await subscriptions.seen(1)
    #expect(try fixture.reopened().subscriptions.withdrawals(limit: 100).of.count == 1)
  }

  @Test("what was taken back before there were subscriptions is not gone through")
  func earlier() throws {
    let folder = Folder()
    let step = try #require(Schema.steps.firstIndex { $0.contains { "\($0)" == "\(SQLiteSubscriptionStore.schema)" } })
    let connection = try Connection(path: folder.database, role: .writer)
    for sql in Schema.steps[..<step].joined() { try connection.execute("\(sql)") }
    try connection.execute(
      """
      PRAGMA application_id=\(Schema.applicationID); PRAGMA user_version=\(step);
      INSERT INTO consents VALUES ('c', 's', 'c', 'p', '', '', 'consent', 'revoked', NULL, NULL, 0);
      INSERT INTO consent_events VALUES (7, 'c', 's', 'c', 'p', 'consent', 'revoked', 0, '', '', NULL, NULL, 'f', NULL, NULL, NULL,
        'a', NULL, NULL);
      """)
    let stores = Fixture.stores(try Database(path: folder.database, time: ManualTime()))
    let withdrawals = try stores.subscriptions.withdrawals(limit: 10)
    #expect(withdrawals.place == 7 && withdrawals.of.isEmpty)
  }
}
