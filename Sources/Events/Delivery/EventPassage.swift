import Bytes
import Consent
import Identifiers
import JOSE
import Ledger
import Policy
import Store

/// The way of one event from the queue to its sink, in this order and no other:
///
/// 1. Does its subscription live, is its time not over, may its client use the gateway still?
/// 2. Does the subscriber agree, now? The one decision function says so.
/// 3. Of its data, what was agreed to.
/// 4. The sink's credential.
/// 5. The ledger's entry, durable.
/// 6. The same questions once more, right before the bytes are written; then the sink.
/// 7. What the sink made of it, durable.
///
/// Confined to the loop of the delivery.
final class EventPassage: @unchecked Sendable {
  /// What became of its turn.
  enum Turn: Equatable {
    /// It is gone; the next one has its turn.
    case done
    /// It waits, and those behind it.
    case putOff
    /// Store or ledger failed, the answer kept changing, or what it is about is not known yet: nothing was counted, and it is tried again in a
    /// moment.
    case stalled
  }

  /// What the sink's server did, for those who share it.
  enum Sign: Equatable {
    case none
    case answered
    /// It answers, and cannot take so many.
    case strained
    /// It does not answer.
    case silent
  }

  /// How often a try begins anew because something changed while its entry was written.
  private static let repeatsMaximum = 3

  struct Parts {
    let subscriptions: any SubscriptionStore
    let events: any EventQueue
    let clients: any ClientStore
    let subjects: any SubjectStore
    let ledger: LedgerWriter
    let transport: any EventTransport
    let tokens: SinkTokens
    let ender: SubscriptionEnder
    let judge: EventJudge
    let settings: EventSettings
    let time: any TimeSource
    let meter: EventMeter
  }

  private let parts: Parts
  private let bodies: EventBody
  private var random = SystemRandomNumberGenerator()

  init(_ parts: Parts) {
    self.parts = parts
    bodies = EventBody(subjects: parts.subjects, apiAddress: parts.settings.apiAddress)
  }

  /// One event's turn.
  ///
  /// - Throws: what store, ledger or consent master failed with; nothing was counted then.
  func take(_ event: QueuedEvent) async throws -> (turn: Turn, sign: Sign) {
    var correlator: String?
    for _ in 0..<Self.repeatsMaximum {
      if let result = try await attempt(event, &correlator) { return result }
    }
    return (.stalled, .none)
  }

  /// It is not tried, for its server does not answer: that counts as no attempt, but its age does.
  ///
  /// - Parameter restNanoseconds: what is left of the server's rest.
  func putOff(_ event: QueuedEvent, _ failure: String, restNanoseconds: UInt64) async throws {
    guard !isOld(event) else {
      guard let record = try parts.subscriptions.find(id: event.subscription) else { return }
      _ = try await fail(event, record, failure)
      return
    }
    let due = Backoff.dueUntried(
      acceptedAt: event.acceptedAt, restNanoseconds: restNanoseconds, now: parts.time.now(), using: &random)
    try await parts.events.putOff(event, dueAt: due, failure: failure, isTried: false)
  }

  // MARK: Questions

