import Bytes
import Consent
import Foundation
import Identifiers
import JOSE
import Policy
import Store
import Testing
import Wire

@testable import Authorization

@Suite("From the network's word to the code")
struct ConsentFlowTests {
  @Test("a subscriber who never agreed is asked; one who agreed gets the code at once")
  func asksOnce() async throws {
    let server = try await TestServer()
    let first = await server.authorize()
    #expect(first.status == 303 && first.location?.hasPrefix("/consent?interaction=") == true)
    _ = try await server.code()
    let second = await server.authorize()
    #expect(second.status == 302 && second.parameter("code") != nil)
    #expect(second.parameter("state") == "s-1" && second.parameter("iss") == TestServer.issuer)
  }

  @Test("prompt=none never shows a page: login_required, consent_required, or the code")
  func promptNone() async throws {
    let server = try await TestServer(sims: [SimulatedSIM(number: TestServer.number, label: "x")])
    let form = TestServer.request.with("prompt", "none")
    #expect(await server.authorize(form, number: nil).error == "login_required")
    #expect(await server.authorize(form).error == "consent_required")
    _ = try await server.code()
    #expect(await server.authorize(form).parameter("code") != nil)
  }

  @Test("prompt=consent asks again, and the new decision counts")
  func promptConsent() async throws {
    let server = try await TestServer()
    _ = try await server.code()
    let form = TestServer.request.with("prompt", "consent")
    let interaction = try server.interaction(await server.authorize(form))
    let denied = try await server.server.complete(interaction, outcome: .deny(shown: .test(interaction)))
    #expect(denied.error == "access_denied")
    #expect(await server.authorize(TestServer.request.with("prompt", "none")).error == "consent_required")
  }

  @Test("prompt=login recognises anew, as every request does")
  func promptLogin() async throws {
    let server = try await TestServer()
    _ = try await server.code()
    #expect(await server.authorize(TestServer.request.with("prompt", "login")).parameter("code") != nil)
  }

  @Test("nobody recognised: a choice of simulated SIM cards in the demo, access_denied elsewhere")
  func notRecognised() async throws {
    let real = try await TestServer()
    #expect(await real.authorize(number: nil).error == "access_denied")
    let demo = try await TestServer(sims: [SimulatedSIM(number: TestServer.number, label: "x")])
    let page = await demo.authorize(number: nil)
    #expect(page.status == 303 && page.location?.hasPrefix("/subscriber?interaction=") == true)
    let interaction = try demo.interaction(page)
    #expect(interaction.subscriber == nil)
    let next = try await demo.server.recognised(interaction, number: TestServer.number, amr: SimulatedSIM.amr)
    #expect(next.status == 303 && next.location == "/consent?interaction=\(interaction.handle)")
    #expect(try demo.interaction(next, cookie: page.cookie).subscriber?.amr == ["nba"])
  }

