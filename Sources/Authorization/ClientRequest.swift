import Identifiers
import Store
import Wire

/// A request that a client sends itself, without a browser: a form, the checks of its flow, an answer, and every refusal of a client
/// that is known in the ledger.
struct ClientRequest: Sendable {
  let server: AuthorizationServer

  func answer(
    _ flow: Flow, _ request: HTTPRequest, _ step: (Examination) async throws(Refusal) -> HTTPResponse
  ) async -> HTTPResponse {
    let parameters: FormParameters
    do throws(Refusal) { parameters = try Self.parameters(of: request) } catch { return Answer.refusal(error, to: request) }
    return await answer(flow, request, parameters, step)
  }

  func answer(
    _ flow: Flow, _ request: HTTPRequest, _ parameters: FormParameters,
    _ step: (Examination) async throws(Refusal) -> HTTPResponse
  ) async -> HTTPResponse {
    var examination = Examination(flow, request, parameters, server: server)
    do throws(Refusal) {
      try await Checks.run(flow, &examination)
      return try await step(examination)
    } catch {
      return await refuse(error, examination)
    }
  }

  /// Parameters come in a form and in nothing else: what stands in the address ends up in logs (RFC 6749 §2.3.1).
  static func parameters(of request: HTTPRequest) throws(Refusal) -> FormParameters {
    guard request.query ?? "" == "" else { throw Refusal(.invalidRequest, "parameters are in the query") }
    return try .read(form: request)
  }

  private func refuse(_ refusal: Refusal, _ examination: Examination) async -> HTTPResponse {
    server.dependencies.meter.refused.count(examination.flow.word, refusal.error.code)
    // A code that was used up in vain leaves no grant behind: whoever comes with it next gets nothing (A12).
    if let code = examination.$code.known, refusal.error == .invalidGrant {
      try? await server.dependencies.grants.end(code.grant, reason: EndReason.codeMisused)
    }
    // Waiting is no refusal: polls would fill the ledger with nothing.
    guard refusal.error != .authorizationPending, let client = examination.$client.known?.id ?? claimedClient(examination) else {
      return Answer.refusal(refusal, to: examination.request)
    }
    let subject =
      examination.$grant.known?.subject ?? examination.$backchannel.known?.subject ?? examination.$subscriber.known?.pseudonym
    let isRecorded = await server.recordRefusal(refusal, client: client, subject: subject, flow: examination.flow)
    return Answer.refusal(
      isRecorded ? refusal : .unavailable("the ledger failed"), to: examination.request, at: examination.flow)
  }

  /// The registered client that a refused authentication was for: somebody tries its door, and its operator wants to know.
  private func claimedClient(_ examination: Examination) -> ClientID? {
    let named = examination.parameters["client_id"].flatMap(ClientID.init(rawValue:))
    guard let claimed = examination.$assertion.known?.claimedClient ?? named else { return nil }
    return (try? server.clients.client(claimed))?.record.id
  }
}
