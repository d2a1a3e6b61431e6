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

/// An authorization server over real stores, keys, policies and ledger in a folder of its own, with a clock that tests move.
final class TestServer: Sendable {
  static let issuer = "https://as.example"
  static let redirectURI = "https://app.example/callback"
  static let purpose = Purpose(rawValue: "dpv:FraudPreventionAndDetection")!
  static let identifierScope = Scope(rawValue: "device-identifier:retrieve-identifier")!
  static let typeScope = Scope(rawValue: "device-identifier:retrieve-type")!
  static let number = MSISDN(e164: "+33612345678")!
  static let header = "x-network-msisdn"

  let folder: String
  let time = ManualTime()
  let keys: KeyRing
  let stores: Stores
  let ledger: LedgerWriter
  let server: AuthorizationServer
  let clientKey: SigningKey
  let loop: EventLoop

  init(
    sims: [SimulatedSIM] = [], client adjust: (inout ClientRecord) -> Void = { _ in },
    settings adjustSettings: (inout AuthorizationSettings) -> Void = { _ in }
  ) async throws {
    folder = NSTemporaryDirectory() + "passerelle-authorization-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    keys = try KeyRing.openOrCreate(directory: folder + "/keys", time: time)
    stores = Stores(
      database: try Database(path: folder + "/passerelle.sqlite", time: time), lookup: keys.lookup, sealing: keys.sealing)
    ledger = try LedgerWriter(directory: folder + "/ledger", time: time)
    clientKey = try SigningKey.generate(.es256)
    loop = try EventLoop(index: 0, time: time)
    let catalogue = try Self.catalogue.get()
    let consents = ConsentRegister(
      store: stores.consents, refreshTokens: stores.refreshTokens, catalogue: catalogue, time: time, observer: NoObserver())
    var settings = AuthorizationSettings(issuer: Self.issuer)
    adjustSettings(&settings)
    server = AuthorizationServer(
      settings: settings,
      dependencies: AuthorizationDependencies(
        catalogue: catalogue, stores: stores, consents: consents, ledger: ledger, keys: keys, time: time,
        recognition: [HeaderEnrichment(header: Self.header, trustedProxies: [AddressRange("127.0.0.0/8")!])],
        simulatedSubscribers: sims, pages: PlainPages()))
    var client = ClientRecord(
      id: ClientID(rawValue: "bank")!, name: "Example Bank", redirectURIs: [Self.redirectURI],
      grantTypes: ["authorization_code", "client_credentials"],
      scopes: [.openID, Self.identifierScope, Self.typeScope], purposes: [Self.purpose],
      jwks: JWKSet(keys: [clientKey.verificationKey]).json())
    adjust(&client)
    try await stores.clients.save(client)
  }

  deinit {
    ledger.close()
    stores.database.close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The shipped policies, read once.
  static let catalogue: Result<Catalogue, any Error> = Result {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return try Catalogue.load(directory: root.appendingPathComponent("policies").path)
  }

  private struct NoObserver: ConsentObserver {
    func consentChanged(_ change: ConsentChange) async throws {}
  }

  /// Pages of one line: what they look like is not this target's business.
  private struct PlainPages: AuthorizationPages {
    func errorPage(_ refusal: Refusal, to request: HTTPRequest) -> HTTPResponse {
      HTTPResponse(status: refusal.error.status, fields: [("content-type", "text/plain")], body: Array(refusal.error.code.utf8))
    }

    func decidedPage(_ interaction: Interaction, isGranted: Bool) -> HTTPResponse {
      HTTPResponse(status: 200, fields: [("content-type", "text/plain")], body: Array((isGranted ? "granted" : "denied").utf8))
    }

    func unavailablePage(_ interaction: Interaction) -> HTTPResponse { HTTPResponse(status: 503, fields: [], body: []) }
    func notRecognisedPage(to request: HTTPRequest) -> HTTPResponse { HTTPResponse(status: 403, fields: [], body: []) }
  }
}

// MARK: - Requests

/// Names and values in order; a name may stand twice.
typealias Form = [(String, String)]

func encode(_ form: Form) -> String {
  var query = ""
  for (name, value) in form { FormParameters.append(name, value, to: &query) }
  return query
}

extension Form {
  /// The form with one parameter set to another value, added, or (nil) taken away.
  func with(_ name: String, _ value: String?) -> Form {
    var form = filter { $0.0 != name }
    if let value { form.append((name, value)) }
    return form
  }
}

extension TestServer {
  /// A verifier and its challenge.
  static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
  static let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

  /// A request that every check passes.
  static let request: Form = [
    ("response_type", "code"), ("client_id", "bank"), ("redirect_uri", redirectURI), ("state", "s-1"), ("nonce", "n-1"),
    ("scope", "openid dpv:FraudPreventionAndDetection device-identifier:retrieve-identifier"),
    ("code_challenge", challenge), ("code_challenge_method", "S256"),
  ]

  func http(
    _ method: String, _ path: String, query: String? = nil, _ fields: [(String, String)] = [], body: String = "",
    from address: String = "127.0.0.1"
  ) -> HTTPRequest {
    HTTPRequest(
      method: method, target: path + (query.map { "?" + $0 } ?? ""), fields: fields.map { (name: $0.0, value: $0.1) },
      body: Array(body.utf8), remoteAddress: SocketAddress(ip: address, port: 40_000), loop: loop)
  }

