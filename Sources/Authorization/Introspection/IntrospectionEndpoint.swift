import Bytes
import Identifiers
import Store
import Wire

/// The introspection endpoint (RFC 7662): what a token is good for now, for its own client, and for resource servers that are
/// registered so.
struct IntrospectionEndpoint: Sendable {
  let server: AuthorizationServer

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    await ClientRequest(server: server).answer(.introspection, request) { examination async throws(Refusal) in
      Answer.privateJSON(200, body(examination.shown))
    }
  }

  private func body(_ shown: ShownToken?) -> [UInt8] {
    var body = JSONWriter()
    body.beginObject()
    body.field("active", shown != nil)
    switch shown {
    case nil: break
    case .access(let claims, _): append(claims, to: &body)
    case .refresh(let record, let grant): append(record, grant, to: &body)
    }
    body.endObject()
    return body.bytes
  }

  private func append(_ claims: AccessTokenClaims, to body: inout JSONWriter) {
    body.field("scope", claims.scope)
    body.field("client_id", claims.client.rawValue)
    body.field("token_type", claims.proofKey == nil ? "Bearer" : "DPoP")
    body.field("exp", claims.expiresAt)
    body.field("iat", claims.issuedAt)
    body.field("sub", claims.subject)
    body.field("aud", claims.audience)
    body.field("iss", server.settings.issuer)
    body.field("jti", claims.identifier)
    if let purpose = claims.purpose { body.field("purpose", purpose) }
    TokenIssuer.appendConfirmation(proofKey: claims.proofKey, certificate: claims.certificate, to: &body)
  }

  private func append(_ record: RefreshTokenRecord, _ grant: GrantRecord, to body: inout JSONWriter) {
    body.field("scope", record.scopes.description)
    body.field("client_id", record.client.rawValue)
    body.field("token_type", "refresh_token")
    body.field("exp", Int(record.expiresAt.seconds))
    body.field("iat", Int(record.createdAt.seconds))
    if let subject = grant.subject { body.field("sub", server.tokens.pairwiseSubject(subject, for: grant.client)) }
    body.field("iss", server.settings.issuer)
  }
}
