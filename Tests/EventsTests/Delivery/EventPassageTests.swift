import Bytes
import Identifiers
import Store
import Synchronization
import Testing

@testable import Events

/// The way of one event: who is asked, what leaves, and in which order.
@Suite struct EventPassageTests {
  private let world: World
  private var transport: FakeTransport { world.transport }

  init() async throws { world = try await World() }

  // MARK: What leaves

  @Test func whatWasAgreedToLeaves() async throws {
    try await world.subscribe()
    try await world.agree()
    try await world.queue(world.event())
    let (turn, sign) = try await world.take()
    #expect(turn == .done && sign == .answered)
    let sent = try #require(transport.sent.first)
    #expect(transport.sent.count == 1 && sent.sink == "https://sink.example/s1" && sent.bearer == nil)
    #expect(sent.data == ["subscriptionId": "b-s1", "name": "Ada", "phoneNumber": "+33612345678"])
    #expect(sent.eventID == world.leaving() && sent.type == TestPolicies.seen)
    #expect(sent.json?["time"]?.string == world.now().rfc3339 && sent.json?["specversion"]?.string == "1.0")
    #expect(try world.waiting().isEmpty && world.subscription()?.eventCount == 1)
    #expect(world.count("passerelle_event_outcomes", "delivered") == 1 && world.meter.delivered == 1)
    #expect(transport.isConfined)
  }

  @Test func fieldsThatWereNotAgreedToStay() async throws {
    try await world.subscribe()
    try await world.agree(to: ["place"])
    try await world.queue(world.event())
    _ = try await world.take()
    #expect(transport.sent.map(\.data) == [["subscriptionId": "b-s1", "phoneNumber": "+33612345678"]])
    #expect(world.entries("event.delivered").first?["categories"]?.array?.compactMap(\.string) == ["place"])
  }

  /// A number that the client does not know already would be told to it.
  @Test func aNumberLeavesOnlyToWhoNamedIt() async throws {
    try await world.subscribe { $0.isNamedByClient = false }
    try await world.agree()
    try await world.queue(world.event())
    _ = try await world.take()
    #expect(transport.sent.map(\.data) == [["subscriptionId": "b-s1", "name": "Ada"]])
  }

