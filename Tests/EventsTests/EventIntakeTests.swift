import Bytes
import Store
import Synchronization
import Testing

@testable import Events

/// What backends are answered, case by case.
@Suite struct EventIntakeTests {
  private let world: World

  init() async throws { world = try await World() }

  private func intake(_ events: (any EventQueue)? = nil, _ adjust: (inout EventSettings) -> Void = { _ in }) -> EventIntake {
    var settings = world.settings
    adjust(&settings)
    return EventIntake(
      subscriptions: world.stores.subscriptions, events: events ?? world.stores.events, rules: world.rules, settings: settings,
      time: world.time, meter: world.meter, queued: { [queued = world.queued] in queued.add($0) })
  }

  private func incoming(
    _ secret: SubscriptionSecret, id: String = "e1", type: String = TestPolicies.seen,
    data: String = #"{"subscriptionId":"b-s1"}"#
  ) -> IncomingEvent {
    let body = """
      {"specversion":"1.0","id":"\(id)","source":"/b","type":"\(type)","time":"2026-03-10T11:59:59Z","data":\(data)}
      """
    return IncomingEvent(
      pathSecret: secret.path, authorization: "Bearer " + secret.bearer, contentType: "application/cloudevents+json",
      attributes: [], body: Array(body.utf8))
  }

  // MARK: Who is let in

  @Test func anEventIsInTheQueueWhenItIsAcknowledged() async throws {
    let secret = try await world.subscribe()
    let answer = await intake().take(incoming(secret))
    #expect(answer == IntakeAnswer(204) && answer.message.isEmpty)
    let waiting = try world.waiting()
    #expect(waiting.map(\.eventID) == ["e1"] && waiting.map(\.source) == ["/b"] && waiting.map(\.isLifecycle) == [false])
    #expect(waiting.first.map { String(decoding: $0.data, as: UTF8.self) } == #"{"subscriptionId":"b-s1"}"#)
    #expect(waiting.first?.dueAt == world.now() && waiting.first?.acceptedAt == world.now())
    #expect(world.queued.all == ["s1"])
    #expect(world.count("passerelle_events_received", "204") == 1)
  }

  @Test(arguments: [nil, "", "Bearer ", "Basic abc", "Bearer"])
  func withoutABearerTokenNobodyIsLetIn(_ authorization: String?) async throws {
    var event = incoming(try await world.subscribe())
    event.authorization = authorization
    let answer = await intake().take(event)
    #expect(answer.status == 401 && answer.code == "UNAUTHENTICATED")
    #expect(try world.waiting().isEmpty)
  }

  @Test func theSchemesNameIsReadInEitherCase() async throws {
    var event = incoming(try await world.subscribe())
    event.authorization = event.authorization?.replacing("Bearer", with: "bEARER")
    #expect(await intake().take(event).status == 204)
  }

  /// Whoever knows one half learns nothing about the other.
  @Test func aWrongPathAndAWrongTokenAreAnsweredAlike() async throws {
    let secret = try await world.subscribe()
    let other = try await world.subscribe("s2")
    var answers: [IntakeAnswer] = []
    for (path, bearer) in [
      (other.path, secret.bearer), (secret.path, other.bearer), (SubscriptionSecret.random().path, secret.bearer),
      (secret.path, SubscriptionSecret.random().bearer), (secret.bearer, secret.path), ("x", secret.bearer), (secret.path, "x"),
      (secret.path + "A", secret.bearer), ("", secret.bearer),
    ] {
      var event = incoming(secret)
      (event.pathSecret, event.authorization) = (path, "Bearer " + bearer)
      answers.append(await intake().take(event))
    }
    #expect(Set(answers.map(\.message)).count == 1 && answers.allSatisfy { $0 == answers[0] })
    #expect(answers[0].status == 404 && answers[0].code == "NOT_FOUND")
    #expect(try world.waiting().isEmpty && world.waiting("s2").isEmpty)
  }

  // MARK: Ends

  @Test func whatIsOverTakesNoMore() async throws {
    let secret = try await world.subscribe()
    _ = try await world.stores.subscriptions.end(
      "s1", status: .deleted, reason: "SUBSCRIPTION_DELETED", at: world.now(), farewell: nil)
    let answer = await intake().take(incoming(secret))
    #expect(answer.status == 410 && answer.code == "GONE")
    #expect(world.queued.all.isEmpty)
  }

  @Test func neitherDoesWhatHasItsTimeBehindIt() async throws {
    let secret = try await world.subscribe { $0.expiresAt = world.now(plus: 10) }
    world.time.advance(seconds: 9)
    #expect(await intake().take(incoming(secret)).status == 204)
    world.time.advance(seconds: 1)
    #expect(await intake().take(incoming(secret, id: "e2")).status == 410)
    #expect(try world.subscription()?.status == .active, "the sweep ends it, and tells its sink")
  }

  /// What was read before the end was written finds it in the transaction.
  @Test func anEndInBetweenIsSeen() async throws {
    let secret = try await world.subscribe()
    let subscriptions = world.stores.subscriptions
    let now = world.now()
    let queue = FaultyQueue(world.stores.events, isBroken: false) {
      _ = try await subscriptions.end("s1", status: .inactive, reason: "NETWORK_TERMINATED", at: now, farewell: nil)
    }
    #expect(await intake(queue).take(incoming(secret)).status == 410)
    #expect(try world.waiting().isEmpty)
  }

  // MARK: What an event must be

