import Bytes
import JOSE
import Store
import Synchronization
import Testing
import Wire

@testable import Events

/// The tokens that the gateway shows to sinks.
@Suite struct SinkTokensTests {
  private let world: World
  private var tokens: SinkTokens { world.tokens }

  init() async throws { world = try await World() }

  /// A token endpoint whose answers are numbered from 1, and how to be let in by its sink.
  private func endpoint(
    lifetime: String? = "60", _ before: @escaping @Sendable () async -> Void = {}
  ) throws -> (FakeServer, SinkCredential) {
    let number = Atomic<Int>(0)
    let server = try FakeServer { _ in
      await before()
      let token = "token-\(number.add(1, ordering: .relaxed).newValue)"
      let expiry = lifetime.map { #","expires_in":\#($0)"# } ?? ""
      return .json(200, Array(#"{"access_token":"\#(token)","token_type":"Bearer"\#(expiry)}"#.utf8))
    }
    return (server, .privateKeyJWT(clientID: "the-gateway", tokenURI: server.origin + "/token"))
  }

  private func failure(_ credential: SinkCredential) async -> SinkTokenFailure? {
    do {
      _ = try await tokens.bearer(credential)
      return nil
    } catch { return error }
  }

  // MARK: The client's own

  @Test func aTokenOfTheClientsIsShownUntilItExpires() async throws {
    let credential = SinkCredential.accessToken("t", expiresAt: world.now(plus: 10))
    #expect(try await tokens.bearer(nil) == nil)
    #expect(try await tokens.bearer(credential) == "t")
    world.time.advance(seconds: 9.9)
    #expect(try await tokens.bearer(credential) == "t")
    world.time.advance(seconds: 0.1)
    #expect(await failure(credential) == .expired)
  }

  // MARK: Asking

  @Test func theAssertionIsThatOfTheRFC() async throws {
    let (server, credential) = try endpoint()
    #expect(try await tokens.bearer(credential) == "token-1")
    let request = try #require(server.requests.first)
    #expect(request.method == "POST" && request.target == "/token")
    #expect(request.field("content-type") == "application/x-www-form-urlencoded")
    let pairs = String(decoding: request.body, as: UTF8.self).split(separator: "&").map {
      $0.split(separator: "=", maxSplits: 1).map(String.init)
    }
    let form = Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) })
    #expect(Set(form.keys) == ["grant_type", "client_assertion_type", "client_assertion"])
    #expect(form["grant_type"] == "client_credentials")
    #expect(form["client_assertion_type"] == "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer")
    let jws = try CompactJWS(parsing: Array((form["client_assertion"] ?? "").utf8).span).verified { header in
      header.kid.flatMap { world.keys.verificationKey(kid: $0) }
    }
    #expect(jws.header.typ == "JWT", "it must never be taken for an access token of the gateway's")
    let claims = try JSONDocument(jws.payload).root
    #expect(claims["iss"]?.string == "the-gateway" && claims["sub"]?.string == "the-gateway")
    #expect(claims["aud"]?.string == server.origin + "/token")
    #expect(claims["iat"]?.integer == Int(world.now().seconds) && claims["exp"]?.integer == Int(world.now().seconds) + 60)
    #expect(claims["jti"]?.string?.isEmpty == false)
  }

  @Test func noAssertionIsUsedTwice() async throws {
    let (server, credential) = try endpoint()
    for _ in 0..<2 {
      _ = try await tokens.bearer(credential)
      tokens.reject(credential)
    }
    #expect(server.requests.count == 2 && server.requests[0].body != server.requests[1].body)
  }

  // MARK: Keeping

  @Test func aTokenIsKeptUntilShortlyBeforeItsEnd() async throws {
    let (server, credential) = try endpoint(lifetime: "60")
    for (seconds, token) in [(0.0, "token-1"), (44.9, "token-1"), (0.1, "token-2"), (44.9, "token-2")] {
      world.time.advance(seconds: seconds)
      #expect(try await tokens.bearer(credential) == token)
    }
    #expect(server.requests.count == 2)
  }

