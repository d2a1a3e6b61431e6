import Bytes
import Identifiers
import Synchronization
import Testing
import Wire

@testable import Authorization

/// The adapters that ask the operator's own servers: what they send, and what they make of every answer.
@Suite struct OperatorLookupTests {
  static let number = MSISDN(e164: "+33612345678")!
  static let found = #"{"phoneNumber": "+33612345678"}"#

  private func browser(_ loop: EventLoop, from ip: String = "192.0.2.1", _ fields: [(name: String, value: String)] = [])
    -> RecognitionSignal
  {
    .browser(
      HTTPRequest(
        method: "GET", target: "/authorize", fields: fields, body: [], remoteAddress: SocketAddress(ip: ip, port: 4711),
        loop: loop))
  }

  // MARK: What is asked

  @Test func theAddressOfTheBrowserIsLookedUp() async throws {
    let server = try FakeOperator(200, Self.found)
    let adapter = AddressLookup(service: try server.service(token: "secret"), browserAddress: BrowserAddress())
    #expect(await adapter.recognise(browser(server.loop), on: server.loop) == .recognised(Self.number, amr: ["nba"]))
    #expect(server.bodies == [#"{"ipAddress":"192.0.2.1","port":4711}"#])
    let request = try #require(server.requests.first)
    #expect(request.method == "POST" && request.target == "/ask")
    #expect(request.field("authorization") == "Bearer secret" && request.field("content-type") == "application/json")
  }

