import Bytes
import Identifiers

/// Events between their backends and the sinks. What is here was acknowledged to a backend, and is lost by nothing but its own end.
public protocol EventQueue: Sendable {
  /// Queues an event; durable when it returns.
  ///
  /// - Parameters:
  ///   - waitingMaximum: of one subscription.
  ///   - totalMaximum: of all together.
  func accept(_ event: QueuedEvent, waitingMaximum: Int, totalMaximum: Int) async throws -> EventAcceptance
  /// Subscriptions whose first event is due, the longest due first, none of `excluding` among them.
  func due(at now: Timestamp, excluding: Set<String>, limit: Int) throws -> [String]
  /// When the next one becomes due, which may be past; nil when none waits.
  func nextDue() throws -> Timestamp?
  /// The first events of a subscription, in their order.
  func first(_ subscription: String, limit: Int) throws -> [QueuedEvent]
  /// The sink has it, or it may not have it: it is forgotten, and counted towards the end of the subscription when `counts`. Gives the count
  /// then. Durable when it returns.
  func settle(_ event: QueuedEvent, counts: Bool) async throws -> Int
  /// Tries again at `dueAt`; the events behind it wait.
  func putOff(_ event: QueuedEvent, dueAt: Timestamp, failure: String) async throws
  /// Gives up: it goes to the dead letters, from which an operator can take it, and those behind it have their turn.
  func bury(_ event: QueuedEvent, failure: String, at: Timestamp) async throws
  func deadLetters(subscription: String?, limit: Int) throws -> [DeadLetter]
  /// Back to the queue, behind what waits there; gives how many. Those of subscriptions that have ended stay.
  func replay(_ numbers: [Int], at: Timestamp) async throws -> Int
  /// Forgets dead letters; gives how many.
  func discardDead(_ numbers: [Int]) async throws -> Int
  func depths() throws -> EventDepths
  /// Of one subscription.
  func depth(_ subscription: String) throws -> EventDepths
}

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

/// How many events wait, and how many were given up.
public struct EventDepths: Sendable, Equatable {
  public var waiting: Int
  public var dead: Int
  /// Since when the oldest that waits does.
  public var oldest: Timestamp?

  public init(waiting: Int, dead: Int, oldest: Timestamp?) {
    self.waiting = waiting
    self.dead = dead
    self.oldest = oldest
  }
}
