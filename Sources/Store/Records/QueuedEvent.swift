import Bytes

/// An event that a backend gave, or that the gateway itself tells of, on its way to a sink.
public struct QueuedEvent: Sendable, Equatable {
  /// Grows with each event and is never given twice; the order of delivery within a subscription. 0 for one that is not queued yet.
  public var number: Int
  /// `SubscriptionRecord.id`.
  public var subscription: String
  /// CloudEvents' `id` and `source` as the backend gave them: together they say that an event came twice.
  public var eventID: String
  public var source: String
  public var type: String
  public var time: Timestamp
  /// The JSON of `data`, as it came: unfiltered. Sealed at rest.
  public var data: [UInt8]
  /// It tells how the subscription stands, and counts towards nothing.
  public var isLifecycle: Bool
  public var acceptedAt: Timestamp
  /// Tries so far.
  public var attempts: Int
  public var dueAt: Timestamp
  /// Why the last try failed: a word of a fixed set, or a status.
  public var failure: String?

  public init(
    number: Int = 0, subscription: String, eventID: String, source: String, type: String, time: Timestamp, data: [UInt8],
    isLifecycle: Bool, acceptedAt: Timestamp, attempts: Int = 0, dueAt: Timestamp, failure: String? = nil
  ) {
    self.number = number
    self.subscription = subscription
    self.eventID = eventID
    self.source = source
    self.type = type
    self.time = time
    self.data = data
    self.isLifecycle = isLifecycle
    self.acceptedAt = acceptedAt
    self.attempts = attempts
    self.dueAt = dueAt
    self.failure = failure
  }
}

/// What became of an event that was to be queued.
public enum EventAcceptance: Equatable, Sendable {
  case queued
  /// It came before, and is queued, delivered or buried.
  case duplicate
  /// As many wait for this subscription, or for all together, as may.
  case full
  /// The subscription has ended, or is not known.
  case ended
}
