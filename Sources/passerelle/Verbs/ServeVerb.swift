import Bytes

/// `passerelle serve`: the gateway.
enum ServeVerb: Verb {
  static let name = "serve"
  static let summary = "run the gateway and the authorization server"
  static let usage = ["serve --config FILE"]
  static let options: [OptionDefinition] = [.config]

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let signals = try Signals()
    let backbone = try Backbone(Command.configuration(arguments), ledgerTold: LedgerNotices.toStandardError())
    let service = try Service(backbone, simulatedSubscribers: [])
    try service.start()
    for remark in service.tls.remarks(now: SystemTime().now()) { Output.error(remark) }
    Output.line("ready \(service.url)")
    await signals.terminated { [tls = service.tls] in tls.reloadAloud() }
    await service.stop()
  }
}
