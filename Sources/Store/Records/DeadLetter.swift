import Bytes
import Identifiers

/// An event that could not be delivered. What it says is not shown.
public struct DeadLetter: Sendable, Equatable {
  public var number: Int
  public var subscription: String
  public var client: ClientID
  public var type: String
  public var time: Timestamp
  public var buriedAt: Timestamp
  public var attempts: Int
  public var failure: String

  public init(
    number: Int, subscription: String, client: ClientID, type: String, time: Timestamp, buriedAt: Timestamp, attempts: Int,
    failure: String
  ) {
    self.number = number
    self.subscription = subscription
    self.client = client
    self.type = type
    self.time = time
    self.buriedAt = buriedAt
    self.attempts = attempts
    self.failure = failure
  }
}

/// Those that an operator means.
public enum DeadLetters: Sendable, Equatable {
  case numbers([Int])
  /// All of a subscription.
  case of(subscription: String)
}

/// How many events wait, and how many were given up.
public struct EventDepths: Sendable, Equatable {
  public var waiting: Int
  public var dead: Int
  /// Since when the oldest that waits does.
  public var oldest: Timestamp?
  /// Of one subscription alone: how it stands with the first that waits.
  public var head: Head?

  /// The event that is tried next. What it says is not shown.
  public struct Head: Sendable, Equatable {
    public var attempts: Int
    public var dueAt: Timestamp
    public var failure: String?

    public init(attempts: Int, dueAt: Timestamp, failure: String?) {
      self.attempts = attempts
      self.dueAt = dueAt
      self.failure = failure
    }
  }

  public init(waiting: Int, dead: Int, oldest: Timestamp?, head: Head? = nil) {
    self.waiting = waiting
    self.dead = dead
    self.oldest = oldest
    self.head = head
  }
}
