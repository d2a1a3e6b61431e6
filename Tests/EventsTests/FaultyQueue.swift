import Bytes
import Store
import Synchronization

/// A queue that fails while it is told so, and to which something can happen right before an event is accepted.
final class FaultyQueue: EventQueue {
  struct Failure: Error {}

  let isBroken: Atomic<Bool>
  private let queue: any EventQueue
  private let beforeAccepting: @Sendable () async throws -> Void

  init(_ queue: any EventQueue, isBroken: Bool = true, beforeAccepting: @escaping @Sendable () async throws -> Void = {}) {
    self.queue = queue
    self.isBroken = Atomic(isBroken)
    self.beforeAccepting = beforeAccepting
  }

  private func sound() throws -> any EventQueue {
    guard !isBroken.load(ordering: .relaxed) else { throw Failure() }
    return queue
  }

  func accept(_ event: QueuedEvent, waitingMaximum: Int, totalMaximum: Int) async throws -> EventAcceptance {
    try await beforeAccepting()
    return try await sound().accept(event, waitingMaximum: waitingMaximum, totalMaximum: totalMaximum)
  }
  func due(at now: Timestamp, excluding: Set<String>, limit: Int) throws -> [String] {
    try sound().due(at: now, excluding: excluding, limit: limit)
  }
  func due(at now: Timestamp, from place: QueuePlace?, limit: Int) throws -> (ids: [String], next: QueuePlace?) {
    try sound().due(at: now, from: place, limit: limit)
  }
  func nextDue() throws -> Timestamp? { try sound().nextDue() }
  func first(_ subscription: String, limit: Int) throws -> [QueuedEvent] { try sound().first(subscription, limit: limit) }
  func settle(_ event: QueuedEvent, counts: Bool) async throws -> Int { try await sound().settle(event, counts: counts) }
  func putOff(_ event: QueuedEvent, dueAt: Timestamp, failure: String, isTried: Bool) async throws {
    try await sound().putOff(event, dueAt: dueAt, failure: failure, isTried: isTried)
  }
  func bury(_ event: QueuedEvent, failure: String, at: Timestamp) async throws -> Int {
    try await sound().bury(event, failure: failure, at: at)
  }
  func deadLetters(subscription: String?, limit: Int) throws -> [DeadLetter] {
    try sound().deadLetters(subscription: subscription, limit: limit)
  }
  func replay(_ letters: DeadLetters, at: Timestamp) async throws -> Int { try await sound().replay(letters, at: at) }
  func discard(_ letters: DeadLetters) async throws -> Int { try await sound().discard(letters) }
  func depths() throws -> EventDepths { try sound().depths() }
  func depth(_ subscription: String) throws -> EventDepths { try sound().depth(subscription) }
  func longest(limit: Int) throws -> [String] { try sound().longest(limit: limit) }
}
