import Consent
import Ledger

/// Writes each change of a consent to the ledger; the change is acknowledged when the entry is durable.
struct ConsentLedger: ConsentObserver {
  let ledger: LedgerWriter

  func consentChanged(_ change: ConsentChange) async throws {
    let event = change.event
    // What is withdrawn has the name that its calls have in the ledger, also where a consent master gave it.
    let consent = event.kind == "revoked" ? event.consent : change.row.id
    var detail = [LedgerEntry.Detail("flow", event.flow), LedgerEntry.Detail("actor", event.actor)]
    for (key, value) in [("language", event.language), ("page_version", event.pageVersion), ("text_digest", event.textDigest)] {
      if let value { detail.append(LedgerEntry.Detail(key, value)) }
    }
    try await ledger.append(
      LedgerEntry(
        event: "consent." + event.kind, clientID: event.client.rawValue, subject: event.subject.rawValue,
        scopes: event.scopes.map(\.rawValue), purpose: event.purpose.rawValue, legalBasis: event.legalBasis,
        consentID: consent.rawValue, reason: event.reason, categories: event.categories.map(\.rawValue), detail: detail))
  }
}
