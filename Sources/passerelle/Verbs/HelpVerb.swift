/// `passerelle help [COMMAND]`.
enum HelpVerb: Verb {
  static let name = "help"
  static let summary = "say what the commands do"
  static let usage = ["help [COMMAND]"]
  static let options: [OptionDefinition] = []

  static func run(_ arguments: Arguments) async throws {
    guard let name = arguments.positional.first else { Output.line(Help.overview()); return }
    guard let verb = Verbs.all.first(where: { $0.name == name }) else { throw UsageError("unknown command \"\(name)\"") }
    Output.line(Help.verb(verb))
  }
}
