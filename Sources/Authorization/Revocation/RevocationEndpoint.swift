import Identifiers
import Store
import Wire

/// The revocation endpoint (RFC 7009): a client gives a token back, and the grant behind it ends with all its tokens, at once.
struct RevocationEndpoint: Sendable {
  let server: AuthorizationServer

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    await ClientRequest(server: server).answer(.revocation, request) { examination async throws(Refusal) in
      if let shown = examination.shown {
        try await orUnavailable("ending the grant") {
          try await server.dependencies.grants.end(shown.grant.id, reason: EndReason.revokedByClient)
        }
        try await server.recordRevocation(of: shown.grant)
      }
      // RFC 7009 §2.2: the same for a token that is not good, or not the client's.
      return Answer.privateJSON(200, [])
    }
  }
}
