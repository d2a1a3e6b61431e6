import Bytes
import Identifiers
import Store
import Synchronization
import Testing

@testable import Events

/// Who has a turn when.
@Suite struct EventDeliveryTests {
  private let world: World
  private var transport: FakeTransport { world.transport }

  init() async throws {
    world = try await World { $0.deliveriesAtOnce = 8 }
    try await world.agree()
  }

  private func delivery(_ events: (any EventQueue)? = nil) -> EventDelivery {
    EventDelivery(
      subscriptions: world.stores.subscriptions, events: events ?? world.stores.events, passage: world.passage,
      settings: world.settings, time: world.time, loop: world.loop, meter: world.meter,
      complain: { [complaints = world.complaints] in complaints.add($0) })
  }

  /// Runs until something holds, and until no turn is under way.
  private func run(_ delivery: EventDelivery, until condition: () throws -> Bool) async throws {
    delivery.start()
    let holds = try await world.eventually(condition)
    #expect(holds)
    try await rest(delivery)
  }

  private func rest(_ delivery: EventDelivery) async throws {
    delivery.stop()
    while try await world.onLoop({ delivery.turnCount > 0 }) { try await Task.sleep(for: .milliseconds(2)) }
  }

  /// Another client, of whose subscriptions the same subscriber agrees to.
  private func addClient(_ name: String) async throws -> ClientID {
    let client = ClientID(rawValue: name)!
    try await world.stores.clients.save(World.record(client))
    try await world.agree(client: client)
    return client
  }

