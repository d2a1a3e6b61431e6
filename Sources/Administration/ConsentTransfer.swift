import Bytes
import Consent
import Identifiers
import Ledger
import Policy
import Store
import Wire

extension AdminAPI {
  /// Records of one import request at most.
  static let importedMaximum = 500
  private static let importedAtOnce = 64

  /// `GET /admin/v1/consents/export?limit=&after=&numbers=`: records with all their events, by id. The record is the sum of its
  /// events, so nothing else of it is there. `numbers=true` adds each subscriber's number in the clear. It is in the ledger first.
  func exportConsents(_ request: AdminRequest) async throws -> HTTPResponse {
    try request.allow("limit", "after", "numbers")
    let after = try request.query["after"].map(Self.after)
    let numbers = request.query["numbers"] ?? "false"
    guard ["true", "false"].contains(numbers) else { throw AdminError.invalid("numbers is true or false") }
    let rows = try dependencies.stores.consents.search(ConsentFilter(limit: request.limit(), after: after))
    try await dependencies.ledger.append(
      LedgerEntry(
        event: "admin.consents_exported",
        detail: [LedgerEntry.Detail("records", String(rows.count)), LedgerEntry.Detail("numbers", numbers)]))
    var writer = JSONWriter()
    writer.beginArray()
    for (index, row) in rows.enumerated() {
      // Whoever else waits for this loop has its turn.
      if index % 64 == 63 { await Task.yield() }
      let events = try dependencies.stores.consents.events(of: row.id)
      let number = numbers == "true" ? try dependencies.stores.subjects.number(of: row.subject) : nil
      TransferredConsent.write(row, number, events, to: &writer)
    }
    writer.endArray()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `POST /admin/v1/consents/import` with `{"dry_run", "lines": [{"line": 1, "record": {...}}]}`: each record as the export gives it.
  /// One is taken whole or not at all, and refused with its line. What is here already is left as it is; a history may be
  /// continued, and never rewritten.
  func importConsents(_ request: AdminRequest) async throws -> HTTPResponse {
    var body = try request.object()
    let isDryRun = try body.boolean("dry_run", default: false)
    let lines = try body.array("lines")
    try body.finish()
    guard dependencies.consents.sourceWord == nil else {
      throw AdminError.conflict("A consent master says how it stands with consents: import records there.")
    }
    guard lines.count <= Self.importedMaximum else { throw AdminError.invalid("\(Self.importedMaximum) lines at most at once") }
    var result = ConsentImportResult()
    var portion: [(line: Int, record: TransferredConsent)] = []
    for element in lines {
      var reader = try ObjectReader(element)
      let line = try reader.integer("line", in: 1...Int.max)
      let record = try reader.required("record")
      try reader.finish()
      do {
        let record = try TransferredConsent(record, self)
        // Lines about one record are taken one after the other; others share the writer's and the ledger's commits.
        if portion.count == Self.importedAtOnce || portion.contains(where: { $0.record.isAboutTheSame(as: record) }) {
          try await take(portion, isDryRun: isDryRun, into: &result)
          portion = []
        }
        portion.append((line, record))
      } catch let error as DocumentError {
        result.refused.append((line, error.reason))
      } catch let error as ImportRefusal {
        result.refused.append((line, error.reason))
      }
    }
    try await take(portion, isDryRun: isDryRun, into: &result)
    return HTTPResponse.json(200, result.json())
  }

  private enum ImportOutcome: Sendable {
    case added
    case known
    case refused(String)
  }

  private func take(
    _ portion: [(line: Int, record: TransferredConsent)], isDryRun: Bool, into result: inout ConsentImportResult
  ) async throws {
    let outcomes = try await withThrowingTaskGroup(of: (line: Int, outcome: ImportOutcome).self) { group in
      for (line, record) in portion {
        group.addTask { [self] in
          do { return (line, try await take(record, isDryRun: isDryRun) ? .added : .known) } catch let error as ImportRefusal {
            return (line, .refused(error.reason))
          }
        }
      }
      return try await group.reduce(into: [(line: Int, outcome: ImportOutcome)]()) { $0.append($1) }
    }
    for (line, outcome) in outcomes {
      switch outcome {
      case .added: result.added += 1
      case .known: result.known += 1
      case .refused(let reason): result.refused.append((line, reason))
      }
    }
  }

  /// True when something was added; false when all of it is here.
  private func take(_ record: TransferredConsent, isDryRun: Bool) async throws -> Bool {
    let stores = dependencies.stores
    var subject: SubjectPseudonym?
    switch record.subject {
    case .number(let number): subject = try stores.subjects.pseudonym(of: number)
    case .pseudonym(let pseudonym):
      guard try stores.subjects.number(of: pseudonym) != nil else { throw ImportRefusal("no such subject is known here") }
      subject = pseudonym
    }
    let here = try subject.flatMap { try stores.consents.record(subject: $0, client: record.client, purpose: record.purpose) }
    if let id = record.id, here == nil, try stores.consents.record(id) != nil {
      throw ImportRefusal("the id \(id) is another record's")
    }
    let missing = try record.missing(from: here.map { try stores.consents.events(of: $0.id) } ?? [])
    guard !missing.isEmpty, !isDryRun else { return !missing.isEmpty }
    if subject == nil, case .number(let number) = record.subject { subject = try await stores.subjects.findOrCreate(number) }
    guard let subject else { return false }
    let id = here?.id ?? record.id ?? .random()
    let last = record.events[record.events.count - 1]
    let entry = LedgerEntry(
      event: "consent.imported", clientID: record.client.rawValue, subject: subject.rawValue, scopes: last.scopes.map(\.rawValue),
      purpose: record.purpose.rawValue, legalBasis: last.legalBasis, consentID: id.rawValue,
      categories: last.categories.map(\.rawValue),
      detail: [
        LedgerEntry.Detail("actor", "import"), LedgerEntry.Detail("events", String(missing.count)),
        LedgerEntry.Detail("last_event", last.kind),
      ])
    try await recorded(entry) {
      try await dependencies.consents.adopt(subject: subject, client: record.client, purpose: record.purpose) { here in
        try record.missing(from: here).map { $0.of(subject, id) }
      }
    }
    return true
  }
}

/// Why a line is not taken.
struct ImportRefusal: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// A record on its way from one register to another: one line of JSON.
struct TransferredConsent: Sendable {
  enum Subject: Sendable, Equatable {
    case number(MSISDN)
    case pseudonym(SubjectPseudonym)
  }