  @Test(arguments: [
    (nil, 285.0), ("\"60\"", 285), ("15", 1), ("0", 1), ("-5", 1), ("999999999", 86_385), ("16", 1), ("17", 2),
  ])
  func lifetimes(_ lifetime: String?, _ seconds: Double) async throws {
    let (server, credential) = try endpoint(lifetime: lifetime)
    _ = try await tokens.bearer(credential)
    world.time.advance(seconds: seconds - 0.5)
    _ = try await tokens.bearer(credential)
    #expect(server.requests.count == 1)
    world.time.advance(seconds: 0.5)
    _ = try await tokens.bearer(credential)
    #expect(server.requests.count == 2)
  }

  @Test func otherClientsHaveOtherTokens() async throws {
    let (server, credential) = try endpoint()
    let other = SinkCredential.privateKeyJWT(clientID: "another", tokenURI: server.origin + "/token")
    let third = SinkCredential.privateKeyJWT(clientID: "the-gateway", tokenURI: server.origin + "/token2")
    #expect(
      try await [tokens.bearer(credential), tokens.bearer(other), tokens.bearer(third)] == ["token-1", "token-2", "token-3"])
    #expect(
      try await [tokens.bearer(credential), tokens.bearer(other), tokens.bearer(third)] == ["token-1", "token-2", "token-3"])
    tokens.reject(other)
    #expect(
      try await [tokens.bearer(credential), tokens.bearer(other), tokens.bearer(third)] == ["token-1", "token-4", "token-3"])
  }

  @Test func aTokenThatASinkRefusedIsNotShownAgain() async throws {
    let (server, credential) = try endpoint()
    #expect(try await tokens.bearer(credential) == "token-1")
    tokens.reject(nil)
    tokens.reject(.accessToken("token-1", expiresAt: world.now()))
    #expect(try await tokens.bearer(credential) == "token-1")
    tokens.reject(credential)
    #expect(try await tokens.bearer(credential) == "token-2")
    #expect(server.requests.count == 2)
  }

  // MARK: Many at once

  @Test func manyWhoWaitAskOnce() async throws {
    let gate = Gate()
    let (server, credential) = try endpoint { await gate.wait() }
    let got = Notes()
    for _ in 0..<50 {
      world.loop.spawn { [tokens] in got.add(((try? await tokens.bearer(credential)) ?? nil) ?? "none") }
    }
    // All fifty have come as far as they can when this has its turn.
    try await world.onLoop {}
    let isAsked = await world.eventually { !server.requests.isEmpty }
    #expect(isAsked)
    gate.open()
    let haveAll = await world.eventually { got.all.count == 50 }
    #expect(haveAll && Set(got.all) == ["token-1"] && server.requests.count == 1)
  }

  @Test func manyWhoWaitLearnOfAFailureTogether() async throws {
    let gate = Gate()
    let server = try FakeServer { _ in
      await gate.wait()
      return HTTPResponse(status: 500)
    }
    let credential = SinkCredential.privateKeyJWT(clientID: "c", tokenURI: server.origin)
    let got = Notes()
    for _ in 0..<20 {
      world.loop.spawn { [tokens] in got.add(((try? await tokens.bearer(credential)) ?? nil) ?? "none") }
    }
    try await world.onLoop {}
    gate.open()
    let haveAll = await world.eventually { got.all.count == 20 }
    #expect(haveAll && Set(got.all) == ["none"] && server.requests.count == 1)
  }

  // MARK: Failing

  @Test func aFailureIsRememberedForFiveSeconds() async throws {
    let isWell = Atomic<Bool>(false)
    let server = try FakeServer { _ in
      isWell.load(ordering: .relaxed)
        ? .json(200, Array(#"{"access_token":"t","token_type":"bearer"}"#.utf8)) : HTTPResponse(status: 503)
    }
    let credential = SinkCredential.privateKeyJWT(clientID: "c", tokenURI: server.origin)
    #expect(await failure(credential) == .notIssued)
    isWell.store(true, ordering: .relaxed)
    world.time.advance(seconds: 4.9)
    tokens.reject(credential)
    #expect(await failure(credential) == .notIssued)
    #expect(server.requests.count == 1)
    world.time.advance(seconds: 0.1)
    #expect(try await tokens.bearer(credential) == "t")
    #expect(server.requests.count == 2)
  }

  @Test(arguments: [
    (200, ""), (200, "[]"), (200, "{}"), (200, #"{"access_token":"t"}"#), (200, #"{"access_token":"t","token_type":"mac"}"#),
    (200, #"{"access_token":"","token_type":"bearer"}"#), (200, #"{"access_token":"a b","token_type":"bearer"}"#),
    (200, #"{"access_token":"a\r\nX: y","token_type":"bearer"}"#), (200, #"{"access_token":"é","token_type":"bearer"}"#),
    (200, #"{"access_token":7,"token_type":"bearer"}"#), (201, #"{"access_token":"t","token_type":"bearer"}"#),
    (302, #"{"access_token":"t","token_type":"bearer"}"#), (400, #"{"error":"invalid_client"}"#),
    (200, #"{"access_token":"==","token_type":"bearer"}"#), (200, #"{"access_token":"a=b","token_type":"bearer"}"#),
  ])
  func whatIsNoTokenIsNone(_ status: Int, _ body: String) async throws {
    let server = try FakeServer(status, [(name: "Content-Type", value: "application/json")], body)
    #expect(await failure(.privateKeyJWT(clientID: "c", tokenURI: server.origin)) == .notIssued)
  }

  @Test func anEndpointThatIsNoAddressOrOfTheInsideIsNotAsked() async throws {
    #expect(await failure(.privateKeyJWT(clientID: "c", tokenURI: "no address")) == .notIssued)
    let (server, credential) = try endpoint()
    let inside = try await World(addresses: .publicOnly())
    await #expect(throws: SinkTokenFailure.notIssued) { try await inside.tokens.bearer(credential) }
    #expect(server.requests.isEmpty)
  }

  @Test func tokensAreThoseOfTheRFC() {
    for good in ["a", "abc-._~+/123", "a=", "a==", String(repeating: "a", count: 8192)] { #expect(SinkTokens.isToken(good)) }
    for bad in ["", "=", "=a", "a b", "a\n", "a\0", "a,b", "a\"", "é", String(repeating: "a", count: 8193)] {
      #expect(!SinkTokens.isToken(bad))
    }
  }

  // MARK: In a passage

  @Test func a401MakesTheNextTokenANewOne() async throws {
    let (server, credential) = try endpoint()
    try await world.agree()
    try await world.subscribe { $0.credential = credential }
    try await world.queue(world.event())
    world.transport.answer { $0.bearer == "token-1" ? .refused(status: 401, retryAfterSeconds: nil) : .accepted }
    #expect(try await world.take().turn == .putOff)
    #expect(try await world.take().turn == .done)
    #expect(world.transport.sent.map(\.bearer) == ["token-1", "token-2"] && server.requests.count == 2)
  }

  @Test func withoutATokenNothingLeavesAndTheSinkIsNotBlamed() async throws {
    let server = try FakeServer(500)
    try await world.agree()
    try await world.subscribe { $0.credential = .privateKeyJWT(clientID: "c", tokenURI: server.origin) }
    try await world.queue(world.event())
    let (turn, sign) = try await world.take()
    #expect(turn == .putOff && sign == .none && world.transport.tries == 0)
    #expect(try world.waiting().first?.failure == "token_not_issued" && world.entries("event.delivered").isEmpty)
  }
}
