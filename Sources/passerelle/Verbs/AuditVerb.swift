import Bytes
import JOSE
import Ledger
import Store

/// `passerelle audit ...`. All but `retain` and `accept-loss` only read the ledger's files, beside a running
/// gateway; none changes an entry.
enum AuditVerb: Verb {
  static let name = "audit"
  static let summary = "verify, search, prove, follow and export the ledger, and remove what is old"
  static let usage = [
    "audit verify --config FILE [--seal FILE] [--json]", "audit verify --proof FILE [--key JWK | --config FILE]",
    "audit prove SEQ --config FILE [--output FILE]", "audit key --config FILE",
    "audit search --config FILE " + AuditSearch.filterUsage + " [--limit N] [--json]",
    "audit index --check|--rebuild --config FILE [--json]",
    "audit tail --config FILE [--follow] [what search takes] [--limit N] [--json]",
    "audit export --config FILE [--format jsonl|csv|ocsf|ecs] [what search takes] [--output FILE]",
    "audit retain --config FILE [--dry-run] [--json]", "audit accept-loss --config FILE --yes",
  ]
  static let options: [OptionDefinition] =
    [
      .config, .json, .value("--seal", "FILE", "a seal that was kept elsewhere: the ledger must still be what it says"),
      .value("--proof", "FILE", "a proof that audit prove made"),
      .value("--key", "FILE", "the audit key, as audit key prints it"),
      .value("--output", "FILE", "where the proof or the export goes"),
      .value("--limit", "N", "the last N that match (search 100, tail 10)"),
      .flag("--follow", "tail: go on with each entry as it comes"),
      .value("--format", "FORMAT", "export: jsonl (the entries as they are), csv, ocsf (6003) or ecs"),
      .flag("--dry-run", "retain: only say what would be removed"),
      .flag("--yes", "accept-loss: the end of the ledger is lost, no backup has it, and the gateway is to go on behind it"),
      .flag("--check", "compare the index of searches with the ledger"),
      .flag("--rebuild", "make the index of searches anew"),
    ] + AuditSearch.filterOptions

  /// What follows `audit`.
  private static let verbs: [(name: String, run: @Sendable (Arguments) async throws -> Void)] = [
    ("verify", { try verify($0) }), ("prove", { try AuditProof.prove($0) }), ("key", { try AuditProof.key($0) }),
    ("search", { try AuditSearch.search($0) }), ("index", { try AuditIndex.run($0) }),
    ("tail", { try AuditTail.run($0) }), ("export", { try AuditExport.run($0) }),
    ("retain", { try await AuditRetention.run($0) }), ("accept-loss", { try AuditLoss.run($0) }),
  ]

  static func run(_ arguments: Arguments) async throws {
    guard let verb = verbs.first(where: { $0.name == arguments.positional.first }) else {
      throw UsageError("audit \(verbs.map(\.name).joined(separator: ", "))?")
    }
    try await verb.run(arguments)
  }

  private static func verify(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "verify")
    if let proof = arguments.value("--proof") { return try AuditProof.verify(arguments, proof: proof) }
    let configuration = try Command.configuration(arguments)
    // What was counted is a second memory of how far the ledger went: read first, so that it cannot be ahead.
    let counted = try counted(configuration)
    let report = try LedgerVerification.verify(
      directory: configuration.ledgerFolder, expected: counted, key: AuditProof.auditKey(configuration))
    // Seals are about segments whose chain is good.
    let seals =
      report.fault == nil ? try AuditProof.seals(arguments, configuration, report.retention) : SealVerification.Report()
    if arguments.flag("--json") {
      Output.json(json(report, seals))
    } else if let fault = report.fault?.description ?? seals.fault {
      Output.line("ledger: BROKEN: \(fault)")
    } else {
      Output.line("ledger: \(report.entryCount) entries in \(report.segmentCount) segments, unbroken")
      if let mark = report.retention {
        Output.line(
          "  entries 1 to \(mark.last) were removed by retention after \(mark.days) days, last at \(mark.time); their seals are here"
        )
      }
      if let last = seals.last {
        Output.line("  sealed up to entry \(last.last) (\(seals.sealCount) seals), the last at \(last.time)")
      }
      for note in report.notes { Output.line("  " + note) }
    }
    if report.fault != nil || seals.fault != nil { throw CommandFailure("") }
  }

  private static func counted(_ configuration: Configuration) throws -> [LedgerPosition] {
    let position = try Installation(configuration).readStores { stores, _ in try stores.usage.position() }
    return [position].compactMap(\.self)
  }

  private static func json(_ report: LedgerVerification.Report, _ seals: SealVerification.Report) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("ok", report.fault == nil && seals.fault == nil)
    writer.field("entries", Int(report.entryCount))
    writer.field("segments", report.segmentCount)
    writer.field("notes", report.notes)
    if let mark = report.retention {
      writer.key("retention")
      writer.beginObject()
      writer.field("removed_up_to", Int(mark.last))
      writer.field("days", mark.days)
      writer.field("time", mark.time)
      writer.endObject()
    }
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
}
