import Bytes
import Consent
import Foundation
import Identifiers
import JOSE
import Ledger
import Policy
import Store
import Testing
import Wire

@testable import Gateway

/// A gateway over real stores, keys, policies, ledger and sockets in a folder of its own, without a backend. The clock that
/// decides is moved by tests.
final class TestGateway: Sendable {
  static let issuer = "https://api.example"
  static let path = "/device-identifier/v0.3/retrieve-identifier"
  /// A scope that does not open the operation: a call whose token and proof are good is refused with 403.
  static let scopes = ScopeSet([Scope(rawValue: "device-identifier:retrieve-type")!])
  static let client = ClientID(rawValue: "bank")!
  static let grant = GrantID(rawValue: "g-1")!

  let folder: String
  let time = ManualTime()
  let keys: KeyRing
  let stores: Stores
  let ledger: LedgerWriter
  let catalogue: Catalogue
  let group: EventLoopGroup
  let listener: Listener
  /// The client's key for proofs.
  let key: SigningKey

  init(client adjust: (inout ClientRecord) -> Void = { _ in }, dpop adjustSettings: (inout DPoPSettings) -> Void = { _ in })
    async throws
  {
    folder = NSTemporaryDirectory() + "passerelle-gateway-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    keys = try KeyRing.openOrCreate(directory: folder + "/keys")
    key = try SigningKey.generate(.es256)
    stores = Stores(
      database: try Database(path: folder + "/passerelle.sqlite", time: time), lookup: keys.lookup, sealing: keys.sealing)
    ledger = try LedgerWriter(directory: folder + "/ledger", time: time)
    catalogue = try Self.catalogue.get()
    var settings = GatewaySettings(
      issuer: Self.issuer, audience: Self.issuer, host: "api.example", isSecure: true, upstreams: [:])
    adjustSettings(&settings.dpop)
    group = try EventLoopGroup(count: 2)
    let gateway = GatewayHandler(
      settings: settings, dependencies: Self.dependencies(catalogue, keys, stores, ledger, time), loops: group.loops)
    listener = try Listener(address: "127.0.0.1", port: 0, group: group, handler: gateway)
    group.start()
    listener.start()
    var record = ClientRecord(
      id: Self.client, name: "Example Bank", grantTypes: ["client_credentials"], scopes: Self.scopes,
      jwks: JWKSet(keys: [key.verificationKey]).json())
    adjust(&record)
    try await stores.clients.save(record)
    try await stores.grants.insert(
      GrantRecord(
        id: Self.grant, client: Self.client, scopes: Self.scopes, flow: "client_credentials", createdAt: time.now(),
        expiresAt: time.now().adding(seconds: 86_400)))
  }

  deinit {
    group.stop()
    ledger.close()
    stores.database.close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  private static func dependencies(
    _ catalogue: Catalogue, _ keys: KeyRing, _ stores: Stores, _ ledger: LedgerWriter, _ time: ManualTime
  ) -> GatewayDependencies {
    GatewayDependencies(
      catalogue: catalogue, keys: keys, clients: stores.clients, grants: stores.grants, subjects: stores.subjects,
      consents: ConsentRegister(
        store: stores.consents, refreshTokens: stores.refreshTokens, catalogue: catalogue, time: time, observer: NoObserver()),
      resources: stores.resources, ledger: ledger, time: time, quotaUsed: [:])
  }

  /// Another handler on the same loops and stores, with backends.
  func handler(upstreams: [String: GatewaySettings.Upstream], replacing previous: GatewayHandler? = nil) -> GatewayHandler {
    let settings = GatewaySettings(
      issuer: Self.issuer, audience: Self.issuer, host: "api.example", isSecure: true, upstreams: upstreams)
    let dependencies = Self.dependencies(catalogue, keys, stores, ledger, time)
    if let previous { return GatewayHandler(settings: settings, dependencies: dependencies, replacing: previous) }
    return GatewayHandler(settings: settings, dependencies: dependencies, loops: group.loops)
  }

  /// The shipped policies, read once.
  private static let catalogue: Result<Catalogue, any Error> = Result {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return try Catalogue.load(directory: root.appendingPathComponent("policies").path)
  }

  private struct NoObserver: ConsentObserver {
    func consentChanged(_ change: ConsentChange) async throws {}
  }

  /// The reason of the last call, as the ledger has it.
  func lastReason() throws -> String? {
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder + "/ledger").sorted()
    let text = files.compactMap { try? String(contentsOfFile: "\(folder)/ledger/\($0)", encoding: .utf8) }.joined()
    return text.components(separatedBy: "\"reason\":\"").dropFirst().last.map { String($0.prefix { $0 != "\"" }) }
  }
}

