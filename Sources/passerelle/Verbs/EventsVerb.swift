import Bytes

/// `passerelle events dead|replay|discard|listen`.
enum EventsVerb: Verb {
  static let name = "events"
  static let summary =
    "list events that could not be delivered, send them again or discard them; take events as an application does"
  static let usage = [
    "events dead --config FILE [--subscription ID] [--limit N] [--json]",
    "events replay (NUMBER... | --subscription ID) --config FILE [--json]",
    "events discard (NUMBER... | --subscription ID) --config FILE [--json]",
    "events listen (--demo DIR | --certificate FILE --key FILE) [--port 9443] [--status STATUS]",
  ]
  static let options: [OptionDefinition] = [
    .config, .json, .value("--subscription", "ID", "all of a subscription"),
    .value("--limit", "N", "how many at most, the newest first (1000; 10000 at most)"),
    .value("--demo", "DIR", "listen with the certificate of DIR, which its demo trusts"),
    .value("--certificate", "FILE", "listen with this one, in PEM"), .value("--key", "FILE", "and its private key"),
    .value("--port", "PORT", "9443; 0 takes a free one"),
    .value(
      "--status", "STATUS",
      "what each event is answered with: 204, or an error to see what becomes of it (410 ends a subscription)"),
  ]
  static let notes: String? =
    "What is sent again goes behind what waits, and is decided about as if it had come now. Events of subscriptions that have ended "
    + "cannot be sent. What an event says is never shown. `events listen` is an application's own sink, on this machine: it lets whoever "
    + "asks send events (CloudEvents' WebHook-Request-Origin), prints each, and one line `ready https://HOST:PORT/events` when it listens."

  private static let columns = [
    ("number", "number"), ("subscription", "subscription"), ("client", "client_id"), ("type", "type"), ("time", "time"),
    ("given up", "buried_at"), ("attempts", "attempts"), ("failure", "failure"),
  ]

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.integer("--limit", default: 1000, in: 1...10_000)
    switch arguments.positional.first {
    case "dead":
      _ = try arguments.positional(exactly: 1, "dead")
      let query = Command.query(arguments, [("--subscription", "subscription"), ("--limit", "limit")])
      Command.print(
        try await Command.send(arguments, "GET", "/events/dead" + query), arguments, columns: columns, none: "no dead letters")
    case "replay": try await act(arguments, "replay", "queued again")
    case "discard": try await act(arguments, "discard", "discarded")
    case "listen": try await EventListener(arguments).run()
    default: throw UsageError("dead, replay, discard or listen?")
    }
  }

  private static func act(_ arguments: Arguments, _ act: String, _ done: String) async throws {
    let answer = try await Command.send(arguments, "POST", "/events/dead/" + act, body: body(arguments))
    guard !arguments.flag("--json") else { Output.json(answer.root.raw); return }
    Output.line("\(answer.root["count"]?.integer ?? 0) \(done)")
  }

  private static func body(_ arguments: Arguments) throws -> [UInt8] {
    let numbers = try arguments.positional.dropFirst().map { text -> Int in
      guard let number = Int(text), number > 0 else { throw UsageError("\"\(text)\" is no number of a dead letter") }
      return number
    }
    let subscription = arguments.value("--subscription")
    guard numbers.isEmpty != (subscription == nil) else { throw UsageError("name either numbers or a --subscription") }
    var writer = JSONWriter()
    writer.beginObject()
    if let subscription { writer.field("subscription", subscription) }
    if !numbers.isEmpty {
      writer.key("numbers")
      writer.beginArray()
      for number in numbers { writer.integer(number) }
      writer.endArray()
    }
    writer.endObject()
    return writer.bytes
  }
}
