import Bytes
import Store

/// `passerelle subscriptions list|show|end`.
enum SubscriptionsVerb: Verb {
  static let name = "subscriptions"
  static let summary = "list, show and end clients' subscriptions to events"
  static let usage = [
    "subscriptions list --config FILE [--client ID] [--subject tel:+33...] [--kind KIND] [--status STATUS]\n"
      + "                                 [--limit N] [--json]",
    "subscriptions show ID --config FILE [--json]",
    "subscriptions end ID --config FILE [--reason TEXT] [--description TEXT] [--json]",
  ]
  static let options: [OptionDefinition] = [
    .config, .json, .value("--client", "ID", "a client"),
    .value("--subject", "TEL", "a subscriber, as tel:+33612345678 or by pseudonym"),
    .value("--kind", "KIND", "an API and what it calls a subscription, as sim-swap-subscriptions:subscriptions"),
    .value("--status", "STATUS", statuses.joined(separator: ", ")),
    .value("--reason", "TEXT", "why; kept in the ledger"),
    .value("--description", "TEXT", "told to the client with the event that ends it, 256 bytes at most"),
    .value("--limit", "N", "how many at most, the newest first (100; 10000 at most)"),
  ]
  static let notes: String? =
    "Ending drops what waits, and tells the client and the backend; a gateway must run. Of a sink no more than its host is shown. What could "
    + "not be delivered is in `passerelle events`."

  private static let statuses = SubscriptionRecord.Status.allCases.map(\.rawValue)
  private static let columns = [
    ("id", "id"), ("kind", "kind"), ("client", "client_id"), ("subject", "subject"), ("status", "status"), ("sink", "sink"),
    ("waiting", "waiting"), ("dead", "dead"), ("events", "events"), ("failure", "failure"), ("made", "created_at"),
    ("expires", "expires_at"),
  ]

  static func run(_ arguments: Arguments) async throws {
    try checkValues(arguments)
    switch arguments.positional.first {
    case "list": try await list(arguments)
    case "show": try await show(arguments)
    case "end": try await end(arguments)
    default: throw UsageError("list, show or end?")
    }
  }

  private static func checkValues(_ arguments: Arguments) throws {
    try Command.checkSubject(arguments, orPseudonym: true)
    try Command.client(arguments)
    try Command.check(arguments, "--status", among: statuses)
    _ = try arguments.integer("--limit", default: 100, in: 1...10_000)
    if let reason = arguments.value("--reason"), reason.unicodeScalars.count > 200 {
      throw UsageError("--reason wants 200 characters at most")
    }
    if let description = arguments.value("--description"), !(1...256).contains(description.utf8.count) {
      throw UsageError("--description wants 1 to 256 bytes")
    }
  }

  private static func list(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 1, "list")
    let query = Command.query(
      arguments,
      [
        ("--client", "client"), ("--subject", "subject"), ("--kind", "kind"), ("--status", "status"), ("--limit", "limit"),
      ])
    let rows = try await Command.send(arguments, "GET", "/subscriptions" + query)
    Command.print(rows, arguments, columns: columns, none: "no subscriptions")
  }

  private static func show(_ arguments: Arguments) async throws {
    let id = try arguments.positional(exactly: 2, "the subscription's ID")[1]
    let row = try await Command.send(arguments, "GET", "/subscriptions/" + Command.encode(id))
    Command.print(row, arguments, columns: columns, none: "")
  }

  private static func end(_ arguments: Arguments) async throws {
    let id = try arguments.positional(exactly: 2, "the subscription's ID")[1]
    var body = JSONWriter()
    body.beginObject()
    if let reason = arguments.value("--reason") { body.field("reason", reason) }
    if let description = arguments.value("--description") { body.field("description", description) }
    body.endObject()
    let row = try await Command.send(arguments, "POST", "/subscriptions/\(Command.encode(id))/end", body: body.bytes)
    Command.print(row, arguments, columns: columns, none: "")
  }
}
