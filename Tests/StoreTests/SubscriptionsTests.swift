import Bytes
import Foundation
import Identifiers
import Testing

@testable import Store

extension Fixture {
  /// A subscription that waits for its backend.
  func subscription(
    _ id: String, client: ClientID = client, subject: SubjectPseudonym? = subject, kind: String = "sim-swap:subscriptions",
    credential: SinkCredential? = nil, expiresIn: Int64? = nil, maximum: Int? = nil
  ) -> SubscriptionRecord {
    SubscriptionRecord(
      id: id, kind: kind, api: APIName(rawValue: "sim-swap-subscriptions")!, version: "v1",
      operation: OperationID(rawValue: "createSimSwapSubscription")!, client: client, subject: subject, isNamedByClient: true,
      grantedAt: now(plus: -60), purpose: purpose, scopes: scopes("a b"), types: ["org.one", "org.two"],
      sink: "https://app.example/sink?key=the-secret-sink", credential: credential, createdAt: now(),
      expiresAt: expiresIn.map { now(plus: $0) }, eventsMaximum: maximum)
  }

  func insert(_ record: SubscriptionRecord) async throws {
    try await stores.subscriptions.insert(record, secret: digest("secret of \(record.id)"))
  }

  /// One that its backend has made.
  func active(_ id: String, client: ClientID = client, subject: SubjectPseudonym? = subject) async throws {
    try await insert(subscription(id, client: client, subject: subject))
    try await stores.subscriptions.made(id, backendID: "backend-\(id)", expiresAt: nil, isActive: true, document: nil)
  }

  func end(_ id: String, _ status: SubscriptionRecord.Status = .deleted, farewell: QueuedEvent? = nil) async throws -> Bool {
    try await stores.subscriptions.end(
      id, status: status, reason: "SUBSCRIPTION_DELETED", at: now(), farewell: farewell)
  }
}

@Suite("Subscriptions")
struct SubscriptionsTests {
  private let fixture: Fixture
  private var subscriptions: any SubscriptionStore { fixture.stores.subscriptions }
  private static let other = ClientID(rawValue: "other-client")!
  private static let token = SinkCredential.accessToken(
    "the-secret-token", expiresAt: Timestamp(rfc3339: "2026-03-10T13:00:00Z")!)

  init() throws { fixture = try Fixture() }

  @Test(
    "what was put there comes back whole, by each of its names, also after a restart",
    arguments: [nil, token, .privateKeyJWT(clientID: "passerelle", tokenURI: "https://app.example/token")])
  func whole(credential: SinkCredential?) async throws {
    var record = fixture.subscription("s1", credential: credential, expiresIn: 600, maximum: 5)
    try await fixture.insert(record)
    for stores in [fixture.stores, try fixture.reopened()] {
      #expect(try stores.subscriptions.find(id: "s1") == record)
      #expect(try stores.subscriptions.find(secret: digest("secret of s1")) == record)
    }
    let document = Array("what the backend said".utf8)
    try await subscriptions.made("s1", backendID: "b1", expiresAt: fixture.now(plus: 300), isActive: true, document: document)
    (record.backendID, record.expiresAt, record.status, record.document) = ("b1", fixture.now(plus: 300), .active, document)
    let names = ["b2", "b1"]
    #expect(try subscriptions.find(kind: "sim-swap:subscriptions", backendIDs: names) == [nil, record])
    #expect(try fixture.reopened().subscriptions.find(kind: "sim-swap:subscriptions", backendIDs: names) == [nil, record])
    #expect(try subscriptions.find(kind: "other:subscriptions", backendIDs: names) == [nil, nil])
    #expect(try subscriptions.find(id: "s2") == nil && subscriptions.find(secret: digest("s1")) == nil)
  }

  @Test("an answer that is late or says less takes nothing away")
  func made() async throws {
    try await fixture.insert(fixture.subscription("s1", expiresIn: 600))
    try await subscriptions.made("s1", backendID: "b1", expiresAt: nil, isActive: true, document: nil)
    try await subscriptions.made("s1", backendID: "b1", expiresAt: nil, isActive: false, document: nil)
    #expect(try subscriptions.find(id: "s1")?.status == .active)
    #expect(try subscriptions.find(id: "s1")?.expiresAt == fixture.now(plus: 600))
    #expect(try await fixture.end("s1"))
    try await subscriptions.made("s1", backendID: "b2", expiresAt: nil, isActive: true, document: nil)
    #expect(try subscriptions.find(id: "s1")?.status == .deleted)
    #expect(try subscriptions.find(id: "s1")?.backendID == "b1")
  }

