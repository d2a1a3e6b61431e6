import Bytes
import Foundation
import Identifiers
import JOSE
import Store
import Testing
import Wire

@testable import Authorization

@Suite("POST /token with a code")
struct CodeRedemptionTests {
  @Test("a code becomes an access token and an ID token, in which nothing tells who the subscriber is")
  func happy() async throws {
    let server = try await TestServer()
    let answer = try await server.token(server.redemption(server.code()))
    #expect(answer.status == 200, "\(answer.text)")
    #expect(answer.field("cache-control") == "no-store" && answer.field("pragma") == "no-cache")
    #expect(answer.member("token_type")?.string == "Bearer" && answer.member("expires_in")?.integer == 300)
    #expect(
      answer.member("scope")?.string == "openid dpv:FraudPreventionAndDetection device-identifier:retrieve-identifier")

    let token = try #require(answer.member("access_token")?.string)
    let jws = try CompactJWS(parsing: Array(token.utf8).span)
    #expect(jws.header.typ == "at+jwt" && jws.header.kid == server.keys.current.kid)
    let payload = try jws.verified { server.keys.verificationKey(kid: $0.kid ?? "") }.payload
    let claims = try JSONDocument(payload).root
    let now = Int(server.time.now().seconds)
    #expect(claims["iss"]?.string == TestServer.issuer && claims["aud"]?.string == TestServer.issuer)
    #expect(claims["iat"]?.integer == now && claims["exp"]?.integer == now + 300)
    #expect(claims["client_id"]?.string == "bank" && claims["purpose"]?.string == TestServer.purpose.rawValue)
    #expect(claims["amr"]?.array?.compactMap(\.string) == ["nba"] && claims["auth_time"]?.integer == now)
    #expect(claims["jti"]?.string?.isEmpty == false)

    let subject = try #require(try server.stores.subjects.pseudonym(of: TestServer.number))
    let pairwise = server.server.tokens.pairwiseSubject(subject, for: ClientID(rawValue: "bank")!)
    #expect(claims["sub"]?.string == pairwise)
    #expect(pairwise != server.server.tokens.pairwiseSubject(subject, for: ClientID(rawValue: "other")!))
    let everything = String(decoding: payload, as: UTF8.self)
    #expect(!everything.contains("33612345678") && !everything.contains(subject.rawValue))

    let grant = try #require(try server.stores.grants.grant(GrantID(rawValue: claims["grant_id"]?.string ?? "")!))
    #expect(grant.subject == subject && grant.consent != nil && grant.flow == "authorization_code")

