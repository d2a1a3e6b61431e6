import Bytes
import Telemetry

/// `passerelle serve`: the gateway.
enum ServeVerb: Verb {
  static let name = "serve"
  static let summary = "run the gateway and the authorization server"
  static let usage = ["serve --config FILE"]
  static let options: [OptionDefinition] = [.config]

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let signals = try Signals()
    let configuration = try Command.configuration(arguments)
    Log.process.configure(level: configuration.log.level, format: configuration.log.format)
    let backbone = try Backbone(configuration, ledgerTold: LedgerNotices.toLog())
    let service = try Service(backbone, simulatedSubscribers: [])
    try service.start()
    for remark in service.tls.remarks(now: SystemTime().now()) { Log.process.warning("certificate.remark", remark) }
    Log.process.info("service.started", "serving on \(service.url)", ("version", VersionVerb.version))
    Output.line("ready \(service.url)")
    await signals.terminated { [tls = service.tls] in tls.reloadAloud() }
    Log.process.info("service.stopping", "no more connections are taken in")
    await service.stop()
    Log.process.info("service.stopped", "ledger and store are closed")
  }
}
