import Bytes
import Consent
import Foundation
import Identifiers
import JOSE
import Ledger
import Policy
import Store
import Synchronization
import Wire

@testable import Events

/// A disk that takes nothing while it is told so.
final class Disk: FileFaults {
  let isFull = Atomic<Bool>(false)
  func beforeWrite(byteCount: Int) -> WriteFault? { isFull.load(ordering: .relaxed) ? .fails(errno: ENOSPC) : nil }
}

/// The parts of `EventService` over stores and a ledger of its own, with a transport that the test is. The clock that decides is moved
/// by the test; the loop's own goes.
final class World: Sendable {
  static let client = ClientID(rawValue: "bank")!
  static let purpose = Purpose(rawValue: "dpv:Testing")!
  static let number = MSISDN(e164: "+33612345678")!
  static let origin = "gateway.example"

  private static let keys: Result<KeyRing, any Error> = Result {
    let folder = NSTemporaryDirectory() + "passerelle-event-keys-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try KeyRing.openOrCreate(directory: folder)
  }

  let folder: String
  let time = ManualTime(Timestamp(rfc3339: "2026-03-10T12:00:00Z")!)
  let disk = Disk()
  let loop: EventLoop
  let keys: KeyRing
  let database: Database
  let stores: Stores
  let ledger: LedgerWriter
  let register: ConsentRegister
  let rules: CurrentRules
  let settings: EventSettings
  let meter = EventMeter()
  let transport = FakeTransport()
  let client: JudgedWebClient
  let judge: EventJudge
  let tokens: SinkTokens
  let ender: SubscriptionEnder
  let passage: EventPassage
  let subject: SubjectPseudonym
  /// Backend's ids of the subscriptions of whose end a backend was told, in order.
  let notices: Notes
  /// Subscriptions that were said to have something new, in order.
  let queued: Notes
  let complaints = Notes()

  struct NoObserver: ConsentObserver {
    func consentChanged(_ change: ConsentChange) async throws {}
  }

  /// - Parameter addresses: where sinks may be.
  init(_ adjust: (inout EventSettings) -> Void = { _ in }, addresses: AddressRule = .any) async throws {
    folder = NSTemporaryDirectory() + "passerelle-events-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    keys = try Self.keys.get()
    database = try Database(path: folder + "/store.sqlite", time: time)
    stores = Stores(database: database, lookup: keys.lookup, sealing: keys.sealing)
    ledger = try LedgerWriter(directory: folder + "/ledger", time: time, faults: disk)
    loop = try EventLoop(index: 0, time: SystemTime())
    loop.start()
    register = try Self.register(TestPolicies.catalogue.get(), stores, time)
    let first = EventRules(catalogue: try TestPolicies.catalogue.get(), consents: register)
    rules = CurrentRules(first)
    var settings = EventSettings(apiAddress: "https://gateway.example", originName: Self.origin)
    settings.allowsPlainHTTP = true
    adjust(&settings)
    self.settings = settings
    client = JudgedWebClient(loop: loop, tls: try TLSClientContext(), rule: addresses)
    judge = EventJudge(rules: first, time: time)
    tokens = SinkTokens(client: client, keys: keys, time: time)
    let (notices, queued) = (Notes(), Notes())
    (self.notices, self.queued) = (notices, queued)
    ender = SubscriptionEnder(
      subscriptions: stores.subscriptions, ledger: ledger, rules: rules, settings: settings, time: time, loop: loop, meter: meter,
      notice: { record in
        notices.add(record.backendID ?? "")
        return true
      }, queued: { queued.add($0) })
    passage = EventPassage(
      EventPassage.Parts(
        subscriptions: stores.subscriptions, events: stores.events, clients: stores.clients, subjects: stores.subjects,
        ledger: ledger, transport: transport, tokens: tokens, ender: ender, judge: judge, settings: settings, time: time,
        meter: meter))
    subject = try await stores.subjects.findOrCreate(Self.number)
    try await stores.clients.save(Self.record())
  }

  deinit {
    loop.stop()
    ledger.close()
    database.close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  static func register(_ catalogue: Catalogue, _ stores: Stores, _ time: ManualTime) -> ConsentRegister {
    ConsentRegister(
      store: stores.consents, refreshTokens: stores.refreshTokens, catalogue: catalogue, time: time, observer: NoObserver())
  }

  static func record(
    _ id: ClientID = client, sinks: [String] = [], proof: ClientRecord.EventSinkProof = .handshake
  ) -> ClientRecord {
    var record = ClientRecord(
      id: id, name: "Example Bank", grantTypes: ["client_credentials"], scopes: [], jwks: Array(#"{"keys":[]}"#.utf8))
    record.eventSinks = sinks
    record.eventSinkProof = proof
    return record
  }

  func now(plus seconds: Int64 = 0) -> Timestamp { time.now().adding(seconds: seconds) }

  /// Runs something on the loop of the delivery.
  func onLoop<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      loop.spawn {
        do { continuation.resume(returning: try await body()) } catch { continuation.resume(throwing: error) }
      }
    }
  }

  /// Waits until something holds; false after 20 seconds.
  func eventually(_ condition: () throws -> Bool) async rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < end {
      if try condition() { return true }
      try? await Task.sleep(for: .milliseconds(2))
    }
    return try condition()
  }

  /// Under other policies.
  func use(_ catalogue: Catalogue) async throws {
    let next = EventRules(catalogue: catalogue, consents: Self.register(catalogue, stores, time))
    rules.set(next)
    try await onLoop { [judge] in judge.use(next) }
  }
}

// MARK: - Subscriptions, events and consents

