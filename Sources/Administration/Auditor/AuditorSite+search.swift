import Authorization
import Bytes
import Identifiers
import Ledger
import Pages
import Wire

/// What is searched for. The number is never shown again: the page that finds it names it masked.
struct SearchForm: Sendable {
  static let limits = [100, 500, 2000]

  var client = ""
  var api = ""
  var operation = ""
  var event = ""
  var decision = ""
  var correlator = ""
  var from = ""
  var to = ""
  var limit = SearchForm.limits[0]

  init() {}

  init(_ form: FormParameters) {
    func text(_ name: String) -> String { form[name].map { String($0.prefix(256)) } ?? "" }
    (client, api, operation, event) = (text("client"), text("api"), text("operation"), text("event"))
    (decision, correlator, from, to) = (text("decision"), text("correlator"), text("from"), text("to"))
    limit = form["limit"].flatMap { Int($0) }.flatMap { Self.limits.contains($0) ? $0 : nil } ?? Self.limits[0]
  }

  /// - Throws: `AdminError.invalid` when a time is none.
  func filter(subject: String?) throws -> LedgerFilter {
    func given(_ text: String) -> String? { text.isEmpty ? nil : text }
    func time(_ text: String) throws -> Timestamp? {
      guard let text = given(text) else { return nil }
      guard let time = Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "T00:00:00Z") else {
        throw AdminError.invalid("a time wants the form 2026-01-31 or 2026-01-31T12:00:00Z")
      }
      return time
    }
    return LedgerFilter(
      client: given(client), subject: subject, api: given(api), operation: given(operation), event: given(event),
      decision: given(decision), correlator: given(correlator), from: try time(from), to: try time(to), limit: limit)
  }

  /// What was asked, for the ledger. The subject stands in the entry's own member, by its pseudonym.
  var details: [LedgerEntry.Detail] {
    let all = [
      ("of_client", client), ("api", api), ("operation", operation), ("event", event), ("decision", decision),
      ("correlator", correlator), ("from", from), ("to", to),
    ]
    return all.filter { !$0.1.isEmpty }.map { LedgerEntry.Detail($0.0, $0.1) }
  }
}

extension AuditorSite {
  private static let form = Template(PackageResources.auditor_search_html)
  private static let option = Template(PackageResources.auditor_option_html)
  private static let chosen = Template(PackageResources.auditor_option_chosen_html)
  private static let results = Template(PackageResources.auditor_results_html)
  private static let rowTemplate = Template(PackageResources.auditor_row_html)
  private static let noRow = Template(PackageResources.auditor_no_row_html)

  func searchForm(_ search: SearchForm, _ session: AuditorSessions.Session) -> Markup {
    func options(_ values: [(value: String, name: String)], _ selected: String) -> Markup {
      Markup(
        values.map { value, name in
          (value == selected ? Self.chosen : Self.option).render(["value": .text(value), "name": .text(name)])
        })
    }
    let decisions = [("", "any"), ("allowed", "allowed"), ("refused", "refused"), ("failed", "failed")]
    return Self.form.render([
      "token": .text(session.formToken), "client": .text(search.client), "api": .text(search.api),
      "operation": .text(search.operation), "event": .text(search.event), "correlator": .text(search.correlator),
      "from": .text(search.from), "to": .text(search.to), "decisions": .markup(options(decisions, search.decision)),
      "limits": .markup(options(SearchForm.limits.map { ("\($0)", "\($0)") }, "\(search.limit)")),
    ])
  }

  /// `POST /auditor/search`.
  func search(_ form: FormParameters, _ session: AuditorSessions.Session) async throws -> HTTPResponse {
    let search = SearchForm(form)
    let typed = (form["subject"] ?? "").filter { $0 != " " }
    let subject = typed.isEmpty ? nil : try api.pseudonym(typed)
    let filter = try search.filter(subject: subject?.rawValue)
    // Who is not a subscriber here is looked for all the same, as far as the ledger is concerned.
    try await dependencies.ledger.append(
      LedgerEntry(
        event: "admin.ledger_searched", subject: subject?.rawValue,
        reason: typed.isEmpty || subject != nil ? nil : "unknown_subject",
        detail: search.details))
    let (directory, index) = (dependencies.ledger.directory, dependencies.index)
    let rows =
      typed.isEmpty || subject != nil
      ? try await AdminAPI.offLoop { try LedgerSearch(directory: directory, filter: filter, index: index).run() } : []
    let about = (MSISDN(tel: typed) ?? MSISDN(e164: typed)).map { " about \($0)" } ?? (typed.isEmpty ? "" : " about \(typed)")
    let found = rows.count == 1 ? "1 entry" : rows.isEmpty ? "No entry" : "\(rows.count) entries"
    let content = Self.results.render([
      "found": .text(found + about + (rows.count == search.limit ? ", the newest; there may be more" : "") + "."),
      "table": .markup(table(rows.reversed())), "search": .markup(searchForm(search, session)),
    ])
    return page(200, "Search", content, session: session)
  }

  /// Entries as rows, each with a link to its story.
  func table(_ rows: [LedgerRow]) -> Markup {
    guard !rows.isEmpty else { return Self.noRow.render(["text": "None."]) }
    return Markup(
      rows.map { row in
        let entry = row.entry
        return Self.rowTemplate.render([
          "sequence": .text("\(row.sequence)"), "time": .text(String(row.time.rfc3339.prefix(19)).replacing("T", with: " ")),
          "event": .text(entry.event), "client": .text(entry.clientID ?? ""), "operation": .text(entry.operation ?? ""),
          "decision": .text(entry.decision ?? ""), "reason": .text(entry.reason ?? ""),
          "status": .text(entry.status.map { "\($0)" } ?? ""),
        ])
      })
  }
}
