/// `passerelle serve`: the gateway.
enum ServeVerb: Verb {
  static let name = "serve"
  static let summary = "run the gateway and the authorization server"
  static let usage = ["serve --config FILE"]
  static let options: [OptionDefinition] = [.config]

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let signals = try Signals()
    let service = try Service(Backbone(Command.configuration(arguments)), simulatedSubscribers: [])
    try service.start()
    Output.line("ready \(service.url)")
    await signals.terminated()
    await service.stop()
  }
}