  @Test("a subscriber who agreed before and chooses a SIM card goes straight back to the client")
  func recognisedAndCovered() async throws {
    let server = try await TestServer(sims: [SimulatedSIM(number: TestServer.number, label: "x")])
    _ = try await server.code()
    let interaction = try server.interaction(await server.authorize(number: nil))
    let answer = try await server.server.recognised(interaction, number: TestServer.number, amr: SimulatedSIM.amr)
    #expect(answer.parameter("code") != nil)
    await #expect(throws: InteractionRefusal.finished) {
      try await server.server.recognised(interaction, number: TestServer.number, amr: SimulatedSIM.amr)
    }
  }

  @Test("a refusal on the page is access_denied for the client, and no consent")
  func deny() async throws {
    let server = try await TestServer()
    let interaction = try server.interaction(await server.authorize())
    let answer = try await server.server.complete(interaction, outcome: .deny(shown: .test(interaction)))
    #expect(answer.status == 302 && answer.error == "access_denied" && answer.parameter("state") == "s-1")
    #expect(answer.parameter("code") == nil)
    #expect(await server.authorize(TestServer.request.with("prompt", "none")).error == "consent_required")
  }

  @Test("a tick taken away takes its scopes along: the token says which are left (profile item 56)")
  func partial() async throws {
    let server = try await TestServer()
    let form = TestServer.request.with(
      "scope", "dpv:FraudPreventionAndDetection device-identifier:retrieve-identifier device-identifier:retrieve-type")
    let interaction = try server.interaction(await server.authorize(form))
    let lost = try #require(interaction.offer.categories(losing: TestServer.identifierScope, butNot: TestServer.typeScope).first)
    let answer = try await server.server.complete(
      interaction, outcome: .allow(ticked: interaction.offer.categoryIDs.subtracting([lost]), shown: .test(interaction)))
    let code = try #require(answer.parameter("code"))
    let token = try await server.token(server.redemption(code))
    #expect(token.member("scope")?.string == "dpv:FraudPreventionAndDetection device-identifier:retrieve-type")
    #expect(token.claims(of: "access_token")?["scope"]?.string == token.member("scope")?.string)
  }

  @Test("with every tick taken away nothing is left: access_denied")
  func nothingLeft() async throws {
    let server = try await TestServer()
    let interaction = try server.interaction(await server.authorize())
    let answer = try await server.server.complete(interaction, outcome: .allow(ticked: [], shown: .test(interaction)))
    #expect(answer.error == "access_denied" && answer.parameter("code") == nil)
  }

  @Test("a category that was not offered is refused, and the page can still be answered")
  func notOffered() async throws {
    let server = try await TestServer()
    let interaction = try server.interaction(await server.authorize())
    await #expect(throws: InteractionRefusal.notOffered) {
      try await server.server.complete(
        interaction, outcome: .allow(ticked: [CategoryID(rawValue: "bank-balance")!], shown: .test(interaction)))
    }
    let answer = try await server.server.complete(
      interaction, outcome: .allow(ticked: interaction.offer.categoryIDs, shown: .test(interaction)))
    #expect(answer.parameter("code") != nil)
  }

  @Test("a decision is taken once, of 20 at the same moment too (A39)")
  func once() async throws {
    let server = try await TestServer()
    let interaction = try server.interaction(await server.authorize())
    let outcome = InteractionOutcome.allow(ticked: interaction.offer.categoryIDs, shown: .test(interaction))
    let codes = await withTaskGroup(of: String?.self) { group in
      for _ in 0..<20 {
        group.addTask { (try? await server.server.complete(interaction, outcome: outcome))?.parameter("code") }
      }
      return await group.reduce(into: [String]()) { codes, code in if let code { codes.append(code) } }
    }
    #expect(codes.count == 1)
    await #expect(throws: InteractionRefusal.finished) {
      try await server.server.complete(interaction, outcome: .deny(shown: .test(interaction)))
    }
    #expect(await server.authorize().parameter("code") != nil, "the first decision stands")
  }

  @Test("a page belongs to the browser that it was made for (A39)")
  func session() async throws {
    let server = try await TestServer()
    let page = await server.authorize()
    let handle = try #require(page.parameter("interaction"))
    let cookie = try #require(page.cookie)
    #expect(cookie.hasPrefix("__Host-passerelle_session="))
    #expect(page.field("set-cookie")?.hasSuffix("; Path=/; HttpOnly; SameSite=Lax; Secure") == true)
    let other = try #require(await server.authorize().cookie)
    let name = "__Host-passerelle_session"
    for shown in [
      nil, other, "\(name)=", "\(name)=x", cookie + "; " + other, "passerelle_session=" + cookie.dropFirst(name.count + 1),
    ] {
      let browser = server.http("GET", "/consent", shown.map { [("cookie", $0)] } ?? [])
      #expect(throws: InteractionRefusal.unknown, "\(shown ?? "none")") {
        try server.server.interaction(handle: handle, browser: browser)
      }
    }
    let own = server.http("GET", "/consent", [("cookie", "theme=dark; " + cookie)])
    #expect(try server.server.interaction(handle: handle, browser: own).handle == handle)
    #expect(throws: InteractionRefusal.unknown) { try server.server.interaction(handle: handle + "x", browser: own) }
  }

  @Test("two tabs of one browser share its session and do not disturb each other")
  func twoTabs() async throws {
    let server = try await TestServer()
    let first = await server.authorize()
    let second = await server.authorize(cookie: first.cookie)
    #expect(second.field("set-cookie") == nil)
    for page in [first, second] {
      #expect(try server.interaction(page, cookie: first.cookie).subscriber != nil)
    }
  }

  @Test("a page that was left open too long is worth nothing")
  func expired() async throws {
    let server = try await TestServer()
    let page = await server.authorize()
    let interaction = try server.interaction(page)
    server.time.advance(seconds: 600)
    #expect(throws: InteractionRefusal.expired) { try server.interaction(page) }
    await #expect(throws: InteractionRefusal.finished) {
      try await server.server.complete(interaction, outcome: .deny(shown: .test(interaction)))
    }
  }

  @Test("a redirect URI that is taken out of the registration gets no answer of a page that was open (A24)")
  func redirectURIWithdrawn() async throws {
    let server = try await TestServer { $0.redirectURIs.append("https://app.example/other") }
    let page = await server.authorize()
    var client = try #require(try server.stores.clients.client(ClientID(rawValue: "bank")!))
    client.redirectURIs = ["https://app.example/other"]
    try await server.stores.clients.save(client)
    #expect(throws: InteractionRefusal.unavailable) { try server.interaction(page) }
  }

  @Test("the consent's history says what was shown, in which language, and by which flow it came")
  func history() async throws {
    let server = try await TestServer()
    let interaction = try server.interaction(await server.authorize())
    _ = try await server.server.complete(
      interaction, outcome: .allow(ticked: interaction.offer.categoryIDs, shown: .test(interaction)))
    let subject = try #require(try server.stores.subjects.pseudonym(of: TestServer.number))
    let row = try #require(
      try server.stores.consents.record(subject: subject, client: ClientID(rawValue: "bank")!, purpose: TestServer.purpose))
    #expect(row.status == "granted" && row.scopes == [TestServer.identifierScope])
    #expect(Set(row.categories) == interaction.offer.categoryIDs)
    #expect(row.expiresAt == interaction.offer.expiresAt)
    let event = try #require(try server.stores.consents.events(of: row.id).last)
    #expect(event.kind == "granted" && event.language == "en" && event.pageVersion == "1" && event.flow == "authorization_code")
    #expect(event.textDigest == SHA256.digest(Array("text".utf8)).hex)
  }

  @Test("a waiting request is sealed on the disk: neither number nor pseudonym can be read there")
  func sealed() async throws {
    let server = try await TestServer()
    _ = await server.authorize()
    let subject = try #require(try server.stores.subjects.pseudonym(of: TestServer.number))
    for name in ["passerelle.sqlite", "passerelle.sqlite-wal"] {
      let data = try Data(contentsOf: URL(fileURLWithPath: server.folder + "/" + name))
      #expect(data.range(of: Data("33612345678".utf8)) == nil)
      _ = subject
    }
  }
}

