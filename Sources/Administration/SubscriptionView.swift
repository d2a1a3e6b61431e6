import Bytes
import Identifiers
import Store
import Wire

/// A subscription as operators see it: how it stands and what waits for it. Of its sink they see the host, of its credential the kind.
struct SubscriptionView: Sendable {
  let record: SubscriptionRecord
  let depth: EventDepths

  /// Those that a filter names, the newest first, with their queues.
  static func search(_ filter: SubscriptionFilter, in stores: Stores) throws -> [SubscriptionView] {
    try stores.subscriptions.search(filter).map { SubscriptionView(record: $0, depth: try stores.events.depth($0.id)) }
  }

  /// Nil when there is none of that id.
  static func find(_ id: String, in stores: Stores) throws -> SubscriptionView? {
    guard let record = try stores.subscriptions.find(id: id) else { return nil }
    return SubscriptionView(record: record, depth: try stores.events.depth(id))
  }

  /// Scheme and host. What stands behind them, or before the host, may be a secret of the client's.
  var sink: String {
    guard let address = WebAddress(record.sink) else { return "unreadable" }
    let host = address.host.utf8.contains(UInt8(ascii: ":")) ? "[\(address.host)]" : address.host
    return (address.isSecure ? "https://" : "http://") + host
  }

  private var credential: String? {
    switch record.credential {
    case nil: nil
    case .accessToken: "access_token"
    case .privateKeyJWT: "private_key_jwt"
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    let names: [(String, String?)] = [
      ("id", record.id), ("kind", record.kind), ("backend_id", record.backendID), ("api", record.api.rawValue),
      ("version", record.version), ("operation", record.operation.rawValue), ("client_id", record.client.rawValue),
      ("subject", record.subject?.rawValue), ("purpose", record.purpose?.rawValue), ("status", record.status.rawValue),
      ("sink", sink), ("credential", credential), ("credential_expires_at", record.credential?.expiresAt?.rfc3339),
      ("created_at", record.createdAt.rfc3339), ("expires_at", record.expiresAt?.rfc3339), ("ended_at", record.endedAt?.rfc3339),
      ("end_reason", record.endReason),
    ]
    for (name, value) in names {
      guard let value else { continue }
      writer.key(name)
      writer.string(value)
    }
    writer.field("scopes", record.scopes.map(\.rawValue))
    writer.field("types", record.types)
    if let maximum = record.eventsMaximum { writer.field("events_maximum", maximum) }
    writer.field("events", record.eventCount)
    writer.field("waiting", depth.waiting)
    writer.field("dead", depth.dead)
    if let oldest = depth.oldest { writer.field("oldest_waiting", oldest.rfc3339) }
    if let head = depth.head {
      writer.field("attempts", head.attempts)
      writer.field("next_attempt", head.dueAt.rfc3339)
      if let failure = head.failure { writer.field("failure", failure) }
    }
    writer.endObject()
  }
}
