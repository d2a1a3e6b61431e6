import Bytes
import Telemetry

/// `passerelle serve`: the gateway. Under a service manager such as systemd it tells when it serves, reads its files again, stops, and that
/// it is alive, and takes the sockets that are given to it.
enum ServeVerb: Verb {
  static let name = "serve"
  static let summary = "run the gateway and the authorization server"
  static let usage = ["serve --config FILE"]
  static let options: [OptionDefinition] = [.config]
  static let notes: String? = """
    Prints one line, `ready URL`, when it serves. SIGHUP reads configuration, policies, certificates and keys again and takes all of it
    or nothing, as `passerelle reload` does, whose --help says what needs a restart. SIGTERM takes no new connection, lets calls end
    (`drainSeconds`), and exits with 0.
    """

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let (manager, sockets) = (ServiceManager(), try ActivatedSockets.ofEnvironment())
    let signals = try Signals()
    let configuration = try Command.configuration(arguments)
    Log.process.configure(level: configuration.log.level, format: configuration.log.format)
    let backbone = try Backbone(configuration, ledgerTold: LedgerNotices.toLog())
    let service = try Service(backbone, simulatedSubscribers: [], sockets: sockets, manager: manager)
    try service.start()
    for remark in service.tls.remarks(now: SystemTime().now()) { Log.process.warning("certificate.remark", remark) }
    Log.process.info("service.started", "serving on \(service.url)", ("version", VersionVerb.version))
    Output.line("ready \(service.url)")
    let status = "serving \(service.url)"
    manager.ready(status)
    let watchdog = service.watchdog(manager)
    watchdog?.start()
    await signals.terminated { [reloader = service.reloader] in _ = reloader.reloadAndWait(.signal) }
    manager.stopping(withinSeconds: service.drainSeconds + 10)
    watchdog?.stop()
    Log.process.info("service.stopping", "no more connections are taken in")
    await service.stop()
    Log.process.info("service.stopped", "ledger and store are closed")
  }
}