@Suite("Recognition by header enrichment")
struct RecognitionTests {
  private func outcome(_ fields: [(String, String)], from address: String = "127.0.0.1") async throws -> RecognitionOutcome {
    let server = try await TestServer()
    let adapter = HeaderEnrichment(
      header: TestServer.header, trustedProxies: [AddressRange("127.0.0.0/8")!, AddressRange("2001:db8::/32")!])
    return await adapter.recognise(.browser(server.http("GET", "/authorize", fields, from: address)), on: server.loop)
  }

  @Test("the configured proxies are believed, nobody else (A27, A29)")
  func proxies() async throws {
    let header = [(TestServer.header, TestServer.number.e164)]
    for address in ["127.0.0.1", "127.255.255.255", "2001:db8::1", "::ffff:127.0.0.1"] {
      #expect(try await outcome(header, from: address) == .recognised(TestServer.number, amr: ["nba"]), "\(address)")
    }
    for address in ["128.0.0.1", "126.255.255.255", "2001:db9::1", "::1", "::ffff:10.0.0.1"] {
      #expect(try await outcome(header, from: address) == .notRecognised, "\(address)")
    }
    #expect(try await outcome(header + [("x-forwarded-for", "127.0.0.1")], from: "192.0.2.1") == .notRecognised)
  }

  @Test("two headers, or one that is not a number, are a failure and never the first of two")
  func malformed() async throws {
    let one = (TestServer.header, TestServer.number.e164)
    for fields in [
      [one, one], [one, (TestServer.header, "+33699999999")], [(TestServer.header, "33612345678")],
      [(TestServer.header, "+33612345678, +33699999999")], [(TestServer.header, "")],
    ] {
      guard case .failed = try await outcome(fields) else { Issue.record("\(fields.count) were not refused"); continue }
    }
    #expect(try await outcome([]) == .notRecognised)
    #expect(try await outcome([("X_NETWORK_MSISDN", TestServer.number.e164)]) == .notRecognised)
  }

  @Test("a failure is not made good by the demo's page: access_denied, or login_required with prompt=none")
  func failure() async throws {
    let server = try await TestServer(sims: [SimulatedSIM(number: TestServer.number, label: "x")])
    for (prompt, error) in [(nil, "access_denied"), ("none", "login_required")] as [(String?, String)] {
      let request = server.http(
        "GET", "/authorize", query: encode(TestServer.request.with("prompt", prompt)), [(TestServer.header, "nonsense")])
      #expect(await server.server.respond(to: request).error == error)
    }
  }
}
