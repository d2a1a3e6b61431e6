import Bytes
import Identifiers
import JOSE
import Ledger
import Policy
import Store
import Synchronization
import Wire

/// Tells a backend that one of its subscriptions is over. False: it could not be told, and is to be told again.
public typealias BackendNotice = @Sendable (SubscriptionRecord) async -> Bool

/// The one place where a subscription ends, whatever the reason. Any thread.
///
/// First the store: its status, the end of its queue and the farewell to the sink are one transaction, after which no event that waited can
/// leave. What follows, the ledger's entry and the word to the backend, is done in the background, again and again until it succeeds. A
/// process that ends in between leaves the entry out; a backend that was not told learns it with the next event, which is answered 410.
public final class SubscriptionEnder: Sendable {
  /// Ends of which something is still to be done; of what comes beyond the backend is not told.
  private static let pendingMaximum = 10_000
  private static let triesMaximum = 12
  private static let pauseSecondsMaximum = 600
  /// Ends that the backend of an API is being told of, at a time: it has calls to answer, too.
  private static let noticesMaximum = 16

  private let subscriptions: any SubscriptionStore
  private let ledger: LedgerWriter
  private let rules: CurrentRules
  private let settings: EventSettings
  private let time: any TimeSource
  private let loop: EventLoop
  private let meter: EventMeter
  private let notice: BackendNotice
  private let queued: @Sendable (_ subscription: String) -> Void
  private let pending = Atomic<Int>(0)
  private let isStopped = Atomic<Bool>(false)
  private let doors = Mutex<[APIName: Turnstile]>([:])
  /// Raised by each end, under the id of what ended: who is about to send something for it looks here.
  let ends = ChangeBoard()

  /// - Parameter queued: told of each subscription that has a farewell to deliver.
  init(
    subscriptions: any SubscriptionStore, ledger: LedgerWriter, rules: CurrentRules, settings: EventSettings,
    time: any TimeSource, loop: EventLoop, meter: EventMeter, notice: @escaping BackendNotice,
    queued: @escaping @Sendable (_ subscription: String) -> Void
  ) {
    self.subscriptions = subscriptions
    self.ledger = ledger
    self.rules = rules
    self.settings = settings
    self.time = time
    self.loop = loop
    self.meter = meter
    self.notice = notice
    self.queued = queued
  }

  /// Ends a subscription; when this returns it is over, durably, and nothing that waited for its sink leaves any more.
  ///
  /// - Returns: false when it had ended before, or is not known.
  /// - Throws: `StoreError`; it lives on then.
  @discardableResult
  public func end(_ id: String, because cause: EndCause) async throws -> Bool {
    guard let record = try subscriptions.find(id: id), record.status.isLive else { return false }
    let now = time.now()
    let farewell = cause.tellsSink ? farewell(record, cause, now) : nil
    guard
      try await subscriptions.end(
        id, status: cause.status, reason: cause.terminationReason, at: now, farewell: farewell)
    else { return false }
    ends.changed(ChangeBoard.hash(id))
    meter.countEnded(cause.word)
    if farewell != nil { queued(id) }
    conclude(record, cause)
    return true
  }

  /// What is not done by now is left.
  func stop() { isStopped.store(true, ordering: .releasing) }

  // MARK: The sink

  /// Nil where there is no type of event for it, where the client has no name for the subscription yet, and where the sink would not listen.
  private func farewell(_ record: SubscriptionRecord, _ cause: EndCause, _ now: Timestamp) -> QueuedEvent? {
    let rules = rules.now
    guard let subscription = rules.policy(of: record)?.subscription, let type = subscription.endedType,
      let backendID = record.backendID, record.credential?.expiresAt.map({ now < $0 }) ?? true
    else { return nil }
    let data = Farewell(record, subscription.idName, backendID, cause).data(subscription.event(type: type))
    return QueuedEvent(
      subscription: record.id, eventID: Random.uuid(), source: settings.apiAddress + rules.basePath(of: record), type: type,
      time: now, data: data, isLifecycle: true, acceptedAt: now, dueAt: now)
  }

  // MARK: Ledger and backend

  private func conclude(_ record: SubscriptionRecord, _ cause: EndCause) {
    let isImplicit = rules.now.policy(of: record)?.subscription.isImplicit ?? false
    let tellsBackend = record.backendID != nil && cause.tellsBackend(isImplicit: isImplicit)
    let isTaken = pending.wrappingAdd(1, ordering: .relaxed).newValue <= Self.pendingMaximum
    loop.spawn { [self] in
      defer { pending.wrappingSubtract(1, ordering: .relaxed) }
      await write(EventRecords.ended(record, cause))
      guard tellsBackend else { return }
      guard isTaken else { return meter.countNotice("dropped") }
      await tell(record)
    }
  }

  private func write(_ entry: LedgerEntry) async {
    while true {
      do throws(LedgerError) {
        try await ledger.append(entry)
        return
      } catch {
        if case .closed = error { return }
        if case .unwritable = error { return }
      }
      guard await pause(seconds: 1) else { return }
    }
  }

  private func tell(_ record: SubscriptionRecord) async {
    for attempt in 0..<Self.triesMaximum {
      let door = door(of: record.api)
      await door.enter()
      let isTold = await notice(record)
      door.leave()
      if isTold { return meter.countNotice("told") }
      guard await pause(seconds: min(Self.pauseSecondsMaximum, 1 << attempt)) else { return }
    }
    meter.countNotice("given_up")
  }

  private func door(of api: APIName) -> Turnstile {
    doors.withLock { doors in
      if let door = doors[api] { return door }
      let door = Turnstile(places: Self.noticesMaximum)
      doors[api] = door
      return door
    }
  }

  /// False when there is no more time.
  private func pause(seconds: Int) async -> Bool {
    try? await Task.sleep(for: .seconds(seconds))
    return !isStopped.load(ordering: .acquiring)
  }
}
