import Bytes
import Foundation
import Identifiers
import JOSE
import Store
import Testing
import Wire

@testable import Authorization

@Suite("private_key_jwt at the token endpoint")
struct ClientAssertionTests {
  private func server() async throws -> TestServer {
    try await TestServer { $0.twoLeggedPurposes = [TestServer.purpose] }
  }

  private func post(_ server: TestServer, _ claims: [String: Any]) async throws -> HTTPResponse {
    try await server.token(TestServer.clientCredentials + server.authentication(claims))
  }

  private func isRefused(_ answer: HTTPResponse) -> Bool { answer.status == 401 && answer.error == "invalid_client" }

  @Test("an assertion works once: again, at the same moment, and after a restart (A9)")
  func replay() async throws {
    let server = try await server()
    let form = try TestServer.clientCredentials + server.authentication()
    let answers = await withTaskGroup(of: HTTPResponse.self) { group in
      for _ in 0..<20 { group.addTask { await server.token(form) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(answers.filter { $0.status == 200 }.count == 1)
    #expect(answers.filter(isRefused).count == 19)
    let restarted = AuthorizationServer(settings: server.server.settings, dependencies: server.server.dependencies)
    let again = await restarted.respond(
      to: server.http("POST", "/token", [("content-type", "application/x-www-form-urlencoded")], body: encode(form)))
    #expect(isRefused(again))
  }

  @Test("an assertion with a wrong signature does not use up the identifier of a good one")
  func unsignedDoesNotCount() async throws {
    let server = try await server()
    let claims = server.assertionClaims(jti: "same")
    let forged = try server.assertion(claims, key: .generate(.es256))
    let form = try TestServer.clientCredentials + server.authentication(claims)
    #expect(isRefused(await server.token(form.with("client_assertion", forged))))
    #expect(try await post(server, claims).status == 200)
  }

  @Test(
    "the audience is this server, exactly, and nobody else beside it (A10)",
    arguments: [
      (["https://as.example/token"], true), (["https://as.example"], true),
      (["https://as.example", "https://as.example/token"], true),
      (["https://as.example/"], false), (["https://as.example/token/"], false), (["https://AS.example/token"], false),
      (["https://as.example/authorize"], false), (["https://as.example.evil.example/token"], false),
      (["https://as.example/token", "https://evil.example/token"], false), (["as.example"], false), ([""], false), ([], false),
    ])
  func audience(_ audience: [String], _ isAccepted: Bool) async throws {
    let server = try await server()
    var claims = server.assertionClaims()
    claims["aud"] = audience
    #expect(try await post(server, claims).status == (isAccepted ? 200 : 401))
    guard audience.count == 1 else { return }
    claims = server.assertionClaims()
    claims["aud"] = audience[0]
    #expect(try await post(server, claims).status == (isAccepted ? 200 : 401))
  }

  /// `exp`, `iat`, `nbf` relative to now.
  struct Times: Sendable, CustomTestStringConvertible {
    var exp: Int?
    var iat: Int?
    var nbf: Int?
    let isAccepted: Bool
    var testDescription: String {
      "exp \(exp.map(String.init) ?? "-") iat \(iat.map(String.init) ?? "-") nbf \(nbf.map(String.init) ?? "-")"
    }
  }

  @Test(
    "times: exp within 300 s of receipt and of iat, which may be absent (profile item 66)",
    arguments: [
      Times(exp: 300, iat: 0, isAccepted: true), Times(exp: 300, isAccepted: true), Times(exp: 1, iat: -299, isAccepted: true),
      Times(exp: 301, iat: 1, isAccepted: false), Times(exp: 301, isAccepted: false), Times(exp: 0, iat: -10, isAccepted: false),
      Times(exp: -1, isAccepted: false), Times(exp: 10, iat: -291, isAccepted: false), Times(iat: 0, isAccepted: false),
      Times(exp: 100, iat: 10, isAccepted: true), Times(exp: 100, iat: 11, isAccepted: false),
      Times(exp: 100, nbf: 10, isAccepted: true), Times(exp: 100, nbf: 11, isAccepted: false),
    ])
  func times(_ times: Times) async throws {
    let server = try await server()
    let now = Int(server.time.now().seconds)
    var claims = server.assertionClaims()
    claims["exp"] = times.exp.map { now + $0 }
    claims["iat"] = times.iat.map { now + $0 }
    claims["nbf"] = times.nbf.map { now + $0 }
    #expect(try await post(server, claims).status == (times.isAccepted ? 200 : 401))
  }

  @Test("claims of other types than theirs are refused, whatever they are")
  func types() async throws {
    let server = try await server()
    let wrong: [(String, Any)] = [
      ("iss", 1), ("sub", ["bank"]), ("aud", 1), ("aud", [1]), ("aud", ["https://as.example/token", 1] as [Any]),
      ("exp", "9999999999"), ("exp", -1), ("exp", 1e300), ("iat", "now"), ("nbf", true), ("jti", 1), ("jti", ""),
      ("jti", String(repeating: "j", count: 257)), ("sub", "other"), ("iss", "other"),
    ]
    for (name, value) in wrong {
      var claims = server.assertionClaims()
      claims[name] = value
      #expect(isRefused(try await post(server, claims)), "\(name)=\(value)")
    }
    for name in ["iss", "sub", "aud", "exp", "jti"] {
      var claims = server.assertionClaims()
      claims[name] = nil
      #expect(isRefused(try await post(server, claims)), "no \(name)")
    }
    var longest = server.assertionClaims(jti: String(repeating: "j", count: 256))
    longest["exp"] = Double(server.time.now().seconds) + 60.5
    #expect(try await post(server, longest).status == 200)
  }

  @Test("other ways of authenticating are refused, alone and beside a good assertion (A11)")
  func methods() async throws {
    let server = try await server()
    let good = try TestServer.clientCredentials + server.authentication()
    #expect(isRefused(await server.token(TestServer.clientCredentials)))
    #expect(isRefused(await server.token(TestServer.clientCredentials + [("client_id", "bank"), ("client_secret", "x")])))
    #expect(isRefused(await server.token(good + [("client_secret", "x")])))
    let basic = await server.token(good, [("authorization", "Basic YmFuazp4")])
    #expect(isRefused(basic) && basic.field("www-authenticate")?.hasPrefix("Basic") == true)
    #expect(isRefused(await server.token(good.with("client_assertion_type", nil))))
    #expect(
      isRefused(
        await server.token(good.with("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"))))
    #expect(isRefused(await server.token(good + [("client_id", "other")])))
    #expect(await server.token(good + [("client_id", "bank")]).status == 200)
  }

  @Test("no signature, a foreign key, an unknown key id and an unknown client look alike (A1, A44)")
  func uniform() async throws {
    let server = try await server()
    let good = try server.assertion(server.assertionClaims()).split(separator: ".").map(String.init)
    let none = Base64URL.encode(Array(#"{"alg":"none"}"#.utf8))
    let hmac = Base64URL.encode(Array(#"{"alg":"HS256"}"#.utf8))
    var stranger = server.assertionClaims()
    (stranger["iss"], stranger["sub"]) = ("stranger", "stranger")
    let assertions = [
      "\(none).\(good[1]).", "\(good[0]).\(good[1]).", "\(good[0]).\(good[1])", "\(hmac).\(good[1]).\(good[2])",
      try server.assertion(server.assertionClaims(), key: .generate(.es256)), try server.assertion(stranger),
      try server.assertion(server.assertionClaims(), typ: "oauth-authz-req+jwt"), "x", String(repeating: ".", count: 100_000),
    ]
    for assertion in assertions {
      let form = try TestServer.clientCredentials + server.authentication().with("client_assertion", assertion)
      let answer = await server.token(form)
      #expect(isRefused(answer) || answer.error == "invalid_request")
      if answer.status == 401 { #expect(answer.member("error_description")?.string == "client authentication failed") }
    }
  }

  @Test("a disabled client is refused at once (A24), and its refusal is in the ledger")
  func disabled() async throws {
    let server = try await server()
    #expect(try await post(server, server.assertionClaims()).status == 200)
    try await server.stores.clients.setEnabled(ClientID(rawValue: "bank")!, false)
    #expect(isRefused(try await post(server, server.assertionClaims())))
    let entry = try #require(try server.ledgerEntries("token.refused").last)
    #expect(entry["client_id"]?.string == "bank" && entry["reason"]?.string == "invalid_client")
  }

  @Test("a rotated key: the new one works, the old one does not")
  func rotation() async throws {
    let server = try await server()
    let fresh = try SigningKey.generate(.es256)
    var client = try #require(try server.stores.clients.client(ClientID(rawValue: "bank")!))
    client.jwks = JWKSet(keys: [fresh.verificationKey]).json()
    try await server.stores.clients.save(client)
    #expect(isRefused(try await post(server, server.assertionClaims())))
    let form =
      try TestServer.clientCredentials
      + server.authentication()
      .with("client_assertion", server.assertion(server.assertionClaims(), key: fresh))
    #expect(await server.token(form).status == 200)
  }
}
