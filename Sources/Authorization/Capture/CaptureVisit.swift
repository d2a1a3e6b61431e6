import Bytes
import Identifiers
import JOSE
import Store
import Wire

/// A browser comes to a capture URL: who is there is asked first, as at the authorization endpoint, and only the subscriber that it is
/// for gets to see anything of it.
extension AuthorizationServer {
  /// Leads the browser to the consent page, or to the page that asks who is there.
  ///
  /// - Parameters:
  ///   - secret: from the address.
  ///   - state: what the client added to the address, as it stands there.
  /// - Throws: what a page then says; `.timedOut` when the client wants to know that the time is over.
  public func visitCapture(
    secret: String, state: String?, browser: HTTPRequest
  ) async throws(InteractionRefusal) -> HTTPResponse {
    guard secret.utf8.count <= 64, state.map(CaptureReturn.isState) ?? true else { throw .unknown }
    let found: (capture: CaptureRecord?, client: KnownClient?)
    do {
      let capture = try dependencies.captures.find(digest: SHA256.digest(Array(secret.utf8)))
      found = (capture, try capture.flatMap { try clients.client($0.client) })
    } catch { throw .unavailable }
    guard let capture = found.capture else { throw .unknown }
    guard let client = found.client?.record, client.isEnabled, capture.callbackURL.map(client.isCallback) ?? true else {
      throw .unavailable
    }
    guard capture.finishedAt == nil else { throw .finished }
    let request = AuthorizationRequest(capture, state: state)
    guard dependencies.time.now() < capture.expiresAt else {
      guard case .capture(let back) = request.way else { throw .expired }
      throw late(back)
    }
    switch await dependencies.recognition.recognise(.browser(browser), on: browser.loop) {
    case .recognised(let number, let amr):
      return try await visit(capture, request, client, browser: browser, recognised: (number, amr))
    case .notRecognised where dependencies.oneTimeCodes != nil || !dependencies.simulatedSubscribers.isEmpty:
      return try await visit(capture, request, client, browser: browser, recognised: nil)
    // The address stays good: over the mobile network the same browser may be recognised.
    case .notRecognised, .failed: return dependencies.pages.notRecognisedPage(to: browser)
    }
  }

  /// Only the capture's own subscriber comes past here, and only with the browser in which they came first.
  func open(
    _ capture: CaptureReturn, by subscriber: RecognisedSubscriber, session: Digest32
  ) async throws(InteractionRefusal) -> CaptureRecord {
    guard subscriber.pseudonym == capture.subject else { throw .otherSubscriber }
    let expiresAt = dependencies.time.now().adding(seconds: Int64(settings.interactionLifetimeSeconds))
    let record: CaptureRecord?
    do {
      record = try await dependencies.captures.open(digest: capture.digest, session: session, expiresAt: expiresAt)
    } catch { throw .unavailable }
    guard let record else { throw late(capture) }
    guard record.sessionDigest == session else { throw .unknown }
    return record
  }

  /// Why a capture that is over cannot go on: it was decided, or its time has run out, of which its client is told where it can be.
  func late(_ capture: CaptureReturn) -> InteractionRefusal {
    let record: CaptureRecord?
    do { record = try dependencies.captures.find(digest: capture.digest) } catch { return .unavailable }
    guard record?.finishedAt == nil else { return .finished }
    return capture.address(.timeout).map { .timedOut(address: $0) } ?? .expired
  }

  private func visit(
    _ capture: CaptureRecord, _ request: AuthorizationRequest, _ client: ClientRecord, browser: HTTPRequest,
    recognised: (number: MSISDN, amr: [String])?
  ) async throws(InteractionRefusal) -> HTTPResponse {
    let visit = Visit(server: self, request: request, client: client)
    // Somebody else's address begins nothing, not even a session.
    if let recognised {
      let isTheirs: Bool
      do { isTheirs = try dependencies.subjects.pseudonym(of: recognised.number) == capture.subject } catch { throw .unavailable }
      guard isTheirs else { throw .otherSubscriber }
    }
    let (interaction, cookie): (Interaction, String?)
    do throws(Refusal) { (interaction, cookie) = try await visit.begin(browser: browser, expiresAt: capture.expiresAt) } catch {
      throw .unavailable
    }
    var answer: HTTPResponse
    if let recognised {
      answer = try await self.recognised(interaction, number: recognised.number, amr: recognised.amr)
    } else {
      answer = Answer.seeOther("\(EndpointPath.subscriber.rawValue)?interaction=\(interaction.handle)")
    }
    if let cookie { answer.fields.append(("set-cookie", cookie)) }
    return answer
  }
}
