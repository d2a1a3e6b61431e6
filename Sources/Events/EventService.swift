import Bytes
import Consent
import JOSE
import Ledger
import Store
import Telemetry
import Wire

/// Subscriptions and their events, put together: one for a process, on a loop of its own. Reloads give it new rules.
public final class EventService: Sendable {
  /// What it works with.
  public struct Parts {
    public var subscriptions: any SubscriptionStore
    public var events: any EventQueue
    public var clients: any ClientStore
    public var subjects: any SubjectStore
    public var ledger: LedgerWriter
    /// Signs assertions for clients' token endpoints.
    public var keys: KeyRing
    public var time: any TimeSource
    /// Its own; running after `start`.
    public var loop: EventLoop
    /// Goes to sinks and to clients' token endpoints.
    public var client: JudgedWebClient
    public var notice: BackendNotice
    /// For the operator's log: a line, when something is wrong that was not before. Any thread.
    public var complain: @Sendable (String) -> Void

    public init(
      subscriptions: any SubscriptionStore, events: any EventQueue, clients: any ClientStore, subjects: any SubjectStore,
      ledger: LedgerWriter, keys: KeyRing, time: any TimeSource, loop: EventLoop, client: JudgedWebClient,
      notice: @escaping BackendNotice, complain: @escaping @Sendable (String) -> Void
    ) {
      self.subscriptions = subscriptions
      self.events = events
      self.clients = clients
      self.subjects = subjects
      self.ledger = ledger
      self.keys = keys
      self.time = time
      self.loop = loop
      self.client = client
      self.notice = notice
      self.complain = complain
    }
  }

  private static let lastEventsSeconds: Int64 = 60

  public let intake: EventIntake
  public let ender: SubscriptionEnder
  public let sinks: SinkRules
  public let meter = EventMeter()
  private let rules: CurrentRules
  private let judge: EventJudge
  private let delivery: EventDelivery
  private let sweeps: SubscriptionSweeps
  private let subscriptions: any SubscriptionStore
  private let events: any EventQueue
  private let time: any TimeSource
  private let loop: EventLoop

  public init(_ parts: Parts, settings: EventSettings, rules first: EventRules) {
    let rules = CurrentRules(first)
    let judge = EventJudge(rules: first, time: parts.time)
    let line = QueueLine()
    let queued: @Sendable (String) -> Void = { line.queued($0) }
    (subscriptions, events, time, loop) = (parts.subscriptions, parts.events, parts.time, parts.loop)
    (self.rules, self.judge) = (rules, judge)
    intake = EventIntake(
      subscriptions: parts.subscriptions, events: parts.events, rules: rules, settings: settings, time: parts.time, meter: meter,
      queued: queued)
    ender = SubscriptionEnder(
      subscriptions: parts.subscriptions, ledger: parts.ledger, rules: rules, settings: settings, time: parts.time,
      loop: parts.loop, meter: meter, notice: parts.notice, queued: queued)
    sinks = SinkRules(client: parts.client, originName: settings.originName, allowsPlainHTTP: settings.allowsPlainHTTP)
    let transport = HTTPTransport(
      client: parts.client, timeoutMilliseconds: settings.timeoutMilliseconds, originName: settings.originName,
      allowsPlainHTTP: settings.allowsPlainHTTP)
    let passage = EventPassage(
      EventPassage.Parts(
        subscriptions: parts.subscriptions, events: parts.events, clients: parts.clients, subjects: parts.subjects,
        ledger: parts.ledger, transport: transport,
        tokens: SinkTokens(
          client: parts.client, keys: parts.keys, time: parts.time, timeoutMilliseconds: settings.timeoutMilliseconds),
        ender: ender, judge: judge, settings: settings, time: parts.time, meter: meter))
    delivery = EventDelivery(
      subscriptions: parts.subscriptions, events: parts.events, passage: passage, settings: settings, time: parts.time,
      loop: parts.loop, meter: meter, complain: parts.complain)
    sweeps = SubscriptionSweeps(
      subscriptions: parts.subscriptions, ender: ender, judge: judge, settings: settings, time: parts.time, loop: parts.loop,
      complain: parts.complain)
    line.delivery = delivery
  }

  /// Its loop runs.
  public func start() {
    delivery.start()
    sweeps.start()
  }

  /// Begins nothing more, and waits for what has begun, for so long at most. What is left in the queue goes on at the next start.
  public func stop(deadlineSeconds: Int) async {
    delivery.stop()
    sweeps.stop()
    ender.stop()
    let deadline = ContinuousClock.now.advanced(by: .seconds(deadlineSeconds))
    while ContinuousClock.now < deadline, await turnCount() > 0 { try? await Task.sleep(for: .milliseconds(20)) }
  }

  /// Its client deleted it, and the backend knows. A session that was deleted says so with an event, for which there is a moment.
  ///
  /// - Throws: `StoreError`; it lives on then.
  public func deleted(_ record: SubscriptionRecord, _ backendID: String) async throws {
    guard rules.now.policy(of: record)?.subscription.isImplicit ?? false else {
      try await ender.end(record.id, because: .deleted)
      return
    }
    let end = time.now().adding(seconds: Self.lastEventsSeconds)
    guard record.expiresAt.map({ end < $0 }) ?? true else { return }
    try await subscriptions.made(record.id, backendID: backendID, expiresAt: end, isActive: false, document: nil)
  }

  /// From now on events are judged by these.
  public func use(_ next: EventRules) {
    rules.set(next)
    loop.execute { [judge] in judge.use(next) }
  }

  /// Something was put into the queue by somebody else: a dead letter, back again. Any thread.
  public func wake() { delivery.wake() }

  /// For a scrape.
  public func metrics() -> [MetricFamily] { meter.families(events, subscriptions, now: time.now()) }

  private func turnCount() async -> Int {
    await withCheckedContinuation { continuation in
      loop.execute { [delivery] in continuation.resume(returning: delivery.turnCount) }
    }
  }
}

/// Who queues is made before who delivers. Set once, before anything is queued.
private final class QueueLine: @unchecked Sendable {
  var delivery: EventDelivery?
  func queued(_ subscription: String) { delivery?.queued(subscription) }
}
