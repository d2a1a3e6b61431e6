import Bytes
import Foundation
import Identifiers
import JOSE
import Store
import Synchronization
import Testing
import Wire

@testable import Administration

/// Ends as the gateway does, as far as the stores are concerned.
private final class Ending: SubscriptionEnding {
  let stores: Stores
  private let causes = Mutex<[SubscriptionEndCause]>([])
  var seen: [SubscriptionEndCause] { causes.withLock { $0 } }
  init(_ stores: Stores) { self.stores = stores }

  func end(_ id: String, for cause: SubscriptionEndCause) async throws -> Bool {
    causes.withLock { $0.append(cause) }
    return try await stores.subscriptions.end(
      id, status: .inactive, reason: "NETWORK_TERMINATED", at: Timestamp(seconds: 1_800_000_000), farewell: nil)
  }
}

private final class Counter: Sendable {
  private let number = Atomic<Int>(0)
  var value: Int { number.load(ordering: .relaxed) }
  func add() { number.add(1, ordering: .relaxed) }
}

/// Operators look at subscriptions and dead letters, end, replay and discard.
@Suite struct SubscriptionsTests {
  private static let number = MSISDN(e164: "+33639980001")!
  private let world: World
  /// How often delivery was told to look.
  private let wakes = Counter()
  private var ending: Ending { world.api.dependencies.subscriptionEnding as! Ending }
  private var stores: Stores { world.stores }

  init() throws { world = try World(ending: { Ending($0) }, eventsQueued: { [wakes] in wakes.add() }) }

  /// A subscription of a client, about a subscriber or nobody.
  @discardableResult
  private func make(_ id: String, client: String = "shop", isAboutSubscriber: Bool = true) async throws -> SubscriptionRecord {
    let subject = isAboutSubscriber ? try await stores.subjects.findOrCreate(Self.number) : nil
    let record = SubscriptionRecord(
      id: id, kind: "sim-swap-subscriptions:subscriptions", api: APIName(rawValue: "sim-swap-subscriptions")!, version: "v1",
      operation: OperationID(rawValue: "createSimSwapSubscription")!, client: ClientID(rawValue: client)!, subject: subject,
      isNamedByClient: true, grantedAt: nil, purpose: Purpose(rawValue: "dpv:FraudPreventionAndDetection")!, scopes: [],
      types: ["org.camaraproject.sim-swap-subscriptions.v1.swapped"],
      sink: "https://App.example:8443/the-secret-path?key=the-secret",
      credential: .accessToken("the-secret-token", expiresAt: Timestamp(seconds: 1_900_000_000)),
      createdAt: Timestamp(seconds: 1_700_000_000), eventsMaximum: 10)
    try await stores.subscriptions.insert(record, secret: digest(id))
    try await stores.subscriptions.made(
      id, backendID: "backend-\(id)", expiresAt: nil, isActive: true, document: Array("the-secret-document".utf8))
    return record
  }

  private func digest(_ text: String) -> Digest32 { SHA256.digest(Array(text.utf8)) }

  private func queue(_ id: String, _ numbers: ClosedRange<Int>, buried: Bool = false) async throws {
    for number in numbers {
      let event = QueuedEvent(
        subscription: id, eventID: "\(number)", source: "backend", type: "swapped", time: Timestamp(seconds: 1_700_000_001),
        data: Array("the-secret-data".utf8), isLifecycle: false, acceptedAt: Timestamp(seconds: 1_700_000_002),
        dueAt: Timestamp(seconds: 1_700_000_003))
      #expect(try await stores.events.accept(event, waitingMaximum: 99, totalMaximum: 99) == .queued)
      guard buried else { continue }
      let last = try #require(try stores.events.first(id, limit: 99).last)
      try await stores.events.bury(last, failure: "410", at: Timestamp(seconds: 1_700_000_004))
    }
  }

  private func ids(_ path: String) async -> [String] {
    let answer = await world.send("GET", path)
    #expect(answer.status == 200, "\(answer.text)")
    let rows = (try? JSONDocument(Array(answer.text.utf8)))?.root.array ?? []
    return rows.compactMap { $0["id"]?.string ?? $0["number"]?.integer.map { "\($0)" } }
  }

