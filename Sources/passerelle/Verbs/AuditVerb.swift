import Bytes
import Identifiers
import JOSE
import Ledger
import Store

/// `passerelle audit verify|prove|key|search`. They read the ledger's files beside a running gateway and change nothing.
enum AuditVerb: Verb {
  static let name = "audit"
  static let summary = "verify and search the ledger"
  static let usage = [
    "audit verify --config FILE [--seal FILE] [--json]", "audit verify --proof FILE [--key JWK | --config FILE]",
    "audit prove SEQ --config FILE [--output FILE]", "audit key --config FILE",
    "audit search --config FILE [--client ID] [--subject tel:+33...] [--api NAME] [--operation ID] [--event EVENT]\n"
      + "                             [--decision allowed|refused|failed] [--correlator TEXT] [--from TIME] [--to TIME] [--limit N] [--json]",
  ]
  static let options: [OptionDefinition] = [
    .config, .json, .value("--seal", "FILE", "a seal that was kept elsewhere: the ledger must still be what it says"),
    .value("--proof", "FILE", "a proof that audit prove made"), .value("--key", "FILE", "the audit key, as audit key prints it"),
    .value("--output", "FILE", "where the proof goes"), .value("--client", "ID", "of one client"),
    .value("--subject", "TEL", "about one subscriber, as tel:+33612345678 or by pseudonym"),
    .value("--api", "NAME", "of one API"), .value("--operation", "ID", "of one operation"),
    .value("--event", "EVENT", "api.call, token.issued, consent.revoked, ..."),
    .value("--decision", "DECISION", "allowed, refused or failed"), .value("--correlator", "TEXT", "with that x-correlator"),
    .value("--from", "TIME", "from then on (2026-01-31 or RFC 3339)"), .value("--to", "TIME", "until then"),
    .value("--limit", "N", "the last N that match (100)"),
  ]

  static func run(_ arguments: Arguments) async throws {
    switch arguments.positional.first {
    case "verify": try verify(arguments)
    case "prove": try AuditProof.prove(arguments)
    case "key": try AuditProof.key(arguments)
    case "search": try search(arguments)
    default: throw UsageError("audit verify, prove, key or search?")
    }
  }

  private static func verify(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "verify")
    if let proof = arguments.value("--proof") { return try AuditProof.verify(arguments, proof: proof) }
    let configuration = try Command.configuration(arguments)
    // What was counted is a second memory of how far the ledger went: read first, so that it cannot be ahead.
    let counted = try counted(configuration)
    let report = try LedgerVerification.verify(directory: configuration.ledgerFolder, expected: counted)
    // Seals are about segments whose chain is good.
    let seals = report.fault == nil ? try AuditProof.seals(arguments, configuration) : SealVerification.Report()
    if arguments.flag("--json") {
      Output.json(json(report, seals))
    } else if let fault = report.fault?.description ?? seals.fault {
      Output.line("ledger: BROKEN: \(fault)")
    } else {
      Output.line("ledger: \(report.entryCount) entries in \(report.segmentCount) segments, unbroken")
      if let last = seals.last {
        Output.line("  sealed up to entry \(last.last) (\(seals.sealCount) seals), the last at \(last.time)")
      }
      for note in report.notes { Output.line("  " + note) }
    }
    if report.fault != nil || seals.fault != nil { throw CommandFailure("") }
  }

  private static func counted(_ configuration: Configuration) throws -> [LedgerPosition] {
    guard Files.exists(configuration.data + "/passerelle.sqlite") else { return [] }
    let stores = try Backbone.stores(configuration, KeyRing.openOrCreate(directory: configuration.keys), SystemTime())
    defer { stores.database.close() }
    return [try stores.usage.position()]
  }

  private static func json(_ report: LedgerVerification.Report, _ seals: SealVerification.Report) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("ok", report.fault == nil && seals.fault == nil)
    writer.field("entries", Int(report.entryCount))
    writer.field("segments", report.segmentCount)
    writer.field("notes", report.notes)
    writer.key("seals")
    writer.beginObject()
    writer.field("count", seals.sealCount)
    writer.field("unsealed", seals.unsealed)
    if let last = seals.last { writer.field("sealed_up_to", Int(last.last)) }
    if let fault = seals.fault { writer.field("fault", fault) }
    writer.endObject()
    if let fault = report.fault {
      writer.key("fault")
      writer.beginObject()
      writer.field("segment", fault.segment)
      writer.field("line", fault.line)
      writer.field("seq", Int(fault.sequence))
      writer.field("reason", fault.reason)
      writer.endObject()
    }
    writer.endObject()
    return writer.bytes
  }

  private static func search(_ arguments: Arguments) throws {
    let configuration = try Command.configuration(arguments)
    guard let filter = try filter(arguments, configuration) else {
      if arguments.flag("--json") { Output.line("[]") } else { Output.line("no entries") }
      return
    }
    let entries = try LedgerSearch(directory: configuration.ledgerFolder, filter: filter).run()
    guard !arguments.flag("--json") else {
      Output.json(Array("[".utf8) + Array(entries.map(\.raw).joined(separator: Array(",\n".utf8))) + Array("]".utf8))
      return
    }
    let members = ["seq", "time", "event", "client_id", "api", "operation", "decision", "reason", "status", "categories"]
    let rows = try entries.map { entry in
      let root = try JSONDocument(entry.raw, file: "ledger").root
      return members.map { Command.cell(root[$0]) }
    }
    Output.table(members, rows, none: "no entries")
  }

  /// Nil when the subscriber is not known here, so that nothing can match.
  private static func filter(_ arguments: Arguments, _ configuration: Configuration) throws -> LedgerFilter? {
    var filter = LedgerFilter()
    filter.client = arguments.value("--client")
    filter.api = arguments.value("--api")
    filter.operation = arguments.value("--operation")
    filter.event = arguments.value("--event")
    filter.decision = arguments.value("--decision")
    filter.correlator = arguments.value("--correlator")
    filter.from = try time(arguments, "--from")
    filter.to = try time(arguments, "--to")
    filter.limit = try arguments.integer("--limit", default: 100, in: 1...1_000_000)
    guard let subject = arguments.value("--subject") else { return filter }
    guard let pseudonym = try pseudonym(subject, configuration) else { return nil }
    filter.subject = pseudonym
    return filter
  }

  private static func pseudonym(_ subject: String, _ configuration: Configuration) throws -> String? {
    guard subject.hasPrefix("tel:") || subject.hasPrefix("+") else { return subject }
    guard let number = MSISDN(tel: subject) ?? MSISDN(e164: subject) else {
      throw UsageError("--subject wants the form tel:+33612345678")
    }
    let stores = try Backbone.stores(configuration, KeyRing.openOrCreate(directory: configuration.keys), SystemTime())
    defer { stores.database.close() }
    return try stores.subjects.pseudonym(of: number)?.rawValue
  }

  private static func time(_ arguments: Arguments, _ option: String) throws -> Timestamp? {
    guard let text = arguments.value(option) else { return nil }
    guard let time = Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "T00:00:00Z") else {
      throw UsageError("\(option) wants the form 2026-01-31 or 2026-01-31T12:00:00Z")
    }
    return time
  }
}
