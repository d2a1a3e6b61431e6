import Bytes
import Wire

/// `passerelle health`: whether a running gateway is ready, for containers and scripts that cannot ask over HTTP themselves.
enum HealthVerb: Verb {
  static let name = "health"
  static let summary = "ask the running gateway whether it is ready; status 1 when it is not, or does not answer"
  static let usage = ["health --config FILE [--json]"]
  static let options: [OptionDefinition] = [.config, .json]

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let answer = try await AdminClient.readiness(Command.configuration(arguments))
    let document = try JSONDocument(answer.body, file: "admin listener")
    if arguments.flag("--json") {
      Output.json(document.root.raw)
    } else {
      for member in document.root.keys { Output.line("\(member.name): \(Command.cell(member.value))") }
    }
    guard answer.status == 200 else { throw CommandFailure("") }
  }
}
