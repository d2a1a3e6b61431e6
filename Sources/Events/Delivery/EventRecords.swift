import Consent
import Ledger
import Policy
import Store

/// What the ledger says of events and subscriptions. Neither sink nor token nor number, and nothing that an event itself says.
enum EventRecords {
  /// Before it leaves. One for each try: each may reach somebody.
  static func delivered(
    _ event: QueuedEvent, _ record: SubscriptionRecord, _ permission: Permission?, categories: [String], source: StaticString?,
    correlator: String, bytes: Int
  ) -> LedgerEntry {
    var entry = entry("event.delivered", event, record)
    entry.legalBasis = permission?.basis?.rawValue
    entry.consentID = permission?.consent?.rawValue
    entry.decision = "allowed"
    entry.categories = categories.isEmpty ? nil : categories
    entry.correlator = correlator
    entry.responseBytes = bytes
    if let source { entry.detail.append(.init("consent_source", source.description)) }
    entry.detail.append(.init("attempt", "\(event.attempts + 1)"))
    return entry
  }

  /// - Parameter correlator: of the try that was recorded already and then did not leave; nil where there was none.
  static func withheld(
    _ event: QueuedEvent, _ record: SubscriptionRecord, reason: String, source: StaticString?, correlator: String?
  ) -> LedgerEntry {
    var entry = entry("event.withheld", event, record)
    entry.decision = "refused"
    entry.reason = reason
    entry.correlator = correlator
    if let source { entry.detail.append(.init("consent_source", source.description)) }
    return entry
  }

  static func failed(_ event: QueuedEvent, _ record: SubscriptionRecord, reason: String, status: Int?) -> LedgerEntry {
    var entry = entry("event.failed", event, record)
    entry.decision = "failed"
    entry.reason = reason
    entry.upstreamStatus = status
    entry.detail.append(.init("attempts", "\(event.attempts + 1)"))
    return entry
  }

  static func ended(_ record: SubscriptionRecord, _ cause: EndCause) -> LedgerEntry {
    LedgerEntry(
      event: "subscription.ended", clientID: record.client.rawValue, subject: record.subject?.rawValue,
      api: record.api.rawValue, operation: record.operation.rawValue, scopes: record.scopes.map(\.rawValue),
      purpose: record.purpose?.rawValue, reason: cause.word,
      detail: [.init("subscription", record.id), .init("termination_reason", cause.terminationReason)])
  }

  private static func entry(_ name: String, _ event: QueuedEvent, _ record: SubscriptionRecord) -> LedgerEntry {
    LedgerEntry(
      event: name, clientID: record.client.rawValue, subject: record.subject?.rawValue, api: record.api.rawValue,
      operation: record.operation.rawValue, scopes: record.scopes.map(\.rawValue), purpose: record.purpose?.rawValue,
      detail: [.init("subscription", record.id), .init("type", event.type)])
  }
}