  /// Nil when it has to begin anew.
  private func attempt(_ event: QueuedEvent, _ correlator: inout String?) async throws -> (turn: Turn, sign: Sign)? {
    // Before anything is read: a change in between is seen before anything is written.
    let stamp = Stamp(parts, event.subscription)
    guard let record = try parts.subscriptions.find(id: event.subscription) else { return (try await drop(event), .none) }
    guard record.status.isLive else {
      // With its end the queue was emptied of all but the gateway's own word: another event, read before that and in hand still, may be the
      // backend's, with all that it says.
      guard event.isLifecycle, try parts.events.first(event.subscription, limit: 1).first?.number == event.number else {
        return (.done, .none)
      }
      return try await farewell(event, record)
    }
    if let cause = try whyItEnds(record) {
      try await parts.ender.end(record.id, because: cause)
      return (.done, .none)
    }
    let rules = parts.judge.rules
    guard let (operation, subscription) = rules.policy(of: record) else { return try await fail(event, record, "api_not_served") }
    guard let policy = subscription.event(type: event.type) else {
      return try await forgo(event, record, "type_unknown", correlator)
    }
    // It was taken before its backend had said which subscription it made: it waits for that, and is compared now.
    guard let backendID = record.backendID else { return (.stalled, .none) }
    guard subscription.isNamed(backendID, in: event.data) else {
      return try await forgo(event, record, "other_subscription", correlator)
    }
    if policy.isEnding {
      try await parts.ender.end(record.id, because: Self.cause(event))
      return (.done, .none)
    }
    let question = parts.judge.question(record, operation, policy)
    let (decision, source) = try await parts.judge.decide(question)
    switch decision {
    case .refused(let refusal):
      return try await refuse(event, record, refusal.reason.description, source, correlator)
    case .permitted(let permission):
      switch try bodies.filtered(event, record, policy, permission.categories, rules) {
      case .withheld: return try await refuse(event, record, "required_category_withheld", source, correlator)
      case .broken(let what): return (try await bury(event, record, "backend_" + what), .none)
      case .ready(let body, let categories):
        let released = rules.catalogue.categories.filter { $0.mask & categories != 0 }.map(\.id.rawValue)
        let judge = parts.judge
        return try await send(
          event, record, body, &correlator,
          entry: {
            EventRecords.delivered(
              event, record, permission, categories: released, source: source, correlator: $0, bytes: body.count)
          },
          isStillPermitted: { stamp.holds && judge.stillPermits(question, permission) })
      }
    }
  }

  private func whyItEnds(_ record: SubscriptionRecord) throws -> EndCause? {
    let now = parts.time.now()
    if let expiresAt = record.expiresAt, expiresAt <= now { return .expired }
    if let expiresAt = record.credential?.expiresAt, expiresAt <= now { return .sinkTokenExpired }
    guard let client = try parts.clients.client(record.client), client.isEnabled else { return .clientDisabled }
    // One more can have come in while the last one's end was not written.
    if let maximum = record.eventsMaximum, record.eventCount >= maximum { return .eventsReached }
    return nil
  }

  /// What the backend says of the end of its subscription.
  private static func cause(_ event: QueuedEvent) -> EndCause {
    let root = try? JSONDocument(event.data).root
    return .byBackend(
      terminationReason: root?["terminationReason"]?.string ?? "", description: root?["terminationDescription"]?.string)
  }

  // MARK: Sending

  /// An end that is to be told: no consent is asked for, for it tells of nobody.
  private func farewell(_ event: QueuedEvent, _ record: SubscriptionRecord) async throws -> (turn: Turn, sign: Sign) {
    if let expiresAt = record.credential?.expiresAt, expiresAt <= parts.time.now() {
      return (try await bury(event, record, "token_expired"), .none)
    }
    let body = bodies.own(event)
    var correlator: String?
    return try await send(
      event, record, body, &correlator,
      entry: { EventRecords.delivered(event, record, nil, categories: [], source: nil, correlator: $0, bytes: body.count) },
      isStillPermitted: { true }) ?? (.stalled, .none)
  }

  /// Nil when it was not permitted any more as its turn came.
  private func send(
    _ event: QueuedEvent, _ record: SubscriptionRecord, _ body: [UInt8], _ correlator: inout String?,
    entry: (_ correlator: String) -> LedgerEntry, isStillPermitted: @escaping @Sendable () -> Bool
  ) async throws -> (turn: Turn, sign: Sign)? {
    let bearer: String?
    do throws(SinkTokenFailure) { bearer = try await parts.tokens.bearer(record.credential) } catch {
      return try await fail(event, record, error.word)
    }
    let name = correlator ?? Random.uuid()
    try await parts.ledger.append(entry(name))
    correlator = name
    let outgoing = OutgoingEvent(owner: record.client.rawValue, sink: record.sink, bearer: bearer, correlator: name, body: body)
    switch await parts.transport.send(outgoing, isStillPermitted: isStillPermitted) {
    case .notSent: return nil
    case .accepted: return (try await delivered(event, record), .answered)
    case .gone:
      if try await !parts.ender.end(record.id, because: .sinkGone) { _ = try await drop(event) }
      return (.done, .answered)
    case .refused(let status, let retryAfter):
      if status == 401 { parts.tokens.reject(record.credential) }
      let isStrained = status == 429 || status >= 500
      return (
        try await fail(event, record, "status_\(status)", status: status, retryAfterSeconds: retryAfter).turn,
        isStrained ? .strained : .answered
      )
    case .failed(let word): return (try await fail(event, record, word).turn, .silent)
    }
  }

