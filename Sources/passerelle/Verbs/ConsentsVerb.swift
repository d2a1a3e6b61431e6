import Bytes
import Identifiers

/// `passerelle consents list|show|grant|revoke|object|export|import|master`.
enum ConsentsVerb: Verb {
  static let name = "consents"
  static let summary =
    "list, show, grant and revoke subscribers' consents, note objections, export and import; what the consent master has still to learn"
  static let usage = [
    "consents list --config FILE [--subject tel:+33...] [--client ID] [--purpose dpv:...] [--status STATUS]\n"
      + "                           [--limit N] [--after ID] [--json]",
    "consents show ID --config FILE [--json]",
    "consents grant --config FILE --subject tel:+33... --client ID --purpose dpv:... --scope \"...\" --reason TEXT\n"
      + "                           [--channel WORD] [--json]",
    "consents revoke ID --config FILE [--reason TEXT] [--channel WORD] [--json]",
    "consents revoke --config FILE [--subject tel:+33...] [--client ID] [--purpose dpv:...] --reason TEXT (--dry-run | --yes)\n"
      + "                            [--channel WORD] [--json]",
    "consents object --config FILE --subject tel:+33... --client ID --purpose dpv:... --reason TEXT [--channel WORD]\n"
      + "                            [--json]",
    "consents export --config FILE [--output FILE] [--with-numbers]",
    "consents import FILE --config FILE [--dry-run] [--json]",
    "consents master --config FILE [--json]",
  ]
  static let options: [OptionDefinition] = [
    .config, .json, .value("--subject", "TEL", "a subscriber, as tel:+33612345678 or by pseudonym"),
    .value("--client", "ID", "a client"), .value("--purpose", "PURPOSE", "a purpose, as dpv:FraudPreventionAndDetection"),
    .value("--status", "STATUS", "granted, denied, revoked, expired, objected or pending"),
    .value("--scope", "SCOPES", "scopes of APIs, separated by spaces"),
    .value("--reason", "TEXT", "why; kept in the record's history and in the ledger"),
    .value("--channel", "WORD", "over what it came: call-centre, shop, letter, ... (operator)"),
    .flag("--dry-run", "say what would be done, and do nothing"), .flag("--yes", "revoke all that the selectors name"),
    .value("--output", "FILE", "a new file, mode 0600 (standard output)"),
    .flag("--with-numbers", "with the subscribers' numbers in the clear"),
    .value("--limit", "N", "how many at most (1000; 10000 at most)"), .value("--after", "ID", "go on behind this consent"),
  ]

  private static let columns = [
    ("id", "id"), ("subject", "subject"), ("client", "client_id"), ("purpose", "purpose"), ("status", "status"),
    ("granted", "granted_at"), ("expires", "expires_at"), ("categories", "categories"), ("scopes", "scopes"),
  ]

  static func run(_ arguments: Arguments) async throws {
    try checkValues(arguments)
    switch arguments.positional.first {
    case "list": try await list(arguments)
    case "show": try await show(arguments)
    case "grant": try await grant(arguments)
    case "revoke": try await revoke(arguments)
    case "object": try await object(arguments)
    case "export": try await ConsentFiles.export(arguments)
    case "import": try await ConsentFiles.import(arguments)
    case "master": try await master(arguments)
    default: throw UsageError("list, show, grant or revoke, object, export, import or master?")
    }
  }

  /// What no consent can have is wrong usage, whatever is asked.
  private static func checkValues(_ arguments: Arguments) throws {
    let named = ["grant", "object"].contains(arguments.positional.first)
    try Command.checkSubject(arguments, orPseudonym: !named)
    try Command.client(arguments)
    try Command.checkPurpose(arguments)
    try Command.check(arguments, "--status", among: ["granted", "denied", "revoked", "expired", "objected", "pending"])
    _ = try arguments.integer("--limit", default: 1000, in: 1...10_000)
    if let after = arguments.value("--after"), ConsentID(rawValue: after) == nil {
      throw UsageError("--after wants the ID of a consent")
    }
    if let scope = arguments.value("--scope"), ScopeSet(parsing: scope)?.apiScopes.isEmpty ?? true {
      throw UsageError("--scope wants one scope of an API or more, separated by spaces")
    }
    if let reason = arguments.value("--reason"), reason.unicodeScalars.count > 200 {
      throw UsageError("--reason wants 200 characters at most")
    }
    if let channel = arguments.value("--channel"), !(1...32).contains(channel.utf8.count) || !channel.utf8.allSatisfy(isOfChannel)
    {
      throw UsageError("--channel wants a word of 32 lower-case letters, digits and hyphens at most, such as call-centre")
    }
  }

