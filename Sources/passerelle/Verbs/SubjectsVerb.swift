import Bytes

/// `passerelle subjects show|report|erase`.
enum SubjectsVerb: Verb {
  static let name = "subjects"
  static let summary = "show what is kept about a subscriber, report what was done with it, and erase who they are"
  static let usage = [
    "subjects show --config FILE --subject tel:+33... [--json]",
    "subjects report --config FILE --subject tel:+33... [--output FILE] [--json]",
    "subjects erase --config FILE --subject tel:+33... --reason TEXT --yes [--json]",
  ]
  static let options: [OptionDefinition] = [
    .config, .json, .value("--subject", "TEL", "a subscriber, as tel:+33612345678 or by pseudonym"),
    .value("--output", "FILE", "where the report goes (mode 0600)"),
    .value("--reason", "TEXT", "why; kept in the ledger, so without anybody's name or number"),
    .flag("--yes", "erase; it cannot be undone"),
  ]

  static func run(_ arguments: Arguments) async throws {
    guard arguments.positional.count == 1 else { throw UsageError("subjects show, report or erase?") }
    switch arguments.positional[0] {
    case "show": try await show(arguments)
    case "report": try await report(arguments)
    case "erase": try await erase(arguments)
    default: throw UsageError("subjects show, report or erase?")
    }
  }

  private static func show(_ arguments: Arguments) async throws {
    _ = try arguments.required("--subject")
    let row = try await Command.send(arguments, "GET", "/subjects" + Command.query(arguments, [("--subject", "subject")]))
    Command.print(row, arguments, columns: [], none: "")
  }

  /// Who saw what of the subscriber, when, why and on what basis: for them to read.
  private static func report(_ arguments: Arguments) async throws {
    _ = try arguments.required("--subject")
    let report = try await Command.send(
      arguments, "GET", "/subjects/report" + Command.query(arguments, [("--subject", "subject")]))
    let text = SubjectReportText.text(report.root).map { $0 + "\n" }.joined()
    let bytes = arguments.flag("--json") ? report.root.raw + [0x0A] : Array(text.utf8)
    guard let file = arguments.value("--output") else { return Output.bytes(bytes) }
    try Files.write(bytes, to: file)
    Output.line("the report is in \(file)")
  }

  private static func erase(_ arguments: Arguments) async throws {
    var body = JSONWriter()
    body.beginObject()
    body.field("subject", try arguments.required("--subject"))
    body.field("reason", try arguments.required("--reason"))
    body.endObject()
    guard arguments.flag("--yes") else { throw UsageError("it cannot be undone: say --yes to erase the subscriber") }
    let row = try await Command.send(arguments, "POST", "/subjects/erase", body: body.bytes)
    Command.print(row, arguments, columns: [], none: "")
  }
}
