import Foundation
import Identifiers
import Store
import Testing
import Wire

@testable import Authorization

@Suite("GET /authorize: what is refused, and where the refusal goes")
struct AuthorizeChecksTests {
  @Test("a client or a redirect URI that is not known gets a page and no redirect")
  func pages() async throws {
    let server = try await TestServer()
    for (name, value) in [("client_id", nil), ("client_id", "nobody"), ("client_id", "b a n k"), ("redirect_uri", nil)] as Form2 {
      let answer = await server.authorize(TestServer.request.with(name, value))
      #expect(answer.status == 400 && answer.location == nil, "\(name)=\(value ?? "absent")")
    }
  }

  @Test("a disabled client gets a page, the moment it is disabled (A24)")
  func disabled() async throws {
    let server = try await TestServer()
    #expect(await server.authorize().location != nil)
    try await server.stores.clients.setEnabled(ClientID(rawValue: "bank")!, false)
    let answer = await server.authorize()
    #expect(answer.status == 400 && answer.location == nil)
  }

  @Test(
    "a redirect URI matches byte for byte or not at all (A15)",
    arguments: [
      "https://app.example/callback/", "https://app.example/callback?", "https://app.example/callback?a=b",
      "https://app.example/callback#f", "https://app.example/callback%20", "https://app.example/callback ",
      "https://APP.example/callback", "HTTPS://app.example/callback", "https://app.example/Callback",
      "https://app.example:443/callback", "https://app.example./callback", "http://app.example/callback",
      "https://app.example.evil.example/callback", "https://app.example@evil.example/callback",
      "https://evil.example\\@app.example/callback", "https://u:p@@app.example/callback", "https://app.example/x/../callback",
      "https://app.example/..;/callback", "https://app.example//callback", "https://app.example/%63allback",
      "https://app.example/%2563allback", "https://app.example\\callback", "https://app.example/callback\r\nx: y",
      "https://app.example/callback\t", "https://аpp.example/callback", "https://app.example/call\u{200B}back",
      "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//app.example/callback", "/callback",
      "app.example/callback",
    ])
  func redirectURI(_ uri: String) async throws {
    let server = try await TestServer()
    let answer = await server.authorize(TestServer.request.with("redirect_uri", uri))
    #expect(answer.status == 400 && answer.location == nil)
  }

  @Test("every registered redirect URI works, and keeps its own query")
  func registeredRedirectURIs() async throws {
    let server = try await TestServer { $0.redirectURIs = ["https://app.example/cb?tenant=1", "com.example.app:/cb"] }
    for uri in ["https://app.example/cb?tenant=1&", "com.example.app:/cb?"] {
      let answer = await server.authorize(
        TestServer.request.with("redirect_uri", String(uri.dropLast())).with("response_type", "token"))
      #expect(answer.location?.hasPrefix(uri + "error=unsupported_response_type") == true)
    }
  }

  typealias Form2 = [(String, String?)]

  struct Refused: Sendable, CustomTestStringConvertible {
    let name: String
    let value: String?
    let error: String
    var testDescription: String { "\(name)=\(value ?? "absent") → \(error)" }
    init(_ name: String, _ value: String?, _ error: String) { (self.name, self.value, self.error) = (name, value, error) }
  }

  private static let purpose = "dpv:FraudPreventionAndDetection"
  private static let scope = "device-identifier:retrieve-identifier"

  @Test(
    "everything else goes back to the client with its code, the state and the issuer",
    arguments: [
      Refused("response_type", nil, "invalid_request"), Refused("response_type", "token", "unsupported_response_type"),
      Refused("response_type", "code id_token", "unsupported_response_type"),
      Refused("response_mode", "fragment", "invalid_request"),
      Refused("request", "e30.e30.", "invalid_request_object"),
      Refused("request_uri", "http://169.254.169.254/", "request_uri_not_supported"),
      Refused("registration", "{}", "registration_not_supported"),
      Refused("code_challenge", nil, "invalid_request"), Refused("code_challenge", "short", "invalid_request"),
      Refused("code_challenge", String(repeating: "+", count: 43), "invalid_request"),
      Refused("code_challenge_method", nil, "invalid_request"), Refused("code_challenge_method", "plain", "invalid_request"),
      Refused("code_challenge_method", "s256", "invalid_request"),
      Refused("nonce", String(repeating: "n", count: 513), "invalid_request"),
      Refused("prompt", "none login", "invalid_request"), Refused("prompt", "select_account", "invalid_request"),
      Refused("prompt", "consent ", "invalid_request"),
      Refused("scope", nil, "invalid_scope"), Refused("scope", "  ", "invalid_scope"), Refused("scope", "a  b", "invalid_scope"),
      Refused("scope", "a\"b", "invalid_scope"),
      Refused("scope", "\(scope)", "invalid_scope"), Refused("scope", "openid", "invalid_scope"),
      Refused("scope", "openid \(purpose)", "invalid_scope"),
      Refused("scope", "\(purpose) dpv:Marketing \(scope)", "invalid_scope"),
      Refused("scope", "dpv:Nonsense \(scope)", "invalid_scope"), Refused("scope", "dpv: \(scope)", "invalid_scope"),
      Refused("scope", "dpv:FraudPreventionAndDetection#\(scope)", "invalid_scope"),
      Refused("scope", "dpv:Marketing \(scope)", "invalid_scope"),
      Refused("scope", "\(purpose) device-identifier:retrieve-ppid", "invalid_scope"),
      Refused("scope", "\(purpose) nothing:known", "invalid_scope"),
      Refused("scope", "\(purpose) \(scope) email", "invalid_request"),
      Refused("scope", "openid \(purpose) \(scope) email", "invalid_scope"),
    ])
  func redirected(_ refused: Refused) async throws {
    let server = try await TestServer()
    let answer = await server.authorize(TestServer.request.with(refused.name, refused.value))
    #expect(answer.status == 302)
    #expect(answer.location?.hasPrefix(TestServer.redirectURI + "?") == true)
    #expect(answer.error == refused.error)
    #expect(answer.parameter("state") == "s-1")
    #expect(answer.parameter("iss") == TestServer.issuer)
    #expect(answer.field("cache-control") == "no-store")
  }

