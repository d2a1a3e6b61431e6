import Bytes
import Store
import Testing

@testable import Events

/// What follows from what a sink answers, and what an event of the lifecycle comes to.
@Suite struct EventOutcomeTests {
  private let world: World
  private var transport: FakeTransport { world.transport }

  init() async throws {
    world = try await World { $0.attemptsMaximum = 3 }
    try await world.agree()
  }

  // MARK: Answers

  @Test func a410EndsTheSubscriptionAndItsSinkHearsNoMore() async throws {
    try await world.subscribe()
    try await world.queue(world.event("e1"), world.event("e2"))
    transport.answer(.gone)
    let (turn, sign) = try await world.take()
    #expect(turn == .done && sign == .answered)
    #expect(try world.subscription()?.status == .deleted && world.subscription()?.endReason == "SUBSCRIPTION_DELETED")
    #expect(try world.waiting().isEmpty && world.queued.all.isEmpty)
    let isTold = await world.eventually { world.notices.all == ["b-s1"] }
    #expect(isTold)
    #expect(world.entries("subscription.ended").map { $0["reason"]?.string } == ["sink_gone"])
  }

  @Test(arguments: [
    (DeliveryOutcome.refused(status: 429, retryAfterSeconds: 120), EventPassage.Sign.strained, "status_429", 120),
    (.refused(status: 503, retryAfterSeconds: 7), .strained, "status_503", 7),
    (.refused(status: 500, retryAfterSeconds: nil), .strained, "status_500", 0),
    (.refused(status: 404, retryAfterSeconds: nil), .answered, "status_404", 0),
    (.refused(status: 302, retryAfterSeconds: nil), .answered, "status_302", 0),
    (.failed("timeout"), .silent, "timeout", 0), (.failed("untrusted"), .silent, "untrusted", 0),
  ])
  func whatIsNotTakenIsPutOff(
    _ outcome: DeliveryOutcome, _ expected: EventPassage.Sign, _ failure: String, _ seconds: Int64
  ) async throws {
    try await world.subscribe()
    try await world.queue(world.event("e1"), world.event("e2"))
    transport.answer(outcome)
    let (turn, sign) = try await world.take()
    #expect(turn == .putOff && sign == expected)
    let waiting = try world.waiting()
    #expect(waiting.map(\.eventID) == ["e1", "e2"] && waiting[0].attempts == 1 && waiting[0].failure == failure)
    #expect(waiting[0].dueAt > world.now(plus: seconds), "not before the sink asked for it")
    #expect(waiting[0].dueAt <= world.now(plus: seconds + 1))
    #expect(try world.stores.events.due(at: world.now(), excluding: [], limit: 10).isEmpty, "those behind it wait, too")
    #expect(world.count("passerelle_event_failures", failure) == 1)
  }

