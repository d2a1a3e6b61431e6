import Bytes
import Store
import Testing
import Wire

@testable import Events

/// Which sinks a client may name.
@Suite struct SinkRulesTests {
  // MARK: Registered sinks

  private func covers(_ registered: String, _ sink: String) -> Bool {
    WebAddress(sink).map { SinkRules.covers(registered, $0) } ?? false
  }

  @Test(arguments: [
    ("https://a.example/sink", "https://a.example/sink"), ("https://a.example/sink", "HTTPS://a.example/sink"),
    ("https://a.example/sink", "https://A.Example:443/sink"), ("https://a.example/sink?x=1", "https://a.example/sink?x=1"),
    ("https://a.example/e/", "https://a.example/e/"), ("https://a.example/e/", "https://a.example/e/x/y?z=/../"),
    ("https://a.example/e/", "https://a.example/e/..."), ("https://a.example/e/", "https://a.example/e/.well-known/x"),
    ("https://a.example/e/", "https://a.example/e/a..b/c."), ("https://a.example/e/", "https://a.example/e/%20;v=1"),
    ("https://a.example/", "https://a.example/x"), ("https://a.example", "https://a.example/x?y"),
    ("https://a.example:8443/e/", "https://a.example:8443/e/x"), ("https://[2001:db8::1]/e/", "https://[2001:DB8:0::1]/e/x"),
  ])
  func whatIsRegisteredCoversItselfAndWithASlashAllBelowIt(_ registered: String, _ sink: String) {
    #expect(SinkRules.covers(registered, WebAddress(sink.replacing("HTTPS", with: "https"))!))
  }

  @Test(arguments: [
    // Without a slash at its end it stands for itself alone.
    ("https://a.example/sink", "https://a.example/sink/"), ("https://a.example/sink", "https://a.example/sinks"),
    ("https://a.example/sink", "https://a.example/sink?x"), ("https://a.example/sink", "https://a.example/sink/x"),
    ("https://a.example/sink", "https://a.example/SINK"), ("https://a.example/sink", "https://a.example/%73ink"),
    // Another server.
    ("https://a.example/e/", "http://a.example/e/x"), ("https://a.example/e/", "https://a.example:444/e/x"),
    ("https://a.example/e/", "https://b.a.example/e/x"), ("https://a.example/e/", "https://a.example.b.example/e/x"),
    ("https://a.example/e/", "https://a.example./e/x"), ("https://a.example/e/", "https://aXexample/e/x"),
    // Not below.
    ("https://a.example/e/", "https://a.example/e"), ("https://a.example/e/", "https://a.example/E/x"),
    ("https://a.example/e/", "https://a.example/ex/"), ("https://a.example/e/", "https://a.example//e/x"),
    ("https://a.example/e/", "https://a.example/?/e/x"),
    // What a server could read as a way out.
    ("https://a.example/e/", "https://a.example/e/../x"), ("https://a.example/e/", "https://a.example/e/.."),
    ("https://a.example/e/", "https://a.example/e/./x"), ("https://a.example/e/", "https://a.example/e/x/../../y"),
    ("https://a.example/e/", "https://a.example/e/%2e%2e/x"), ("https://a.example/e/", "https://a.example/e/.%2E/x"),
    ("https://a.example/e/", "https://a.example/e/%2E./x"), ("https://a.example/", "https://a.example/../x"),
    ("https://a.example/e/", "https://a.example/e/..%2fx"), ("https://a.example/e/", "https://a.example/e/%2e%2e%2Fx"),
    ("https://a.example/e/", "https://a.example/e/x%2f..%2f..%2fy"), ("https://a.example/e/", "https://a.example/e/..%5cx"),
    ("https://a.example/e/", "https://a.example/e/..;/x"), ("https://a.example/e/", "https://a.example/e/%2e%2e;v=1/x"),
    ("https://a.example/e/", "https://a.example/e/..%3bv/x"),
    // What is registered is no address.
    ("", "https://a.example/"), ("https://*.example/", "https://a.example/"), ("a.example/", "https://a.example/"),
  ])
  func andNothingElse(_ registered: String, _ sink: String) {
    #expect(WebAddress(sink) != nil, "the table means an address")
    #expect(!covers(registered, sink))
  }