  private static func isOfChannel(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D
  }

  private static func list(_ arguments: Arguments) async throws {
    let query = Command.query(
      arguments,
      [
        ("--subject", "subject"), ("--client", "client_id"), ("--purpose", "purpose"), ("--status", "status"),
        ("--limit", "limit"), ("--after", "after"),
      ])
    let rows = try await Command.send(arguments, "GET", "/consents" + query)
    Command.print(rows, arguments, columns: columns, none: "no consents")
    let limit = try arguments.integer("--limit", default: 1000, in: 1...10_000)
    if !arguments.flag("--json"), let found = rows.root.array, found.count == limit, let last = found.last?["id"]?.string {
      Output.line("there may be more: --after \(last)")
    }
  }

  private static func show(_ arguments: Arguments) async throws {
    let id = try arguments.positional(exactly: 2, "the consent's ID")[1]
    let row = try await Command.send(arguments, "GET", "/consents/" + Command.encode(id))
    Command.print(row, arguments, columns: columns, none: "")
    guard !arguments.flag("--json") else { return }
    let events = row.root["events"]?.array ?? []
    Output.line("")
    Output.table(
      ["time", "event", "flow", "language", "categories"],
      events.map { event in
        [
          event["time"]?.string ?? "-", event["event"]?.string ?? "-", event["flow"]?.string ?? "-",
          event["language"]?.string ?? "-", (event["categories"]?.array ?? []).compactMap(\.string).joined(separator: " "),
        ]
      }, none: "no events")
  }

  private static func grant(_ arguments: Arguments) async throws {
    var body = JSONWriter()
    body.beginObject()
    body.field("subject", try arguments.required("--subject"))
    body.field("client_id", try arguments.required("--client"))
    body.field("purpose", try arguments.required("--purpose"))
    body.field("scope", try arguments.required("--scope"))
    body.field("reason", try arguments.required("--reason"))
    if let channel = arguments.value("--channel") { body.field("channel", channel) }
    body.endObject()
    let row = try await Command.send(arguments, "POST", "/consents", body: body.bytes)
    Command.print(row, arguments, columns: columns, none: "")
  }

  private static func revoke(_ arguments: Arguments) async throws {
    guard arguments.positional.count > 1 else { return try await ConsentRevocation.run(arguments) }
    guard !["--subject", "--client", "--purpose"].contains(where: { arguments.value($0) != nil }), !arguments.flag("--dry-run")
    else { throw UsageError("revoke one consent by its ID, or several by --subject, --client or --purpose") }
    let id = try arguments.positional(exactly: 2, "the consent's ID")[1]
    var body = JSONWriter()
    body.beginObject()
    if let reason = arguments.value("--reason") { body.field("reason", reason) }
    if let channel = arguments.value("--channel") { body.field("channel", channel) }
    body.endObject()
    let row = try await Command.send(arguments, "POST", "/consents/\(Command.encode(id))/revoke", body: body.bytes)
    Command.print(row, arguments, columns: columns, none: "")
  }

  private static func master(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 1, "nothing behind master")
    Command.print(try await Command.send(arguments, "GET", "/consents/master"), arguments, columns: [], none: "")
  }

  private static func object(_ arguments: Arguments) async throws {
    var body = JSONWriter()
    body.beginObject()
    body.field("subject", try arguments.required("--subject"))
    body.field("client_id", try arguments.required("--client"))
    body.field("purpose", try arguments.required("--purpose"))
    body.field("reason", try arguments.required("--reason"))
    if let channel = arguments.value("--channel") { body.field("channel", channel) }
    body.endObject()
    let row = try await Command.send(arguments, "POST", "/consents/object", body: body.bytes)
    Command.print(row, arguments, columns: columns, none: "")
  }
}
