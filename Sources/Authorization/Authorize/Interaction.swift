import Bytes
import Consent
import Identifiers
import JOSE
import Policy
import Store
import Wire

/// A request that waits for a person, as the pages see it. Only `AuthorizationServer.interaction` makes one, from a handle and
/// the session that it belongs to.
public struct Interaction: Sendable {
  /// The handle in the page's address and in its form.
  public let handle: String
  public let request: AuthorizationRequest
  public let client: ClientRecord
  /// Nil while nobody knows who is there: then the page to show is the one of the simulated SIM cards.
  public let subscriber: RecognisedSubscriber?
  /// What the consent page puts to the subscriber.
  public let offer: ConsentOffer
  let record: InteractionRecord

  /// The client asks for a refresh token, and may have one: it can go on when the subscriber is not there.
  public var mayGoOn: Bool { request.scopes.contains(.offlineAccess) && client.mayRefresh }
}

/// Why a page cannot go on. None says whether a handle exists for somebody else.
public enum InteractionRefusal: Error, Sendable, Equatable {
  /// No such request, or it belongs to another browser (A39).
  case unknown
  case expired
  /// It was decided already: a second click, the back button, a replay.
  case finished
  /// The form holds what the page did not offer.
  case notOffered
  /// The page is for another subscriber than the one who is there.
  case otherSubscriber
  /// The time for a capture is over, and its client wants to know: the browser goes to this address.
  case timedOut(address: String)
  /// A store failed, or the client is gone; nothing was changed.
  case unavailable
}

/// What the person did on the consent page.
public enum InteractionOutcome: Sendable {
  case allow(ticked: Set<CategoryID>, shown: ShownPage)
  case deny(shown: ShownPage)

  var shown: ShownPage {
    switch self {
    case .allow(_, let shown), .deny(let shown): shown
    }
  }
}

/// What stood before the person when they decided; it becomes part of the consent's history.
public struct ShownPage: Sendable, Equatable {
  public var version: String
  public var language: String
  /// SHA-256 of the statement as it was shown, markup included.
  public var textDigest: Digest32
  /// The categories that had a tick to take away.
  public var categories: Set<CategoryID>

  public init(version: String, language: String, textDigest: Digest32, categories: Set<CategoryID>) {
    self.version = version
    self.language = language
    self.textDigest = textDigest
    self.categories = categories
  }
}

extension AuthorizationServer {
  /// The request that a page's handle stands for, for the browser that it was made for and for nobody else.
  ///
  /// - Parameter handle: from the page's address, or from its form.
  public func interaction(handle: String, browser: HTTPRequest) throws(InteractionRefusal) -> Interaction {
    guard handle.utf8.count <= 64 else { throw .unknown }
    let digest = SHA256.digest(Array(handle.utf8))
    let found: (record: InteractionRecord?, client: KnownClient?, restored: (AuthorizationRequest, RecognisedSubscriber?)?)
    do {
      let record = try dependencies.interactions.find(digest: digest)
      let restored = record.flatMap { AuthorizationRequest.restore($0.payload) }
      found = (record, try restored.flatMap { try clients.client($0.request.client) }, restored)
    } catch { throw .unavailable }
    guard let record = found.record, isFrom(browser, record, found.restored?.0.way) else { throw .unknown }
    guard record.finishedAt == nil else { throw .finished }
    let isOver = dependencies.time.now() >= record.expiresAt
    if isOver, found.restored?.0.returnAddress == nil || found.restored?.0.redirection != nil { throw .expired }
    // The registration may have changed while the page was open: no answer goes where none may go any more (A24).
    guard let client = found.client?.record, client.isEnabled, let (request, subscriber) = found.restored,
      request.returnAddress.map({ client.mayReturn(to: $0, request.way) }) ?? true
    else { throw .unavailable }
    if isOver {
      guard case .capture(let capture) = request.way else { throw .expired }
      throw late(capture)
    }
    guard let offer = offer(for: request, madeAt: record.createdAt) else { throw .unavailable }
    return Interaction(
      handle: handle, request: request, client: client, subscriber: subscriber, offer: offer, record: record)
  }

