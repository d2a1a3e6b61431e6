/// `passerelle usage report`.
enum UsageVerb: Verb {
  static let name = "usage"
  static let summary = "report what clients have used, counted from the ledger"
  static let usage = [
    "usage report --config FILE [--client ID] [--api NAME] [--from TIME] [--to TIME] [--by hour|day|month] [--json]"
  ]
  static let options: [OptionDefinition] = [
    .config, .json, .value("--client", "ID", "one client only"), .value("--api", "NAME", "one API only"),
    .value("--from", "TIME", "from then on (2026-01-31 or RFC 3339)"), .value("--to", "TIME", "until then"),
    .value("--by", "PERIOD", "hour, day or month (day)"),
  ]

  static func run(_ arguments: Arguments) async throws {
    guard arguments.positional == ["report"] else { throw UsageError("usage report?") }
    let query = Command.query(
      arguments, [("--client", "client_id"), ("--api", "api"), ("--from", "from"), ("--to", "to"), ("--by", "by")])
    let rows = try await Command.send(arguments, "GET", "/usage" + query)
    Command.print(
      rows, arguments,
      columns: [
        ("client", "client_id"), ("api", "api"), ("operation", "operation"), ("period", "period"), ("calls", "calls"),
        ("succeeded", "succeeded"), ("refused", "refused"), ("failed", "failed"), ("amount", "amount"), ("currency", "currency"),
      ], none: "no usage")
  }
}