  @Test func aClientsAddressIsLookedUpAndAuthenticatesNobody() async throws {
    let server = try FakeOperator(200, Self.found)
    let adapter = AddressLookup(service: try server.service(), browserAddress: BrowserAddress())
    for (hint, body) in [
      ("ipport:192.0.2.1:4711", #"{"ipAddress":"192.0.2.1","port":4711}"#), ("ipport:192.0.2.1", #"{"ipAddress":"192.0.2.1"}"#),
      ("ipport:[2001:db8::1]:80", #"{"ipAddress":"2001:db8::1","port":80}"#),
    ] {
      let outcome = await adapter.recognise(.hint(LoginHint(hint)!), on: server.loop)
      #expect(outcome == .recognised(Self.number, amr: []), "any client can name any address (profile item 20)")
      #expect(server.bodies.last == body)
    }
    #expect(server.requests.allSatisfy { $0.field("authorization") == nil })
  }

  @Test func anOperatorTokenIsValidatedByWhoIssuedIt() async throws {
    let server = try FakeOperator(200, Self.found)
    let adapter = OperatorTokenCheck(service: try server.service())
    #expect(await adapter.recognise(.hint(.operatorToken("a\"b")), on: server.loop) == .recognised(Self.number, amr: ["sc"]))
    #expect(server.bodies == [#"{"operatorToken":"a\"b"}"#])
  }

  @Test func aNumberIsLookedUpInTheDirectory() async throws {
    let server = try FakeOperator(200, Self.found)
    let adapter = NumberDirectory(service: try server.service())
    #expect(await adapter.recognise(.hint(.number(Self.number)), on: server.loop) == .recognised(Self.number, amr: []))
    #expect(server.bodies == [#"{"phoneNumber":"+33612345678"}"#])
    let other = MSISDN(e164: "+33612345679")!
    #expect(
      await adapter.recognise(.hint(.number(other)), on: server.loop)
        == .failed(reason: "the look-up answers about another subscriber"))
  }

  @Test func eachAnswersItsOwnSignalsAndNoOther() async throws {
    let server = try FakeOperator(200, Self.found)
    let service = try server.service()
    let adapters: [any SubscriberRecognition] = [
      AddressLookup(service: service, browserAddress: BrowserAddress()), OperatorTokenCheck(service: service),
      NumberDirectory(service: service),
    ]
    let foreign: [[RecognitionSignal]] = [
      [.hint(.operatorToken("t")), .hint(.number(Self.number))],
      [browser(server.loop), .hint(.number(Self.number)), .hint(LoginHint("ipport:192.0.2.1")!)],
      [browser(server.loop), .hint(.operatorToken("t")), .hint(LoginHint("ipport:192.0.2.1")!)],
    ]
    for (adapter, signals) in zip(adapters, foreign) {
      for signal in signals { #expect(await adapter.recognise(signal, on: server.loop) == .notRecognised) }
    }
    #expect(server.requests.isEmpty)
  }

  // MARK: Behind a proxy (A29)

  @Test(arguments: [
    ("10.0.0.1", ["192.0.2.7"], #"{"ipAddress":"192.0.2.7"}"#),
    ("10.0.0.1", ["192.0.2.7:99"], #"{"ipAddress":"192.0.2.7","port":99}"#),
    ("10.0.0.1", ["2001:db8::7"], #"{"ipAddress":"2001:db8::7"}"#),
    ("10.0.0.1", ["[2001:db8::7]:99"], #"{"ipAddress":"2001:db8::7","port":99}"#),
    // Not from the proxy: the field is as if it were not there.
    ("198.51.100.1", ["192.0.2.7"], #"{"ipAddress":"198.51.100.1","port":4711}"#),
  ])
  func theProxysWordIsBelieved_fromTheProxyAlone(peer: String, values: [String], body: String) async throws {
    let server = try FakeOperator(200, Self.found)
    let adapter = AddressLookup(
      service: try server.service(),
      browserAddress: BrowserAddress(header: "x-real-address", trustedProxies: [AddressRange("10.0.0.0/8")!]))
    let signal = browser(server.loop, from: peer, values.map { ("x-real-address", $0) })
    #expect(await adapter.recognise(signal, on: server.loop) == .recognised(Self.number, amr: ["nba"]))
    #expect(server.bodies == [body])
  }

  @Test func aProxyThatSaysNothingOrNonsense() async throws {
    let server = try FakeOperator(200, Self.found)
    let adapter = AddressLookup(
      service: try server.service(),
      browserAddress: BrowserAddress(header: "x-real-address", trustedProxies: [AddressRange("10.0.0.0/8")!]))
    #expect(await adapter.recognise(browser(server.loop, from: "10.0.0.1"), on: server.loop) == .notRecognised)
    for values in [["192.0.2.1, 192.0.2.2"], ["192.0.2.1", "192.0.2.2"], ["unknown"], [""], ["192.0.2.1:0"], ["fe80::1%eth0"]] {
      let outcome = await adapter.recognise(
        browser(server.loop, from: "10.0.0.1", values.map { ("x-real-address", $0) }), on: server.loop)
      guard case .failed = outcome else { Issue.record("\(values): \(outcome)"); continue }
    }
    #expect(server.requests.isEmpty)
  }

  // MARK: What is made of an answer

  private func outcome(_ service: OperatorService, _ loop: EventLoop) async -> RecognitionOutcome {
    await NumberDirectory(service: service).recognise(.hint(.number(Self.number)), on: loop)
  }

  @Test func nobodyIsNotRecognised() async throws {
    let server = try FakeOperator(404, "whatever")
    let service = try server.service()
    #expect(await outcome(service, server.loop) == .notRecognised)
  }

  @Test(arguments: [
    (200, #"{"phoneNumber": "0612345678"}"#, "answers what cannot be read"), (200, "{}", "answers what cannot be read"),
    (200, #"{"phoneNumber": null}"#, "answers what cannot be read"), (200, "<html>", "answers what cannot be read"),
    (200, String(repeating: " ", count: 20_000), "answers what cannot be read"), (204, "", "answers with status 204"),
    (302, "", "answers with status 302"), (401, "", "answers with status 401"), (500, found, "answers with status 500"),
    (503, "", "answers with status 503"),
  ])
  func anythingElseIsAFailureThatSaysWhat(status: Int, body: String, reason: String) async throws {
    let server = try FakeOperator(status, body)
    let outcome = await outcome(try server.service(), server.loop)
    #expect(outcome == .failed(reason: "the look-up \(reason)"))
  }

  @Test func aServerThatIsSlow() async throws {
    let server = try FakeOperator { _ in
      try? await Task.sleep(for: .milliseconds(600))
      return .json(200, Array(Self.found.utf8))
    }
    let outcome = await outcome(try server.service(timeoutMilliseconds: 100), server.loop)
    #expect(outcome == .failed(reason: "the look-up does not answer in time"))
  }

  @Test func aServerThatIsNotThere() async throws {
    let server = try FakeOperator(200)
    let outcome = await outcome(try FakeOperator.service("http://127.0.0.1:1/", "the look-up", loop: server.loop), server.loop)
    #expect(outcome == .failed(reason: "the look-up cannot be reached"))
  }

  @Test func aServerWhoseTLSIsNone() async throws {
    let server = try FakeOperator(200)
    let address = "https://127.0.0.1:\(server.port)/"
    let outcome = await outcome(try FakeOperator.service(address, "the look-up", loop: server.loop), server.loop)
    #expect(outcome == .failed(reason: "the look-up cannot be trusted"))
  }

  @Test func soManyLookUpsAreUnderWayAndNoMore() async throws {
    let server = try FakeOperator { _ in
      try? await Task.sleep(for: .milliseconds(400))
      return .json(404, [])
    }
    let service = try server.service(requestsMaximum: 2)
    let loop = server.loop
    let outcomes = await withTaskGroup(of: RecognitionOutcome.self) { group in
      for _ in 0..<6 { group.addTask { await outcome(service, loop) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.filter { $0 == .notRecognised }.count == 2)
    #expect(outcomes.filter { $0 == .failed(reason: "the look-up has too many requests under way") }.count == 4)
    #expect(await outcome(service, loop) == .notRecognised, "there is room again")
  }

  // MARK: Health

  @Test func healthSaysWhatIsWrong() async throws {
    for (status, body, isGood, word) in [
      (404, "", true, "answers"), (200, Self.found, false, "should answer 404"), (401, "", false, "bearer token"),
      (500, "", false, "status 500"),
    ] {
      let server = try FakeOperator(status, body)
      for probe: HealthProbe in [.address, .operatorToken, .number] {
        let health = await (try server.service()).health("x", probe)
        #expect(health.isGood == isGood && health.finding.contains(word), "\(health)")
      }
    }
    let server = try FakeOperator(405)
    #expect(await (try server.service()).health("x", .presence).isGood)
    #expect(server.requests.map(\.method) == ["OPTIONS"], "nothing was sent to anybody")
    let nobody = try FakeOperator.service("http://127.0.0.1:1/", "the look-up", loop: server.loop)
    #expect(await nobody.health("x", .presence).finding.contains("cannot be reached"))
  }
}
