import Bytes
import Ledger
import Pages
import Wire

extension AuditorSite {
  private static let body = Template(PackageResources.auditor_entry_html)
  private static let part = Template(PackageResources.auditor_part_html)
  private static let partTable = Template(PackageResources.auditor_part_table_html)

  /// `GET /auditor/entry?seq=N`: one entry, and what belongs to it.
  func entry(_ request: HTTPRequest, _ session: AuditorSessions.Session) async throws -> HTTPResponse {
    guard let sequence = try AdminRequest(request, id: nil).query["seq"].flatMap({ UInt64($0) }) else {
      throw AdminError.invalid("seq wants the number of an entry")
    }
    let (directory, key) = (dependencies.ledger.directory, dependencies.keys.audit.verificationKey)
    let index = dependencies.index
    let (found, seal) = try await AdminAPI.offLoop {
      (
        try EntryStory.read(directory: directory, sequence: sequence, index: index),
        try LedgerVolume.read(directory: directory, key: key).lastSeal
      )
    }
    guard let story = found else { throw AdminError.missing("There is no entry \(sequence).") }
    try await dependencies.ledger.append(
      LedgerEntry(
        event: "admin.entry_read", subject: story.entry.entry.subject, detail: [LedgerEntry.Detail("seq", "\(sequence)")]))
    let sealed = seal.map { $0.last >= sequence } ?? false
    let content = Self.body.render([
      "sequence": .text("\(sequence)"), "event": .text(story.entry.entry.event),
      "when": .text(Self.minute(story.entry.time.rfc3339)),
      "parts": .markup(Markup(parts(of: story))), "raw": .text(String(decoding: story.entry.raw, as: UTF8.self)),
      "proof": .text(
        sealed
          ? "Its segment is sealed: passerelle audit prove \(sequence) makes a proof that holds without the ledger."
          : "Its segment is not sealed yet; the chain of hashes holds it in its place."),
      "before": .text("\(sequence > 1 ? sequence - 1 : 1)"), "after": .text("\(sequence &+ 1)"),
    ])
    return page(200, "Entry \(sequence)", content, session: session)
  }

  private func parts(of story: EntryStory) -> [Markup] {
    let entry = story.entry.entry
    var parts = [facts("What happened", whatHappened(story.entry))]
    if entry.event == "api.call" {
      parts.append(facts("The call", call(entry)))
      parts.append(facts("Its answer", answer(entry)))
    }
    parts.append(
      facts(
        "The consent",
        [
          ("Purpose", entry.purpose), ("Rests on", entry.legalBasis), ("Consent", entry.consentID),
          ("Scopes", entry.scopes?.joined(separator: " ")),
        ]))
    parts.append(table("What was decided about the consent", story.consent))
    parts.append(table("Tokens on the grant", story.tokens))
    parts.append(table(entry.event == "api.call" ? "Other calls with it" : "Calls with it", story.calls))
    parts.append(table("Others with the same correlator", story.correlated))
    return parts
  }

  private func whatHappened(_ row: LedgerRow) -> [(String, String?)] {
    let entry = row.entry
    return [
      ("Time", row.time.rfc3339), ("Client", entry.clientID), ("Subscriber", entry.subject.map { "pseudonym \($0)" }),
      ("Decision", entry.decision), ("Reason", entry.reason), ("Correlator", entry.correlator), ("Grant", row.grantID),
    ] + entry.detail.filter { $0.key != "grant_id" }.map { ($0.key.replacing("_", with: " "), $0.value) }
  }

  private func call(_ entry: LedgerEntry) -> [(String, String?)] {
    [
      ("API", entry.api), ("Operation", entry.operation), ("Request", entry.requestBytes.map { "\($0) bytes" }),
      ("Took", entry.durationMicroseconds.map { "\($0) µs" }),
    ]
  }

  private func answer(_ entry: LedgerEntry) -> [(String, String?)] {
    let categories = entry.categories ?? []
    return [
      ("The backend answered", entry.upstreamStatus.map { "\($0)" } ?? "was not asked"),
      ("The client got", entry.status.map { "\($0)" }),
      ("Released", categories.isEmpty ? "nothing personal" : categories.map(title).joined(separator: ", ")),
      ("Size", entry.responseBytes.map { "\($0) bytes" }),
    ]
  }

  /// A data category in words that a person understands.
  private func title(_ id: String) -> String {
    dependencies.catalogue.categories.first { $0.id.rawValue == id }.map { "\($0.title.text(["en"])) (\(id))" } ?? id
  }

  /// Facts under a heading; nothing when none is known.
  private func facts(_ heading: String, _ facts: [(String, String?)]) -> Markup {
    let known = facts.compactMap { name, value in
      value.map { Self.fact.render(["name": .text(name), "value": .text($0)]) }
    }
    guard !known.isEmpty else { return .nothing }
    return Self.part.render(["heading": .text(heading), "facts": .markup(Markup(known))])
  }

  private func table(_ heading: String, _ rows: [LedgerRow]) -> Markup {
    guard !rows.isEmpty else { return .nothing }
    return Self.partTable.render(["heading": .text(heading), "rows": .markup(table(rows))])
  }
}