  /// `GET /authorize`, from a phone on the operator's network unless the number is nil.
  func authorize(
    _ form: Form = TestServer.request, number: MSISDN? = TestServer.number, cookie: String? = nil
  ) async -> HTTPResponse {
    var fields: [(String, String)] = []
    if let number { fields.append((Self.header, number.e164)) }
    if let cookie { fields.append(("cookie", cookie)) }
    return await server.respond(to: http("GET", "/authorize", query: encode(form), fields))
  }

  func token(_ form: Form, _ fields: [(String, String)] = [], contentType: String = "application/x-www-form-urlencoded") async
    -> HTTPResponse
  {
    await server.respond(to: http("POST", "/token", [("content-type", contentType)] + fields, body: encode(form)))
  }

  /// The claims of a good assertion now.
  func assertionClaims(jti: String = UUID().uuidString) -> [String: Any] {
    let now = Int(time.now().seconds)
    return ["iss": "bank", "sub": "bank", "aud": Self.issuer + "/token", "iat": now, "exp": now + 120, "jti": jti]
  }

  func assertion(_ claims: [String: Any], typ: String = "JWT", key: SigningKey? = nil) throws -> String {
    try JWTBuilder.sign(payload: Array(JSONSerialization.data(withJSONObject: claims)), typ: typ, key: key ?? clientKey)
  }

  /// The client's authentication, fresh each time.
  func authentication(_ claims: [String: Any]? = nil) throws -> Form {
    [
      ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
      ("client_assertion", try assertion(claims ?? assertionClaims())),
    ]
  }

  func redemption(_ code: String) throws -> Form {
    try [
      ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", Self.redirectURI), ("code_verifier", Self.verifier),
    ] + authentication()
  }

  static let clientCredentials: Form = [
    ("grant_type", "client_credentials"), ("scope", "dpv:FraudPreventionAndDetection device-identifier:retrieve-identifier"),
  ]

  /// Goes through the consent page and gives the code.
  func code(_ form: Form = TestServer.request, ticked: Set<CategoryID>? = nil) async throws -> String {
    let page = await authorize(form)
    if let code = page.parameter("code") { return code }
    let interaction = try interaction(page)
    let answer = try await server.complete(
      interaction, outcome: .allow(ticked: ticked ?? interaction.offer.categoryIDs, shown: .test(interaction)))
    return try #require(answer.parameter("code"))
  }

  /// The interaction that a redirect to a page leads to, in the browser that got the redirect.
  func interaction(_ response: HTTPResponse, cookie: String? = nil) throws -> Interaction {
    let handle = try #require(response.parameter("interaction"))
    let cookie = try #require(cookie ?? response.cookie)
    return try server.interaction(handle: handle, browser: http("GET", "/consent", [("cookie", cookie)]))
  }
}

extension ShownPage {
  static func test(_ interaction: Interaction) -> ShownPage {
    ShownPage(
      version: "1", language: "en", textDigest: SHA256.digest(Array("text".utf8)), categories: interaction.offer.categoryIDs)
  }
}

// MARK: - Answers

extension HTTPResponse {
  var location: String? { field("location") }
  /// The name and value of the cookie that is set.
  var cookie: String? { field("set-cookie").map { String($0.prefix { $0 != ";" }) } }
  var text: String { String(decoding: body, as: UTF8.self) }

  /// A parameter in the query of the redirect.
  func parameter(_ name: String) -> String? {
    location.flatMap { URLComponents(string: $0) }?.queryItems?.first { $0.name == name }?.value
  }

  /// A member of the JSON body.
  func member(_ name: String) -> JSONValue? { (try? JSONDocument(body).root)?[name] }
  /// The error code, of a redirect or of a body.
  var error: String? { parameter("error") ?? member("error")?.string }
  /// The claims of a token in the body, unverified.
  func claims(of member: String) -> JSONValue? {
    let parts = self.member(member)?.string?.split(separator: ".").map(String.init)
    return parts.flatMap { Base64URL.decode($0[1]) }.flatMap { try? JSONDocument($0).root }
  }
}

extension TestServer {
  /// The entries of the ledger with an event, as JSON.
  func ledgerEntries(_ event: String) throws -> [JSONValue] {
    let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/ledger").filter { $0.hasSuffix(".jsonl") }.sorted()
    return try files.flatMap { file in
      try String(contentsOfFile: folder + "/ledger/" + file, encoding: .utf8).split(separator: "\n").map {
        try JSONDocument(Array($0.utf8)).root
      }
    }.filter { $0["event"]?.string == event }
  }
}

extension TestServer {
  /// The subscriber takes everything back, as `passerelle consents revoke` does.
  func withdrawConsent() async throws {
    let subject = try #require(try stores.subjects.pseudonym(of: Self.number))
    let client = ClientID(rawValue: "bank")!
    let row = try #require(try stores.consents.record(subject: subject, client: client, purpose: Self.purpose))
    _ = try await stores.consents.append(
      ConsentEventRow(
        consent: row.id, subject: subject, client: client, purpose: Self.purpose, kind: "revoked", at: time.now(),
        flow: "command",
        actor: "subscriber"))
  }
}

extension ConsentOffer {
  /// The categories without which one scope falls out and the other stays.
  func categories(losing lost: Scope, butNot kept: Scope) -> [CategoryID] {
    categoryIDs.sorted().filter { id in
      let left = scopes(with: categoryIDs.subtracting([id]))
      return !left.contains(lost) && left.contains(kept)
    }
  }
}