  // MARK: Judging

  private func judge(
    _ sink: String, of client: ClientRecord, allowsPlainHTTP: Bool = true, addresses: AddressRule = .any
  ) async throws -> SinkRules.Verdict {
    let world = try await World(addresses: addresses)
    let rules = SinkRules(client: world.client, originName: World.origin, allowsPlainHTTP: allowsPlainHTTP)
    return await rules.judge(sink: sink, of: client)
  }

  private func isRefused(_ verdict: SinkRules.Verdict, _ words: String) -> Bool {
    if case .refused(let reason) = verdict { reason.contains(words) } else { false }
  }

  @Test(arguments: ["http://a.example/", "ftp://a.example/", "a.example", "", "https://u:p@a.example/", "https://a.example/#x"])
  func aSinkIsAnAddressWithTLS(_ sink: String) async throws {
    let verdict = try await judge(sink, of: World.record(sinks: [sink]), allowsPlainHTTP: false)
    #expect(isRefused(verdict, "https"))
  }

  @Test func aRegisteredSinkIsNotAsked() async throws {
    let server = try FakeServer(500)
    #expect(try await judge(server.origin + "/e/x", of: World.record(sinks: [server.origin + "/e/"])) == .admitted)
    #expect(server.requests.isEmpty)
  }

  @Test(arguments: [
    "http://127.0.0.1/", "http://[::1]/", "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://localhost/",
  ])
  func aRegisteredSinkOfTheInsideIsRefusedAllTheSame(_ sink: String) async throws {
    let verdict = try await judge(sink, of: World.record(sinks: [sink]), addresses: .publicOnly())
    #expect(isRefused(verdict, "public Internet"))
    #expect(!isRefused(verdict, "10.0") && !isRefused(verdict, "127."))
  }

  @Test func aSinkThatIsNotRegisteredIsRefusedWhereThatIsTheProof() async throws {
    let server = try FakeServer(200, [(name: "WebHook-Allowed-Origin", value: "*")])
    let verdict = try await judge(server.origin + "/other", of: World.record(sinks: [server.origin + "/e/"], proof: .registered))
    #expect(isRefused(verdict, "event_sinks"))
    #expect(server.requests.isEmpty)
  }

  @Test func theHandshakeAsksForTheGatewaysName() async throws {
    let server = try FakeServer(200, [(name: "WebHook-Allowed-Origin", value: World.origin)])
    #expect(try await judge(server.origin + "/sink?k=1", of: World.record()) == .admitted)
    let request = try #require(server.requests.first)
    #expect(server.requests.count == 1 && request.method == "OPTIONS" && request.target == "/sink?k=1" && request.body.isEmpty)
    #expect(request.field("webhook-request-origin") == World.origin && request.field("webhook-request-rate") == nil)
    #expect(request.field("authorization") == nil)
  }

  @Test(arguments: [
    (200, "*", true), (204, "gateway.example", true), (200, "GATEWAY.example", true), (200, "a.example, gateway.example", true),
    (200, " gateway.example ,b", true), (200, nil, false), (200, "", false), (200, "other.example", false),
    (200, "gateway.example.evil", false), (200, "*.example", false), (200, "https://gateway.example", false),
    (302, "*", false), (404, "*", false), (500, "gateway.example", false), (200, "a*", false),
  ])
  func whatASinkSaysOfItself(_ status: Int, _ allowed: String?, _ isAdmitted: Bool) async throws {
    let server = try FakeServer(status, allowed.map { [(name: "WebHook-Allowed-Origin", value: $0)] } ?? [])
    let verdict = try await judge(server.origin, of: World.record())
    #expect((verdict == .admitted) == isAdmitted)
    if !isAdmitted { #expect(isRefused(verdict, "WebHook-Allowed-Origin")) }
  }

  @Test func theHandshakeGoesNoFartherThanEvents() async throws {
    let server = try FakeServer(200, [(name: "WebHook-Allowed-Origin", value: "*")])
    let verdict = try await judge(server.origin, of: World.record(), addresses: .publicOnly())
    #expect(isRefused(verdict, "public Internet") && server.requests.isEmpty)
  }
}
