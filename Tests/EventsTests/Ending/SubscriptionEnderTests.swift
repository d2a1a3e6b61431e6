import Bytes
import Store
import Synchronization
import Testing

@testable import Events

/// The one place where subscriptions end.
@Suite struct SubscriptionEnderTests {
  private let world: World

  init() async throws { world = try await World() }

  @Test func anEndEmptiesTheQueueTellsTheSinkTheLedgerAndTheBackend() async throws {
    try await world.subscribe { $0.eventsMaximum = 5 }
    try await world.queue(world.event("e1"), world.event("e2"))
    let before = world.ender.ends.stamp(ChangeBoard.hash("s1"))
    #expect(try await world.ender.end("s1", because: .byOperator(description: "Maintenance")))
    let record = try #require(try world.subscription())
    #expect(record.status == .inactive && record.endReason == "NETWORK_TERMINATED" && record.endedAt == world.now())
    let farewell = try #require(try world.waiting().first)
    #expect(try world.waiting().count == 1)
    #expect(farewell.type == TestPolicies.ended && farewell.isLifecycle && farewell.dueAt == world.now())
    #expect(farewell.source == "https://gateway.example/sightings/v1")
    #expect(
      String(decoding: farewell.data, as: UTF8.self)
        == #"{"subscriptionId":"b-s1","terminationReason":"NETWORK_TERMINATED","terminationDescription":"Maintenance"}"#)
    #expect(world.queued.all == ["s1"])
    #expect(world.ender.ends.stamp(ChangeBoard.hash("s1")) != before, "who is about to send sees it")
    let isTold = await world.eventually { world.notices.all == ["b-s1"] }
    #expect(isTold)
    let entry = try #require(world.entries("subscription.ended").first)
    #expect(entry["reason"]?.string == "operator" && entry["detail"]?["termination_reason"]?.string == "NETWORK_TERMINATED")
    #expect(entry["client_id"]?.string == "bank" && entry["subject"]?.string == world.subject.rawValue)
    #expect(!world.ledgerText.contains("Maintenance") && !world.ledgerText.contains("sink.example"))
    #expect(world.count("passerelle_subscriptions_ended", "operator") == 1)
    let isCounted = await world.eventually { world.count("passerelle_subscription_notices", "told") == 1 }
    #expect(isCounted)
  }

  @Test func itEndsOnce() async throws {
    try await world.subscribe()
    let ends = try await withThrowingTaskGroup(of: Bool.self) { group in
      for cause in [EndCause.expired, .deleted, .sinkGone, .consentWithdrawn, .eventsReached] {
        group.addTask { [ender = world.ender] in try await ender.end("s1", because: cause) }
      }
      return try await group.reduce(into: [Bool]()) { $0.append($1) }
    }
    #expect(ends.count { $0 } == 1)
    let isWritten = await world.eventually { world.entries("subscription.ended").count == 1 }
    #expect(isWritten)
    #expect(try await world.ender.end("s1", because: .expired) == false)
    #expect(try await world.ender.end("nobody", because: .expired) == false)
    #expect(try world.waiting().count <= 1)
  }

  @Test func whoNeedsNotBeToldIsNotTold() async throws {
    for id in ["s1", "s2", "s3", "s4"] { try await world.subscribe(id, isMade: id != "s4") }
    try await world.ender.end("s1", because: .sinkGone)
    try await world.ender.end("s2", because: .deleted)
    try await world.ender.end("s3", because: .byBackend(terminationReason: "SUBSCRIPTION_EXPIRED", description: nil))
    // Its backend has not answered yet: there is no name by which anybody knows it.
    try await world.ender.end("s4", because: .expired)
    #expect(try ["s1", "s2", "s3", "s4"].map { try world.waiting($0).count } == [0, 1, 1, 0])
    let areWritten = await world.eventually { world.entries("subscription.ended").count == 4 }
    #expect(areWritten)
    try await world.onLoop {}
    #expect(world.notices.all == ["b-s1"])
    #expect(Set(world.queued.all) == ["s2", "s3"])
  }

  @Test func aSinkWhoseTokenIsOverIsNotTold() async throws {
    for (id, seconds) in [("s1", Int64(10)), ("s2", 11)] {
      try await world.subscribe(id) { $0.credential = .accessToken("t", expiresAt: world.now(plus: seconds)) }
    }
    world.time.advance(seconds: 10)
    for id in ["s1", "s2"] { try await world.ender.end(id, because: .sinkTokenExpired) }
    #expect(try ["s1", "s2"].map { try world.waiting($0).count } == [0, 1])
  }

  @Test func anAPIThatIsNotServedHasNoFarewell() async throws {
    try await world.subscribe()
    try await world.use(TestPolicies.otherVersion.get())
    #expect(try await world.ender.end("s1", because: .expired))
    #expect(try world.waiting().isEmpty && world.isEnded())
  }

  @Test func aBackendThatDoesNotHearIsToldAgain() async throws {
    let answers = Mutex([false, true])
    let asked = Notes()
    let ender = ender { record in
      asked.add(record.id)
      return answers.withLock { $0.isEmpty ? true : $0.removeFirst() }
    }
    try await world.subscribe()
    try await ender.end("s1", because: .expired)
    let isTold = await world.eventually { world.count("passerelle_subscription_notices", "told") == 1 }
    #expect(isTold)
    #expect(asked.all == ["s1", "s1"])
  }

  @Test func aStoppedEnderLetsTheBackendLearnItFromItsNextEvent() async throws {
    let asked = Notes()
    let ender = ender { record in
      asked.add(record.id)
      return false
    }
    try await world.subscribe()
    ender.stop()
    try await ender.end("s1", because: .expired)
    let isAsked = await world.eventually { asked.all == ["s1"] }
    #expect(isAsked)
    #expect(try world.isEnded())
  }

  /// The end holds whatever becomes of its entry, which follows when the disk takes it.
  @Test func anEndDoesNotWaitForTheLedger() async throws {
    try await world.subscribe()
    world.disk.isFull.store(true, ordering: .relaxed)
    #expect(try await world.ender.end("s1", because: .consentWithdrawn))
    #expect(try world.isEnded() && world.waiting().count == 1)
    #expect(world.notices.all.isEmpty)
    world.disk.isFull.store(false, ordering: .relaxed)
    let isWritten = await world.eventually { world.entries("subscription.ended").count == 1 && world.notices.all == ["b-s1"] }
    #expect(isWritten)
  }

  private func ender(_ notice: @escaping BackendNotice) -> SubscriptionEnder {
    SubscriptionEnder(
      subscriptions: world.stores.subscriptions, ledger: world.ledger, rules: world.rules, settings: world.settings,
      time: world.time, loop: world.loop, meter: world.meter, notice: notice, queued: { _ in })
  }
}
