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

@testable import Authorization
@testable import Pages

/// The pages over a real authorization server, and a browser that remembers its session.
final class TestSite: Sendable {
  static let issuer = "http://127.0.0.1:8080"
  static let redirectURI = "https://app.example:8443/callback?tenant=1"
  static let purpose = Purpose(rawValue: "dpv:FraudPreventionAndDetection")!
  static let number = MSISDN(e164: "+33612345678")!
  static let sims = [
    SimulatedSIM(number: number, label: "an ordinary phone"),
    SimulatedSIM(number: MSISDN(e164: "+33612345679")!, label: "<b>odd</b> & \"quoted\""),
  ]

  let folder: String
  let time = ManualTime(Timestamp(rfc3339: "2026-11-01T09:00:00Z")!)
  let stores: Stores
  let ledger: LedgerWriter
  let server: AuthorizationServer
  let site: Site
  let loop: EventLoop

  /// - Parameter codes: where one-time codes are sent to; nil offers the simulated SIM cards.
  init(client adjust: (inout ClientRecord) -> Void = { _ in }, codes gateway: CodeGateway? = nil) async throws {
    folder = NSTemporaryDirectory() + "passerelle-pages-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let keys = try KeyRing.openOrCreate(directory: folder + "/keys")
    stores = Stores(
      database: try Database(path: folder + "/passerelle.sqlite", time: time), lookup: keys.lookup, sealing: keys.sealing)
    ledger = try LedgerWriter(directory: folder + "/ledger", time: time)
    loop = try EventLoop(index: 0, time: time)
    loop.start()
    let catalogue = try Self.catalogue.get()
    let consents = ConsentRegister(
      store: stores.consents, refreshTokens: stores.refreshTokens, catalogue: catalogue, time: time, observer: NoObserver())
    server = AuthorizationServer(
      settings: AuthorizationSettings(issuer: Self.issuer),
      dependencies: AuthorizationDependencies(
        catalogue: catalogue, stores: stores, consents: consents, ledger: ledger, keys: keys, time: time,
        recognition: [HeaderEnrichment(header: "x-network-msisdn", trustedProxies: [AddressRange("127.0.0.0/8")!])],
        simulatedSubscribers: Self.sims,
        oneTimeCodes: try gateway?.codes(stores: stores, ledger: ledger, time: time), pages: ErrorPages()))
    site = Site(server: server, catalogue: catalogue, settings: PageSettings(operatorName: "Telco", hasStartPage: true))
    var client = ClientRecord(
      id: ClientID(rawValue: "bank")!, name: "Example Bank", redirectURIs: [Self.redirectURI],
      grantTypes: ["authorization_code"],
      scopes: [
        .openID, Scope(rawValue: "device-identifier:retrieve-identifier")!, Scope(rawValue: "device-identifier:retrieve-type")!,
      ], purposes: [Self.purpose], jwks: JWKSet(keys: [keys.current.verificationKey]).json())
    adjust(&client)
    try await stores.clients.save(client)
  }

  deinit {
    loop.stop()
    ledger.close()
    stores.database.close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  static let catalogue: Result<Catalogue, any Error> = Result {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return try Catalogue.load(directory: root.appendingPathComponent("policies").path)
  }

  private struct NoObserver: ConsentObserver {
    func consentChanged(_ change: ConsentChange) async throws {}
  }
}

typealias Form = [(String, String)]

/// A browser on one page: its session and the request that waits.
struct Visitor {
  let site: TestSite
  let cookie: String
  let handle: String

  var address: String { "/consent?interaction=\(handle)" }

  func get(_ target: String? = nil, _ fields: Form = [], cookie: String? = nil) async -> HTTPResponse {
    await site.respond("GET", target ?? address, [("cookie", cookie ?? self.cookie)] + fields)
  }

  func post(
    _ target: String, _ form: Form, _ fields: Form = [], cookie: String? = nil,
    contentType: String = "application/x-www-form-urlencoded"
  ) async -> HTTPResponse {
    await site.respond(
      "POST", target, [("cookie", cookie ?? self.cookie), ("content-type", contentType)] + fields, body: encode(form))
  }

  /// What the form on the page would send: hidden fields, every tick, and the button.
  func form(_ page: HTTPResponse, decision: String) -> Form {
    page.hiddenFields + page.categories.map { ("category", $0) } + [("decision", decision)]
  }
}

func encode(_ form: Form) -> String {
  var query = ""
  for (name, value) in form { FormParameters.append(name, value, to: &query) }
  return query
}

extension TestSite {
  static let scope =
    "openid dpv:FraudPreventionAndDetection device-identifier:retrieve-identifier device-identifier:retrieve-type"

  func request(_ method: String, _ target: String, _ fields: Form = [], body: String = "") -> HTTPRequest {
    HTTPRequest(
      method: method, target: target, fields: fields.map { (name: $0.0, value: $0.1) }, body: Array(body.utf8),
      remoteAddress: SocketAddress(ip: "127.0.0.1", port: 40_000), loop: loop)
  }

  func respond(_ method: String, _ target: String, _ fields: Form = [], body: String = "") async -> HTTPResponse {
    let request = request(method, target, fields, body: body)
    return server.handles(path: request.path) ? await server.respond(to: request) : await site.respond(to: request)
  }

  /// Comes to the authorization endpoint with a request that passes, and to the page that it leads to.
  func visit(
    number: MSISDN? = TestSite.number, state: String = "s-1", scope: String = TestSite.scope, _ more: Form = []
  ) async throws -> Visitor {
    let query = encode(
      [
        ("response_type", "code"), ("client_id", "bank"), ("redirect_uri", Self.redirectURI), ("state", state),
        ("scope", scope), ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
      ] + more)
    let answer = await respond("GET", "/authorize?" + query, number.map { [("x-network-msisdn", $0.e164)] } ?? [])
    let location = try #require(answer.field("location"))
    let handle = try #require(location.components(separatedBy: "interaction=").last)
    let cookie = try #require(answer.field("set-cookie")?.components(separatedBy: ";").first)
    return Visitor(site: self, cookie: cookie, handle: handle)
  }
}

extension HTTPResponse {
  var text: String { String(decoding: body, as: UTF8.self) }
  var location: String? { field("location") }

  /// The first capture of an expression, each time that it matches.
  func captures(_ expression: Regex<(Substring, Substring)>) -> [String] { text.matches(of: expression).map { String($0.1) } }

  /// The values of the checkboxes.
  var categories: [String] { captures(/<input type="checkbox"[^>]* name="category" value="([^"]*)"/) }
  var hiddenFields: Form {
    text.matches(of: /<input type="hidden" name="([^"]*)" value="([^"]*)">/).map { (String($0.1), String($0.2)) }
  }
}
