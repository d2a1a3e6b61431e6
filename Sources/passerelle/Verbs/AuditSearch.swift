import Bytes
import Identifiers
import JOSE
import Ledger
import Store

/// What `audit search`, `tail` and `export` have in common, and `search` itself.
enum AuditSearch {
  static let filterOptions: [OptionDefinition] = [
    .value("--client", "ID", "of one client"),
    .value("--subject", "TEL", "about one subscriber, as tel:+33612345678 or by pseudonym"),
    .value("--api", "NAME", "of one API"), .value("--operation", "ID", "of one operation"),
    .value("--event", "EVENT", "api.call, token.issued, consent.revoked, ..."),
    .value("--decision", "DECISION", "allowed, refused or failed"), .value("--correlator", "TEXT", "with that x-correlator"),
    .value("--from", "TIME", "from then on (2026-01-31 or RFC 3339)"), .value("--to", "TIME", "until then"),
  ]
  static let filterUsage =
    "[--client ID] [--subject tel:+33...] [--api NAME] [--operation ID] [--event EVENT]\n"
    + "                             [--decision allowed|refused|failed] [--correlator TEXT] [--from TIME] [--to TIME]"

  static func search(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "search")
    let configuration = try Command.configuration(arguments)
    guard var filter = try filter(arguments, configuration) else {
      if arguments.flag("--json") { Output.line("[]") } else { Output.line("no entries") }
      return
    }
    filter.limit = try arguments.integer("--limit", default: 100, in: 1...1_000_000)
    let entries = try LedgerSearch(directory: configuration.ledgerFolder, filter: filter, index: index(configuration)).run()
    guard !arguments.flag("--json") else {
      Output.json(Array("[".utf8) + Array(entries.map(\.raw).joined(separator: Array(",\n".utf8))) + Array("]".utf8))
      return
    }
    Output.table(columns, try entries.map(cells), none: "no entries")
  }

  static let columns = ["seq", "time", "event", "client_id", "api", "operation", "decision", "reason", "status", "categories"]

  static func cells(_ entry: LedgerRow) throws -> [String] {
    let root = try JSONDocument(entry.raw, file: "ledger").root
    return columns.map { Command.cell(root[$0]) }
  }

  static func index(_ configuration: Configuration) throws -> LedgerIndex {
    LedgerIndex(
      directory: configuration.ledgerFolder, key: try Installation(configuration).keysForReading().lookup)
  }

  /// Nil when the subscriber is not known here, so that nothing can match.
  static func filter(_ arguments: Arguments, _ configuration: Configuration) throws -> LedgerFilter? {
    var filter = LedgerFilter()
    filter.client = arguments.value("--client")
    filter.api = arguments.value("--api")
    filter.operation = arguments.value("--operation")
    filter.event = arguments.value("--event")
    filter.decision = arguments.value("--decision")
    filter.correlator = arguments.value("--correlator")
    (filter.from, filter.to) = try Command.interval(arguments)
    try Command.check(arguments, "--decision", among: ["allowed", "refused", "failed"])
    try Command.client(arguments)
    try checkNames(filter, configuration)
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
    let found = try Installation(configuration).readStores { stores, _ in try stores.subjects.pseudonym(of: number)?.rawValue }
    guard let found else {
      throw CommandFailure("\(configuration.databaseFile): is missing, and only it knows which entries are about a number")
    }
    return found
  }

  /// - Throws: `UsageError` for a name that nothing has and nothing had: "no entries" would be true, and mislead.
  private static func checkNames(_ filter: LedgerFilter, _ configuration: Configuration) throws {
    try check("event", filter.event, LedgerFilter(event: filter.event), configuration) { LedgerEvents.known }
    try check("API", filter.api, LedgerFilter(api: filter.api), configuration) {
      try Ruleset.catalogue(configuration).apis.map(\.name.rawValue)
    }
    try check("operation", filter.operation, LedgerFilter(operation: filter.operation), configuration) {
      try Ruleset.catalogue(configuration).operationsByIndex.map(\.id.rawValue)
    }
    // Where there is no database, nobody knows who was a client.
    guard try Installation(configuration).hasDatabase() else { return }
    try check("client", filter.client, LedgerFilter(client: filter.client), configuration) {
      try LegalBasisReport.clients(configuration).map(\.id.rawValue)
    }
  }

  /// - Parameters:
  ///   - filter: finds entries with the name: what was known once may be gone from configuration and policies.
  ///   - names: those that are known now.
  private static func check(
    _ kind: String, _ name: String?, _ filter: LedgerFilter, _ configuration: Configuration, _ names: () throws -> [String]
  ) throws {
    guard let name else { return }
    let names = try names()
    guard !names.contains(name) else { return }
    var filter = filter
    filter.limit = 1
    let search = try LedgerSearch(directory: configuration.ledgerFolder, filter: filter, index: index(configuration))
    guard try search.run().isEmpty else { return }
    let nearest = Nearest.name(to: name, among: names)
    throw UsageError("there is no \(kind) \(name), and there was none" + (nearest.map { "; did you mean \($0)?" } ?? ""))
  }
}