extension World {
  /// Adds a subscription; one that its backend has made, as `b-<id>`, unless told otherwise.
  @discardableResult
  func subscribe(
    _ id: String = "s1", types: [String] = [TestPolicies.seen], isMade: Bool = true,
    with adjust: (inout SubscriptionRecord) -> Void = { _ in }
  ) async throws -> SubscriptionSecret {
    var record = SubscriptionRecord(
      id: id, kind: "sightings:subscriptions", api: APIName(rawValue: "sightings")!, version: "1.0.0",
      operation: OperationID(rawValue: "createSighting")!, client: Self.client, subject: subject, isNamedByClient: true,
      grantedAt: now(), purpose: Self.purpose, scopes: Self.scopes(TestPolicies.seen, TestPolicies.heard), types: types,
      sink: "https://sink.example/\(id)", credential: nil, createdAt: now())
    adjust(&record)
    let secret = SubscriptionSecret.random()
    try await stores.subscriptions.insert(record, secret: secret.digest)
    if isMade {
      try await stores.subscriptions.made(id, backendID: "b-\(id)", expiresAt: nil, isActive: true, document: record.document)
    }
    return secret
  }

  /// Adds one of what is no subscription but tells of itself: a watch, made as `b-<id>`, which is known for so long.
  func watch(_ id: String = "s1", knownSeconds: Int64 = 1000, with adjust: (inout SubscriptionRecord) -> Void = { _ in })
    async throws
  {
    try await subscribe(id, types: [], isMade: false) {
      ($0.kind, $0.operation) = ("sightings:watches", OperationID(rawValue: "createWatch")!)
      adjust(&$0)
    }
    try await stores.subscriptions.made(
      id, backendID: "b-\(id)", expiresAt: now(plus: knownSeconds), isActive: true, document: nil)
  }

  static func scopes(_ types: String...) -> ScopeSet { ScopeSet(types.map(TestPolicies.scope)) }

  /// The subscriber agrees, to all unless told otherwise.
  @discardableResult
  func agree(
    _ types: [String] = [TestPolicies.seen, TestPolicies.heard], to categories: [String] = ["name", "place", "voice"],
    client: ClientID = client
  ) async throws -> ConsentID {
    try await register.grantOnBehalf(
      subject: subject, client: client, purpose: Self.purpose, scopes: ScopeSet(types.map(TestPolicies.scope)),
      categories: categories.map { CategoryID(rawValue: $0)! }, reason: "test", expiresAt: now(plus: 1_000_000)
    ).id
  }

  func withdraw(_ consent: ConsentID) async throws {
    _ = try await register.revoke(consent, actor: "subscriber", reason: "test")
  }

  /// An event of a subscription, as its backend gives it.
  func event(
    _ id: String = "e1", of subscription: String = "s1", type: String = TestPolicies.seen, data: String? = nil,
    source: String = "/backend", isLifecycle: Bool = false
  ) -> QueuedEvent {
    let usual = #"{"subscriptionId":"b-\#(subscription)","name":"Ada","phoneNumber":"+33612345678","secret":1}"#
    return QueuedEvent(
      subscription: subscription, eventID: id, source: source, type: type, time: now(), data: Array((data ?? usual).utf8),
      isLifecycle: isLifecycle, acceptedAt: now(), dueAt: now())
  }

  func queue(_ events: QueuedEvent...) async throws {
    for event in events { _ = try await stores.events.accept(event, waitingMaximum: 1000, totalMaximum: 1000) }
  }

  func waiting(_ subscription: String = "s1") throws -> [QueuedEvent] { try stores.events.first(subscription, limit: 1000) }

  func subscription(_ id: String = "s1") throws -> SubscriptionRecord? { try stores.subscriptions.find(id: id) }

  /// The first event of a subscription has its turn.
  func take(_ subscription: String = "s1") async throws -> (turn: EventPassage.Turn, sign: EventPassage.Sign) {
    try await take(try waiting(subscription)[0])
  }

  func take(_ event: QueuedEvent) async throws -> (turn: EventPassage.Turn, sign: EventPassage.Sign) {
    try await onLoop { [passage] in try await passage.take(event) }
  }

  /// What `event(_:of:)` is called when it leaves.
  func leaving(_ id: String = "e1", of subscription: String = "s1", source: String = "/backend") -> String {
    let text = "\(subscription) \(source.utf8.count) \(source) \(id.utf8.count) \(id)"
    return String(SHA256.digest(Array(text.utf8)).hex.prefix(32))
  }

  func isEnded(_ id: String = "s1") throws -> Bool { try subscription(id)?.status.isLive == false }
}

// MARK: - The ledger

extension World {
  /// What the ledger has of an event, in order.
  func entries(_ event: String) -> [JSONValue] {
    let text = (try? String(contentsOfFile: folder + "/ledger/000000000001.jsonl", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { try? JSONDocument(Array($0.utf8)).root }.filter {
      $0["event"]?.string == event
    }
  }

  var ledgerText: String { (try? String(contentsOfFile: folder + "/ledger/000000000001.jsonl", encoding: .utf8)) ?? "" }
}

// MARK: - What a metric counts

extension World {
  func count(_ family: String, _ label: String) -> UInt64 {
    let found = meter.families(stores.events, stores.subscriptions, now: time.now()).first { $0.name == family }
    let series = found?.series.first { $0.labels.contains { $0.value == label } }
    guard case .count(let count) = series?.value else { return 0 }
    return count
  }
}

/// Words that any thread adds.
final class Notes: Sendable {
  private let words = Mutex<[String]>([])
  var all: [String] { words.withLock { $0 } }
  func add(_ word: String) { words.withLock { $0.append(word) } }
}

/// Something that async functions wait for, opened by the test.
final class Gate: Sendable {
  private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  func open() {
    let waiting = state.withLock { state in
      defer { state = (true, []) }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}
