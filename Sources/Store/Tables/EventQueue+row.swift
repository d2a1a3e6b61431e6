import Bytes
import JOSE

/// How an event lies in its row. Source and id are sealed with the data: a backend may name in them what it likes.
extension SQLiteEventQueue {
  /// An event as it is written; made by the caller, so that the writer's thread seals nothing.
  struct Sealed: Sendable {
    let subscription: String
    let digest: [UInt8]
    let type: String
    let time: Timestamp
    let isLifecycle: Bool
    var isCounted = false
    let acceptedAt: Timestamp
    let dueAt: Timestamp
    let sealed: [UInt8]

    init(_ event: QueuedEvent, _ sealing: SealingKey) {
      subscription = event.subscription
      digest = SQLiteEventQueue.digest(of: event)
      type = event.type
      time = event.time
      isLifecycle = event.isLifecycle
      acceptedAt = event.acceptedAt
      dueAt = event.dueAt
      sealed = sealing.seal(
        fields: [Array(event.source.utf8), Array(event.eventID.utf8), event.data], context: context(digest))
    }

    /// A dead letter that comes back.
    init(
      subscription: String, digest: [UInt8], type: String, time: Timestamp, isLifecycle: Bool, acceptedAt: Timestamp,
      sealed: [UInt8]
    ) {
      self.subscription = subscription
      self.digest = digest
      self.type = type
      self.time = time
      self.isLifecycle = isLifecycle
      isCounted = true
      self.acceptedAt = acceptedAt
      dueAt = acceptedAt
      self.sealed = sealed
    }
  }

  /// Source and id together say which event of a subscription it is (CloudEvents 1.0 §3.1.1). 16 bytes: whoever could find two alike
  /// would hurt only their own events.
  static func digest(of event: QueuedEvent) -> [UInt8] {
    var text = Array("\(event.subscription.utf8.count) \(event.source.utf8.count) ".utf8)
    for part in [event.subscription, event.source, event.eventID] { text.append(contentsOf: part.utf8) }
    return Array(SHA256.digest(text).bytes.prefix(16))
  }

  private static func context(_ digest: [UInt8]) -> String { "events \(Base64URL.encode(digest))" }

  /// The columns of `ofSubscription`, in their order.
  static func event(_ row: Statement, of subscription: String, _ sealing: SealingKey) throws -> QueuedEvent {
    guard let fields = sealing.openFields(row.blob(9), count: 3, context: context(row.blob(1))) else {
      throw row.malformed(9)
    }
    return QueuedEvent(
      number: row.integer(0), subscription: subscription, eventID: String(decoding: fields[1], as: UTF8.self),
      source: String(decoding: fields[0], as: UTF8.self), type: row.text(2), time: row.timestamp(3), data: fields[2],
      isLifecycle: row.boolean(4), acceptedAt: row.timestamp(5), attempts: row.integer(6), dueAt: row.timestamp(7),
      failure: row.optionalText(8))
  }
}
