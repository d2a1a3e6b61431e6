import Bytes
import Identifiers
import Ledger
import Policy
import Store

/// What a subscriber is owed when they ask what was done with their data (GDPR article 15): who saw which data, when, what for and on what
/// basis; what was refused; what they agreed to and took back. In words, beside the names that programs use.
struct SubjectReport: Sendable {
  /// Entries of the ledger in one report.
  static let entriesMaximum = 100_000
  static let format = "passerelle-subject-report/1"

  let subject: SubjectPseudonym
  let number: MSISDN
  let madeAt: Timestamp
  /// The subscriber's entries, oldest first.
  let entries: [LedgerRow]
  /// False: there are older ones, beyond what one report holds.
  let isComplete: Bool
  let consents: [(row: ConsentRow, events: [ConsentEventRow])]
  /// Of every client that is named; its id where it is not registered any more.
  let clientNames: [ClientID: String]
  let catalogue: Catalogue

  private static let languages = ["en"]

  func json() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("format", Self.format)
    writer.field("created_at", madeAt.rfc3339)
    writer.field("phone_number", number.e164)
    writer.field("subject", subject.rawValue)
    writer.field("complete", isComplete)
    if let first = entries.first { writer.field("since", first.time.rfc3339) }
    array("recipients", recipients(), &writer, write)
    array("releases", entries.filter { Self.isRelease($0.entry) }, &writer, writeRelease)
    array("refused", entries.filter { ["refused", "failed"].contains($0.entry.decision) }, &writer, writeRefusal)
    array("consents", consents, &writer) { write($0.row, $0.events, &$1) }
    writer.endObject()
    return writer.bytes
  }

  // MARK: Who saw what

  /// One application, one purpose, one legal basis: what it was given in all.
  private struct Recipient {
    let entry: LedgerEntry
    var count = 0
    var first: Timestamp
    var last: Timestamp
    var categories: [String: Int] = [:]
  }

  private static func isRelease(_ entry: LedgerEntry) -> Bool {
    entry.isUse && entry.decision == "allowed"
  }

  private func recipients() -> [Recipient] {
    var order: [[String]] = []
    var found: [[String]: Recipient] = [:]
    for row in entries where Self.isRelease(row.entry) {
      let key = [row.entry.clientID ?? "", row.entry.purpose ?? "", row.entry.legalBasis ?? ""]
      if found[key] == nil {
        order.append(key)
        found[key] = Recipient(entry: row.entry, first: row.time, last: row.time)
      }
      found[key]?.count += 1
      found[key]?.last = row.time
      for category in row.entry.categories ?? [] { found[key]?.categories[category, default: 0] += 1 }
    }
    return order.compactMap { found[$0] }
  }

  private func write(_ recipient: Recipient, _ writer: inout JSONWriter) {
    writer.beginObject()
    writeClient(recipient.entry.clientID, &writer)
    writePurpose(recipient.entry.purpose, &writer)
    writeBasis(recipient.entry.legalBasis, &writer)
    writer.field("calls", recipient.count)
    writer.field("first", recipient.first.rfc3339)
    writer.field("last", recipient.last.rfc3339)
    writer.key("data")
    writer.beginArray()
    for (category, count) in recipient.categories.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      writer.beginObject()
      writer.field("category", category)
      writer.field("title", title(category))
      writer.field("times", count)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
  }

  private func writeRelease(_ row: LedgerRow, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("time", row.time.rfc3339)
    writer.field("entry", Int(row.sequence))
    writeClient(row.entry.clientID, &writer)
    writePurpose(row.entry.purpose, &writer)
    writeBasis(row.entry.legalBasis, &writer)
    if let api = row.entry.api { writer.field("api", api) }
    if let operation = row.entry.operation { writer.field("operation", operation) }
    writer.field("categories", row.entry.categories ?? [])
    writer.field("titles", (row.entry.categories ?? []).map(title))
    writer.endObject()
  }

  private func writeRefusal(_ row: LedgerRow, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("time", row.time.rfc3339)
    writer.field("entry", Int(row.sequence))
    writeClient(row.entry.clientID, &writer)
    writePurpose(row.entry.purpose, &writer)
    writer.field("event", row.entry.event)
    if let api = row.entry.api { writer.field("api", api) }
    if let operation = row.entry.operation { writer.field("operation", operation) }
    writer.field("decision", row.entry.decision ?? "")
    if let reason = row.entry.reason { writer.field("reason", reason) }
    writer.endObject()
  }

  // MARK: What was decided

  private func write(_ row: ConsentRow, _ events: [ConsentEventRow], _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("id", row.id.rawValue)
    writeClient(row.client.rawValue, &writer)
    writePurpose(row.purpose.rawValue, &writer)
    writeBasis(row.legalBasis, &writer)
    writer.field("status", row.status(at: madeAt))
    writer.field("categories", row.categories.map(\.rawValue))
    writer.field("titles", row.categories.map { title($0.rawValue) })
    let times = [
      ("granted_at", row.grantedAt), ("withdrawn_at", row.withdrawnAt), ("expires_at", row.expiresAt),
      ("objected_at", row.objectedAt),
    ]
    for (name, time) in times {
      guard let time else { continue }
      writer.key(name)
      writer.string(time.rfc3339)
    }
    array("events", events, &writer) { event, writer in
      writer.beginObject()
      writer.field("time", event.at.rfc3339)
      writer.field("event", event.kind)
      writer.field("by", event.actor)
      writer.field("flow", event.flow)
      writer.field("categories", event.categories.map(\.rawValue))
      writer.field("titles", event.categories.map { title($0.rawValue) })
      if let reason = event.reason { writer.field("reason", reason) }
      writer.endObject()
    }
    writer.endObject()
  }

  // MARK: In words

  private func writeClient(_ id: String?, _ writer: inout JSONWriter) {
    guard let id else { return }
    writer.field("client_id", id)
    writer.field("client_name", ClientID(rawValue: id).flatMap { clientNames[$0] } ?? id)
  }

  private func writePurpose(_ name: String?, _ writer: inout JSONWriter) {
    guard let name else { return }
    writer.field("purpose", name)
    guard let term = Purpose(rawValue: name).flatMap({ catalogue.purpose($0) }) else { return }
    writer.field("purpose_title", term.title.text(Self.languages))
    writer.field("purpose_description", term.description.text(Self.languages))
  }

  private func writeBasis(_ name: String?, _ writer: inout JSONWriter) {
    guard let name else { return }
    writer.field("legal_basis", name)
    guard let basis = LegalBasis(rawValue: name) else { return }
    writer.field("legal_basis_text", Self.sentence(basis))
  }

  /// GDPR article 6(1), (a) to (f).
  private static func sentence(_ basis: LegalBasis) -> String {
    switch basis {
    case .consent: "you agreed to it (GDPR article 6(1)(a))"
    case .contract: "it is needed for a contract with you (GDPR article 6(1)(b))"
    case .legalObligation: "the law requires it (GDPR article 6(1)(c))"
    case .vitalInterest: "it protects somebody's life (GDPR article 6(1)(d))"
    case .publicInterest: "it is in the public interest (GDPR article 6(1)(e))"
    case .legitimateInterest: "the application has a legitimate interest in it, to which you may object (GDPR article 6(1)(f))"
    }
  }

  private func title(_ category: String) -> String {
    CategoryID(rawValue: category).flatMap { catalogue.category($0) }?.title.text(Self.languages) ?? category
  }

  private func array<Element>(
    _ name: StaticString, _ elements: [Element], _ writer: inout JSONWriter, _ write: (Element, inout JSONWriter) -> Void
  ) {
    writer.key(name)
    writer.beginArray()
    for element in elements { write(element, &writer) }
    writer.endArray()
  }
}
