import Identifiers
import Store
import Wire

/// The authorization endpoint (RFC 6749 §3.1): the checks, then the network's word on who the subscriber is, then what they
/// have agreed to already.
struct AuthorizeEndpoint: Sendable {
  let server: AuthorizationServer

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    let parameters: FormParameters
    do { parameters = try Self.parameters(of: request) } catch {
      return server.dependencies.pages.errorPage(error, to: request)
    }
    var examination = Examination(.authorize, request, parameters, server: server)
    do {
      try await Checks.run(.authorize, &examination)
      return try await answer(examination)
    } catch {
      return await refuse(error, examination)
    }
  }

  /// The query of a GET, the form of a POST, never both (RFC 6749 §3.1; OIDC Core §3.1.2.1; A31).
  private static func parameters(of request: HTTPRequest) throws(Refusal) -> FormParameters {
    guard request.method == "POST" else {
      guard request.body.isEmpty else { throw Refusal(.invalidRequest, "a GET request has no body") }
      return try .read(Array((request.query ?? "").utf8))
    }
    guard request.query ?? "" == "" else { throw Refusal(.invalidRequest, "parameters are in the query and in the body") }
    return try .read(form: request)
  }

  private func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    guard let request = AuthorizationRequest(examination), let redirection = request.redirection else {
      throw Refusal(.serverError, "the request could not be examined")
    }
    let visit = Visit(server: server, request: request, client: examination.client)
    switch await server.dependencies.recognition.recognise(.browser(examination.request), on: examination.request.loop) {
    case .recognised(let number, let amr):
      let subscriber = try await visit.subscriber(number, amr: amr)
      return try await visit.decide(subscriber, browser: examination.request, at: redirection)
    case .notRecognised where examination.prompt == .never:
      throw Refusal(.loginRequired, "the network did not recognise the subscriber")
    case .notRecognised where server.dependencies.oneTimeCodes == nil && server.dependencies.simulatedSubscribers.isEmpty:
      throw Refusal(.accessDenied, "the network did not recognise the subscriber")
    case .notRecognised:
      return try await visit.wait(at: .subscriber, subscriber: nil, browser: examination.request)
    case .failed(let reason):
      // The same to the client as not recognised; the ledger knows better (A44).
      let error: OAuthError = examination.prompt == .never ? .loginRequired : .accessDenied
      throw Refusal(error, "the network did not recognise the subscriber", detail: reason)
    }
  }

  /// To the client's redirect URI when client and address are known, otherwise to nobody: a page (profile item 18).
  private func refuse(_ refusal: Refusal, _ examination: Examination) async -> HTTPResponse {
    guard let client = examination.$client.known, let redirectURI = examination.$redirectURI.known else {
      server.dependencies.meter.refused.count(Flow.authorize.word, refusal.error.code)
      if let client = examination.$client.known { await server.recordRefusal(refusal, client: client.id, flow: .authorize) }
      return server.dependencies.pages.errorPage(refusal, to: examination.request)
    }
    let address = ClientAddress(
      redirectURI: redirectURI, state: examination.$state.known ?? State.unexamined(examination.parameters))
    return await server.refuse(refusal, client: client.id, at: address)
  }
}

extension FormParameters {
  /// The posted form of a request (RFC 6749 appendix B).
  public static func read(form request: HTTPRequest) throws(Refusal) -> FormParameters {
    let types = request.fields("content-type")
    let mediaType = types.first?.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
    guard types.count == 1, mediaType == "application/x-www-form-urlencoded" else {
      throw Refusal(.invalidRequest, "the content type has to be application/x-www-form-urlencoded")
    }
    return try read(request.body)
  }

  static func read(_ bytes: [UInt8]) throws(Refusal) -> FormParameters {
    do { return try FormParameters(bytes) } catch {
      throw Refusal(.invalidRequest, "the parameters are too many, too long or badly encoded")
    }
  }
}