// MARK: - Tokens and proofs

extension TestGateway {
  /// An access token, bound to the client's key unless told otherwise.
  /// - Parameter confirmation: the JSON of `cnf`; nil for a bearer token.
  func token(cnf confirmation: String?) throws -> String {
    let cnf = confirmation.map { ",\"cnf\":\($0)" } ?? ""
    let payload = """
      {"iss":"\(Self.issuer)","aud":"\(Self.issuer)","exp":\(time.now().seconds + 3600),"client_id":"bank","grant_id":"g-1",\
      "scope":"\(Self.scopes.description)"\(cnf)}
      """
    return try JWTBuilder.sign(payload: Array(payload.utf8), typ: "at+jwt", key: keys.current)
  }

  func boundToken() throws -> String { try token(cnf: "{\"jkt\":\"\(key.kid)\"}") }

  /// A proof for a call with that token, right unless told otherwise.
  /// - Parameter changes: claims as JSON; nil takes one away.
  func proof(for token: String, by signer: SigningKey? = nil, _ changes: [String: String?] = [:]) throws -> String {
    let signer = signer ?? key
    var claims: [String: String?] = [
      "jti": "\"\(Random.token(byteCount: 16))\"", "htm": "\"POST\"", "htu": "\"\(Self.issuer)\(Self.path)\"",
      "iat": "\(time.now().seconds)", "ath": "\"\(SHA256.digest(Array(token.utf8)).base64url)\"",
    ]
    for (name, value) in changes { claims.updateValue(value, forKey: name) }
    var jwk = JSONWriter()
    signer.verificationKey.appendJWK(to: &jwk)
    let header = #"{"typ":"dpop+jwt","alg":"ES256","jwk":\#(String(decoding: jwk.bytes, as: UTF8.self))}"#
    let payload = "{" + claims.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }.joined(separator: ",") + "}"
    let input = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(payload.utf8))
    return input + "." + Base64URL.encode(try signer.sign(Array(input.utf8).span))
  }
}

// MARK: - Calls

struct Answer {
  var status: Int
  /// Names in lower case.
  var fields: [(name: String, value: String)]
  var body: String

  var code: String? { (try? JSONDocument(Array(body.utf8)).root)?["code"]?.string }
  func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
}

extension TestGateway {
  /// One call on a connection of its own.
  func call(
    _ method: String, _ target: String, _ fields: [(String, String)], body: String = "{}"
  ) throws -> Answer {
    var request = "\(method) \(target) HTTP/1.1\r\nHost: inside.example\r\nConnection: close\r\n"
    for (name, value) in fields { request += "\(name): \(value)\r\n" }
    if !body.isEmpty { request += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
    let reply = try exchange(Array((request + "\r\n" + body).utf8))
    let parts = reply.components(separatedBy: "\r\n\r\n")
    let lines = parts[0].components(separatedBy: "\r\n")
    return Answer(
      status: try #require(Int(lines[0].components(separatedBy: " ")[1])),
      fields: lines.dropFirst().map { line in
        let colon = line.firstRange(of: ": ")!
        return (line[..<colon.lowerBound].lowercased(), String(line[colon.upperBound...]))
      }, body: parts.dropFirst().joined(separator: "\r\n\r\n"))
  }

  func call(_ fields: [(String, String)]) throws -> Answer { try call("POST", Self.path, fields) }

  func call(token: String, proof: String, _ target: String = TestGateway.path, body: String = "{}") throws -> Answer {
    try call("POST", target, [("Authorization", "DPoP \(token)"), ("DPoP", proof)], body: body)
  }

  /// Everything that comes back until the connection closes.
  private func exchange(_ bytes: [UInt8]) throws -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var timeout = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(listener.port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    try #require(connected == 0)
    try #require(send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    var (reply, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 65_536))
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return String(decoding: reply, as: UTF8.self) }
      reply += buffer[..<count]
    }
  }
}
