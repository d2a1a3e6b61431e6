import Bytes
import Identifiers
import JOSE
import Store
import Testing
import Wire

@testable import Authorization

@Suite("Discovery and keys")
struct DiscoveryTests {
  @Test(
    "both documents say what the server does, and no more",
    arguments: [
      "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
    ])
  func metadata(_ path: String) async throws {
    let server = try await TestServer()
    let answer = await server.server.respond(to: server.http("GET", path))
    #expect(answer.status == 200 && answer.field("content-type") == "application/json")
    #expect(answer.member("issuer")?.string == TestServer.issuer)
    #expect(answer.member("token_endpoint")?.string == TestServer.issuer + "/token")
    #expect(answer.member("authorization_endpoint")?.string == TestServer.issuer + "/authorize")
    #expect(answer.member("jwks_uri")?.string == TestServer.issuer + "/jwks")
    #expect(answer.member("grant_types_supported")?.array?.compactMap(\.string) == Flow.tokenFlows.map(\.rawValue))
    #expect(answer.member("backchannel_token_delivery_modes_supported")?.array?.compactMap(\.string) == ["poll"])
    #expect(answer.member("token_endpoint_auth_methods_supported")?.array?.compactMap(\.string) == ["private_key_jwt"])
    #expect(answer.member("code_challenge_methods_supported")?.array?.compactMap(\.string) == ["S256"])
    #expect(answer.member("subject_types_supported")?.array?.compactMap(\.string) == ["pairwise"])
    #expect(answer.member("request_uri_parameter_supported")?.boolean == false)
    let scopes = answer.member("scopes_supported")?.array?.compactMap(\.string) ?? []
    #expect(scopes.contains("openid") && scopes.contains("device-identifier:retrieve-identifier"))
  }

  @Test("the keys are public parts, the next one among them")
  func keys() async throws {
    let server = try await TestServer()
    let answer = await server.server.respond(to: server.http("GET", "/jwks"))
    let keys = try #require(answer.member("keys")?.array)
    #expect(keys.count == 3 && keys.allSatisfy { $0["d"] == nil && $0["kid"]?.string != nil })
    #expect(keys.contains { $0["kid"]?.string == server.keys.current.kid })
  }

  @Test("a token of before a rotation verifies after it")
  func rotation() async throws {
    let server = try await TestServer()
    let answer = try await server.token(server.redemption(server.code()))
    let jws = try CompactJWS(parsing: Array((answer.member("access_token")?.string ?? "").utf8).span)
    try server.keys.rotate()
    #expect(throws: Never.self) { _ = try jws.verified { server.keys.verificationKey(kid: $0.kid ?? "") } }
  }

  @Test("other methods are refused with those that are there")
  func methods() async throws {
    let server = try await TestServer()
    let answer = await server.server.respond(to: server.http("POST", "/jwks"))
    #expect(answer.status == 405 && answer.field("allow") == "GET, HEAD")
    #expect(server.server.handles(path: "/authorize") && server.server.handles(path: "/token"))
    #expect(!server.server.handles(path: "/consent") && !server.server.handles(path: "/token/"))
  }
}

@Suite("The table of checks")
struct ChecksTableTests {
  @Test("every flow learns what its end needs, each thing once")
  func complete() {
    // Reading a finding too early, or learning one twice, stops the program: the flows' own tests run every row. Here only
    // that no row is without a flow, and that no flow forgets the checks that all share.
    for check in Checks.table { #expect(!check.flows.isEmpty) }
    let counts = Dictionary(
      uniqueKeysWithValues: Flow.allCases.map { flow in (flow, Checks.table.filter { $0.flows.contains(flow) }.count) })
    #expect(
      counts == [
        .authorize: 18, .pushed: 24, .backchannel: 17, .authorizationCode: 20, .ciba: 16, .jwtBearer: 18,
        .clientCredentials: 16, .refreshToken: 17, .introspection: 9, .revocation: 9,
      ])
  }

  @Test("an error's explanation keeps to the alphabet of error_description (RFC 6749 §5.2)")
  func alphabet() {
    let refusal = Refusal.unavailable("x")
    #expect(refusal.explanation.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C })
    for error in OAuthError.allCases { #expect([400, 401, 403, 500, 503].contains(error.status)) }
  }
}

@Suite("Form parameters")
struct FormParametersTests {
  @Test("pairs are decoded strictly")
  func decoding() throws {
    let form = try FormParameters(Array("a=1&b=x+y%2B%c3%A9&c&d=&=e&&f=g=h".utf8))
    #expect(form["a"] == "1" && form["b"] == "x y+é" && form["c"] == nil && form["d"] == nil && form["f"] == "g=h")
    for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "a=\u{0}", "\u{0}", "%c3=1", "a=%-1"] {
      #expect(throws: FormParameters.Malformation.badEncoding) { try FormParameters(Array(bad.utf8)) }
    }
  }

  @Test("one below, at and above the bounds")
  func bounds() throws {
    let pairs = { (count: Int) in Array((0..<count).map { "p\($0)=1" }.joined(separator: "&").utf8) }
    _ = try FormParameters(pairs(128))
    #expect(throws: FormParameters.Malformation.tooLarge) { try FormParameters(pairs(129)) }
    _ = try FormParameters(Array(("a=" + String(repeating: "x", count: 65_534)).utf8))
    #expect(throws: FormParameters.Malformation.tooLarge) {
      try FormParameters(Array(("a=" + String(repeating: "x", count: 65_535)).utf8))
    }
  }
}
