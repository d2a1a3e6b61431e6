import Bytes
import Consent
import Identifiers
import JOSE
import Policy
import Store
import Wire

/// A person's way from the checked request to the code: who they are, what they have agreed to, what is left to ask.
struct Visit: Sendable {
  let server: AuthorizationServer
  let request: AuthorizationRequest
  let client: ClientRecord

  var dependencies: AuthorizationDependencies { server.dependencies }

  /// The recognised subscriber under their pseudonym; the number goes no further than here.
  func subscriber(_ number: MSISDN, amr: [String]) async throws(Refusal) -> RecognisedSubscriber {
    let pseudonym = try await orUnavailable("finding the subscriber") { try await dependencies.subjects.findOrCreate(number) }
    return RecognisedSubscriber(pseudonym: pseudonym, amr: amr, at: dependencies.time.now())
  }

  /// The code at once when everything is covered, otherwise the consent page, or the refusal that `prompt=none` asks for.
  func decide(
    _ subscriber: RecognisedSubscriber, browser: HTTPRequest, at redirection: Redirection
  ) async throws(Refusal) -> HTTPResponse {
    let coverage = try await coverage(subscriber)
    guard mustAsk(coverage) else { return try await grant(coverage, to: subscriber, at: redirection) }
    guard request.prompt != .never else {
      throw Refusal(.consentRequired, "the subscriber has to be asked, and prompt=none forbids it")
    }
    return try await wait(at: .consent, subscriber: subscriber, browser: browser)
  }

  /// True when a scope lacks a consent, or the client wants the question put again and there is one to put.
  func mustAsk(_ coverage: Coverage) -> Bool {
    if !coverage.askable.isEmpty { return true }
    guard request.prompt == .consent else { return false }
    return server.offer(for: request, madeAt: dependencies.time.now())?.isEmpty == false
  }

  /// What of the request the subscriber's consents, and the other legal bases, cover now: by the one decision function.
  func coverage(_ subscriber: RecognisedSubscriber) async throws(Refusal) -> Coverage {
    try await Coverage.decide(
      subject: subscriber.pseudonym, client: client.id, purpose: request.purpose, scopes: request.scopes.apiScopes,
      dependencies: dependencies)
  }

  /// Issues a code for what is covered (RFC 6749 §4.1.2); none covered: `access_denied`.
  func grant(
    _ coverage: Coverage, to subscriber: RecognisedSubscriber, at redirection: Redirection
  ) async throws(Refusal) -> HTTPResponse {
    guard !coverage.covered.isEmpty else { throw Refusal(.accessDenied, "nothing that was asked for may be released") }
    let now = dependencies.time.now()
    let code = Random.token(byteCount: 32)
    let scopes = ScopeSet(request.scopes.filter { !$0.isAPIScope || coverage.covered.contains($0) })
    let lifetimeSeconds = server.grantLifetimeSeconds(
      scopes: scopes, client: client,
      tokenLifetimeSeconds: server.settings.codeLifetimeSeconds + client.accessTokenLifetimeSeconds)
    let grant = GrantRecord(
      id: .random(), client: client.id, subject: subscriber.pseudonym, purpose: request.purpose, scopes: scopes,
      consent: coverage.consent, flow: Flow.authorizationCode.rawValue, amr: subscriber.amr, authenticatedAt: subscriber.at,
      createdAt: now, expiresAt: now.adding(seconds: lifetimeSeconds))
    let record = CodeRecord(
      digest: SHA256.digest(Array(code.utf8)), client: client.id, redirectURI: redirection.uri,
      codeChallenge: redirection.challenge, nonce: redirection.nonce, grant: grant.id, scopes: scopes,
      expiresAt: now.adding(seconds: Int64(server.settings.codeLifetimeSeconds)), proofKey: redirection.codeKey)
    try await orUnavailable("storing the code") {
      try await dependencies.grants.insert(grant)
      try await dependencies.codes.insert(record)
    }
    return ClientAddress(redirection).redirect([("code", code)], issuer: server.settings.issuer)
  }

  /// Puts the request aside, sealed and bound to the browser, and sends the browser to a page.
  func wait(
    at page: EndpointPath, subscriber: RecognisedSubscriber?, browser: HTTPRequest
  ) async throws(Refusal) -> HTTPResponse {
    let expiresAt = dependencies.time.now().adding(seconds: Int64(server.settings.interactionLifetimeSeconds))
    let (handle, _, cookie) = try await store(subscriber, browser, expiresAt: expiresAt)
    return Answer.seeOther("\(page.rawValue)?interaction=\(handle)", cookie: cookie)
  }

  /// Puts the request aside for a browser of which nobody knows yet who is there.
  func begin(
    browser: HTTPRequest, expiresAt: Timestamp
  ) async throws(Refusal) -> (interaction: Interaction, cookie: String?) {
    let (handle, record, cookie) = try await store(nil, browser, expiresAt: expiresAt)
    guard let offer = server.offer(for: request, madeAt: record.createdAt) else {
      throw Refusal(.serverError, "the purpose is not known any more")
    }
    let interaction = Interaction(
      handle: handle, request: request, client: client, subscriber: nil, offer: offer, record: record)
    return (interaction, cookie)
  }

  private func store(
    _ subscriber: RecognisedSubscriber?, _ browser: HTTPRequest, expiresAt: Timestamp
  ) async throws(Refusal) -> (handle: String, record: InteractionRecord, cookie: String?) {
    let handle = Random.token(byteCount: 32)
    // A browser that has a session keeps it: two requests in two tabs are both its own.
    let shown = Session(browser, server.settings)
    let session = shown ?? .begin()
    let record = InteractionRecord(
      digest: SHA256.digest(Array(handle.utf8)), sessionDigest: session.digest, payload: request.stored(with: subscriber),
      createdAt: dependencies.time.now(), expiresAt: expiresAt)
    try await orUnavailable("storing the request") { try await dependencies.interactions.insert(record) }
    return (handle, record, shown == nil ? session.cookie(server.settings) : nil)
  }
}

extension ClientAddress {
  init(_ redirection: Redirection) { self.init(redirectURI: redirection.uri, state: redirection.state) }
}

extension GrantID {
  static func random() -> GrantID { GrantID(rawValue: Random.token(byteCount: 16))! }  // base64url is visible ASCII
}

extension Scope {
  /// Neither a purpose nor OpenID Connect's own.
  var isAPIScope: Bool { !isPurpose && self != .openID && self != .offlineAccess }
}