  @Test("they are found by client, subscriber, kind and status, the newest first; what is no selector is refused")
  func list() async throws {
    try await make("a")
    try await make("b", client: "bank")
    try await make("c", isAboutSubscriber: false)
    _ = await world.send("POST", "/subscriptions/c/end")
    #expect(await ids("/subscriptions") == ["c", "b", "a"])
    #expect(await ids("/subscriptions?limit=2") == ["c", "b"])
    #expect(await ids("/subscriptions?client=shop") == ["c", "a"])
    #expect(await ids("/subscriptions?subject=tel:%2B33639980001") == ["b", "a"])
    #expect(await ids("/subscriptions?subject=tel:%2B33639980002") == [])
    #expect(await ids("/subscriptions?kind=sim-swap-subscriptions:subscriptions&status=active") == ["b", "a"])
    #expect(await ids("/subscriptions?kind=other") == [])
    for query in ["client_id=shop", "status=live", "limit=0", "subject=tel:12", "client=%00"] {
      #expect(await world.send("GET", "/subscriptions?" + query).status == 400, "\(query)")
    }
  }

  @Test("one shows how it stands and what waits; of the sink its host, of credential and data nothing")
  func show() async throws {
    let record = try await make("a")
    try await queue("a", 1...2)
    try await queue("a", 3...3, buried: true)
    try await stores.events.putOff(
      stores.events.first("a", limit: 1)[0], dueAt: Timestamp(seconds: 1_700_000_100), failure: "connection_refused")
    let answer = await world.send("GET", "/subscriptions/a")
    #expect(answer.status == 200)
    let root = try JSONDocument(Array(answer.text.utf8)).root
    #expect(root["sink"]?.string == "https://app.example" && root["credential"]?.string == "access_token")
    #expect(root["waiting"]?.integer == 2 && root["dead"]?.integer == 1 && root["attempts"]?.integer == 1)
    #expect(root["failure"]?.string == "connection_refused" && root["backend_id"]?.string == "backend-a")
    #expect(root["subject"]?.string == record.subject?.rawValue && root["events"]?.integer == 1)
    let list = await world.send("GET", "/subscriptions")
    for text in [answer.text, list.text] { #expect(!text.contains("secret") && !text.contains("39980001"), "\(text)") }
    #expect(await world.send("GET", "/subscriptions/b").status == 404)
  }

  @Test(
    "a sink is shown as scheme and host",
    arguments: [
      ("https://a.example/x", "https://a.example"), ("http://[2001:db8::1]:8080/x", "http://[2001:db8::1]"),
      ("https://user:word@a.example/", "unreadable"), ("mailto:a@b.example", "unreadable"),
    ])
  func sinks(sink: String, shown: String) async throws {
    var record = try await make("a")
    record.sink = sink
    #expect(SubscriptionView(record: record, depth: EventDepths(waiting: 0, dead: 0, oldest: nil)).sink == shown)
  }

  @Test(
    "to end one is an act of the ledger, for a reason that stays here and with a description that the client gets; twice is a conflict"
  )
  func end() async throws {
    try await make("a")
    #expect(await world.send("POST", "/subscriptions/b/end").status == 404)
    let answer = await world.send("POST", "/subscriptions/a/end", #"{"reason":"asked by letter","description":"Contract ended"}"#)
    #expect(answer.status == 200 && answer.text.contains(#""status":"inactive""#), "\(answer.text)")
    #expect(ending.seen == [.operatorsAct(description: "Contract ended")])
    #expect(await world.send("POST", "/subscriptions/a/end").status == 409)
    #expect(world.events() == ["admin.subscription_ended"] && world.ledgerText().contains("asked by letter"))
    try await make("c")
    #expect(await world.send("POST", "/subscriptions/c/end").status == 200)
    #expect(ending.seen.last == .operatorsAct(description: nil))
  }

  @Test(
    "what cannot be told to a client, or is no reason, ends nothing",
    arguments: [
      (#"{"description":"\#(String(repeating: "x", count: 256))"}"#, 200),
      (#"{"description":"\#(String(repeating: "x", count: 257))"}"#, 400), (#"{"description":""}"#, 400),
      (#"{"description":"a\nb"}"#, 400), (#"{"reason":"\#(String(repeating: "é", count: 200))"}"#, 200),
      (#"{"reason":"\#(String(repeating: "é", count: 201))"}"#, 400), (#"{"reasons":"x"}"#, 400), ("[]", 400),
    ])
  func endTexts(body: String, status: Int) async throws {
    try await make("a")
    #expect(await world.send("POST", "/subscriptions/a/end", body).status == status)
    #expect(try stores.subscriptions.find(id: "a")?.status == (status == 200 ? .inactive : .active))
  }

  @Test("where nothing delivers events nobody could tell client and backend: it is said, and the subscription lives on")
  func endWithoutGateway() async throws {
    let alone = try World()
    try await make("a")
    try await alone.stores.subscriptions.insert(try #require(try stores.subscriptions.find(id: "a")), secret: digest("a"))
    let answer = await alone.send("POST", "/subscriptions/a/end")
    #expect(answer.status == 503 && answer.text.contains("lives on"), "\(answer.text)")
    #expect(try alone.stores.subscriptions.find(id: "a")?.status == .active)
    #expect(alone.events() == [])
  }

  @Test("one ends even when the ledger cannot be written, and that is said")
  func endWithoutLedger() async throws {
    try await make("a")
    world.disk.isFull.store(true, ordering: .relaxed)
    let answer = await world.send("POST", "/subscriptions/a/end")
    #expect(answer.status == 503 && answer.text.contains("has ended"))
    #expect(try stores.subscriptions.find(id: "a")?.status == .inactive)
  }

  @Test("dead letters are listed, sent again and discarded, by number or all of a subscription")
  func dead() async throws {
    try await make("a")
    try await make("b")
    try await queue("a", 1...3, buried: true)
    try await queue("b", 1...2, buried: true)
    #expect(await ids("/events/dead") == ["5", "4", "3", "2", "1"])
    #expect(await ids("/events/dead?subscription=a&limit=2") == ["3", "2"])
    #expect(await world.send("GET", "/events/dead?subscription=x").status == 404)
    let listed = await world.send("GET", "/events/dead").text
    #expect(listed.contains(#""failure":"410""#) && !listed.contains("secret"))
    #expect(await world.send("POST", "/events/dead/replay", #"{"numbers":[1,4,77]}"#).text == #"{"count":2}"#)
    #expect(wakes.value == 1)
    #expect(await world.send("POST", "/events/dead/discard", #"{"numbers":[5]}"#).text == #"{"count":1}"#)
    #expect(wakes.value == 1)
    #expect(await world.send("POST", "/events/dead/replay", #"{"subscription":"a"}"#).text == #"{"count":2}"#)
    #expect(try stores.events.first("a", limit: 9).map(\.eventID) == ["1", "2", "3"])
    #expect(try stores.events.depths().dead == 0 && stores.events.depth("b").waiting == 1)
    #expect(world.events() == ["admin.events_replayed", "admin.events_discarded", "admin.events_replayed"])
    #expect(world.ledgerText().contains(#""numbers":"1 4 77""#))
  }

  @Test(
    "nothing named is not everything",
    arguments: [
      "{}", #"{"numbers":[]}"#, #"{"numbers":[0]}"#, #"{"numbers":["1"]}"#, #"{"numbers":[1],"subscription":"a"}"#,
      #"{"all":true}"#,
      "",
    ])
  func nothingNamed(body: String) async throws {
    try await make("a")
    try await queue("a", 1...1, buried: true)
    for act in ["replay", "discard"] {
      #expect(await world.send("POST", "/events/dead/\(act)", body).status == 400, "\(act) \(body)")
    }
    #expect(try stores.events.depths().dead == 1)
    #expect(world.events() == [])
  }

  @Test("nothing is replayed or discarded without its entry")
  func deadWithoutLedger() async throws {
    try await make("a")
    try await queue("a", 1...1, buried: true)
    world.disk.isFull.store(true, ordering: .relaxed)
    for act in ["replay", "discard"] {
      #expect(await world.send("POST", "/events/dead/\(act)", #"{"numbers":[1]}"#).status == 503)
    }
    #expect(try stores.events.depths() == EventDepths(waiting: 0, dead: 1, oldest: nil))
  }

  @Test("whoever is erased has no subscription about them any more, whether a gateway runs or not", arguments: [true, false])
  func erased(isRunning: Bool) async throws {
    let world = isRunning ? self.world : try World()
    let subject = try await world.stores.subjects.findOrCreate(Self.number)
    var record = try await make("a")
    record.subject = subject
    if !isRunning { try await world.stores.subscriptions.insert(record, secret: digest("a")) }
    let answer = await world.send("POST", "/subjects/erase", #"{"subject":"tel:+33639980001","reason":"article 17"}"#)
    #expect(answer.status == 200, "\(answer.text)")
    let left = try #require(try world.stores.subscriptions.find(id: "a"))
    #expect(left.status == .inactive && left.document == nil)
    if isRunning { #expect(ending.seen == [.subjectErased]) }
  }
}
