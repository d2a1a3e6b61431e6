import Bytes
import Identifiers
import Store
import Synchronization
import Testing

@testable import Events

/// What ends without an event.
@Suite struct SubscriptionSweepsTests {
  private let world: World
  private let sweeps: SubscriptionSweeps

  init() async throws {
    world = try await World { $0.tokenLeadSeconds = 30 }
    sweeps = Self.sweeps(world)
  }

  private static func sweeps(_ world: World) -> SubscriptionSweeps {
    SubscriptionSweeps(
      subscriptions: world.stores.subscriptions, ender: world.ender, judge: world.judge, settings: world.settings,
      time: world.time, loop: world.loop,
      complain: { [complaints = world.complaints] in complaints.add($0) })
  }

  /// To which something happens right before one is ended.
  private static func sweeps(
    _ world: World, beforeEnding: @escaping @Sendable (_ id: String) async throws -> Void
  ) -> SubscriptionSweeps {
    let store = PacedSubscriptions(world.stores.subscriptions, beforeEnding: beforeEnding)
    let ender = SubscriptionEnder(
      subscriptions: store, ledger: world.ledger, rules: world.rules, settings: world.settings, time: world.time,
      loop: world.loop, meter: world.meter, notice: { _ in true }, queued: { _ in })
    return SubscriptionSweeps(
      subscriptions: store, ender: ender, judge: world.judge, settings: world.settings, time: world.time, loop: world.loop,
      complain: { [complaints = world.complaints] in complaints.add($0) })
  }

  private func pass(_ other: SubscriptionSweeps? = nil) async throws {
    let sweeps = other ?? sweeps
    try await world.onLoop { await sweeps.pass() }
    #expect(world.complaints.all.isEmpty)
  }

  private func reason(_ id: String = "s1") throws -> String? { try world.subscription(id)?.endReason }

  // MARK: Time and token

  @Test func whoseTimeIsOverEnds() async throws {
    try await world.subscribe { $0.expiresAt = world.now(plus: 100) }
    try await world.subscribe("s2")
    world.time.advance(seconds: 99)
    try await pass()
    #expect(try reason() == nil)
    world.time.advance(seconds: 2)
    try await pass()
    #expect(try reason() == "SUBSCRIPTION_EXPIRED" && reason("s2") == nil)
    #expect(try world.waiting().map(\.type) == [TestPolicies.ended])
  }

  /// Shortly before, so that the sink can still be told.
  @Test func whoseTokenRunsOutEndsAheadOfIt() async throws {
    try await world.subscribe { $0.credential = .accessToken("t", expiresAt: world.now(plus: 100)) }
    world.time.advance(seconds: 69)
    try await pass()
    #expect(try reason() == nil)
    world.time.advance(seconds: 2)
    try await pass()
    #expect(try reason() == "ACCESS_TOKEN_EXPIRED")
    #expect(try world.waiting().count == 1)
  }

  /// What is over together with its token has its whole time.
  @Test func aTokenThatOutlivesTheSubscriptionTakesNothingFromIt() async throws {
    for (id, seconds) in [("s1", Int64(100)), ("s2", 101)] {
      try await world.subscribe(id) {
        ($0.expiresAt, $0.credential) = (world.now(plus: 100), .accessToken("t", expiresAt: world.now(plus: seconds)))
      }
    }
    world.time.advance(seconds: 99)
    try await pass()
    #expect(try reason() == nil && reason("s2") == nil)
    world.time.advance(seconds: 2)
    try await pass()
    #expect(try reason() == "SUBSCRIPTION_EXPIRED" && reason("s2") == "SUBSCRIPTION_EXPIRED")
  }

  @Test func aTokenThatRanOutWhileNobodyLookedEndsAllTheSame() async throws {
    try await world.subscribe { $0.credential = .accessToken("t", expiresAt: world.now(plus: 10)) }
    world.time.advance(seconds: 1000)
    try await pass()
    #expect(try reason() == "ACCESS_TOKEN_EXPIRED" && world.waiting().isEmpty)
  }

