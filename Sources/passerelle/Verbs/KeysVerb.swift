import JOSE

/// `passerelle keys generate|rotate|list`.
enum KeysVerb: Verb {
  static let name = "keys"
  static let summary = "generate, rotate and list the keys of an installation"
  static let usage = ["keys generate --config FILE", "keys rotate --config FILE [--json]", "keys list --config FILE [--json]"]
  static let options: [OptionDefinition] = [.config, .json]

  private static let columns = [("kid", "kid"), ("role", "role"), ("file", "file")]

  static func run(_ arguments: Arguments) async throws {
    guard arguments.positional.count == 1 else { throw UsageError("generate, rotate or list?") }
    switch arguments.positional[0] {
    case "generate":
      let configuration = try Command.configuration(arguments)
      let ring = try Installation(configuration).keys()
      Output.line("keys are in \(configuration.keys)")
      for key in ring.list() { Output.line("\(key.kid)  \(key.role)  \(key.file)") }
    case "rotate":
      Command.print(try await Command.send(arguments, "POST", "/keys/rotate"), arguments, columns: columns, none: "")
    case "list":
      Command.print(try await Command.send(arguments, "GET", "/keys"), arguments, columns: columns, none: "")
    default: throw UsageError("generate, rotate or list?")
    }
  }
}
