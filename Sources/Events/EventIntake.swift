import Bytes
import JOSE
import Policy
import Store

/// What a backend posted to the gateway's own sink.
public struct IncomingEvent: Sendable {
  /// Behind `/events/`.
  public var pathSecret: String
  /// The value of `Authorization`; nil without one.
  public var authorization: String?
  /// The value of `Content-Type`; nil without one.
  public var contentType: String?
  /// The fields whose names begin with `ce-`, the names in lower case.
  public var attributes: [(name: String, value: String)]
  public var body: [UInt8]

  public init(
    pathSecret: String, authorization: String?, contentType: String?, attributes: [(name: String, value: String)], body: [UInt8]
  ) {
    self.pathSecret = pathSecret
    self.authorization = authorization
    self.contentType = contentType
    self.attributes = attributes
    self.body = body
  }
}

/// What a backend is answered: a status and, unless it is 204, an `ErrorInfo`.
public struct IntakeAnswer: Sendable, Equatable {
  public let status: Int
  /// CAMARA's code; nil for 204.
  public let code: String?
  /// For the backend's people. It holds nothing of what was sent.
  public let message: String
  public let retryAfterSeconds: Int?

  init(_ status: Int, _ code: String? = nil, _ message: String = "", retryAfterSeconds: Int? = nil) {
    self.status = status
    self.code = code
    self.message = message
    self.retryAfterSeconds = retryAfterSeconds
  }

  static let taken = IntakeAnswer(204)
  static let gone = IntakeAnswer(410, "GONE", "The subscription has ended")
}

/// Takes events from backends: who is let in, what an event must be, and that it is in the queue before it is acknowledged. Any thread.
public final class EventIntake: Sendable {
  /// A longer body need not be read: 413.
  public static let bodyBytesMaximum = CloudEvent.bodyBytesMaximum
  private static let fullRetrySeconds = 5
  private static let failedRetrySeconds = 2

  private let subscriptions: any SubscriptionStore
  private let events: any EventQueue
  private let rules: CurrentRules
  private let settings: EventSettings
  private let time: any TimeSource
  private let meter: EventMeter
  private let queued: @Sendable (_ subscription: String) -> Void

  /// - Parameter queued: told of each subscription that has a new event.
  init(
    subscriptions: any SubscriptionStore, events: any EventQueue, rules: CurrentRules, settings: EventSettings,
    time: any TimeSource, meter: EventMeter, queued: @escaping @Sendable (_ subscription: String) -> Void
  ) {
    self.subscriptions = subscriptions
    self.events = events
    self.rules = rules
    self.settings = settings
    self.time = time
    self.meter = meter
    self.queued = queued
  }

  /// What to answer. 204 says that the event is durable, or was before.
  public func take(_ incoming: IncomingEvent) async -> IntakeAnswer {
    let answer: IntakeAnswer
    do {
      answer = try await accept(incoming)
    } catch {
      answer = IntakeAnswer(
        503, "UNAVAILABLE", "The event could not be kept: send it again", retryAfterSeconds: Self.failedRetrySeconds)
    }
    meter.countReceived("\(answer.status)")
    return answer
  }

  private func accept(_ incoming: IncomingEvent) async throws -> IntakeAnswer {
    guard let bearer = Self.bearer(incoming.authorization) else {
      return IntakeAnswer(401, "UNAUTHENTICATED", "A bearer token is needed")
    }
    // One answer for a wrong path and a wrong token: neither can be looked for without the other.
    guard let secret = SubscriptionSecret(path: incoming.pathSecret, bearer: bearer),
      let record = try subscriptions.find(secret: secret.digest)
    else { return IntakeAnswer(404, "NOT_FOUND", "There is no such subscription") }
    let now = time.now()
    guard record.status.isLive, record.expiresAt.map({ now < $0 }) ?? true else { return .gone }
    let event: CloudEvent
    do throws(EventFault) {
      event = try CloudEvent.read(
        contentType: incoming.contentType, attributes: incoming.attributes, body: incoming.body)
    } catch { return Self.answer(to: error) }
    guard let subscription = rules.now.policy(of: record)?.subscription else {
      return IntakeAnswer(503, "UNAVAILABLE", "The API is not served at the moment", retryAfterSeconds: 60)
    }
    guard let policy = subscription.event(type: event.type), Self.isSubscribed(policy, record) else {
      return IntakeAnswer(403, "PERMISSION_DENIED", "Nobody subscribed to events of this type")
    }
    guard Self.names(event, record, subscription) else {
      return IntakeAnswer(400, "INVALID_ARGUMENT", "The data are about another subscription")
    }
    return try await enqueue(event, record, isLifecycle: policy.lifecycle != nil, now)
  }

  private func enqueue(
    _ event: CloudEvent, _ record: SubscriptionRecord, isLifecycle: Bool, _ now: Timestamp
  ) async throws -> IntakeAnswer {
    let queuedEvent = QueuedEvent(
      subscription: record.id, eventID: event.id, source: event.source, type: event.type, time: event.time, data: event.data,
      isLifecycle: isLifecycle, acceptedAt: now, dueAt: now)
    switch try await events.accept(
      queuedEvent, waitingMaximum: settings.waitingPerSubscription, totalMaximum: settings.waitingMaximum)
    {
    case .queued:
      queued(record.id)
      return .taken
    case .duplicate: return .taken
    case .ended: return .gone
    case .full:
      return IntakeAnswer(
        429, "TOO_MANY_REQUESTS", "Too many events wait: send it again later", retryAfterSeconds: Self.fullRetrySeconds)
    }
  }

  /// Events about the subscription itself come whatever was asked for; of the others those that were, where the API lets choose.
  private static func isSubscribed(_ policy: EventPolicy, _ record: SubscriptionRecord) -> Bool {
    policy.lifecycle != nil || record.types.isEmpty || record.types.contains(policy.type)
  }

  /// A backend that mixes its subscriptions up would tell one client of another's subscriber. As long as its own answer is not here, its name
  /// for the subscription is not known: delivery compares then.
  private static func names(_ event: CloudEvent, _ record: SubscriptionRecord, _ subscription: SubscriptionPolicy) -> Bool {
    guard let id = record.backendID else { return record.status == .requested }
    return subscription.isNamed(id, in: event.data)
  }

  private static func bearer(_ authorization: String?) -> String? {
    guard let authorization, authorization.utf8.count > 7, authorization.prefix(7).lowercased() == "bearer " else { return nil }
    return String(authorization.dropFirst(7))
  }

  private static func answer(to fault: EventFault) -> IntakeAnswer {
    switch fault {
    case .malformed(let reason): IntakeAnswer(400, "INVALID_ARGUMENT", "This is no CloudEvent: \(reason)")
    case .tooLarge: IntakeAnswer(413, "CONTENT_TOO_LARGE", "The event is too large")
    case .unsupportedMediaType:
      IntakeAnswer(415, "UNSUPPORTED_MEDIA_TYPE", "An event comes as application/cloudevents+json, or with ce- fields as JSON")
    }
  }
}
