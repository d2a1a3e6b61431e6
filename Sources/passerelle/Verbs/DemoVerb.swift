/// `passerelle demo`: an operator, a gateway, an authorization server and four applications on one machine.
enum DemoVerb: Verb {
  static let name = "demo"
  static let summary = "run everything on this machine, with a simulated operator, to try the flows"
  static let usage = ["demo --data DIR [--port 8080] [--admin-port 8081] [--backend-port 9101] [--fresh]"]
  static let options: [OptionDefinition] = [
    .value("--data", "DIR", "where the demo keeps its keys, its data and demo.json"),
    .value("--port", "PORT", "of the gateway and the authorization server (8080)"),
    .value("--admin-port", "PORT", "of the admin listener (8081)"),
    .value("--backend-port", "PORT", "of the simulated operator's backends (9101, or a free one)"),
    .flag("--fresh", "start over: forget what the demo kept in DIR"),
  ]

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let signals = try Signals()
    let demo = try Demo(
      folder: arguments.required("--data"), port: arguments.integer("--port", default: 8080, in: 1...65_535),
      adminPort: arguments.integer("--admin-port", default: 8081, in: 1...65_535),
      backendPort: arguments.value("--backend-port") == nil
        ? nil : arguments.integer("--backend-port", default: 0, in: 1...65_535),
      isFresh: arguments.flag("--fresh"))
    try await demo.start()
    Output.line("ready \(demo.url)")
    await signals.terminated {}
    await demo.stop()
  }
}