  @Test("one that has ended before its backend answers gets its name, and stays ended")
  func late() async throws {
    try await fixture.insert(fixture.subscription("s1"))
    #expect(try await fixture.end("s1"))
    try await subscriptions.made("s1", backendID: "b1", expiresAt: nil, isActive: true, document: Array("{}".utf8))
    let record = try #require(try subscriptions.find(id: "s1"))
    #expect(record.status == .deleted && record.backendID == "b1" && record.document == Array("{}".utf8))
  }

  @Test("those of which no backend ever said anything are found, the oldest first, and no others")
  func neverMade() async throws {
    for (id, age) in [("s1", Int64(10)), ("s2", 30), ("s3", 20), ("s4", 40), ("s5", 50)] {
      var record = fixture.subscription(id)
      record.createdAt = fixture.now(plus: -age)
      try await fixture.insert(record)
    }
    // 202: it is not active yet, and has a name.
    try await subscriptions.made("s4", backendID: "b4", expiresAt: nil, isActive: false, document: nil)
    #expect(try await fixture.end("s5"))
    #expect(try subscriptions.neverMade(before: fixture.now(plus: -15), limit: 9).map(\.id) == ["s2", "s3"])
    #expect(try subscriptions.neverMade(before: fixture.now(), limit: 2).map(\.id) == ["s2", "s3"])
  }

  @Test("what backends said of subscriptions about a subscriber can be forgotten, and that of others stays")
  func forgotten() async throws {
    let another = SubjectPseudonym(rawValue: "pseudonym-2")!
    try await fixture.active("s1")
    try await fixture.active("s2")
    try await fixture.active("s3", subject: another)
    for id in ["s1", "s2", "s3"] {
      try await subscriptions.made(id, backendID: id, expiresAt: nil, isActive: true, document: Array(id.utf8))
    }
    #expect(try await fixture.end("s2"))
    try await subscriptions.forgetDocuments(of: subject)
    #expect(try ["s1", "s2", "s3"].map { try subscriptions.find(id: $0)?.document } == [nil, nil, Array("s3".utf8)])
    #expect(try subscriptions.find(id: "s1")?.status == .active)
  }

  @Test("of two that a backend named alike, one after the other, the newer one is meant")
  func named() async throws {
    for id in ["s1", "s2"] {
      try await fixture.insert(fixture.subscription(id))
      try await subscriptions.made(id, backendID: "b", expiresAt: nil, isActive: true, document: nil)
      #expect(try subscriptions.find(kind: "sim-swap:subscriptions", backendIDs: ["b"]).map(\.?.id) == [id])
      _ = try await fixture.end(id)
    }
  }