    let idToken = try #require(answer.claims(of: "id_token"))
    #expect(idToken["sub"]?.string == pairwise && idToken["aud"]?.string == "bank" && idToken["nonce"]?.string == "n-1")
    #expect(idToken["iss"]?.string == TestServer.issuer && idToken["auth_time"]?.integer == now)
  }

  @Test("without openid there is no ID token (profile item 55)")
  func noIDToken() async throws {
    let server = try await TestServer()
    let form = TestServer.request.with("scope", "dpv:FraudPreventionAndDetection device-identifier:retrieve-identifier")
    let answer = try await server.token(server.redemption(server.code(form)))
    #expect(answer.status == 200 && answer.member("id_token") == nil)
  }

  @Test("the token is in the ledger, under the pseudonym")
  func ledger() async throws {
    let server = try await TestServer()
    let answer = try await server.token(server.redemption(server.code()))
    let token = try #require(answer.member("access_token")?.string)
    let entry = try #require(try server.ledgerEntries("token.issued").last)
    let text = String(decoding: entry.raw, as: UTF8.self)
    #expect(entry["client_id"]?.string == "bank" && entry["purpose"]?.string == TestServer.purpose.rawValue)
    #expect(entry["subject"]?.string == (try server.stores.subjects.pseudonym(of: TestServer.number))?.rawValue)
    #expect(!text.contains("612345678") && !text.contains(token))
  }

  @Test("a code is good once; a second use is refused and ends the grant of the first (A12)")
  func replay() async throws {
    let server = try await TestServer()
    let code = try await server.code()
    let first = try await server.token(server.redemption(code))
    let grant = GrantID(rawValue: first.claims(of: "access_token")?["grant_id"]?.string ?? "")!
    #expect(try server.stores.grants.grant(grant)?.endedAt == nil)
    let second = try await server.token(server.redemption(code))
    #expect(second.status == 400 && second.error == "invalid_grant")
    #expect(try server.stores.grants.grant(grant)?.endedReason == "code_reused")
  }

  @Test("of 50 redemptions at once exactly one gets a token, and its grant ends (A12)")
  func race() async throws {
    let server = try await TestServer()
    let code = try await server.code()
    let forms = try (0..<50).map { _ in try server.redemption(code) }
    let answers = await withTaskGroup(of: HTTPResponse.self) { group in
      for form in forms { group.addTask { await server.token(form) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    let winners = answers.filter { $0.status == 200 }
    #expect(winners.count == 1)
    #expect(answers.filter { $0.error == "invalid_grant" }.count == 49)
    let grant = GrantID(rawValue: winners.first?.claims(of: "access_token")?["grant_id"]?.string ?? "")!
    #expect(try server.stores.grants.grant(grant)?.endedReason == "code_reused")
  }

  @Test("a code lives 60 seconds")
  func expiry() async throws {
    let server = try await TestServer()
    let (early, late) = (try await server.code(), try await server.code())
    server.time.advance(seconds: 59)
    #expect(try await server.token(server.redemption(early)).status == 200)
    server.time.advance(seconds: 1)
    #expect(try await server.token(server.redemption(late)).error == "invalid_grant")
  }

  struct Misuse: Sendable, CustomTestStringConvertible {
    let name: String
    let value: String?
    let error: String
    var testDescription: String { "\(name)=\(value?.prefix(20) ?? "absent")" }
    init(_ name: String, _ value: String?, _ error: String = "invalid_grant") {
      (self.name, self.value, self.error) = (name, value, error)
    }
  }

  @Test(
    "code, redirect URI and verifier belong together (A12, A14)",
    arguments: [
      Misuse("code", nil, "invalid_request"), Misuse("code", "wrong"), Misuse("code", String(repeating: "c", count: 129)),
      Misuse("redirect_uri", nil, "invalid_request"), Misuse("redirect_uri", TestServer.redirectURI + "/"),
      Misuse("code_verifier", nil), Misuse("code_verifier", String(TestServer.verifier.dropLast())),
      Misuse("code_verifier", String(repeating: "v", count: 129)), Misuse("code_verifier", TestServer.challenge),
      Misuse("code_verifier", TestServer.verifier + " "),
    ])
  func misuse(_ misuse: Misuse) async throws {
    let server = try await TestServer()
    let answer = try await server.token(server.redemption(server.code()).with(misuse.name, misuse.value))
    #expect(answer.status == 400 && answer.error == misuse.error)
  }

  @Test("a failed redemption uses the code up and ends its grant; a foreign client's leaves it alone")
  func burnt() async throws {
    let server = try await TestServer()
    let code = try await server.code()
    _ = try await server.token(server.redemption(code).with("code_verifier", String(repeating: "v", count: 43)))
    #expect(try await server.token(server.redemption(code)).error == "invalid_grant")

    let other = try SigningKey.generate(.es256)
    try await server.stores.clients.save(
      ClientRecord(
        id: ClientID(rawValue: "other")!, name: "Other", redirectURIs: [TestServer.redirectURI],
        grantTypes: ["authorization_code"], scopes: [.openID], jwks: JWKSet(keys: [other.verificationKey]).json()))
    let fresh = try await server.code()
    var claims = server.assertionClaims()
    (claims["iss"], claims["sub"]) = ("other", "other")
    let foreign = try await server.token(
      server.redemption(fresh).with("client_assertion", server.assertion(claims, key: other)))
    #expect(foreign.error == "invalid_grant")
    #expect(try await server.token(server.redemption(fresh)).status == 200)
  }

  @Test("a verifier for a code without a challenge is refused (A14)")
  func verifierWithoutChallenge() async throws {
    let server = try await TestServer { $0.proofKey = .optional }
    let bare = TestServer.request.with("code_challenge", nil).with("code_challenge_method", nil)
    #expect(try await server.token(server.redemption(server.code(bare))).error == "invalid_grant")
    #expect(try await server.token(server.redemption(server.code(bare)).with("code_verifier", nil)).status == 200)
  }

  @Test("the vector of RFC 7636 appendix B")
  func vector() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    #expect(CodeVerifier.matches(verifier: verifier, challenge: challenge))
    #expect(!CodeVerifier.matches(verifier: challenge, challenge: verifier))
  }

  @Test("a verifier has 43 to 128 unreserved characters", arguments: [42, 43, 128, 129])
  func verifierLength(_ count: Int) {
    let verifier = String(repeating: "v", count: count)
    let challenge = SHA256.digest(Array(verifier.utf8)).base64url
    #expect(CodeVerifier.matches(verifier: verifier, challenge: challenge) == (43...128).contains(count))
    let odd = String(repeating: "v", count: 43) + "+"
    #expect(!CodeVerifier.matches(verifier: odd, challenge: SHA256.digest(Array(odd.utf8)).base64url))
  }

  @Test("consent withdrawn between page and token leaves nothing to redeem (A22, profile item 70)")
  func withdrawn() async throws {
    let server = try await TestServer()
    let code = try await server.code()
    try await server.withdrawConsent()
    #expect(try await server.token(server.redemption(code)).error == "invalid_grant")
  }

  @Test("a client that is disabled, or loses scope or purpose, before the redemption gets nothing (A24)")
  func deregistered() async throws {
    let server = try await TestServer()
    for change in [{ $0.isEnabled = false }, { $0.scopes = [.openID] }, { $0.purposes = [] }] as [(inout ClientRecord) -> Void] {
      let code = try await server.code()
      var client = try #require(try server.stores.clients.client(ClientID(rawValue: "bank")!))
      let before = client
      change(&client)
      try await server.stores.clients.save(client)
      #expect(try await server.token(server.redemption(code)).status != 200)
      try await server.stores.clients.save(before)
    }
  }
}

@Suite("POST /token: the form of the request")
struct TokenRequestTests {
  @Test("only a posted form is read; parameters stand there once and not in the address (A31)")
  func form() async throws {
    let server = try await TestServer { $0.twoLeggedPurposes = [TestServer.purpose] }
    let good = try TestServer.clientCredentials + server.authentication()
    #expect(await server.token(good, contentType: "application/json").error == "invalid_request")
    #expect(await server.token(good, contentType: "multipart/form-data").error == "invalid_request")
    #expect(await server.token(good + [("grant_type", "client_credentials")]).error == "invalid_request")
    #expect(await server.token(good + [("scope", "openid")]).error == "invalid_request")
    #expect(await server.token(good + [("scope[]", "openid")]).error == "invalid_request")
    let inAddress = await server.server.respond(
      to: server.http(
        "POST", "/token", query: "x=1", [("content-type", "application/x-www-form-urlencoded")], body: encode(good)))
    #expect(inAddress.error == "invalid_request")
    let badEncoding = await server.server.respond(
      to: server.http("POST", "/token", [("content-type", "application/x-www-form-urlencoded")], body: "grant_type=%zz"))
    #expect(badEncoding.error == "invalid_request")
    let get = await server.server.respond(to: server.http("GET", "/token", query: encode(good)))
    #expect(get.status == 405 && get.field("allow") == "POST")
    // None of these used the assertion up.
    #expect(await server.token(good, contentType: "application/x-www-form-urlencoded; charset=UTF-8").status == 200)
  }

  @Test("grant types that are not there are named so")
  func grantType() async throws {
    let server = try await TestServer()
    for type in ["password", "authorize", "introspection", "urn:ietf:params:oauth:grant-type:token-exchange"] {
      let answer = try await server.token([("grant_type", type)] + server.authentication())
      #expect(answer.status == 400 && answer.error == "unsupported_grant_type")
    }
    #expect(try await server.token(server.authentication()).error == "invalid_request")
  }

  @Test("when the ledger cannot write, no token leaves")
  func ledgerFails() async throws {
    let server = try await TestServer { $0.twoLeggedPurposes = [TestServer.purpose] }
    let code = try await server.code()
    server.ledger.close()
    let answer = try await server.token(server.redemption(code))
    #expect(answer.status == 503 && answer.error == "temporarily_unavailable" && answer.member("access_token") == nil)
    let refused = await server.token(TestServer.clientCredentials)
    #expect(refused.status == 401, "nobody is known yet: nothing to record")
  }
}

@Suite("POST /token with client credentials")
struct ClientCredentialsTests {
  @Test("a token of the client's own, for the purpose that its registration allows (profile items 41 and 42)")
  func happy() async throws {
    let server = try await TestServer { $0.twoLeggedPurposes = [TestServer.purpose] }
    let answer = try await server.token(TestServer.clientCredentials + server.authentication())
    #expect(answer.status == 200, "\(answer.text)")
    let claims = try #require(answer.claims(of: "access_token"))
    #expect(claims["sub"]?.string == "bank" && claims["client_id"]?.string == "bank" && claims["amr"] == nil)
    #expect(answer.member("refresh_token") == nil && answer.member("id_token") == nil)
    let grant = try server.stores.grants.grant(GrantID(rawValue: claims["grant_id"]?.string ?? "")!)
    #expect(grant?.subject == nil && grant?.purpose == TestServer.purpose)
  }

  @Test(
    "more than a client may ask for on its own is refused",
    arguments: [
      nil, "", "device-identifier:retrieve-identifier", "dpv:Marketing device-identifier:retrieve-identifier",
      "dpv:FraudPreventionAndDetection", "dpv:FraudPreventionAndDetection dpv:Marketing device-identifier:retrieve-identifier",
      "openid dpv:FraudPreventionAndDetection device-identifier:retrieve-identifier",
      "dpv:FraudPreventionAndDetection device-identifier:retrieve-ppid", "dpv:FraudPreventionAndDetection unknown:scope",
    ])
  func scope(_ scope: String?) async throws {
    let server = try await TestServer { $0.twoLeggedPurposes = [TestServer.purpose] }
    let answer = try await server.token(TestServer.clientCredentials.with("scope", scope) + server.authentication())
    #expect(answer.status == 400 && answer.error == "invalid_scope")
  }

  @Test("personal data without the subscriber is for agreed purposes alone (profile item 42)")
  func notAgreed() async throws {
    let server = try await TestServer()
    let answer = try await server.token(TestServer.clientCredentials + server.authentication())
    #expect(answer.status == 400 && answer.error == "invalid_scope")
  }

  @Test("a client that is not registered for the flow is told so")
  func grantType() async throws {
    let server = try await TestServer {
      $0.grantTypes = ["authorization_code"]
      $0.twoLeggedPurposes = [TestServer.purpose]
    }
    let answer = try await server.token(TestServer.clientCredentials + server.authentication())
    #expect(answer.status == 400 && answer.error == "unauthorized_client")
  }
}