  @Test func moreThanAPortionEndAtOnce() async throws {
    for number in 0..<450 { try await world.subscribe("s\(number)") { $0.expiresAt = world.now(plus: 1) } }
    world.time.advance(seconds: 2)
    try await pass()
    #expect(try world.stores.subscriptions.counts()[.expired] == 450)
  }

  /// One alone after the other, each with a commit of its own, would keep all that is behind them from its turn.
  @Test func thoseOfAPortionEndTogether() async throws {
    for number in 0..<20 { try await world.subscribe("s\(number)") { $0.expiresAt = world.now(plus: 1) } }
    world.time.advance(seconds: 2)
    let (gate, begun) = (Gate(), Notes())
    let sweeps = Self.sweeps(world) { id in
      begun.add(id)
      await gate.wait()
    }
    async let pass: Void = world.onLoop { await sweeps.pass() }
    let areUnderWay = await world.eventually { begun.all.count == 20 }
    #expect(areUnderWay)
    gate.open()
    try await pass
    #expect(try world.stores.subscriptions.counts()[.expired] == 20)
  }

  @Test func whatCannotBeEndedKeepsTheOthersFromNothing() async throws {
    for number in 0..<5 { try await world.subscribe("s\(number)") { $0.expiresAt = world.now(plus: 1) } }
    try await world.subscribe("never", isMade: false)
    world.time.advance(seconds: 4000)
    let isBroken = Atomic<Bool>(true)
    let sweeps = Self.sweeps(world) { id in
      if id == "s2", isBroken.load(ordering: .relaxed) { throw StoreError.closed }
    }
    for _ in 0..<2 { try await world.onLoop { await sweeps.pass() } }
    #expect(try (0..<5).filter { try !world.isEnded("s\($0)") } == [2] && world.isEnded("never"))
    #expect(world.complaints.all.count == 1, "once for as long as it is the same")
    isBroken.store(false, ordering: .relaxed)
    try await world.onLoop { await sweeps.pass() }
    #expect(try world.isEnded("s2"))
  }

  // MARK: Withdrawals

  @Test func whatIsTakenBackEnds() async throws {
    try await world.subscribe()
    let consent = try await world.agree()
    try await pass()
    #expect(try reason() == nil)
    try await world.withdraw(consent)
    try await pass()
    #expect(try reason() == "NETWORK_TERMINATED" && world.subscription()?.status == .inactive)
  }

  @Test func whatIsStillAgreedToGoesOn() async throws {
    try await world.subscribe("s1", types: [TestPolicies.seen])
    try await world.subscribe("s2", types: [TestPolicies.heard])
    try await world.subscribe("s3", types: [TestPolicies.seen, TestPolicies.heard])
    try await world.agree()
    try await pass()
    // A narrower decision: nobody is to hear of places any more.
    try await world.agree(to: ["name", "voice"])
    try await pass()
    #expect(try reason("s1") == "NETWORK_TERMINATED" && reason("s2") == nil && reason("s3") == nil)
  }

  @Test func subscriptionsOfOtherClientsGoOn() async throws {
    let other = ClientID(rawValue: "other")!
    try await world.stores.clients.save(World.record(other))
    try await world.subscribe("s1")
    try await world.subscribe("s2") { $0.client = other }
    let consent = try await world.agree()
    try await world.agree(client: other)
    try await world.withdraw(consent)
    try await pass()
    #expect(try reason("s1") != nil && reason("s2") == nil)
  }

  /// The process was down, or ended before it looked.
  @Test func aWithdrawalIsFoundAfterARestart() async throws {
    try await world.subscribe()
    let consent = try await world.agree()
    try await pass()
    try await world.withdraw(consent)
    try await pass(Self.sweeps(world))
    #expect(try reason() == "NETWORK_TERMINATED")
  }

  @Test func whatWasDealtWithIsNotLookedAtAgain() async throws {
    try await world.subscribe()
    try await world.agree()
    try await pass()
    let place = try world.stores.subscriptions.withdrawals(limit: 10)
    #expect(place.of.isEmpty && place.place > 0)
    try await pass(Self.sweeps(world))
    #expect(try world.stores.subscriptions.withdrawals(limit: 10).place == place.place)
    #expect(try reason() == nil)
  }

