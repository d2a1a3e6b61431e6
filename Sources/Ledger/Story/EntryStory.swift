import Bytes

/// One entry, and the entries that belong to it: the consent that it rests on, the token that it came with, the calls that followed, and
/// whatever carries the same correlator. Found by the identifiers in the entries alone.
public struct EntryStory: Sendable {
  public let entry: LedgerRow
  /// What was decided about the same consent, oldest first.
  public let consent: [LedgerRow]
  /// Tokens issued, and given back, on the same grant, oldest first.
  public let tokens: [LedgerRow]
  /// The last calls with the same consent or on the same grant, without the entry itself, oldest first.
  public let calls: [LedgerRow]
  /// Others with the same correlator.
  public let correlated: [LedgerRow]

  static let consentEvents = ["granted", "denied", "revoked", "objected", "expired", "requested", "imported"].map {
    "consent." + $0
  }
  static let tokenEvents = ["token.issued", "token.revoked"]
  /// Entries of each kind that are looked through.
  static let rowsMaximum = 1000
  static let callsMaximum = 50

  /// Reads the story of an entry; nil when there is no such entry. Blocks for as long as a few searches take; never on a loop.
  public static func read(directory: String, sequence: UInt64, index: LedgerIndex? = nil) throws(LedgerError) -> EntryStory? {
    guard let row = try EntryLookup.entry(directory: directory, sequence: sequence) else { return nil }
    let search = Search(directory: directory, row: row, index: index)
    return EntryStory(
      entry: row, consent: try search.consent(), tokens: try search.tokens(), calls: try search.calls(),
      correlated: try search.correlated())
  }

  private struct Search {
    let directory: String
    let row: LedgerRow
    let index: LedgerIndex?
    private var consentID: String? { row.entry.consentID }
    private var grantID: String? { row.grantID }

    func consent() throws(LedgerError) -> [LedgerRow] {
      guard let consentID else { return [] }
      var found: [LedgerRow] = []
      for event in EntryStory.consentEvents { found += try rows(event).filter { $0.entry.consentID == consentID } }
      return sorted(found)
    }

    func tokens() throws(LedgerError) -> [LedgerRow] {
      guard let grantID else { return [] }
      var found: [LedgerRow] = []
      for event in EntryStory.tokenEvents { found += try rows(event).filter { $0.grantID == grantID } }
      return sorted(found)
    }

    func calls() throws(LedgerError) -> [LedgerRow] {
      guard grantID != nil || consentID != nil else { return [] }
      let found = try rows("api.call").filter { call in
        (grantID != nil && call.grantID == grantID) || (consentID != nil && call.entry.consentID == consentID)
      }
      return sorted(Array(found.filter { $0.sequence != row.sequence }.suffix(EntryStory.callsMaximum)))
    }

    func correlated() throws(LedgerError) -> [LedgerRow] {
      guard let correlator = row.entry.correlator else { return [] }
      let filter = LedgerFilter(correlator: correlator, limit: EntryStory.callsMaximum)
      return try LedgerSearch(directory: directory, filter: filter, index: index).run().filter { $0.sequence != row.sequence }
    }

    /// Of the same client and subscriber: the identifiers hold for nobody else.
    private func rows(_ event: String) throws(LedgerError) -> [LedgerRow] {
      let filter = LedgerFilter(
        client: row.entry.clientID, subject: row.entry.subject, event: event, limit: EntryStory.rowsMaximum)
      return try LedgerSearch(directory: directory, filter: filter, index: index).run()
    }

    private func sorted(_ rows: [LedgerRow]) -> [LedgerRow] { rows.sorted { $0.sequence < $1.sequence } }
  }
}

extension LedgerRow {
  /// The grant of the token: calls have it among their members, what happens to tokens among its details.
  public var grantID: String? {
    entry.detail.first { $0.key == "grant_id" }?.value ?? (try? JSONDocument(raw, file: "ledger"))?.root["grant_id"]?.string
  }
}
