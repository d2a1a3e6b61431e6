/// `passerelle certificates list|reload`: what the listeners of a running gateway show.
enum CertificatesVerb: Verb {
  static let name = "certificates"
  static let summary = "list the TLS certificates of a running gateway, or let it read them again"
  static let usage = ["certificates list --config FILE [--json]", "certificates reload --config FILE [--json]"]
  static let options: [OptionDefinition] = [.config, .json]

  private static let columns = [
    ("listener", "listener"), ("names", "names"), ("key", "key_type"), ("until", "not_after"), ("file", "file"),
  ]

  static func run(_ arguments: Arguments) async throws {
    guard arguments.positional.count == 1 else { throw UsageError("list or reload?") }
    switch arguments.positional[0] {
    case "list":
      Command.print(
        try await Command.send(arguments, "GET", "/certificates"), arguments, columns: columns, none: "no listener has TLS")
    case "reload":
      Command.print(
        try await Command.send(arguments, "POST", "/certificates/reload"), arguments, columns: columns,
        none: "no listener has TLS")
    default: throw UsageError("list or reload?")
    }
  }
}