  @Test func whatIsNoEventIsSaidSoWithoutRepeatingIt() async throws {
    let secret = try await world.subscribe()
    var event = incoming(secret)
    event.body = Array(#"{"specversion":"0.3","id":"the-secret-of-the-backend"}"#.utf8)
    let answer = await intake().take(event)
    #expect(answer.status == 400 && answer.code == "INVALID_ARGUMENT")
    #expect(answer.message.contains("specversion") && !answer.message.contains("secret"))
  }

  @Test(arguments: ["application/cloudevents-batch+json", "text/plain", nil])
  func otherContentIsNotTaken(_ contentType: String?) async throws {
    var event = incoming(try await world.subscribe())
    event.contentType = contentType
    let answer = await intake().take(event)
    #expect(answer.status == 415 && answer.code == "UNSUPPORTED_MEDIA_TYPE")
  }

  @Test func whatIsTooLargeIsNotTaken() async throws {
    let secret = try await world.subscribe()
    let data = #"{"subscriptionId":"b-s1","a":"\#(String(repeating: "x", count: CloudEvent.dataBytesMaximum))"}"#
    let answer = await intake().take(incoming(secret, data: data))
    #expect(answer.status == 413 && answer.code == "CONTENT_TOO_LARGE")
  }

  @Test func onlyTypesThatWereAskedForAreTaken() async throws {
    let secret = try await world.subscribe(types: [TestPolicies.seen])
    for type in [TestPolicies.heard, "org.example.sightings.v0.unknown", "x"] {
      let answer = await intake().take(incoming(secret, type: type))
      #expect(answer.status == 403 && answer.code == "PERMISSION_DENIED", "\(type)")
    }
    #expect(try world.waiting().isEmpty)
    // Nobody asks for words about the subscription itself.
    #expect(await intake().take(incoming(secret, type: TestPolicies.started)).status == 204)
    #expect(try world.waiting().map(\.isLifecycle) == [true])
  }

  @Test func whereNoTypesCanBeChosenAllAreTaken() async throws {
    let secret = try await world.subscribe(types: [])
    #expect(await intake().take(incoming(secret, type: TestPolicies.heard)).status == 204)
  }

  /// A backend that mixes its subscriptions up would tell one client of another's subscriber.
  @Test(arguments: [
    #"{"subscriptionId":"b-s2"}"#, #"{"subscriptionId":"b-s"}"#, #"{"subscriptionId":"b-s1x"}"#, #"{"subscriptionId":null}"#,
    #"{"subscriptionId":["b-s1"]}"#, "{}", #"{"id":"b-s1"}"#,
  ])
  func dataAboutAnotherSubscriptionAreRefused(_ data: String) async throws {
    let secret = try await world.subscribe()
    let answer = await intake().take(incoming(secret, data: data))
    #expect(answer.status == 400 && answer.code == "INVALID_ARGUMENT" && answer.message.contains("another subscription"))
    #expect(try world.waiting().isEmpty)
  }

  @Test func anIdIsComparedAsWhatItSays() async throws {
    let secret = try await world.subscribe()
    #expect(await intake().take(incoming(secret, data: #"{"subscriptionId":"b-s\u0031"}"#)).status == 204)
  }

  /// An event may come before the answer that tells the backend's name for the subscription.
  @Test func beforeTheBackendHasAnsweredItsNameIsNotKnown() async throws {
    let secret = try await world.subscribe(isMade: false)
    #expect(await intake().take(incoming(secret, data: #"{"subscriptionId":"whatever"}"#)).status == 204)
  }

  @Test func anAPIThatIsNotServedTakesItLater() async throws {
    let secret = try await world.subscribe()
    try await world.use(TestPolicies.otherVersion.get())
    let answer = await intake().take(incoming(secret))
    #expect(answer.status == 503 && answer.code == "UNAVAILABLE" && answer.retryAfterSeconds == 60)
  }

  // MARK: The queue

  @Test func theSameEventTwiceIsQueuedOnce() async throws {
    let secret = try await world.subscribe()
    #expect(await intake().take(incoming(secret)).status == 204)
    #expect(await intake().take(incoming(secret)) == IntakeAnswer(204))
    #expect(try world.waiting().count == 1 && world.queued.all == ["s1"])
    #expect(await intake().take(incoming(secret, id: "e2")).status == 204)
    #expect(try world.waiting().count == 2)
  }

  @Test func aFullQueueSaysWhenToComeAgain() async throws {
    let secret = try await world.subscribe()
    let other = try await world.subscribe("s2")
    for (id, status) in [("e1", 204), ("e2", 204), ("e3", 429), ("e1", 204)] {
      let answer = await intake { $0.waitingPerSubscription = 2 }.take(incoming(secret, id: id))
      #expect(answer.status == status, "\(id)")
      if status == 429 { #expect(answer.code == "TOO_MANY_REQUESTS" && (answer.retryAfterSeconds ?? 0) > 0) }
    }
    // All together.
    let data = #"{"subscriptionId":"b-s2"}"#
    #expect(await intake { $0.waitingMaximum = 2 }.take(incoming(other, data: data)).status == 429)
    #expect(await intake { $0.waitingMaximum = 3 }.take(incoming(other, data: data)).status == 204)
  }

  @Test func whatCannotBeKeptIsNotAcknowledged() async throws {
    let secret = try await world.subscribe()
    let queue = FaultyQueue(world.stores.events)
    let answer = await intake(queue).take(incoming(secret))
    #expect(answer.status == 503 && answer.code == "UNAVAILABLE" && (answer.retryAfterSeconds ?? 0) > 0)
    #expect(world.queued.all.isEmpty && world.count("passerelle_events_received", "503") == 1)
    queue.isBroken.store(false, ordering: .relaxed)
    #expect(await intake(queue).take(incoming(secret)).status == 204)
  }
}