  static let eventsMaximum = 1000

  let id: ConsentID?
  let subject: Subject
  let client: ClientID
  let purpose: Purpose
  /// Oldest first; under an id and a subject that stand for nothing yet.
  let events: [ConsentEventRow]

  /// May be true of two that are not: a number and a pseudonym may be the same subscriber's.
  func isAboutTheSame(as other: TransferredConsent) -> Bool {
    guard client == other.client, purpose == other.purpose else { return id != nil && id == other.id }
    switch (subject, other.subject) {
    case (.number, .number), (.pseudonym, .pseudonym): return subject == other.subject || (id != nil && id == other.id)
    case (.number, .pseudonym), (.pseudonym, .number): return true
    }
  }

  /// The events that the history here lacks: those behind its last one.
  ///
  /// - Throws: `ImportRefusal` when one would stand before what is here.
  func missing(from here: [ConsentEventRow]) throws -> [ConsentEventRow] {
    let missing = events.filter { event in !here.contains { $0.kind == event.kind && $0.at == event.at } }
    if let first = missing.first, let last = here.last, first.at < last.at {
      throw ImportRefusal("an event of \(first.at.rfc3339) is older than the last one here; a history is not rewritten")
    }
    return missing
  }

  // MARK: Writing

  static func write(_ row: ConsentRow, _ number: MSISDN?, _ events: [ConsentEventRow], to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("id", row.id.rawValue)
    writer.field("subject", row.subject.rawValue)
    if let number { writer.field("phone_number", number.e164) }
    writer.field("client_id", row.client.rawValue)
    writer.field("purpose", row.purpose.rawValue)
    writer.key("events")
    writer.beginArray()
    for event in events { write(event, to: &writer) }
    writer.endArray()
    writer.endObject()
  }

  private static func write(_ event: ConsentEventRow, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("event", event.kind)
    writer.field("time", event.at.rfc3339)
    writer.field("legal_basis", event.legalBasis)
    writer.field("scopes", event.scopes.map(\.rawValue))
    writer.field("categories", event.categories.map(\.rawValue))
    if let shown = event.shownScopes { writer.field("shown_scopes", shown.map(\.rawValue)) }
    if let shown = event.shownCategories { writer.field("shown_categories", shown.map(\.rawValue)) }
    writer.field("flow", event.flow)
    writer.field("actor", event.actor)
    if let text = event.pageVersion { writer.field("page_version", text) }
    if let text = event.language { writer.field("language", text) }
    if let text = event.textDigest { writer.field("text_digest", text) }
    if let text = event.reason { writer.field("reason", text) }
    if let time = event.expiresAt { writer.field("expires_at", time.rfc3339) }
    writer.endObject()
  }

  // MARK: Reading

