import Store

/// The events that entries are about.
public enum LedgerEvents {
  /// Of which some are uses (`LedgerEntry.isUse`).
  public static let uses = ["api.call", "event.delivered", "event.withheld"]

  public static let known: [String] =
    [
      "api.call", "api.refused_overload", "api.refused_unauthenticated", "token.issued", "token.refused", "token.revoked",
      "backchannel.accepted",
      "capture.issued", "code.sent", "key.rotated", "subject.erased", "subject.reported",
      "event.delivered", "event.failed", "event.withheld", "subscription.ended",
    ] + (ConsentEventRow.kinds + ["changed", "imported"]).map { "consent." + $0 }
    + ["damaged", "lost", "recovered", "repaired", "retained", "sealed"].map { "ledger." + $0 }
    + [
      "auditor_signed_in", "certificates_reloaded", "client_added", "client_changed", "client_disabled", "client_enabled",
      "consents_exported", "entry_read", "events_discarded", "events_replayed", "ledger_searched", "ledger_verified", "reloaded",
      "subscription_ended", "usage_rebuilt",
    ].map { "admin." + $0 }
}

extension LedgerEntry {
  /// An application got to know something of a subscriber by it, or was refused it. The word that a subscription is over tells nothing of
  /// anybody.
  public var isUse: Bool { LedgerEvents.uses.contains(event) && (event != "event.delivered" || categories?.isEmpty == false) }
}