  /// True for the browser that the request came from. A backchannel request came from none: its handle is the credential, and went
  /// to the subscriber alone.
  private func isFrom(_ browser: HTTPRequest, _ record: InteractionRecord, _ way: AnswerWay?) -> Bool {
    switch (way, record.sessionDigest) {
    case (.poll, nil): true
    case (.browser, .some(let bound)), (.capture, .some(let bound)):
      Session(browser, settings).map { ConstantTime.equals(bound.bytes.span, $0.digest.bytes.span) } ?? false
    default: false
    }
  }

  /// What a request puts to its subscriber; nil when its purpose is no longer in the catalogue.
  func offer(for request: AuthorizationRequest, madeAt: Timestamp) -> ConsentOffer? {
    ConsentOffer(
      request, catalogue: dependencies.catalogue, madeAt: madeAt, lifetimeSeconds: settings.consentLifetimeSeconds)
  }

  /// The person on the other side is this subscriber: goes on to the consent page, or to the client when nothing is to be asked.
  public func recognised(
    _ interaction: Interaction, number: MSISDN, amr: [String]
  ) async throws(InteractionRefusal) -> HTTPResponse {
    let visit = Visit(server: self, request: interaction.request, client: interaction.client)
    let subscriber: RecognisedSubscriber
    let coverage: Coverage
    do {
      subscriber = try await visit.subscriber(number, amr: amr)
      coverage = try await visit.coverage(subscriber)
    } catch { throw .unavailable }
    var record = interaction.record
    if case .capture(let capture) = interaction.request.way {
      guard let session = record.sessionDigest else { throw .unknown }
      record.expiresAt = try await open(capture, by: subscriber, session: session).expiresAt
    }
    guard visit.mustAsk(coverage) else {
      try await finish(interaction)
      return await Conclusion(visit: visit, interaction: interaction, subscriber: subscriber).covered(coverage)
    }
    record.payload = interaction.request.stored(with: subscriber)
    let isStored: Bool
    do { isStored = try await dependencies.interactions.update(record) } catch { throw .unavailable }
    guard isStored else { throw .finished }
    return Answer.seeOther("\(EndpointPath.consent.rawValue)?interaction=\(interaction.handle)")
  }

  /// The person does not want to say who they are: the browser goes back to the client, which learns that nothing was agreed to.
  public func abandon(_ interaction: Interaction) async throws(InteractionRefusal) -> HTTPResponse {
    guard interaction.subscriber == nil else { throw .unknown }
    if case .capture(let capture) = interaction.request.way {
      // Nobody has shown to be the subscriber: the address stays good for them.
      try await finish(interaction.record.digest)
      return capture.address(.error).map { Answer.redirect(to: $0) }
        ?? dependencies.pages.decidedPage(interaction, isGranted: false)
    }
    guard let redirection = interaction.request.redirection else { throw .unknown }
    try await finish(interaction)
    let refusal = Refusal(.accessDenied, "the subscriber did not say who they are")
    return await refuse(refusal, client: interaction.client.id, at: ClientAddress(redirection))
  }

  /// Takes the person's decision, once: it is recorded as an event of the consent, and the browser goes back to the client with
  /// a code or with `access_denied`.
  ///
  /// - Throws: `.finished` when a decision was taken before, `.notOffered` when a category was not on the page; nothing was
  ///   changed then.
  public func complete(
    _ interaction: Interaction, outcome: InteractionOutcome
  ) async throws(InteractionRefusal) -> HTTPResponse {
    guard let subscriber = interaction.subscriber else { throw .unknown }
    if case .allow(let ticked, _) = outcome, !ticked.isSubset(of: interaction.offer.categoryIDs) { throw .notOffered }
    try await finish(interaction)
    let visit = Visit(server: self, request: interaction.request, client: interaction.client)
    return await Conclusion(visit: visit, interaction: interaction, subscriber: subscriber).decided(outcome)
  }

  /// Of any number of posts of one page exactly one comes past here.
  private func finish(_ interaction: Interaction) async throws(InteractionRefusal) {
    // A capture may be open in several tabs; one decision counts.
    if case .capture(let capture) = interaction.request.way {
      let isFirst: Bool
      do { isFirst = try await dependencies.captures.finish(digest: capture.digest) } catch { throw .unavailable }
      guard isFirst else { throw .finished }
    }
    try await finish(interaction.record.digest)
  }

  private func finish(_ digest: Digest32) async throws(InteractionRefusal) {
    let isFirst: Bool
    do { isFirst = try await dependencies.interactions.finish(digest: digest) } catch { throw .unavailable }
    guard isFirst else { throw .finished }
  }
}
