import Administration
import Authorization
import Bytes
import ConsentMaster
import Gateway
import Identifiers
import JOSE
import Ledger
import Pages
import Policy
import Wire

/// A running gateway: the public listener (APIs, authorization server, pages) and the admin listener, over one backbone.
final class Service {
  private let backbone: Backbone
  private let door: FrontDoor
  private let loops: EventLoopGroup
  private let adminLoop: EventLoopGroup
  private let publicListener: Listener
  private let mutualListener: Listener?
  private let adminListener: Listener
  private let rotation: KeyRotation
  /// What is done with the ledger's files behind the calls: in this order it begins and ends.
  private let passes: [LedgerPasses.Named]
  private let counting: LedgerPasses.Named
  private let draining = Draining()
  private let streams: LedgerStreams
  private let events: EventLink
  /// Nil: nothing is traced.
  private let spans: SpanExporter?
  let adminToken: String
  let tls: ListenerTLS
  let reloader: Reloader

  /// Binds both listeners; nothing is accepted before `start`.
  ///
  /// - Throws: one line that names the address when a port is busy.
  init(
    _ backbone: Backbone, simulatedSubscribers: [SimulatedSIM], sockets given: ActivatedSockets = ActivatedSockets(),
    manager: ServiceManager = ServiceManager(nil)
  ) throws {
    var sockets = given
    let configuration = backbone.configuration
    self.backbone = backbone
    tls = try ListenerTLS(configuration, time: backbone.time)
    adminToken = try AdminToken.readOrCreate(configuration.admin.tokenFile)
    loops = try EventLoopGroup(count: configuration.loops == 0 ? processorCount() : configuration.loops, time: backbone.time)
    for loop in loops.loops { loop.admission.configure(configuration.overload.share(ofLoops: loops.loops.count)) }
    // A loop of its own: the admin listener answers also when the public loops are busy.
    adminLoop = try EventLoopGroup(count: 1, time: backbone.time)
    rotation = KeyRotation(
      keys: backbone.keys, ledger: backbone.ledger, time: backbone.time, days: configuration.signingKeyDays,
      loop: adminLoop.loops[0])
    let outbound = try Outbound(configuration.outbound, loop: adminLoop.loops[0])
    counting = LedgerPasses.counting(backbone)
    passes = try LedgerPasses.all(backbone, outbound)
    streams = try LedgerStreams(backbone, outbound)
    spans = try configuration.tracing.map { [adminLoop] in try SpanExporter($0, outbound, loop: adminLoop.loops[0]) }
    events = try EventLink(backbone.under(backbone.ruleset), outbound)
    let makers = GenerationMaker(
      backbone: backbone, events: events, outbound: outbound, simulatedSubscribers: simulatedSubscribers,
      phone: simulatedSubscribers.isEmpty ? nil : SimulatedPhone(), loops: loops.loops, tracing: spans?.tracing)
    door = FrontDoor(try makers.first(), events: events, loops: loops.loops)
    publicListener = try Service.listen(.front, &sockets, configuration.listen, loops, door, tls.front)
    mutualListener = try configuration.mutualTLS.map { [loops, tls, door] in
      try Service.listen(.mutual, &sockets, $0.listen, loops, door, tls.mutual)
    }
    reloader = Reloader(
      makers, door: door, tls: tls, rotation: rotation, publicListener: publicListener, mutualListener: mutualListener,
      manager: manager)
    let admin = AdminHandler(
      api: AdminAPI { [door, reloader, events] in
        var dependencies = door.generation.admin
        (dependencies.certificates, dependencies.reload) = (reloader, reloader)
        (dependencies.subscriptionEnding, dependencies.eventsQueued) = (events, { events.service.wake() })
        dependencies.upstreams = { door.generation.gateway.upstreamStates() }
        return dependencies
      },
      health: Health(
        ledger: backbone.ledger, database: backbone.stores.database, draining: draining,
        details: { [streams, all = [counting] + passes] in streams.health + LedgerPasses.faults(all) }), token: adminToken,
      isSecure: tls.admin != nil, others: try Service.otherPaths(backbone))
    let adminAddress = Configuration.Listen(host: configuration.admin.host, port: configuration.admin.port)
    adminListener = try Service.listen(.admin, &sockets, adminAddress, adminLoop, admin, tls.admin)
    try sockets.finish()
    registerMetrics()
  }