  @Test("what the profile says to ignore is ignored: acr_values, login_hint, and what nobody knows (items 16 and 53)")
  func ignored() async throws {
    let server = try await TestServer()
    let answer = await server.authorize(
      TestServer.request + [("acr_values", "2"), ("login_hint", "tel:+33699999999"), ("max_age", "0"), ("unknown", "x")])
    #expect(answer.location?.hasPrefix("/consent?interaction=") == true)
  }

  @Test("a parameter that stands twice, in any spelling, is refused (A31)")
  func twice() async throws {
    let server = try await TestServer()
    for (name, value) in [("scope", "openid"), ("nonce", "n-2"), ("scope[]", "openid"), ("unknown", "1")] {
      let again = name == "unknown" ? TestServer.request + [("unknown", "0")] : TestServer.request
      let answer = await server.authorize(again + [(name, value)])
      #expect(answer.error == "invalid_request" && answer.parameter("state") == "s-1", "\(name)")
    }
    let twoStates = await server.authorize(TestServer.request + [("state", "s-2")])
    #expect(twoStates.error == "invalid_request" && twoStates.parameter("state") == nil)
    for name in ["client_id", "redirect_uri"] {
      let answer = await server.authorize(TestServer.request + [(name, "x")])
      #expect(answer.status == 400 && answer.location == nil, "\(name)")
    }
  }

  @Test("query and body do not mix, and a POST needs a form (A31)")
  func mixed() async throws {
    let server = try await TestServer()
    let form = ("content-type", "application/x-www-form-urlencoded")
    let body = encode(TestServer.request)
    let posted = await server.server.respond(to: server.http("POST", "/authorize", [form], body: body))
    #expect(posted.location != nil)
    let mixed = await server.server.respond(to: server.http("POST", "/authorize", query: "prompt=none", [form], body: body))
    #expect(mixed.status == 400 && mixed.location == nil)
    let json = await server.server.respond(
      to: server.http("POST", "/authorize", [("content-type", "application/json")], body: body))
    #expect(json.status == 400 && json.location == nil)
    let put = await server.server.respond(to: server.http("PUT", "/authorize", [form], body: body))
    #expect(put.status == 405 && put.field("allow") == "GET, POST")
  }

  @Test("a state that could break a header is not sent back")
  func state() async throws {
    let server = try await TestServer()
    for state in ["a\r\nset-cookie: x=y", "é", String(repeating: "s", count: 2049)] {
      let answer = await server.authorize(TestServer.request.with("state", state))
      #expect(answer.error == "invalid_request" && answer.parameter("state") == nil)
    }
    let odd = #"<script>"'&=+%20 "#
    let answer = await server.authorize(TestServer.request.with("state", odd).with("response_type", "x"))
    #expect(answer.parameter("state") == odd)
    #expect(answer.location?.contains("<") == false)
  }

  @Test("without PKCE, where the registration allows it, state and nonce are required (profile item 17)")
  func optionalProofKey() async throws {
    let server = try await TestServer { $0.proofKey = .optional }
    let bare = TestServer.request.with("code_challenge", nil).with("code_challenge_method", nil)
    #expect(await server.authorize(bare).location?.hasPrefix("/consent") == true)
    #expect(await server.authorize(bare.with("state", nil)).error == "invalid_request")
    #expect(await server.authorize(bare.with("nonce", nil)).error == "invalid_request")
    #expect(await server.authorize(bare.with("code_challenge_method", "S256")).error == "invalid_request")
  }

  @Test("a client that is not registered for the flow is told so")
  func grantType() async throws {
    let server = try await TestServer { $0.grantTypes = ["client_credentials"] }
    #expect(await server.authorize().error == "unauthorized_client")
  }

  @Test("a refusal of a known client is in the ledger, without anything of the request")
  func ledger() async throws {
    let server = try await TestServer()
    _ = await server.authorize(TestServer.request.with("scope", "secret-looking-scope"))
    let entry = try #require(try server.ledgerEntries("token.refused").last)
    #expect(entry["client_id"]?.string == "bank" && entry["reason"]?.string == "invalid_scope")
    #expect(!String(decoding: entry.raw, as: UTF8.self).contains("secret-looking-scope"))
  }
}
