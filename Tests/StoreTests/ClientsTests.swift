import Bytes
import Identifiers
import JOSE
import Store
import Testing

@Suite("Clients")
struct ClientsTests {
  static let jwks = String(decoding: JWKSet(keys: [try! SigningKey.generate(.es256).verificationKey]).json(), as: UTF8.self)

  static func json(_ changes: [String: String?] = [:]) -> String {
    var members: [String: String?] = [
      "client_id": "\"shop\"", "client_name": "\"Le Shop\"", "redirect_uris": "[\"https://shop.example/cb\"]",
      "grant_types": "[\"authorization_code\"]", "scope": "\"a b\"", "purposes": "[\"dpv:ServiceProvision\"]", "jwks": jwks,
    ]
    for (key, value) in changes { members[key] = value }
    return "{" + members.compactMap { key, value in value.map { "\"\(key)\":\($0)" } }.joined(separator: ",\n") + "}"
  }

  static func record(_ changes: [String: String?] = [:]) throws(DocumentError) -> ClientRecord {
    try ClientRecord(json: try JSONDocument(Array(json(changes).utf8), file: "clients.json").root)
  }

  @Test("a registration has its defaults, and comes back from its own JSON")
  func roundTrip() throws {
    let plain = try Self.record()
    #expect(plain.proofKey == .required)
    #expect(plain.accessTokenLifetimeSeconds == 300)
    #expect(plain.isEnabled)
    #expect(plain.requestsPerMinute == nil)
    #expect(!plain.dpopBoundAccessTokens)
    let full = try Self.record([
      "client_uri": "\"https://shop.example\"", "logo_uri": "\"https://shop.example/logo.png\"", "pkce": "\"optional\"",
      "access_token_lifetime_seconds": "60", "two_legged_purposes": "[\"dpv:ServiceProvision\"]", "requests_per_minute": "5",
      "quota_per_day": "100", "quota_per_month": "1000", "languages": "[\"fr\",\"en-GB\"]", "enabled": "false",
      "token_endpoint_auth_method": "\"private_key_jwt\"", "dpop_bound_access_tokens": "true",
      "tls_client_certificate_bound_access_tokens": "true",
      "event_sinks": "[\"https://shop.example/events/\", \"http://127.0.0.1:9/e\"]", "event_sink_proof": "\"registered\"",
      "event_token_uri": "\"https://shop.example/token\"", "event_token_client_id": "\"the-gateway\"",
    ])
    #expect(full.eventSinks.count == 2 && full.eventSinkProof == .registered && plain.eventSinkProof == .handshake)
    #expect(full.eventTokenEndpoint?.clientID == "the-gateway" && plain.eventTokenEndpoint == nil)
    #expect(!full.isEnabled)
    #expect(full.dpopBoundAccessTokens)
    #expect(full.certificateBoundAccessTokens && !plain.certificateBoundAccessTokens)
    for record in [plain, full] {
      let document = try JSONDocument(record.json(), file: "again")
      #expect(try ClientRecord(json: document.root) == record)
    }
  }

  @Test(
    "what is wrong is refused by name",
    arguments: [
      ("client_id", nil, "client_id"), ("client_id", "\"a b\"", "client_id"), ("client_name", "\"\"", "client_name"),
      ("client_name", "\"a\\nb\"", "client_name"), ("grant_types", "[]", "grant_types"),
      ("grant_types", "[\"password\"]", "password"), ("redirect_uris", "[]", "redirect_uris"),
      ("redirect_uris", "[\"javascript:alert(1)\"]", "redirect_uri"), ("scope", "\"a  b\"", "scope"),
      ("scope", "\"a dpv:ServiceProvision\"", "purposes"), ("purposes", "[\"ServiceProvision\"]", "purposes"),
      ("two_legged_purposes", "[\"dpv:Other\"]", "dpv:Other"), ("jwks", nil, "jwks"), ("jwks", "{}", "jwks"),
      ("pkce", "\"plain\"", "pkce"), ("access_token_lifetime_seconds", "59", "access_token_lifetime_seconds"),
      ("access_token_lifetime_seconds", "3601", "access_token_lifetime_seconds"),
      ("token_endpoint_auth_method", "\"client_secret_basic\"", "private_key_jwt"), ("languages", "[\"fr_FR!\"]", "languages"),
      ("dpop_bound_access_tokens", "\"true\"", "dpop_bound_access_tokens"),
      ("event_sinks", "[\"http://shop.example/events\"]", "event_sinks"), ("event_sink_proof", "\"none\"", "event_sink_proof"),
      ("event_token_uri", "\"https://shop.example/token\"", "go together"), ("event_token_client_id", "\"x\"", "go together"),
      ("clientname", "\"x\"", "client_name"), ("client_uri", "\"ftp://x.example\"", "client_uri"),
    ] as [(String, String?, String)])
  func refused(key: String, value: String?, word: String) {
    let error = #expect(throws: DocumentError.self) { try Self.record([key: value]) }
    #expect(error?.reason.contains(word) == true, "\(error?.description ?? "nothing was thrown")")
    #expect(error?.file == "clients.json")
  }

