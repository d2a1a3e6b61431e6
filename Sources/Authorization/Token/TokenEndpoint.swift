import Bytes
import Identifiers
import JOSE
import Store
import Wire

/// The token endpoint (RFC 6749 §3.2): the checks of the grant type, then a token, in the ledger before it leaves.
struct TokenEndpoint: Sendable {
  let server: AuthorizationServer

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    let examination: Examination
    do throws(Refusal) {
      let parameters = try Self.parameters(of: request)
      examination = Examination(try Self.flow(parameters), request, parameters, server: server)
    } catch {
      return Answer.refusal(error, to: request)
    }
    return await answer(examination)
  }

  private func answer(_ started: Examination) async -> HTTPResponse {
    var examination = started
    do throws(Refusal) {
      try await Checks.run(examination.flow, &examination)
      switch examination.flow {
      case .authorizationCode: return try await AuthorizationCodeGrant.answer(examination)
      case .clientCredentials: return try await ClientCredentialsGrant.answer(examination)
      case .authorize: throw Refusal(.unsupportedGrantType, "the grant type is not supported")
      }
    } catch {
      return await refuse(error, examination)
    }
  }

  /// Parameters come in a form and in nothing else: what stands in the address ends up in logs (RFC 6749 §2.3.1).
  private static func parameters(of request: HTTPRequest) throws(Refusal) -> FormParameters {
    guard request.query ?? "" == "" else { throw Refusal(.invalidRequest, "parameters are in the query") }
    return try .read(form: request)
  }

  /// The column of the table of checks that a grant type names.
  private static func flow(_ parameters: FormParameters) throws(Refusal) -> Flow {
    guard !parameters.isRepeated("grant_type"), let name = parameters["grant_type"] else {
      throw Refusal(.invalidRequest, "grant_type is missing or there twice")
    }
    guard Flow.grantTypes.contains(name), let flow = Flow(rawValue: name) else {
      throw Refusal(.unsupportedGrantType, "the grant type is not supported")
    }
    return flow
  }

  private func refuse(_ refusal: Refusal, _ examination: Examination) async -> HTTPResponse {
    // A code that was used up in vain leaves no grant behind: whoever comes with it next gets nothing (A12).
    if let code = examination.$code.known, refusal.error == .invalidGrant {
      try? await server.dependencies.grants.end(code.grant, reason: EndReason.codeMisused)
    }
    guard let client = examination.$client.known?.id ?? claimedClient(examination) else {
      return Answer.refusal(refusal, to: examination.request)
    }
    let isRecorded = await server.recordRefusal(
      refusal, client: client, subject: examination.$grant.known?.subject, flow: examination.flow)
    return Answer.refusal(isRecorded ? refusal : .unavailable("the ledger failed"), to: examination.request)
  }

  /// The registered client that a refused authentication was for: somebody tries its door, and its operator wants to know.
  private func claimedClient(_ examination: Examination) -> ClientID? {
    let named = examination.parameters["client_id"].flatMap(ClientID.init(rawValue:))
    guard let claimed = examination.$assertion.known?.claimedClient ?? named else { return nil }
    return (try? server.clients.client(claimed))?.record.id
  }
}

extension Flow {
  /// The grant types of the token endpoint.
  static let grantTypes = allCases.filter { $0 != .authorize }.map(\.rawValue)
}
