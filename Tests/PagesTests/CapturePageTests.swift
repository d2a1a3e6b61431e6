import Bytes
import Foundation
import Identifiers
import Ledger
import Store
import Testing
import Wire

@testable import Authorization
@testable import Pages

/// `/consent?capture=...`, with a clock that moves.
@Suite struct CapturePageTests {
  private static let scopes: ScopeSet = [
    Scope(rawValue: "device-identifier:retrieve-identifier")!, Scope(rawValue: "device-identifier:retrieve-type")!,
  ]
  private static let ours: Form = [("x-network-msisdn", TestSite.number.e164)]

  /// The path and query of a new address.
  private func address(_ site: TestSite, callback: String? = TestSite.redirectURI) async throws -> String {
    let subject = try await site.stores.subjects.findOrCreate(TestSite.number)
    let issue = await site.server.issueCapture(
      client: ClientID(rawValue: "bank")!, subject: subject, purpose: TestSite.purpose, scopes: Self.scopes,
      callbackURL: callback)
    guard case .issued(let address) = issue else {
      Issue.record("\(issue)")
      return ""
    }
    #expect(address.hasPrefix(TestSite.issuer + "/consent?capture="))
    return String(address.dropFirst(TestSite.issuer.count))
  }

  private func open(_ site: TestSite, _ address: String, _ fields: Form = ours) async throws -> Visitor {
    let answer = await site.respond("GET", address, fields)
    let handle = try #require(answer.location?.components(separatedBy: "interaction=").last)
    let cookie = try #require(answer.field("set-cookie")?.components(separatedBy: ";").first)
    return Visitor(site: site, cookie: cookie, handle: handle)
  }

  @Test func anAddressThatIsOpenedLateTellsItsClientSo() async throws {
    let site = try await TestSite()
    let address = try await address(site)
    site.time.advance(seconds: 600)
    let answer = await site.respond("GET", address + "&state=x%20y", Self.ours)
    #expect(answer.status == 303 && answer.location == TestSite.redirectURI + "&capture_result=timeout&state=x%20y")
  }

  @Test func withoutACallbackALateAddressIsAPage() async throws {
    let site = try await TestSite()
    let address = try await address(site, callback: nil)
    site.time.advance(seconds: 600)
    let answer = await site.respond("GET", address, Self.ours)
    #expect(answer.status == 400 && answer.location == nil)
  }

  @Test func whoOpensItInTimeHasTheirTimeToDecide() async throws {
    let site = try await TestSite()
    let address = try await address(site)
    site.time.advance(seconds: 599)
    let visitor = try await open(site, address)
    site.time.advance(seconds: 599)
    let page = await visitor.get()
    #expect(page.status == 200)
    let answer = await visitor.post("/consent", visitor.form(page, decision: "allow"), [("origin", TestSite.issuer)])
    #expect(answer.status == 302 && answer.location == TestSite.redirectURI + "&capture_result=granted")
  }

  @Test func whoDecidesTooLateDecidesNothing() async throws {
    let site = try await TestSite()
    let visitor = try await open(site, try await address(site) + "&state=s")
    let page = await visitor.get()
    site.time.advance(seconds: 600)
    let stranger = await visitor.post(
      "/consent", visitor.form(page, decision: "allow"), [("origin", TestSite.issuer)], cookie: "passerelle_session=x")
    #expect(stranger.status == 400 && stranger.location == nil)
    let answer = await visitor.post("/consent", visitor.form(page, decision: "allow"), [("origin", TestSite.issuer)])
    #expect(answer.location == TestSite.redirectURI + "&capture_result=timeout&state=s")
    let subject = try #require(try site.stores.subjects.pseudonym(of: TestSite.number))
    let record = try site.stores.consents.record(subject: subject, client: ClientID(rawValue: "bank")!, purpose: TestSite.purpose)
    #expect(record == nil)
  }

  @Test func aCallbackThatIsNoLongerRegisteredGetsNothing() async throws {
    let site = try await TestSite()
    let address = try await address(site)
    let visitor = try await open(site, address)
    let page = await visitor.get()
    var client = try #require(try site.stores.clients.client(ClientID(rawValue: "bank")!))
    client.redirectURIs = ["https://elsewhere.example/"]
    try await site.stores.clients.save(client)
    let answer = await visitor.post("/consent", visitor.form(page, decision: "allow"), [("origin", TestSite.issuer)])
    #expect(answer.status == 503 && answer.location == nil)
    #expect(await site.respond("GET", address, Self.ours).status == 503)
    site.time.advance(seconds: 1200)
    #expect(await site.respond("GET", address, Self.ours).location == nil)
  }

  @Test func whoCancelsBeforeTheyAreKnownLeavesTheAddressGood() async throws {
    let gateway = try CodeGateway()
    let site = try await TestSite(codes: gateway)
    let address = try await address(site)
    let visitor = try await open(site, address, [])
    let answer = await visitor.post(
      "/subscriber", [("interaction", visitor.handle), ("decision", "deny")], [("origin", TestSite.issuer)])
    #expect(answer.location == TestSite.redirectURI + "&capture_result=error")
    #expect(await site.respond("GET", address, Self.ours).location?.hasPrefix("/consent?interaction=") == true)
  }

  @Test func aCodeForAnotherNumberOpensNothing() async throws {
    let gateway = try CodeGateway(subscribers: [TestSite.number.e164, "+33612345679"])
    let site = try await TestSite(codes: gateway)
    let visitor = try await open(site, try await address(site), [])
    let origin: Form = [("origin", TestSite.issuer)]
    _ = await visitor.post("/subscriber", [("interaction", visitor.handle), ("number", "+33612345679")], origin)
    let answer = await visitor.post(
      "/subscriber", [("interaction", visitor.handle), ("code", try await gateway.code())], origin)
    #expect(answer.status == 403 && answer.location == nil && !answer.text.contains("Example Bank"))
    #expect(await visitor.get().location == "/subscriber?interaction=\(visitor.handle)")
  }
}