  @Test("a private key in the JWK set is refused")
  func privateKey() {
    let withSecret = Self.jwks.replacing("\"kty\"", with: "\"d\":\"AAAA\",\"kty\"")
    #expect(throws: DocumentError.self) { try Self.record(["jwks": withSecret]) }
  }

  @Test("saved, changed, disabled; every change moves the generation")
  func store() async throws {
    let fixture = try Fixture()
    let clients = fixture.stores.clients
    var generation = clients.generation
    func hasMoved() -> Bool {
      defer { generation = clients.generation }
      return clients.generation > generation
    }
    var record = try Self.record()
    try await clients.save(record)
    #expect(hasMoved())
    #expect(try clients.client(record.id) == record)
    record.name = "Le Grand Shop"
    try await clients.save(record)
    #expect(hasMoved())
    #expect(try clients.all() == [record])
    #expect(try await clients.setEnabled(record.id, false))
    #expect(hasMoved())
    #expect(try clients.client(record.id)?.isEnabled == false)
    #expect(try await !clients.setEnabled(client, false))
    #expect(try clients.client(client) == nil)
  }

  @Test(
    "redirect URIs that may be registered",
    arguments: [
      "https://app.example/callback", "https://app.example", "https://app.example:8443/cb?x=1&y=a%20b",
      "http://127.0.0.1:8080/cb",
      "http://[::1]:9000/", "http://localhost/cb", "com.example.app:/callback", "com.example.app://callback",
      "https://xn--bcher-kva.example/", "https://app.example/a;b=1/c", "https://203.0.113.7/cb",
    ])
  func redirectAccepted(address: String) { #expect(RedirectURI.fault(in: address) == nil) }

  @Test(
    "redirect URIs that may not",
    arguments: [
      "", "/callback", "app.example/callback", "//app.example/cb", "http://app.example/cb", "http://127.0.0.1.evil.example/",
      "http://localhost.evil.example/", "http://127.0.0.2/", "https://app.example/cb#x", "https://user@app.example/",
      "https://app.example@evil.example/", "https://a@b@c/", "https://app.example/@evil", "javascript:alert(1)",
      "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "about:blank", "https:app.example",
      "https:/app.example", "https://", "https:///cb", "https://app.example:0/", "https://app.example:65536/",
      "https://app.example:80a/", "https://app.example:/", "https://app..example/", "https://-app.example/",
      "https://app.example\\@evil.example/", "https://app.example/\r\nx", "https://app.example/a b", "https://app.example/\t",
      "https://bücher.example/", "https://app.example/%zz", "https://app.example/%2", "https://app.example/a/../b",
      "https://app.example/..;/b", "https://app.example/%2e%2e/b", "https://app.example/%2E%2e;x/b", "https://app_x.example/",
      "https://*.example/", "com.example.app:/cb#frag", "app:/callback", ".com:/x", "com.:/x", "a..b:/x", "com.example:/a@b",
      "https://[::1", "https://[::1]x/", "https://[zz]/", "https://app.example/\u{0}",
    ])
  func redirectRefused(address: String) { #expect(RedirectURI.fault(in: address) != nil) }

  @Test("a redirect URI may be as long as the limit and no longer", arguments: [(2047, true), (2048, true), (2049, false)])
  func redirectLength(count: Int, isGood: Bool) {
    let base = "https://app.example/"
    #expect((RedirectURI.fault(in: base + String(repeating: "x", count: count - base.utf8.count)) == nil) == isGood)
  }
}