  /// What the admin listener serves beside the admin API.
  private static func otherPaths(_ backbone: Backbone) throws -> [String: @Sendable (HTTPRequest) async -> HTTPResponse] {
    let metrics = MetricsEndpoint(
      backbone.meters.registry,
      token: try backbone.configuration.metrics.bearerTokenFile.map {
        try OutboundServices.token($0, key: "metrics.bearerTokenFile")
      })
    var paths: [String: @Sendable (HTTPRequest) async -> HTTPResponse] = [MetricsEndpoint.path: { metrics.respond(to: $0) }]
    if let changes = backbone.consentMaster?.changes { paths[MasterChanges.path] = { await changes.respond(to: $0) } }
    return paths
  }

  private func registerMetrics() {
    let listeners = [("public", publicListener), ("mutual", mutualListener), ("admin", adminListener)].compactMap {
      name, listener in
      listener.map { (name: name, listener: $0) }
    }
    let connections = ListenerMetrics(listeners: listeners, tls: tls)
    backbone.meters.registry.set("listeners") { connections.families() }
    backbone.meters.registry.set("upstreams") { [door] in UpstreamMetrics.families(door.generation.gateway.upstreamStates()) }
    backbone.meters.registry.set("events") { [events] in events.service.metrics() }
    backbone.meters.registry.set("streams") { [streams] in streams.metrics() }
    if let spans { backbone.meters.registry.set("spans") { spans.metrics() } }
    backbone.registerMetrics()
  }

  var port: Int { publicListener.port }
  var adminPort: Int { adminListener.port }
  /// Seconds that calls have to end after `stop`.
  var drainSeconds: Int { door.generation.configuration.drainSeconds }
  /// The public address, as people type it.
  var url: String { "\(tls.front == nil ? "http" : "https")://\(backbone.configuration.listen.host):\(port)" }

  func start() throws {
    loops.start()
    adminLoop.start()
    publicListener.start()
    mutualListener?.start()
    adminListener.start()
    // Commands find the admin listener here when its port was left to the system to choose.
    try Files.write(Array("\(adminPort)\n".utf8), to: backbone.configuration.data + "/admin-port")
    counting.pass.start()
    rotation.start()
    for named in passes { named.pass.start() }
    streams.start()
    events.start { [door] in door.generation.gateway }
    spans?.start()
  }

  /// Takes no new connection, lets what runs end (`drainSeconds` at most), then closes ledger and store.
  func stop() async {
    draining.begin()
    let seconds = drainSeconds
    let listeners = [publicListener, mutualListener].compactMap(\.self)
    await withTaskGroup { group in
      for listener in listeners { group.addTask { await listener.drain(deadlineSeconds: seconds) } }
    }
    await adminListener.drain(deadlineSeconds: 1)
    await events.stop()
    await door.generation.gateway.finish()
    // Before the loop that seals are published by.
    for named in passes { named.pass.stop() }
    streams.stop()
    await spans?.stop()
    loops.stop()
    adminLoop.stop()
    counting.pass.stop(finishing: true)
    backbone.close()
  }

  /// Tells a service manager that waits for it that the gateway is alive; nil where none does.
  func watchdog(_ manager: ServiceManager) -> Watchdog? {
    Watchdog(manager, loops: loops.loops + adminLoop.loops, ledger: backbone.ledger)
  }

  private static func listen(
    _ place: ActivatedSockets.Place, _ sockets: inout ActivatedSockets, _ settings: Configuration.Listen, _ group: EventLoopGroup,
    _ handler: any RequestHandler, _ tls: TLSServer?
  ) throws -> Listener {
    let limits = settings.serverLimits
    if let descriptor = sockets.take(place, host: settings.host, port: settings.port) {
      return Listener(adopting: descriptor, group: group, handler: handler, limits: limits, tls: tls)
    }
    do {
      return try Listener(
        address: settings.host, port: settings.port, group: group, handler: handler, limits: limits, tls: tls)
    } catch { throw CommandFailure("cannot listen on \(settings.host):\(settings.port): \(error)") }
  }
}
