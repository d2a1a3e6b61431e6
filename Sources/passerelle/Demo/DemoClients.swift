import Bytes
import Identifiers
import JOSE
import Policy
import Store

/// The applications of the demo: one that may ask for everything, one with few scopes, one that soon meets its limits, one that
/// is disabled. Their private keys are made at the first start and kept.
struct DemoClients {
  private struct Application {
    let record: ClientRecord
    let keyFile: String
    let kid: String
  }

  /// The purpose that the demo's examples name.
  static let purpose = Purpose(rawValue: "dpv:FraudPreventionAndDetection")!
  private static let redirectURIs = ["http://127.0.0.1:8090/callback", "http://localhost:8090/callback"]

  private let applications: [Application]

  init(catalogue: Catalogue, folder: String) throws {
    try Files.makeFolder(folder)
    let everything = ScopeSet([.openID, .offlineAccess] + catalogue.scopes)
    let few = ScopeSet([.openID] + catalogue.scopes.filter { $0.rawValue.hasSuffix(":retrieve-type") })
    let all = catalogue.purposes.map(\.purpose)
    applications = [
      try Self.application("demo-all", "Aurora Insurance", everything, all, folder) { client in
        client.twoLeggedPurposes = [Self.purpose]
        client.clientURI = "https://aurora.example"
        client.isTrustedWithNumbers = true
      },
      try Self.application("demo-few", "Birch Deliveries", few, [Self.purpose], folder) { _ in },
      try Self.application("demo-limit", "Cedar Trial (limit: 5 a minute, 10 a day)", everything, [Self.purpose], folder) {
        client in
        client.twoLeggedPurposes = [Self.purpose]
        client.requestsPerMinute = 5
        client.quotaPerDay = 10
        client.quotaPerMonth = 100
      },
      try Self.application("demo-disabled", "Dogwood Closed (disabled)", everything, [Self.purpose], folder) { client in
        client.isEnabled = false
      },
    ]
  }

  /// Registers those that are not there yet. One that is keeps what an operator changed since, and gets the scopes that have been shipped
  /// since the start before this one.
  ///
  /// - Parameter description: `demo.json` as that start wrote it.
  func register(_ store: any ClientStore, description: [UInt8]?) async throws {
    let before = Self.scopes(description)
    for application in applications {
      guard var known = try store.client(application.record.id) else {
        try await store.save(application.record)
        continue
      }
      let new = application.record.scopes.subtracting(known.scopes).subtracting(before[known.id] ?? [])
      guard !new.isEmpty else { continue }
      known.scopes = known.scopes.union(new)
      try await store.save(known)
    }
  }

  /// The scopes that each client had from the demo.
  private static func scopes(_ description: [UInt8]?) -> [ClientID: ScopeSet] {
    var scopes: [ClientID: ScopeSet] = [:]
    for client in description.flatMap({ try? JSONDocument($0).root })?["clients"]?.array ?? [] {
      guard let id = client["client_id"]?.string.flatMap(ClientID.init(rawValue:)) else { continue }
      scopes[id] = client["scope"]?.string.flatMap { ScopeSet(parsing: $0) }
    }
    return scopes
  }

  /// The `clients` of `demo.json`.
  func write(to writer: inout JSONWriter) {
    writer.key("clients")
    writer.beginArray()
    for application in applications {
      let client = application.record
      writer.beginObject()
      writer.field("client_id", client.id.rawValue)
      writer.field("name", client.name)
      writer.field("private_key", application.keyFile)
      writer.field("kid", application.kid)
      writer.field("alg", "ES256")
      writer.field("redirect_uris", client.redirectURIs)
      // With one purpose, so that the whole text is a request that may be made.
      writer.field("scope", (client.scopes.map(\.rawValue) + [Self.purpose.rawValue]).joined(separator: " "))
      writer.field("grant_types", client.grantTypes)
      writer.endObject()
    }
    writer.endArray()
  }

  private static func application(
    _ id: String, _ name: String, _ scopes: ScopeSet, _ purposes: [Purpose], _ folder: String,
    _ adjust: (inout ClientRecord) -> Void
  ) throws -> Application {
    let file = "\(folder)/\(id).pem"
    let key: SigningKey
    if Files.exists(file) {
      key = try SigningKey.load(file: file)
    } else {
      key = try SigningKey.generate(.es256)
      try key.save(to: file)
    }
    var record = ClientRecord(
      id: ClientID(rawValue: id)!, name: name, redirectURIs: redirectURIs,
      grantTypes: ClientRecord.knownGrantTypes, scopes: scopes, purposes: purposes,
      jwks: JWKSet(keys: [key.verificationKey]).json())
    adjust(&record)
    return Application(record: record, keyFile: file, kid: key.kid)
  }
}
