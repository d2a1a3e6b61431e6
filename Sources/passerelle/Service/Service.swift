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
  private let gateway: GatewayHandler
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
  let adminToken: String
  let tls: ListenerTLS

  /// Binds both listeners; nothing is accepted before `start`.
  ///
  /// - Throws: one line that names the address when a port is busy.
  init(_ backbone: Backbone, simulatedSubscribers: [SimulatedSIM]) throws {
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
    let authorization = try backbone.authorizationServer(simulatedSubscribers: simulatedSubscribers, outbound: outbound)
    counting = LedgerPasses.counting(backbone)
    passes = try LedgerPasses.all(backbone, outbound, loop: adminLoop.loops[0])
    streams = try LedgerStreams(backbone, outbound, loop: adminLoop.loops[0])
    var gatewaySettings = try configuration.makeGatewaySettings()
    gatewaySettings.trustedIssuers = try configuration.trustedIssuers.map { try $0.made(outbound, backbone.time) }
    gateway = try GatewayHandler(
      settings: gatewaySettings, dependencies: backbone.gatewayDependencies(authorization.server), loops: loops.loops)
    let door = FrontDoor(gateway: gateway, authorization: authorization.server, pages: authorization.site)
    publicListener = try Service.listen(
      configuration.listen.host, configuration.listen.port, loops, door, configuration.listen.serverLimits, tls.front)
    mutualListener = try configuration.mutualTLS.map { [loops, tls] in
      try Service.listen($0.listen.host, $0.listen.port, loops, door, $0.listen.serverLimits, tls.mutual)
    }
    let admin = AdminHandler(
      api: backbone.adminAPI(certificates: tls),
      health: Health(
        ledger: backbone.ledger, database: backbone.stores.database, draining: draining,
        details: { [streams, all = [counting] + passes] in streams.health + LedgerPasses.faults(all) }), token: adminToken,
      isSecure: tls.admin != nil,
      others: backbone.consentMaster?.changes.map { changes in [MasterChanges.path: { await changes.respond(to: $0) }] } ?? [:])
    adminListener = try Service.listen(
      configuration.admin.host, configuration.admin.port, adminLoop, admin, ServerLimits(), tls.admin)
  }

  var port: Int { publicListener.port }
  var adminPort: Int { adminListener.port }
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
  }

  /// Takes no new connection, lets what runs end (10 s at most), then closes ledger and store.
  func stop() async {
    draining.begin()
    let listeners = [publicListener, mutualListener].compactMap(\.self)
    await withTaskGroup { group in
      for listener in listeners { group.addTask { await listener.drain(deadlineSeconds: 10) } }
    }
    await adminListener.drain(deadlineSeconds: 1)
    await gateway.finish()
    // Before the loop that seals are published by.
    for named in passes { named.pass.stop() }
    streams.stop()
    loops.stop()
    adminLoop.stop()
    counting.pass.stop(finishing: true)
    backbone.close()
  }

  private static func listen(
    _ host: String, _ port: Int, _ group: EventLoopGroup, _ handler: any RequestHandler, _ limits: ServerLimits,
    _ tls: TLSServer?
  ) throws -> Listener {
    do { return try Listener(address: host, port: port, group: group, handler: handler, limits: limits, tls: tls) } catch {
      throw CommandFailure("cannot listen on \(host):\(port): \(error)")
    }
  }
}

/// The bearer token of the admin API, in a file that only its owner may read.
enum AdminToken {
  static func readOrCreate(_ file: String) throws -> String {
    if Files.exists(file) {
      let token = String(decoding: try KeyFile.read(file), as: UTF8.self).trimmed
      guard token.utf8.count >= 16 else { throw CommandFailure("\(file): an admin token has 16 characters or more") }
      return token
    }
    let token = Random.token()
    try KeyFile.write(Array((token + "\n").utf8), to: file)
    return token
  }
}