  @Test("neither id nor secret is given twice")
  func twice() async throws {
    try await fixture.insert(fixture.subscription("s1"))
    await #expect(throws: StoreError.self) { try await fixture.insert(fixture.subscription("s1")) }
    await #expect(throws: StoreError.self) {
      try await subscriptions.insert(fixture.subscription("s2"), secret: digest("secret of s1"))
    }
    #expect(try subscriptions.counts() == [.requested: 1])
  }

  @Test("one that the backend did not make is gone, with the events that came for it")
  func discarded() async throws {
    try await fixture.insert(fixture.subscription("s1"))
    #expect(try await fixture.accept("s1", 1) == .queued)
    try await subscriptions.discard("s1")
    try await subscriptions.discard("s1")
    #expect(try subscriptions.find(id: "s1") == nil && subscriptions.counts() == [:])
    #expect(try fixture.stores.events.depths() == EventDepths(waiting: 0, dead: 0, oldest: nil))
    #expect(try await fixture.accept("s1", 1) == .ended)
  }

  @Test("it ends once; its queue is dropped, and its farewell is all that is delivered")
  func ends() async throws {
    let events = fixture.stores.events
    for id in ["s1", "s2"] { try await fixture.active(id) }
    for number in 1...3 { for id in ["s1", "s2"] { #expect(try await fixture.accept(id, number) == .queued) } }
    try await events.bury(events.first("s1", limit: 1)[0], failure: "500", at: fixture.now())
    let farewell = fixture.event("s1", 99, isLifecycle: true)
    #expect(try await fixture.end("s1", .inactive, farewell: farewell))
    #expect(try await !fixture.end("s1", .expired, farewell: farewell))
    let record = try #require(try subscriptions.find(id: "s1"))
    #expect(record.status == .inactive && record.endReason == "SUBSCRIPTION_DELETED" && record.endedAt == fixture.now())
    #expect(try events.first("s1", limit: 9).map(\.data) == [farewell.data])
    #expect(try events.first("s1", limit: 9).map(\.isLifecycle) == [true])
    #expect(try events.depth("s2").waiting == 3 && events.depths().waiting == 4)
    #expect(try await fixture.accept("s1", 4) == .ended)
    #expect(try await !fixture.end("unknown"))
    // What could never be delivered again says nothing any more, and that it was is still there.
    #expect(try await events.replay(.of(subscription: "s1"), at: fixture.now()) == 0)
    #expect(try events.depth("s1").dead == 1)
    #expect(try fixture.number("SELECT max(length(sealed)) FROM dead_letters") == 0)
  }

  @Test("of an ending that fails in the middle, nothing has happened")
  func endingIsWhole() async throws {
    try await fixture.active("s1")
    #expect(try await fixture.accept("s1", 1) == .queued)
    try fixture.database.writeNow {
      try $0.execute("CREATE TRIGGER full BEFORE INSERT ON queued_events BEGIN SELECT RAISE(ABORT, 'full'); END")
    }
    await #expect(throws: StoreError.constraint("full")) {
      try await fixture.end("s1", farewell: fixture.event("s1", 99, isLifecycle: true))
    }
    #expect(try subscriptions.find(id: "s1")?.status == .active)
    #expect(try fixture.stores.events.first("s1", limit: 9).count == 1)
    #expect(try fixture.stores.events.depths().waiting == 1)
    #expect(try subscriptions.counts() == [.active: 1])
  }

  @Test("those of which time or token runs out are found, the first first")
  func runningOut() async throws {
    try await fixture.insert(fixture.subscription("never"))
    try await fixture.insert(fixture.subscription("late", expiresIn: 7200))
    try await fixture.insert(fixture.subscription("token", credential: Self.token, expiresIn: 7200))
    try await fixture.insert(fixture.subscription("time", credential: Self.token, expiresIn: 60))
    try await fixture.insert(fixture.subscription("bare token", credential: Self.token))
    try await fixture.insert(fixture.subscription("over", expiresIn: 10))
    _ = try await fixture.end("over")
    func found(_ seconds: Int64, limit: Int = 10) throws -> [String] {
      try subscriptions.runningOut(before: fixture.now(plus: seconds), limit: limit).map(\.id)
    }
    #expect(try found(60) == [] && found(61) == ["time"] && found(3600) == ["time"])
    #expect(try found(3601) == ["time", "token", "bare token"] && found(3601, limit: 2) == ["time", "token"])
    #expect(try found(7201) == ["time", "token", "bare token", "late"])
  }

  @Test("live ones are found by whom they are about and whose they are")
  func live() async throws {
    let another = SubjectPseudonym(rawValue: "pseudonym-2")!
    try await fixture.active("s1")
    try await fixture.insert(fixture.subscription("s2"))
    try await fixture.active("s3", client: Self.other)
    try await fixture.active("s4", subject: another)
    try await fixture.active("s5", subject: nil)
    try await fixture.active("s6")
    _ = try await fixture.end("s6")
    #expect(try subscriptions.live(subject: subject, client: nil).map(\.id) == ["s3", "s2", "s1"])
    #expect(try subscriptions.live(subject: subject, client: client).map(\.id) == ["s2", "s1"])
    #expect(try subscriptions.live(subject: another, client: Self.other).isEmpty)
    #expect(try subscriptions.live(client: client, limit: 10).map(\.id) == ["s5", "s4", "s2", "s1"])
    #expect(try subscriptions.live(client: client, limit: 2).map(\.id) == ["s5", "s4"])
  }

  @Test("those of clients that are disabled or gone are found among the others")
  func disabled() async throws {
    for (number, name) in ["a", "b", "c", "d"].enumerated() {
      for place in 0..<2 { try await fixture.active("\(name)\(place)", client: ClientID(rawValue: name)!) }
      var record = try ClientsTests.record(["client_id": "\"\(name)\""])
      record.isEnabled = number % 2 == 0
      if name != "d" { try await fixture.stores.clients.save(record) }
    }
    _ = try await fixture.end("b0")
    #expect(try Set(subscriptions.liveOfDisabledClients(limit: 10).map(\.id)) == ["b1", "d0", "d1"])
    #expect(try subscriptions.liveOfDisabledClients(limit: 2).count == 2)
    try await fixture.stores.clients.setEnabled(ClientID(rawValue: "b")!, true)
    #expect(try Set(subscriptions.liveOfDisabledClients(limit: 10).map(\.id)) == ["d0", "d1"])
  }

  @Test("operators find the newest first, by anything, and counts that need no counting")
  func search() async throws {
    for number in 1...8 {
      let (owner, kind) = (number % 2 == 0 ? client : Self.other, number <= 4 ? "one:subscriptions" : "two:subscriptions")
      try await fixture.insert(
        fixture.subscription("s\(number)", client: owner, subject: number == 8 ? nil : subject, kind: kind))
    }
    for number in [2, 3] {
      try await subscriptions.made("s\(number)", backendID: "b\(number)", expiresAt: nil, isActive: true, document: nil)
    }
    _ = try await fixture.end("s4")
    _ = try await fixture.end("s5", .expired)
    func found(_ filter: SubscriptionFilter) throws -> String {
      try subscriptions.search(filter).map { String($0.id.dropFirst()) }.joined()
    }
    #expect(try found(SubscriptionFilter()) == "87654321")
    #expect(try found(SubscriptionFilter(limit: 3)) == "876")
    #expect(try found(SubscriptionFilter(limit: 0)) == "" && found(SubscriptionFilter(limit: -1)) == "")
    #expect(try found(SubscriptionFilter(client: client)) == "8642")
    #expect(try found(SubscriptionFilter(subject: subject)) == "7654321")
    #expect(try found(SubscriptionFilter(client: client, subject: subject, limit: 2)) == "64")
    #expect(try found(SubscriptionFilter(kind: "one:subscriptions")) == "4321")
    #expect(try found(SubscriptionFilter(client: Self.other, kind: "two:subscriptions")) == "75")
    #expect(try found(SubscriptionFilter(status: .requested)) == "8761")
    #expect(try found(SubscriptionFilter(subject: subject, kind: "one:subscriptions", status: .active)) == "32")
    #expect(try subscriptions.counts() == [.requested: 4, .active: 2, .deleted: 1, .expired: 1])
  }

  @Test("an ended one can be read for 30 days, and longer while an event of it is there")
  func kept() async throws {
    for id in ["s1", "s2", "s3"] { try await fixture.active(id) }
    _ = try await fixture.end("s1")
    _ = try await fixture.end("s2", farewell: fixture.event("s2", 1, isLifecycle: true))
    fixture.time.advance(seconds: 30 * 86_400)
    try fixture.database.sweep()
    #expect(try subscriptions.find(id: "s1") != nil)
    fixture.time.advance(seconds: 1)
    try fixture.database.sweep()
    #expect(try subscriptions.find(id: "s1") == nil && subscriptions.find(secret: digest("secret of s1")) == nil)
    #expect(try subscriptions.find(id: "s2") != nil && subscriptions.find(id: "s3") != nil)
    let events = fixture.stores.events
    _ = try await events.settle(events.first("s2", limit: 1)[0], counts: false)
    try fixture.database.sweep()
    #expect(try subscriptions.find(id: "s2") == nil)
    #expect(try subscriptions.counts() == [.active: 1])
  }

  @Test("what is on the disk names neither sink nor credential, and opens in no other row")
  func sealed() async throws {
    try await fixture.insert(fixture.subscription("s1", credential: Self.token))
    try await fixture.insert(
      fixture.subscription("s2", credential: .privateKeyJWT(clientID: "the-secret-client", tokenURI: "https://the-secret-uri/")))
    try fixture.database.writeNow {
      try $0.execute("UPDATE subscriptions SET sealed = (SELECT sealed FROM subscriptions WHERE id = 's1') WHERE id = 's2'")
    }
    #expect(throws: StoreError.malformedRow(table: "subscriptions", column: "sealed")) { try subscriptions.find(id: "s2") }
    fixture.database.close()
    try fixture.expectAbsent(["the-secret", "app.example"])
  }
}
