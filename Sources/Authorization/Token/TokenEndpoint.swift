import Identifiers
import Wire

/// The token endpoint (RFC 6749 §3.2): the checks of the grant type, then a token, in the ledger before it leaves.
struct TokenEndpoint: Sendable {
  let server: AuthorizationServer

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    let parameters: FormParameters
    let flow: Flow
    do throws(Refusal) {
      parameters = try ClientRequest.parameters(of: request)
      flow = try Self.flow(parameters)
    } catch {
      server.dependencies.meter.refused.count("token", error.error.code)
      return Answer.refusal(error, to: request)
    }
    return await ClientRequest(server: server).answer(flow, request, parameters) { examination async throws(Refusal) in
      switch flow {
      case .authorizationCode: try await AuthorizationCodeGrant.answer(examination)
      case .ciba: try await BackchannelGrant.answer(examination)
      case .jwtBearer: try await AssertionGrant.answer(examination)
      case .clientCredentials: try await ClientCredentialsGrant.answer(examination)
      case .refreshToken: try await RefreshTokenGrant.answer(examination)
      case .authorize, .pushed, .backchannel, .introspection, .revocation:
        throw Refusal(.unsupportedGrantType, "the grant type is not supported")
      }
    }
  }

  /// The column of the table of checks that a grant type names.
  private static func flow(_ parameters: FormParameters) throws(Refusal) -> Flow {
    guard !parameters.isRepeated("grant_type"), let name = parameters["grant_type"] else {
      throw Refusal(.invalidRequest, "grant_type is missing or there twice")
    }
    guard let flow = Flow(rawValue: name), Flow.tokenFlows.contains(flow) else {
      throw Refusal(.unsupportedGrantType, "the grant type is not supported")
    }
    return flow
  }
}
