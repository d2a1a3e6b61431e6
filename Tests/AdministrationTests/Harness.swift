import Authorization
import Bytes
import Consent
import Foundation
import Identifiers
import JOSE
import Ledger
import Policy
import Store
import Synchronization
import Wire

@testable import Administration

/// A disk that takes nothing while it is told so.
final class Disk: FileFaults {
  let isFull = Atomic<Bool>(false)
  func beforeWrite(byteCount: Int) -> WriteFault? { isFull.load(ordering: .relaxed) ? .fails(errno: ENOSPC) : nil }
}

/// An admin API over stores and a ledger of its own.
final class World: Sendable {
  let folder = NSTemporaryDirectory() + "passerelle-admin-" + UUID().uuidString
  let disk = Disk()
  let loop: EventLoop
  let stores: Stores
  let ledger: LedgerWriter
  let api: AdminAPI

  /// `ending` and `eventsQueued` are of a gateway that runs.
  init(ending: (@Sendable (Stores) -> any SubscriptionEnding)? = nil, eventsQueued: (@Sendable () -> Void)? = nil) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let time = SystemTime()
    loop = try EventLoop(index: 0, time: time)
    let keys = try KeyRing.openOrCreate(directory: folder + "/keys")
    stores = Stores(
      database: try Database(path: folder + "/store.sqlite", time: time), lookup: keys.lookup, sealing: keys.sealing)
    ledger = try LedgerWriter(directory: folder + "/ledger", time: time, faults: disk)
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let catalogue = try Catalogue.load(directory: root.appendingPathComponent("policies").path)
    struct Entries: ConsentObserver {
      let ledger: LedgerWriter
      func consentChanged(_ change: ConsentChange) async throws {
        try await ledger.append(LedgerEntry(event: "consent." + change.event.kind))
      }
    }
    let consents = ConsentRegister(
      store: stores.consents, refreshTokens: stores.refreshTokens, catalogue: catalogue, time: time,
      observer: Entries(ledger: ledger))
    let settings = AuthorizationSettings(issuer: "http://127.0.0.1:8080")
    var dependencies = AdminDependencies(
      catalogue: catalogue, keys: keys, stores: stores, consents: consents, ledger: ledger,
      usage: UsageProjection(directory: folder + "/ledger", store: stores.usage),
      tokens: TokenIssuer(settings: settings, keys: keys, time: time), time: time, consentLifetimeSeconds: 3600)
    dependencies.subscriptionEnding = ending?(stores)
    dependencies.eventsQueued = eventsQueued
    api = AdminAPI(dependencies)
  }

  deinit {
    ledger.close()
    stores.database.close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  func send(_ method: String, _ path: String, _ body: String = "") async -> (status: Int, text: String) {
    let request = HTTPRequest(method: method, target: "/admin/v1" + path, fields: [], body: Array(body.utf8), loop: loop)
    let response = await api.respond(to: request)
    return (response.status, String(decoding: response.body, as: UTF8.self))
  }

  var signingKid: String? { api.dependencies.keys.list().first { $0.role == "signs" }?.kid }

  func isEnabled(_ id: String) throws -> Bool? { try stores.clients.client(ClientID(rawValue: id)!)?.isEnabled }

  /// The events of the ledger, with the decision where there is one.
  func events() -> [String] {
    ledgerText().split(separator: "\n").compactMap { line in
      guard let root = try? JSONDocument(Array(line.utf8)).root, let event = root["event"]?.string else { return nil }
      return event + (root["decision"]?.string.map { " " + $0 } ?? "")
    }
  }

  func ledgerText() -> String { (try? String(contentsOfFile: folder + "/ledger/000000000001.jsonl", encoding: .utf8)) ?? "" }

  static func client(_ id: String, name: String = "A client") -> String {
    """
    { "client_id": "\(id)", "client_name": "\(name)", "grant_types": ["client_credentials"], "scope": "",
      "jwks": { "keys": [ { "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" } ] } }
    """
  }
}