  /// - Throws: `DocumentError` or `ImportRefusal` for whatever is malformed, missing or unknown here.
  init(_ value: JSONValue, _ api: AdminAPI) throws {
    let (catalogue, now) = (api.dependencies.catalogue, api.dependencies.time.now())
    var reader = try ObjectReader(value)
    id = try reader.optionalString("id").map { text in
      guard let id = ConsentID(rawValue: text) else { throw ImportRefusal("id is malformed") }
      return id
    }
    subject = try Self.subject(&reader)
    guard let client = ClientID(rawValue: try reader.string("client_id")),
      try api.dependencies.stores.clients.client(client) != nil
    else { throw ImportRefusal("client_id names no registered client") }
    guard let purpose = Purpose(rawValue: try reader.string("purpose")), catalogue.knows(purpose) else {
      throw ImportRefusal("purpose is not one of the policies'")
    }
    let events = try reader.array("events")
    try reader.finish()
    guard (1...Self.eventsMaximum).contains(events.count) else {
      throw ImportRefusal("events wants 1 to \(Self.eventsMaximum) events")
    }
    (self.client, self.purpose) = (client, purpose)
    self.events = try events.map { try Self.event($0, client, purpose, catalogue, now: now) }
    for (event, next) in zip(self.events, self.events.dropFirst()) where next.at < event.at {
      throw ImportRefusal("events are not in the order of their times")
    }
  }

  private static func subject(_ reader: inout ObjectReader) throws -> Subject {
    let (number, pseudonym) = (try reader.optionalString("phone_number"), try reader.optionalString("subject"))
    if let number {
      guard let number = MSISDN(e164: number) else { throw ImportRefusal("phone_number wants the form +33612345678") }
      return .number(number)
    }
    guard let pseudonym = pseudonym.flatMap(SubjectPseudonym.init(rawValue:)) else {
      throw ImportRefusal("a record wants a phone_number or a subject")
    }
    return .pseudonym(pseudonym)
  }

  private static func event(
    _ value: JSONValue, _ client: ClientID, _ purpose: Purpose, _ catalogue: Catalogue, now: Timestamp
  ) throws -> ConsentEventRow {
    var reader = try ObjectReader(value)
    let kind = try reader.string("event")
    guard ConsentEventRow.kinds.contains(kind) else {
      throw ImportRefusal("event is one of \(ConsentEventRow.kinds.joined(separator: ", "))")
    }
    let at = try time(reader.string("time"))
    guard at <= now else { throw ImportRefusal("an event's time is in the future") }
    let basis = try reader.optionalString("legal_basis") ?? LegalBasis.consent.rawValue
    guard LegalBasis(rawValue: basis) != nil else { throw ImportRefusal("legal_basis \(basis) is not known") }
    var event = ConsentEventRow(
      consent: ConsentID(rawValue: "-")!, subject: SubjectPseudonym(rawValue: "-")!, client: client, purpose: purpose,
      legalBasis: basis, kind: kind, at: at, scopes: try scopes(reader.optionalStrings("scopes") ?? [], catalogue),
      categories: try categories(reader.optionalStrings("categories") ?? [], catalogue),
      shownScopes: try reader.optionalStrings("shown_scopes").map { try scopes($0, catalogue) },
      shownCategories: try reader.optionalStrings("shown_categories").map { try categories($0, catalogue) },
      flow: try text(reader.optionalString("flow")) ?? "import", actor: try text(reader.optionalString("actor")) ?? "import")
    event.pageVersion = try text(reader.optionalString("page_version"))
    event.language = try text(reader.optionalString("language"))
    event.textDigest = try text(reader.optionalString("text_digest"))
    event.reason = try text(reader.optionalString("reason"))
    event.expiresAt = try reader.optionalString("expires_at").map(time)
    try reader.finish()
    guard kind != "granted" || !event.scopes.isEmpty || basis != LegalBasis.consent.rawValue else {
      throw ImportRefusal("a granted event names no scope")
    }
    return event
  }

  private static func scopes(_ names: [String], _ catalogue: Catalogue) throws -> ScopeSet {
    ScopeSet(
      try names.map { name in
        guard let scope = Scope(rawValue: name), catalogue.knows(scope) else {
          throw ImportRefusal("no policy has the scope \(name)")
        }
        return scope
      })
  }

  private static func categories(_ names: [String], _ catalogue: Catalogue) throws -> [CategoryID] {
    try Set(
      names.map { name in
        guard let id = CategoryID(rawValue: name), catalogue.category(id) != nil else {
          throw ImportRefusal("no policy has the category \(name)")
        }
        return id
      }
    ).sorted()
  }

  private static func time(_ text: String) throws -> Timestamp {
    guard let time = Timestamp(rfc3339: text) else { throw ImportRefusal("a time wants the form 2026-01-31T12:00:00Z") }
    return time
  }

  private static func text(_ text: String?) throws -> String? {
    if let text, text.unicodeScalars.count > 200 { throw ImportRefusal("a text has more than 200 characters") }
    return text
  }
}

extension ConsentEventRow {
  fileprivate func of(_ subject: SubjectPseudonym, _ id: ConsentID) -> ConsentEventRow {
    var event = self
    (event.subject, event.consent) = (subject, id)
    return event
  }
}