  // MARK: Outcomes

  private func delivered(_ event: QueuedEvent, _ record: SubscriptionRecord) async throws -> Turn {
    let count = try await parts.events.settle(event, counts: !event.isLifecycle)
    parts.meter.countOutcome("delivered")
    try await endIfReached(record, count)
    return .done
  }

  private func drop(_ event: QueuedEvent) async throws -> Turn {
    _ = try await parts.events.settle(event, counts: false)
    parts.meter.countOutcome("dropped")
    return .done
  }

  private func withhold(
    _ event: QueuedEvent, _ record: SubscriptionRecord, _ reason: String, _ source: StaticString?, _ correlator: String?
  ) async throws {
    try await parts.ledger.append(
      EventRecords.withheld(event, record, reason: reason, source: source, correlator: correlator))
    parts.meter.countOutcome("withheld")
  }

  /// It is not for this subscription, which goes on without it.
  private func forgo(
    _ event: QueuedEvent, _ record: SubscriptionRecord, _ reason: String, _ correlator: String?
  ) async throws -> (turn: Turn, sign: Sign) {
    try await withhold(event, record, reason, nil, correlator)
    return (try await drop(event), .none)
  }

  /// It may not be told. The subscription ends with it, unless events of another of its types may be told still.
  private func refuse(
    _ event: QueuedEvent, _ record: SubscriptionRecord, _ reason: String, _ source: StaticString?, _ correlator: String?
  ) async throws -> (turn: Turn, sign: Sign) {
    try await withhold(event, record, reason, source, correlator)
    guard try await parts.judge.permitsAny(record) else {
      if try await !parts.ender.end(record.id, because: .consentWithdrawn) {
        _ = try await parts.events.settle(event, counts: false)
      }
      return (.done, .none)
    }
    _ = try await parts.events.settle(event, counts: false)
    return (.done, .none)
  }

  private func fail(
    _ event: QueuedEvent, _ record: SubscriptionRecord, _ failure: String, status: Int? = nil, retryAfterSeconds: Int? = nil
  ) async throws -> (turn: Turn, sign: Sign) {
    parts.meter.countFailure(failure)
    guard event.attempts + 1 < parts.settings.attemptsMaximum, !isOld(event) else {
      return (try await bury(event, record, failure, status: status), .none)
    }
    let due = Backoff.due(
      after: event.attempts + 1, retryAfterSeconds: retryAfterSeconds, now: parts.time.now(), using: &random)
    try await parts.events.putOff(event, dueAt: due, failure: failure)
    return (.putOff, .none)
  }

  private func isOld(_ event: QueuedEvent) -> Bool {
    parts.time.now() >= event.acceptedAt.adding(seconds: Int64(parts.settings.attemptHours) * 3600)
  }

  private func bury(
    _ event: QueuedEvent, _ record: SubscriptionRecord, _ failure: String, status: Int? = nil
  ) async throws -> Turn {
    try await parts.ledger.append(EventRecords.failed(event, record, reason: failure, status: status))
    try await parts.events.bury(event, failure: failure, at: parts.time.now())
    parts.meter.countOutcome("buried")
    if record.eventsMaximum != nil, let now = try parts.subscriptions.find(id: record.id) {
      try await endIfReached(now, now.eventCount)
    }
    return .done
  }

  private func endIfReached(_ record: SubscriptionRecord, _ count: Int) async throws {
    guard record.status.isLive, let maximum = record.eventsMaximum, count >= maximum else { return }
    try await parts.ender.end(record.id, because: .eventsReached)
  }

  /// What was true when a try began.
  private struct Stamp: Sendable {
    private let ends: ChangeBoard
    private let hash: UInt64
    private let end: UInt64
    private let clients: any ClientStore
    private let generation: UInt64

    init(_ parts: Parts, _ subscription: String) {
      ends = parts.ender.ends
      hash = ChangeBoard.hash(subscription)
      end = ends.stamp(hash)
      clients = parts.clients
      generation = clients.generation
    }

    /// No end has been written for it since, and no client was changed.
    var holds: Bool { ends.stamp(hash) == end && clients.generation == generation }
  }
}