  @Test func anAPIThatIsNotServedKeepsItsSubscriptions() async throws {
    try await world.subscribe()
    let consent = try await world.agree()
    try await world.use(TestPolicies.otherVersion.get())
    try await world.withdraw(consent)
    try await pass()
    #expect(try reason() == nil, "it asks nobody and tells nothing; it may be served again")
  }

  // MARK: Clients

  @Test func thoseOfAClientThatIsDisabledEnd() async throws {
    let other = ClientID(rawValue: "other")!
    try await world.stores.clients.save(World.record(other))
    try await world.subscribe("s1")
    try await world.subscribe("s2") { $0.client = other }
    try await pass()
    try await world.stores.clients.setEnabled(World.client, false)
    try await pass()
    #expect(try reason("s1") == "NETWORK_TERMINATED" && reason("s2") == nil)
    let isWritten = await world.eventually { world.entries("subscription.ended").count == 1 }
    #expect(isWritten)
    #expect(world.entries("subscription.ended").map { $0["reason"]?.string } == ["client_disabled"])
  }

  // MARK: Without an answer

  /// A process that dies before it has its backend's answer leaves one that nobody knows.
  @Test func whatNoBackendHasMadeForAnHourEnds() async throws {
    try await world.subscribe("s1", isMade: false)
    try await world.subscribe("s2")
    try await world.subscribe("s3", isMade: false)
    // 202: it is not active yet, and has a name.
    try await world.stores.subscriptions.made("s3", backendID: "b-s3", expiresAt: nil, isActive: false, document: nil)
    world.time.advance(seconds: 1800)
    try await world.subscribe("s4", isMade: false)
    world.time.advance(seconds: 1799)
    try await pass()
    #expect(try reason("s1") == nil)
    world.time.advance(seconds: 2)
    try await pass()
    #expect(try reason("s1") == "NETWORK_TERMINATED" && world.subscription("s1")?.status == .inactive)
    for id in ["s2", "s3", "s4"] { #expect(try reason(id) == nil) }
    let isWritten = await world.eventually { !world.entries("subscription.ended").isEmpty }
    #expect(isWritten)
    try await world.onLoop {}
    #expect(world.entries("subscription.ended").map { $0["reason"]?.string } == ["never_made"])
    #expect(try world.waiting("s1").isEmpty && world.notices.all.isEmpty, "nobody knows it by a name")
  }

  // MARK: What is no subscription but has one

  @Test func aWatchIsListenedToAsLongAsItIsKnownAndGoesOn() async throws {
    try await world.watch(knownSeconds: 100)
    world.time.advance(seconds: 99)
    try await pass()
    #expect(try reason() == nil)
    world.time.advance(seconds: 2)
    try await pass()
    #expect(try reason() == "SUBSCRIPTION_EXPIRED")
    #expect(try world.waiting().isEmpty, "its API has no word for that")
    let isWritten = await world.eventually { world.entries("subscription.ended").count == 1 }
    #expect(isWritten)
    try await world.onLoop {}
    #expect(world.notices.all.isEmpty, "that nobody listens any more ends nothing")
  }

  @Test func aWatchThatIsNotPermittedAnyMoreEndsAtItsBackend() async throws {
    try await world.watch()
    let consent = try await world.agree()
    try await pass()
    #expect(try reason() == nil)
    try await world.withdraw(consent)
    try await pass()
    #expect(try reason() == "NETWORK_TERMINATED")
    let isTold = await world.eventually { world.notices.all == ["b-s1"] }
    #expect(isTold)
  }

  // MARK: By itself

  @Test func itGoesByItselfUntilItIsStopped() async throws {
    try await world.subscribe { $0.expiresAt = world.now(plus: 1) }
    world.time.advance(seconds: 2)
    sweeps.start()
    let isOver = try await world.eventually { try world.isEnded() }
    #expect(isOver)
    sweeps.stop()
    try await world.onLoop {}
    try await world.subscribe("s2") { $0.expiresAt = world.now(plus: 1) }
    world.time.advance(seconds: 2)
    try await world.onLoop { [sweeps] in await sweeps.pass() }
    #expect(try world.isEnded("s2") == false)
  }
}