  @Test func afterSoManyTriesItIsBuriedAndTheNextHasItsTurn() async throws {
    try await world.subscribe()
    try await world.queue(world.event("e1"), world.event("e2"))
    transport.answer(.refused(status: 500, retryAfterSeconds: nil))
    for turn in [EventPassage.Turn.putOff, .putOff, .done] { #expect(try await world.take().turn == turn) }
    #expect(try world.waiting().map(\.eventID) == ["e2"])
    let dead = try world.stores.events.deadLetters(subscription: "s1", limit: 10)
    #expect(dead.map(\.failure) == ["status_500"] && dead.map(\.attempts) == [3])
    let failed = world.entries("event.failed")
    #expect(failed.count == 1 && failed[0]["upstream_status"]?.integer == 500 && failed[0]["detail"]?["attempts"]?.string == "3")
    #expect(world.entries("event.delivered").count == 3, "each try may have reached somebody")
    #expect(world.count("passerelle_event_outcomes", "buried") == 1)
  }

  @Test func afterSoManyHoursItIsBuried() async throws {
    try await world.subscribe()
    try await world.queue(world.event())
    transport.answer(.failed("timeout"))
    world.time.advance(seconds: 24 * 3600 - 1)
    #expect(try await world.take().turn == .putOff)
    world.time.advance(seconds: 1)
    #expect(try await world.take().turn == .done)
    #expect(try world.stores.events.deadLetters(subscription: nil, limit: 10).count == 1)
  }

  @Test func whatTheAPIDoesNotHaveIsBuriedAtOnce() async throws {
    try await world.subscribe(types: [TestPolicies.heard])
    try await world.queue(
      world.event("e1", type: TestPolicies.heard, data: #"{"subscriptionId":"b-s1"}"#),
      world.event("e2", type: TestPolicies.heard, data: #"{"subscriptionId":"b-s1","sound":{"a":1}}"#))
    for _ in 0..<2 { #expect(try await world.take().turn == .done) }
    #expect(transport.tries == 0)
    let failures = try world.stores.events.deadLetters(subscription: "s1", limit: 10).map(\.failure)
    #expect(failures == ["backend_shape", "backend_field_missing"])
  }

  @Test func anAPIThatIsNotServedPutsItOff() async throws {
    try await world.subscribe()
    try await world.queue(world.event())
    try await world.use(TestPolicies.otherVersion.get())
    #expect(try await world.take().turn == .putOff)
    #expect(try world.waiting().first?.failure == "api_not_served" && transport.tries == 0)
  }

  // MARK: As many as were asked for

  @Test func afterSoManyEventsItEnds() async throws {
    try await world.subscribe { $0.eventsMaximum = 2 }
    try await world.queue(world.event("e1"), world.event("e2"), world.event("e3"))
    for _ in 0..<2 { #expect(try await world.take().turn == .done) }
    #expect(transport.sent.map(\.eventID) == [world.leaving("e1"), world.leaving("e2")])
    let record = try #require(try world.subscription())
    #expect(record.eventCount == 2 && record.status == .expired && record.endReason == "MAX_EVENTS_REACHED")
    #expect(try await world.take().turn == .done)
    #expect(transport.sent.map(\.type) == [TestPolicies.seen, TestPolicies.seen, TestPolicies.ended])
    #expect(transport.sent[2].data["terminationReason"] == "MAX_EVENTS_REACHED")
    #expect(try world.waiting().isEmpty)
  }

  @Test func whatIsBuriedCountsAndWordsAboutTheSubscriptionDoNot() async throws {
    try await world.subscribe(types: [TestPolicies.heard]) { $0.eventsMaximum = 1 }
    try await world.queue(
      world.event("e1", type: TestPolicies.started, isLifecycle: true),
      world.event("e2", type: TestPolicies.heard, data: #"{"subscriptionId":"b-s1"}"#))
    #expect(try await world.take().turn == .done)
    #expect(try world.subscription()?.eventCount == 0 && world.isEnded() == false)
    #expect(try await world.take().turn == .done)
    #expect(try world.subscription()?.eventCount == 1 && world.subscription()?.endReason == "MAX_EVENTS_REACHED")
  }

  // MARK: Before it is tried

  @Test func itsTimeItsTokenAndItsClientAreLookedAtFirst() async throws {
    try await world.subscribe("s1") { $0.expiresAt = world.now(plus: 10) }
    try await world.subscribe("s2") { $0.credential = .accessToken("t", expiresAt: world.now(plus: 10)) }
    for id in ["s1", "s2"] { try await world.queue(world.event(of: id)) }
    world.time.advance(seconds: 10)
    for (id, reason) in [("s1", "SUBSCRIPTION_EXPIRED"), ("s2", "ACCESS_TOKEN_EXPIRED")] {
      #expect(try await world.take(id).turn == .done)
      #expect(try world.subscription(id)?.endReason == reason)
    }
    try await world.subscribe("s3")
    try await world.queue(world.event(of: "s3"))
    try await world.stores.clients.setEnabled(World.client, false)
    _ = try await world.take("s3")
    #expect(try world.subscription("s3")?.status == .inactive)
    #expect(transport.tries == 0)
    let isWritten = await world.eventually { world.entries("subscription.ended").count == 3 }
    #expect(isWritten)
  }

  @Test func eventsOfWhatIsNotKnownAreDropped() async throws {
    try await world.subscribe()
    try await world.queue(world.event())
    let event = try world.waiting()[0]
    try await world.stores.subscriptions.discard("s1")
    #expect(try await world.take(event).turn == .done)
    #expect(transport.tries == 0)
  }

  // MARK: Words about the subscription

  @Test func aBackendsWordOfAnEndBecomesTheGatewaysOwn() async throws {
    for (index, type) in [TestPolicies.ended, TestPolicies.ends].enumerated() {
      let id = "s\(index)"
      try await world.subscribe(id)
      let data = """
        {"subscriptionId":"b-\(id)","terminationReason":"SUBSCRIPTION_EXPIRED","terminationDescription":"It is over",
         "area":{"radius":1},"device":{"phoneNumber":"+33600000000"},"secret":"of the backend"}
        """
      try await world.queue(world.event(of: id, type: type, data: data, isLifecycle: true))
      #expect(try await world.take(id).turn == .done)
      #expect(transport.sent.count == index, "it does not leave as it came")
      #expect(try world.subscription(id)?.endReason == "SUBSCRIPTION_EXPIRED")
      #expect(try await world.take(id).turn == .done)
      let told = try #require(transport.sent.last)
      #expect(told.type == TestPolicies.ended && told.eventID != world.leaving("e1", of: id))
      #expect(told.json?["source"]?.string == "https://gateway.example/sightings/v1")
      #expect(
        told.data == [
          "subscriptionId": "b-\(id)", "terminationReason": "SUBSCRIPTION_EXPIRED", "terminationDescription": "It is over",
        ])
    }
    #expect(world.notices.all.isEmpty, "it knows")
  }

  /// Read before the subscription ended, in hand when it had: unfiltered, it would say all that its backend said.
  @Test(arguments: [TestPolicies.started, TestPolicies.ended])
  func aBackendsWordThatWasInHandWhenTheSubscriptionEndedDoesNotLeave(_ type: String) async throws {
    try await world.subscribe()
    try await world.queue(world.event("e1", type: type, isLifecycle: true))
    let inHand = try world.waiting()[0]
    try await world.ender.end("s1", because: .byOperator(description: nil))
    #expect(try await world.take(inHand).turn == .done)
    #expect(transport.tries == 0)
    let waiting = try world.waiting()
    #expect(waiting.count == 1 && waiting[0].eventID != "e1")
    #expect(try await world.take().turn == .done)
    #expect(transport.sent.map(\.eventID) == [waiting[0].eventID])
  }

  @Test func aWordThatWasInHandDoesNotLeaveWhereThereIsNoFarewellEither() async throws {
    try await world.subscribe()
    try await world.queue(world.event("e1", type: TestPolicies.started, isLifecycle: true))
    let inHand = try world.waiting()[0]
    try await world.ender.end("s1", because: .sinkGone)
    #expect(try await world.take(inHand).turn == .done)
    #expect(transport.tries == 0)
  }

  @Test func afarewellIsTriedAgainAndThenBuried() async throws {
    try await world.subscribe()
    try await world.ender.end("s1", because: .byOperator(description: "Maintenance"))
    transport.answer(.refused(status: 503, retryAfterSeconds: nil))
    for turn in [EventPassage.Turn.putOff, .putOff, .done] { #expect(try await world.take().turn == turn) }
    #expect(try world.waiting().isEmpty)
    #expect(transport.sent.map { $0.data["terminationDescription"] } == ["Maintenance", "Maintenance", "Maintenance"])
  }

  @Test func a410ToAFarewellIsAsGoodAsTaken() async throws {
    try await world.subscribe()
    try await world.ender.end("s1", because: .byOperator(description: nil))
    transport.answer(.gone)
    #expect(try await world.take().turn == .done)
    #expect(try world.waiting().isEmpty && world.stores.events.deadLetters(subscription: nil, limit: 1).isEmpty)
  }

  /// Its token may run out while it waits.
  @Test func aFarewellWithoutATokenThatHoldsIsBuried() async throws {
    try await world.subscribe { $0.credential = .accessToken("t", expiresAt: world.now(plus: 10)) }
    try await world.ender.end("s1", because: .byOperator(description: nil))
    world.time.advance(seconds: 10)
    #expect(try await world.take().turn == .done)
    #expect(transport.tries == 0)
    #expect(try world.stores.events.deadLetters(subscription: nil, limit: 1).map(\.failure) == ["token_expired"])
  }

  // MARK: Not tried at all

  @Test func whatIsPutOffUntriedWaitsAndIsBuriedByItsAge() async throws {
    try await world.subscribe()
    try await world.queue(world.event())
    let putOff = { [world] in
      let event = try world.waiting()[0]
      try await world.onLoop { [passage = world.passage] in
        try await passage.putOff(event, "sink_paused", restNanoseconds: 20_000_000_000)
      }
    }
    for _ in 0..<10 {
      try await putOff()
      let waiting = try #require(try world.waiting().first)
      #expect(waiting.failure == "sink_paused" && waiting.dueAt > world.now(plus: 20), "not while its server rests")
      #expect(waiting.attempts == 0, "however often: it has all its tries still")
      world.time.advance(seconds: 60)
    }
    world.time.advance(seconds: 24 * 3600)
    try await putOff()
    #expect(try world.waiting().isEmpty)
    #expect(try world.stores.events.deadLetters(subscription: nil, limit: 1).map(\.failure) == ["sink_paused"])
    #expect(transport.tries == 0)
  }
}