  @Test func norDoesAnotherNumber() async throws {
    try await world.subscribe()
    try await world.agree()
    try await world.queue(world.event(data: #"{"subscriptionId":"b-s1","phoneNumber":"+33600000000"}"#))
    _ = try await world.take()
    #expect(transport.sent.map(\.data) == [["subscriptionId": "b-s1"]])
  }

  @Test func theClientsTokenIsShown() async throws {
    try await world.subscribe { $0.credential = .accessToken("the-token", expiresAt: world.now(plus: 60)) }
    try await world.agree()
    try await world.queue(world.event())
    _ = try await world.take()
    #expect(transport.sent.map(\.bearer) == ["the-token"])
    #expect(!world.ledgerText.contains("the-token") && !world.ledgerText.contains("sink.example"))
  }

  // MARK: Consent

  @Test func consentIsAskedForAtDeliveryAndNotWhenAnEventComes() async throws {
    try await world.subscribe()
    try await world.queue(world.event())
    try await world.agree()
    _ = try await world.take()
    #expect(transport.sent.count == 1)
  }

  @Test func withoutConsentNothingLeavesAndTheSubscriptionEnds() async throws {
    try await world.subscribe()
    let consent = try await world.agree()
    try await world.queue(world.event("e1"), world.event("e2"))
    try await world.withdraw(consent)
    #expect(try await world.take().turn == .done)
    #expect(transport.tries == 0)
    let record = try #require(try world.subscription())
    #expect(record.status == .inactive && record.endReason == "NETWORK_TERMINATED")
    let withheld = world.entries("event.withheld")
    #expect(withheld.count == 1 && withheld[0]["reason"]?.string == "consent_revoked")
    #expect(withheld[0]["decision"]?.string == "refused" && withheld[0]["subject"]?.string == world.subject.rawValue)
    // What waits is the gateway's own word alone.
    let waiting = try world.waiting()
    #expect(waiting.map(\.type) == [TestPolicies.ended] && waiting.map(\.isLifecycle) == [true])
    #expect(!String(decoding: waiting[0].data, as: UTF8.self).contains("Ada"))
    #expect(world.count("passerelle_event_outcomes", "withheld") == 1)
  }

  @Test func aRequiredCategoryThatWasNotAgreedToWithholdsTheEvent() async throws {
    try await world.subscribe()
    try await world.agree(to: ["name"])
    try await world.queue(world.event())
    #expect(try await world.take().turn == .done)
    #expect(transport.tries == 0 && world.entries("event.delivered").isEmpty)
    #expect(world.entries("event.withheld").map { $0["reason"]?.string } == ["required_category_withheld"])
    #expect(try world.isEnded(), "there is nothing else that it could be told")
  }

  @Test func aSubscriptionGoesOnWhileAnotherOfItsTypesMayBeTold() async throws {
    try await world.subscribe(types: [TestPolicies.seen, TestPolicies.heard])
    try await world.agree(to: ["voice"])
    try await world.queue(
      world.event("e1"), world.event("e2", type: TestPolicies.heard, data: #"{"subscriptionId":"b-s1","sound":"bell"}"#))
    #expect(try await world.take().turn == .done)
    #expect(try world.waiting().map(\.eventID) == ["e2"] && world.isEnded() == false)
    #expect(try await world.take().turn == .done)
    #expect(transport.sent.map(\.eventID) == [world.leaving("e2")])
    #expect(try world.subscription()?.eventCount == 1, "what was withheld counts for nothing")
  }

  /// The scope of the type, and not of another type of the same subscription.
  @Test func consentForOneTypeIsNoneForAnother() async throws {
    try await world.subscribe(types: [TestPolicies.seen, TestPolicies.heard])
    try await world.agree([TestPolicies.heard])
    try await world.queue(world.event())
    _ = try await world.take()
    #expect(transport.tries == 0)
    #expect(world.entries("event.withheld").map { $0["reason"]?.string } == ["consent_scope_missing"])
  }

  /// What was agreed to after a withdrawal is not for subscriptions of before.
  @Test func aLaterConsentBringsNothingBack() async throws {
    try await world.subscribe()
    try await world.queue(world.event())
    let consent = try await world.agree()
    world.time.advance(seconds: 1)
    try await world.withdraw(consent)
    world.time.advance(seconds: 1)
    try await world.agree()
    _ = try await world.take()
    #expect(transport.tries == 0)
    #expect(try world.isEnded())
  }

  // MARK: Of which subscription

  /// It was taken when the backend had not said yet which subscription it made: what does not fit then would tell of somebody else.
  @Test(arguments: [
    #"{"subscriptionId":"b-s2","name":"Eve"}"#, #"{"subscriptionId":"b-s","name":"Eve"}"#, #"{"name":"Eve"}"#,
    #"{"subscriptionId":["b-s1"],"name":"Eve"}"#,
  ])
  func whatIsAboutAnotherSubscriptionDoesNotLeave(_ data: String) async throws {
    try await world.subscribe()
    try await world.agree()
    try await world.queue(world.event("e1", data: data), world.event("e2"))
    #expect(try await world.take().turn == .done)
    #expect(transport.tries == 0)
    #expect(world.entries("event.withheld").map { $0["reason"]?.string } == ["other_subscription"])
    #expect(try world.waiting().map(\.eventID) == ["e2"] && world.isEnded() == false, "it is not its client's fault")
    #expect(try await world.take().turn == .done)
    #expect(try transport.sent.map { $0.data["name"] } == ["Ada"] && world.subscription()?.eventCount == 1)
  }

  @Test func anEndOfAnotherSubscriptionEndsNothing() async throws {
    try await world.subscribe()
    let data = #"{"subscriptionId":"b-s2","terminationReason":"NETWORK_TERMINATED"}"#
    try await world.queue(world.event(type: TestPolicies.ended, data: data, isLifecycle: true))
    #expect(try await world.take().turn == .done)
    #expect(try world.isEnded() == false && world.waiting().isEmpty && transport.tries == 0)
  }

  @Test func itWaitsUntilTheBackendHasSaidWhichItIs() async throws {
    try await world.subscribe(isMade: false)
    try await world.agree()
    try await world.queue(world.event())
    #expect(try await world.take().turn == .stalled)
    #expect(try transport.tries == 0 && world.waiting().map(\.attempts) == [0])
    #expect(world.entries("event.withheld").isEmpty && world.entries("event.delivered").isEmpty)
    try await world.stores.subscriptions.made("s1", backendID: "b-s1", expiresAt: nil, isActive: false, document: nil)
    #expect(try await world.take().turn == .done)
    #expect(transport.sent.map(\.eventID) == [world.leaving()])
  }

  @Test func whatIsNoSubscriptionIsNamedInItsOwnPlace() async throws {
    try await world.watch()
    try await world.agree()
    for (id, data) in [("e1", #"{"watchId":"b-s2"}"#), ("e2", #"{"subscriptionId":"b-s1"}"#), ("e3", #"{"watchId":"b-s1"}"#)] {
      try await world.queue(world.event(id, type: TestPolicies.watched, data: data))
      #expect(try await world.take().turn == .done)
    }
    #expect(transport.sent.map(\.eventID) == [world.leaving("e3")])
  }

  // MARK: Between the entry and the write

  @Test func theLedgerHasItBeforeTheSinkDoes() async throws {
    try await world.subscribe()
    try await world.agree()
    try await world.queue(world.event())
    let seen = Notes()
    transport.before { [unowned world] event in
      let entries = world.entries("event.delivered").filter { $0["correlator"]?.string == event.correlator }
      seen.add("\(entries.count) \(world.transport.sent.count)")
    }
    _ = try await world.take()
    #expect(seen.all == ["1 0"])
    let entry = try #require(world.entries("event.delivered").first)
    #expect(entry["decision"]?.string == "allowed" && entry["legal_basis"]?.string == "consent")
    #expect(entry["client_id"]?.string == "bank" && entry["detail"]?["subscription"]?.string == "s1")
    #expect(entry["response_bytes"]?.integer == transport.sent[0].body.count && entry["detail"]?["attempt"]?.string == "1")
    #expect(!world.ledgerText.contains("Ada") && !world.ledgerText.contains("33612345678"))
  }

  @Test func aLedgerThatFailsLetsNothingLeave() async throws {
    try await world.subscribe()
    try await world.agree()
    try await world.queue(world.event())
    world.disk.isFull.store(true, ordering: .relaxed)
    await #expect(throws: (any Error).self) { try await world.take() }
    #expect(transport.tries == 0)
    #expect(try world.waiting().map(\.attempts) == [0], "it is nobody's failure but ours")
    world.disk.isFull.store(false, ordering: .relaxed)
    let isWell = await world.eventually { world.entries("ledger.recovered").count > 0 }
    #expect(isWell)
    #expect(try await world.take().turn == .done)
    #expect(transport.sent.count == 1)
  }

  @Test func aWithdrawalAfterTheEntryIsSeenBeforeTheWrite() async throws {
    try await world.subscribe()
    let consent = try await world.agree()
    try await world.queue(world.event())
    transport.before { [unowned world] _ in try? await world.withdraw(consent) }
    #expect(try await world.take().turn == .done)
    #expect(transport.tries == 1 && transport.sent.isEmpty)
    let (delivered, withheld) = (world.entries("event.delivered"), world.entries("event.withheld"))
    #expect(delivered.count == 1 && withheld.count == 1)
    #expect(withheld[0]["correlator"]?.string == delivered[0]["correlator"]?.string, "it says of which try it is the end")
    #expect(try world.isEnded())
  }

  /// It is written all the same, with what is agreed to now.
  @Test func aChangeThatTakesOneCategoryBeginsTheTryAnew() async throws {
    try await world.subscribe()
    try await world.agree()
    try await world.queue(world.event())
    let isChanged = Atomic<Bool>(false)
    transport.before { [unowned world] _ in
      guard !isChanged.exchange(true, ordering: .relaxed) else { return }
      _ = try? await world.agree(to: ["place", "voice"])
    }
    #expect(try await world.take().turn == .done)
    #expect(transport.tries == 2 && transport.sent.map(\.data) == [["subscriptionId": "b-s1", "phoneNumber": "+33612345678"]])
    #expect(Set(world.entries("event.delivered").map { $0["correlator"]?.string }).count == 1)
  }

  @Test func anEndAfterTheEntryIsSeenBeforeTheWrite() async throws {
    try await world.subscribe()
    try await world.agree()
    try await world.queue(world.event())
    transport.before { [unowned world] _ in _ = try? await world.ender.end("s1", because: .deleted) }
    #expect(try await world.take().turn == .done)
    #expect(transport.sent.isEmpty)
  }

  @Test func aClientThatIsDisabledAfterTheEntryGetsNothing() async throws {
    try await world.subscribe()
    try await world.agree()
    try await world.queue(world.event())
    transport.before { [unowned world] _ in _ = try? await world.stores.clients.setEnabled(World.client, false) }
    #expect(try await world.take().turn == .done)
    #expect(transport.sent.isEmpty)
    #expect(try world.subscription()?.status == .inactive)
  }

  /// Bounded: the others of the loop have their turn.
  @Test func whatChangesAllTheTimeIsTriedLater() async throws {
    try await world.subscribe()
    try await world.agree()
    try await world.queue(world.event())
    transport.before { [unowned world] _ in try? await world.stores.clients.save(World.record()) }
    #expect(try await world.take().turn == .stalled)
    #expect(transport.sent.isEmpty && (2...10).contains(transport.tries))
    #expect(try world.waiting().map(\.attempts) == [0])
  }
}
