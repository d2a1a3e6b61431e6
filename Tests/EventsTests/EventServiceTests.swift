import Bytes
import Store
import Synchronization
import Testing
import Wire

@testable import Events

/// The parts put together, with a sink that answers on a socket.
@Suite struct EventServiceTests {
  private let world: World

  init() async throws {
    world = try await World()
    try await world.agree()
  }

  private func service() throws -> EventService {
    EventService(
      EventService.Parts(
        subscriptions: world.stores.subscriptions, events: world.stores.events, clients: world.stores.clients,
        subjects: world.stores.subjects, ledger: world.ledger, keys: world.keys, time: world.time, loop: world.loop,
        client: world.client, notice: { _ in true }, complain: { [complaints = world.complaints] in complaints.add($0) }),
      settings: world.settings, rules: world.rules.now)
  }

  private func incoming(_ secret: SubscriptionSecret, _ id: String) -> IncomingEvent {
    let fields = [
      ("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "/b"), ("ce-type", TestPolicies.seen),
      ("ce-time", "2026-03-10T11:59:59Z"),
    ]
    return IncomingEvent(
      pathSecret: secret.path, authorization: "Bearer " + secret.bearer, contentType: "application/json",
      attributes: fields.map { (name: $0.0, value: $0.1) }, body: Array(#"{"subscriptionId":"b-s1","name":"Ada"}"#.utf8))
  }

  @Test func whatABackendGivesReachesTheSinkFiltered() async throws {
    let sink = try FakeServer(204)
    let secret = try await world.subscribe { $0.sink = sink.origin + "/sink" }
    let service = try service()
    service.start()
    for number in 0..<5 { #expect(await service.intake.take(incoming(secret, "e\(number)")).status == 204) }
    let isThere = await world.eventually { service.meter.delivered == 5 }
    #expect(isThere)
    #expect(
      sink.requests.map { try? JSONDocument($0.body).root["id"]?.string } == (0..<5).map { world.leaving("e\($0)", source: "/b") }
    )
    #expect(sink.requests.allSatisfy { $0.target == "/sink" && $0.method == "POST" })

    // Under rules that do not serve the API nothing leaves, and nothing is taken.
    service.use(EventRules(catalogue: try TestPolicies.otherVersion.get(), consents: world.register))
    #expect(await service.intake.take(incoming(secret, "e5")).status == 503)
    service.use(world.rules.now)
    #expect(await service.intake.take(incoming(secret, "e6")).status == 204)
    let isTaken = await world.eventually { sink.requests.count == 6 }
    #expect(isTaken)

    #expect(try await service.ender.end("s1", because: .byOperator(description: nil)))
    let isTold = await world.eventually { sink.requests.count == 7 }
    #expect(isTold)
    #expect(try sink.requests.last.map { try JSONDocument($0.body).root["type"]?.string } == TestPolicies.ended)
    #expect(await service.intake.take(incoming(secret, "e7")).status == 410)
    await service.stop(deadlineSeconds: 10)
    #expect(world.complaints.all.isEmpty)
  }

  /// The watch's last event tells of its end, and comes when it has been deleted.
  @Test func aWatchThatWasDeletedHasAMomentForItsLastWord() async throws {
    let service = try service()
    for (id, seconds) in [("s1", Int64(1000)), ("s2", 30)] { try await world.watch(id, knownSeconds: seconds) }
    try await world.subscribe("s3")
    for id in ["s1", "s2", "s3"] {
      try await service.deleted(try #require(try world.subscription(id)), "b-\(id)")
    }
    #expect(try world.subscription("s1")?.expiresAt == world.now(plus: 60) && world.isEnded("s1") == false)
    #expect(try world.subscription("s2")?.expiresAt == world.now(plus: 30), "no longer than it had")
    #expect(try world.subscription("s3")?.endReason == "SUBSCRIPTION_DELETED")
  }

  @Test func metricsSayHowManyWaitAndForHowLong() async throws {
    let service = try service()
    try await world.subscribe()
    try await world.queue(world.event("e1"))
    world.time.advance(seconds: 60)
    try await world.queue(world.event("e2"))
    var values: [String: Double] = [:]
    for family in service.metrics() {
      for series in family.series {
        let name = family.name + (series.labels.first.map { "." + $0.value } ?? "")
        switch series.value {
        case .count(let count): values[name] = Double(count)
        case .number(let number): values[name] = number
        default: break
        }
      }
    }
    #expect(values["passerelle_events_waiting"] == 2 && values["passerelle_events_dead"] == 0)
    #expect(values["passerelle_events_oldest_seconds"] == 60)
    #expect(values["passerelle_subscriptions.active"] == 1 && values["passerelle_subscriptions.deleted"] == 0)
  }

  @Test func aStoppedServiceBeginsNothing() async throws {
    let sink = try FakeServer(204)
    let secret = try await world.subscribe { $0.sink = sink.origin }
    let service = try service()
    service.start()
    await service.stop(deadlineSeconds: 10)
    // It is kept all the same, for the next process.
    #expect(await service.intake.take(incoming(secret, "e1")).status == 204)
    service.wake()
    try await world.onLoop {}
    #expect(try world.waiting().map(\.eventID) == ["e1"] && sink.requests.isEmpty)
    let next = try self.service()
    next.start()
    let isThere = await world.eventually { sink.requests.count == 1 }
    #expect(isThere)
    await next.stop(deadlineSeconds: 10)
  }
}
