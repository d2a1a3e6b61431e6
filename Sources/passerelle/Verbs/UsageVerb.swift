import Bytes
import JOSE
import Ledger

/// `passerelle usage report|statement|export|check|rebuild`.
enum UsageVerb: Verb {
  static let name = "usage"
  static let summary = "report what clients have used and what they owe, counted from the ledger"
  static let usage = [
    "usage report --config FILE [--client ID] [--api NAME] [--operation ID] [--from TIME] [--to TIME] [--by hour|day|month] [--json]",
    "usage statement --config FILE --client ID --month 2026-11 [--format table|json|csv|html] [--output FILE]",
    "usage export --config FILE --month 2026-11 [--format tmf635] [--client ID] [--output FILE]",
    "usage check --config FILE [--json]", "usage rebuild --config FILE [--json]",
  ]
  static let options: [OptionDefinition] = [
    .config, .json, .value("--client", "ID", "one client only"), .value("--api", "NAME", "one API only"),
    .value("--operation", "ID", "one operation only"),
    .value("--from", "TIME", "from then on (2026-01-31 or RFC 3339)"), .value("--to", "TIME", "until then"),
    .value("--by", "PERIOD", "hour, day or month (day)"), .value("--month", "MONTH", "a month of UTC, such as 2026-11"),
    .value("--format", "FORMAT", "of a statement: table, json, csv or html (table); of an export: tmf635"),
    .value("--output", "FILE", "where it goes instead of the standard output"),
  ]

  static func run(_ arguments: Arguments) async throws {
    switch arguments.positional {
    case ["report"]: try await report(arguments)
    case ["statement"]: try await statement(arguments)
    case ["export"]: try await export(arguments)
    case ["check"]: try UsageCheckReport.run(arguments)
    case ["rebuild"]: try await rebuild(arguments)
    default: throw UsageError("usage report, statement, export, check or rebuild?")
    }
  }

  private static func report(_ arguments: Arguments) async throws {
    try Command.client(arguments)
    _ = try Command.interval(arguments)
    try Command.check(arguments, "--by", among: ["hour", "day", "month"])
    let query = Command.query(
      arguments,
      [
        ("--client", "client_id"), ("--api", "api"), ("--operation", "operation"), ("--from", "from"), ("--to", "to"),
        ("--by", "by"),
      ])
    let rows = try await Command.send(arguments, "GET", "/usage" + query)
    Command.print(
      rows, arguments,
      columns: [
        ("client", "client_id"), ("api", "api"), ("operation", "operation"), ("period", "period"), ("calls", "calls"),
        ("succeeded", "succeeded"), ("refused", "refused"), ("failed", "failed"), ("amount", "amount"), ("currency", "currency"),
      ], none: "no usage")
  }

  private static func statement(_ arguments: Arguments) async throws {
    _ = try arguments.required("--client")
    try Command.client(arguments)
    try Command.checkMonth(arguments)
    let format = arguments.value("--format") ?? (arguments.flag("--json") ? "json" : "table")
    guard ["table", "json", "csv", "html"].contains(format) else { throw UsageError("--format wants table, json, csv or html") }
    let query = Command.query(arguments, [("--client", "client_id"), ("--month", "month")])
    let wire = format == "table" ? "json" : format
    let bytes = try await fetch(arguments, "/usage/statement" + query + "&format=" + wire)
    guard format == "table" else { return try put(bytes + (format == "json" ? [0x0A] : []), arguments) }
    StatementTable.print(try JSONDocument(bytes, file: "admin API").root)
  }

  private static func export(_ arguments: Arguments) async throws {
    try Command.checkMonth(arguments)
    try Command.client(arguments)
    guard ["tmf635", nil].contains(arguments.value("--format")) else { throw UsageError("--format wants tmf635") }
    let query = Command.query(arguments, [("--month", "month"), ("--client", "client_id")])
    try put(try await fetch(arguments, "/usage/records" + query) + [0x0A], arguments)
  }

  private static func rebuild(_ arguments: Arguments) async throws {
    let document = try await Command.send(arguments, "POST", "/usage/rebuild")
    guard !arguments.flag("--json") else { return Output.json(document.root.raw) }
    Output.line("usage is counted anew from \(document.root["entries"]?.integer ?? 0) entries")
  }

  private static func fetch(_ arguments: Arguments, _ path: String) async throws -> [UInt8] {
    let client = try AdminClient(Command.configuration(arguments))
    defer { client.close() }
    return try await client.fetch(path)
  }

  private static func put(_ bytes: [UInt8], _ arguments: Arguments) throws {
    guard let file = arguments.value("--output") else { return Output.bytes(bytes) }
    try Files.write(bytes, to: file)
    Output.line("written to \(file)")
  }
}

/// A statement on a terminal.
enum StatementTable {
  static func print(_ root: JSONValue) {
    func text(_ name: String, of value: JSONValue? = nil) -> String { Command.cell((value ?? root)[name]) }
    let standing =
      root["final"]?.boolean == true
      ? "whole" : root["begun"]?.boolean == false ? "the month has not begun" : "so far: the month is not over"
    Output.line("statement for \(text("month")) of \(text("client_id")), " + standing)
    Output.line("counted up to entry \(text("counted_up_to")) of the ledger")
    let rows = (root["lines"]?.array ?? []).map { line in
      [
        text("api", of: line), text("operation", of: line), line["plan"] == nil ? "list price" : text("plan", of: line),
        line["free"]?.boolean == true ? "free" : text("unit_price", of: line), text("quantity", of: line),
        text("amount", of: line), text("currency", of: line),
      ]
    }
    Output.table(["api", "operation", "plan", "price", "calls", "amount", "currency"], rows, none: "nothing is charged")
    for total in root["totals"]?.array ?? [] {
      Output.line("total \(text("amount", of: total)) \(text("currency", of: total)) (exactly \(text("exact", of: total)))")
    }
  }
}