  @Test func eventsOfASubscriptionLeaveInTheirOrder() async throws {
    let ids = (0..<50).map { "e\($0)" }
    for subscription in ["s1", "s2", "s3"] { try await world.subscribe(subscription) }
    for id in ids { for subscription in ["s1", "s2", "s3"] { try await world.queue(world.event(id, of: subscription)) } }
    let underWay = Mutex<(now: Set<String>, isTwice: Bool)>(([], false))
    transport.answer { event in
      underWay.withLock { if !$0.now.insert(event.sink).inserted { $0.isTwice = true } }
      await Task.yield()
      underWay.withLock { _ = $0.now.remove(event.sink) }
      return .accepted
    }
    try await run(delivery()) { transport.sent.count == 150 }
    for subscription in ["s1", "s2", "s3"] {
      #expect(
        transport.sent.filter { $0.sink.hasSuffix(subscription) }.map(\.eventID)
          == ids.map { world.leaving($0, of: subscription) })
    }
    #expect(!underWay.withLock { $0.isTwice }, "one at a time of each")
    #expect(transport.isConfined && world.complaints.all.isEmpty)
    #expect(try world.stores.events.depths().waiting == 0)
  }

  @Test func whatIsNewIsTakenWhenItIsTold() async throws {
    try await world.subscribe()
    let delivery = delivery()
    delivery.start()
    for number in 0..<20 {
      try await world.queue(world.event("e\(number)"))
      delivery.queued("s1")
    }
    try await run(delivery) { transport.sent.count == 20 }
    #expect(transport.sent.map(\.eventID) == (0..<20).map { world.leaving("e\($0)") })
  }

  @Test func whatIsPutOffWaitsForItsTimeAndHoldsUpThoseBehindIt() async throws {
    try await world.subscribe()
    try await world.queue(world.event("e1"), world.event("e2"))
    let isAway = Atomic<Bool>(true)
    transport.answer { _ in isAway.load(ordering: .relaxed) ? .refused(status: 503, retryAfterSeconds: 30) : .accepted }
    let delivery = delivery()
    delivery.start()
    let isPutOff = try await world.eventually { try world.waiting().first?.attempts == 1 }
    #expect(isPutOff)
    isAway.store(false, ordering: .relaxed)
    for _ in 0..<5 {
      delivery.wake()
      delivery.queued("s1")
      try await world.onLoop {}
    }
    #expect(transport.tries == 1, "nobody goes before the first")
    world.time.advance(seconds: 31)
    delivery.wake()
    try await run(delivery) { transport.sent.count == 3 }
    #expect(transport.sent.map(\.eventID) == ["e1", "e1", "e2"].map { world.leaving($0) })
  }

  /// More subscriptions at the dead server than there are turns: the others go on meanwhile.
  @Test func aDeadSinkTakesNoTurnsOfOthers() async throws {
    let client = try await addClient("other")
    for number in 0..<12 {
      try await world.subscribe("dead-\(number)") { ($0.client, $0.sink) = (client, "https://dead.example/\(number)") }
      try await world.queue(world.event(of: "dead-\(number)"))
    }
    for number in 0..<12 {
      try await world.subscribe("good-\(number)") { $0.sink = "https://good-\(number).example/" }
      try await world.queue(world.event(of: "good-\(number)"))
    }
    let gate = Gate()
    let hanging = Mutex<(now: Int, most: Int)>((0, 0))
    transport.answer { event in
      guard event.sink.contains("dead") else { return .accepted }
      hanging.withLock { ($0.now, $0.most) = ($0.now + 1, max($0.most, $0.now + 1)) }
      await gate.wait()
      hanging.withLock { $0.now -= 1 }
      return .accepted
    }
    let delivery = delivery()
    delivery.start()
    let areThrough = await world.eventually { transport.sent.count { $0.sink.contains("good") } == 12 }
    #expect(areThrough)
    let areTwo = await world.eventually { hanging.withLock { $0.now } == 2 }
    #expect(areTwo)
    gate.open()
    try await run(delivery) { transport.sent.count == 24 }
    #expect(hanging.withLock { $0.most } == 2, "a quarter of the turns")
  }

  @Test func aClientOfManyDeadSinksHasHalfOfTheTurns() async throws {
    for number in 0..<12 {
      try await world.subscribe("dead-\(number)") { $0.sink = "https://dead-\(number).example/" }
      try await world.queue(world.event(of: "dead-\(number)"))
    }
    let other = try await addClient("other")
    try await world.subscribe("good") { ($0.client, $0.sink) = (other, "https://good.example/") }
    try await world.queue(world.event(of: "good"))
    let gate = Gate()
    let hanging = Mutex<(now: Int, most: Int)>((0, 0))
    transport.answer { event in
      guard event.sink.contains("dead") else { return .accepted }
      hanging.withLock { ($0.now, $0.most) = ($0.now + 1, max($0.most, $0.now + 1)) }
      await gate.wait()
      hanging.withLock { $0.now -= 1 }
      return .accepted
    }
    let delivery = delivery()
    delivery.start()
    let isThrough = await world.eventually { transport.sent.contains { $0.sink.contains("good") } }
    #expect(isThrough)
    let areFour = await world.eventually { hanging.withLock { $0.now } == 4 }
    #expect(areFour)
    gate.open()
    try await run(delivery) { transport.sent.count == 13 }
    #expect(hanging.withLock { $0.most } == 4)
  }

  /// A server that does not answer is not tried for each of its subscriptions.
  @Test func aSilentServerRestsAndTheOthersOfItWait() async throws {
    for number in 0..<30 {
      try await world.subscribe("s\(number)") { $0.sink = "https://dead.example/\(number)" }
      try await world.queue(world.event(of: "s\(number)"))
    }
    transport.answer(.failed("timeout"))
    let delivery = delivery()
    delivery.start()
    let arePutOff = try await world.eventually {
      try (0..<30).allSatisfy { try world.waiting("s\($0)").first?.failure != nil }
    }
    #expect(arePutOff)
    try await rest(delivery)
    let failures = try (0..<30).compactMap { try world.waiting("s\($0)").first?.failure }
    #expect(failures.contains("sink_paused") && failures.contains("timeout"))
    #expect(transport.tries < 30)
    let attempts = try (0..<30).compactMap { try world.waiting("s\($0)").first?.attempts }
    #expect(attempts.reduce(0, +) == transport.tries, "only what was tried counts")
  }

  /// What comes before its backend's answer is looked at again when that is there.
  @Test func whatCameBeforeTheAnswerLeavesAfterIt() async throws {
    try await world.subscribe(isMade: false)
    try await world.queue(world.event())
    let delivery = delivery()
    delivery.start()
    for _ in 0..<5 {
      delivery.queued("s1")
      try await world.onLoop {}
    }
    #expect(try transport.tries == 0 && world.waiting().map(\.attempts) == [0])
    try await world.stores.subscriptions.made("s1", backendID: "b-s1", expiresAt: nil, isActive: true, document: nil)
    try await run(delivery) { transport.sent.count == 1 }
    #expect(world.complaints.all.isEmpty)
  }

  @Test func aStopBeginsNothingMore() async throws {
    try await world.subscribe()
    try await world.queue(world.event("e1"), world.event("e2"))
    let gate = Gate()
    transport.answer { _ in
      await gate.wait()
      return .accepted
    }
    let delivery = delivery()
    delivery.start()
    let hasBegun = await world.eventually { transport.sent.count == 1 }
    #expect(hasBegun)
    delivery.stop()
    #expect(try await world.onLoop { delivery.turnCount } == 1)
    gate.open()
    try await rest(delivery)
    #expect(try transport.sent.count == 1 && world.waiting().map(\.eventID) == ["e2"])
    // The next process goes on.
    try await run(self.delivery()) { transport.sent.count == 2 }
  }

  @Test func aQueueThatCannotBeReadIsComplainedOfOnceAndReadLater() async throws {
    try await world.subscribe()
    try await world.queue(world.event())
    let queue = FaultyQueue(world.stores.events)
    let delivery = delivery(queue)
    delivery.start()
    for _ in 0..<10 { delivery.wake() }
    let isSaid = await world.eventually { !world.complaints.all.isEmpty }
    #expect(isSaid)
    try await world.onLoop {}
    #expect(world.complaints.all.count == 1 && transport.tries == 0)
    queue.isBroken.store(false, ordering: .relaxed)
    try await run(delivery) { transport.sent.count == 1 }
  }

  @Test func aLedgerThatFailsHoldsEverythingUpAndCountsNothing() async throws {
    try await world.subscribe()
    try await world.queue(world.event())
    world.disk.isFull.store(true, ordering: .relaxed)
    let delivery = delivery()
    delivery.start()
    let isSaid = await world.eventually { !world.complaints.all.isEmpty }
    #expect(isSaid)
    #expect(try transport.tries == 0 && world.waiting().map(\.attempts) == [0])
    world.disk.isFull.store(false, ordering: .relaxed)
    try await run(delivery) { transport.sent.count == 1 }
  }
}
