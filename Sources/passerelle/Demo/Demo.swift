import Authorization
import Bytes
import Glibc
import Identifiers
import JOSE
import Ledger
import Simulator
import Store
import Wire

/// The demo: a simulated operator and a gateway before it, in one process on loopback without TLS.
///
/// All that it keeps is in one folder: `passerelle.json` (the configuration, which the other commands take with `--config`),
/// `demo.json` (what a program needs to try the flows), `clients/` (the applications' private keys), `sink/` (the certificate of `events listen`), `keys/`,
/// `data/`.
final class Demo {
  private let folder: String
  private let port: Int
  private let backend: DemoBackend
  private let service: Service
  private let backbone: Backbone

  /// Prepares the folder and binds all ports.
  ///
  /// - Parameter backendPort: nil takes 9101 when it is free, and any other free port otherwise.
  init(folder: String, port: Int, adminPort: Int, backendPort: Int?, isFresh: Bool) throws {
    if isFresh { try Demo.forget(folder) }
    try Files.makeFolder(folder)
    self.folder = Files.absolute(folder)
    self.port = port
    backend = try DemoBackend(port: backendPort)
    try SinkCertificate.make(in: self.folder)
    let file = self.folder + "/passerelle.json"
    let text = Array(
      DemoConfiguration.text(
        port: port, adminPort: adminPort, backendPort: backend.port, policies: try ShippedPolicies.folder()
      ).utf8)
    // By this file a folder is a demo's, also when its first start fails.
    if !Files.exists(file) { try Files.write(text, to: file) }
    backbone = try Backbone(Configuration.load(text, file: file), ledgerTold: LedgerNotices.toLog())
    do {
      service = try Service(backbone, simulatedSubscribers: backend.sims)
      // Now that the ledger's lock and the ports are had: until then one that was there may be a running demo's.
      try Files.write(text, to: file)
    } catch {
      backbone.close()
      throw error
    }
  }

  var url: String { "http://127.0.0.1:\(port)" }

  /// Registers the demo's clients, starts the backends and the gateway, and writes `demo.json` once they answer.
  func start() async throws {
    let clients = try DemoClients(catalogue: backbone.ruleset.catalogue, folder: folder + "/clients")
    let description = folder + "/demo.json"
    try await clients.register(backbone.stores.clients, description: Files.exists(description) ? Files.read(description) : nil)
    backend.start()
    try service.start()
    try Files.write(self.description(clients), to: description)
  }

  func stop() async {
    await service.stop()
    await backend.stop()
  }

  /// Starts over. Only a folder that a demo has made is emptied: nobody's files are lost to a mistyped path.
  private static func forget(_ folder: String) throws {
    guard Files.exists(folder) else { return }
    guard Files.exists(folder + "/passerelle.json") else {
      throw CommandFailure("\(folder): was not made by a demo; --fresh empties no other folder")
    }
    let ledger = folder + "/data/ledger"
    if Files.exists(ledger) {
      // Whatever else is wrong with it goes with it.
      do { try LedgerWriter(directory: ledger, time: SystemTime()).close() } catch LedgerError.inUse {
        throw CommandFailure("\(folder): a demo is running there; stop it first")
      } catch {}
    }
    // Data before its keys, and last what says that this is a demo's folder: what was interrupted can be done again.
    for name in ["data", "keys", "clients", "sink", "demo.json", "passerelle.json"] { try Files.removeTree(folder + "/" + name) }
  }

  /// `demo.json` (DESIGN section 8).
  private func description(_ clients: DemoClients) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("issuer", url)
    writer.field("discovery", url + "/.well-known/openid-configuration")
    writer.field("apiRoot", url)
    writer.key("admin")
    writer.beginObject()
    writer.field("url", "http://127.0.0.1:\(service.adminPort)")
    writer.field("token", service.adminToken)
    writer.endObject()
    writer.field("backend", "http://127.0.0.1:\(backend.port)")
    writer.field("configuration", folder + "/passerelle.json")
    clients.write(to: &writer)
    backend.writeSubscribers(to: &writer)
    writer.endObject()
    return writer.bytes
  }
}
