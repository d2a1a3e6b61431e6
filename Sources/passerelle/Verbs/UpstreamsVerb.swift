/// `passerelle upstreams list`: how it stands with the backends of a running gateway.
enum UpstreamsVerb: Verb {
  static let name = "upstreams"
  static let summary = "show how it stands with the backends of a running gateway"
  static let usage = ["upstreams list --config FILE [--json]"]
  static let options: [OptionDefinition] = [.config, .json]

  private static let columns = [
    ("upstream", "upstream"), ("target", "target"), ("address", "address"), ("state", "state"), ("under way", "calls_under_way"),
    ("connections", "connections"), ("answered", "calls_answered"), ("failed", "calls_failed"), ("retried", "calls_retried"),
    ("ejections", "ejections"), ("last fault", "last_fault"),
  ]

  static func run(_ arguments: Arguments) async throws {
    guard try arguments.positional(exactly: 1, "list")[0] == "list" else { throw UsageError("list?") }
    Command.print(
      try await Command.send(arguments, "GET", "/upstreams"), arguments, columns: columns, none: "no upstream is configured")
  }
}
