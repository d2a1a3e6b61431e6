import Bytes
import Identifiers
import JOSE
import Store
import Wire

/// A successful answer of the token endpoint (RFC 6749 §5.1). `scope` always says what was granted, for a part of what was asked
/// is a normal answer (profile item 56).
struct TokenAnswer {
  let grant: GrantRecord
  let scopes: ScopeSet
  let lifetimeSeconds: Int
  var nonce: String?
  /// In the clear, for the client alone.
  var refreshToken: String?

  /// Signs what was granted and lets it go once the ledger has it.
  func issue(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    let server = examination.server
    let proofKey = examination.proofKey
    let certificate = examination.certificate
    let token = try orUnavailable("signing a token") {
      try server.tokens.accessToken(
        grant: grant, scopes: scopes, lifetimeSeconds: lifetimeSeconds, proofKey: proofKey, certificate: certificate)
    }
    var idToken: String?
    if scopes.contains(.openID), let subject = grant.subject {
      idToken = try orUnavailable("signing a token") {
        try server.tokens.idToken(
          grant: grant, subject: subject, nonce: nonce, algorithm: examination.client.idTokenAlgorithm)
      }
    }
    try await server.recordIssue(token, grant: grant, scopes: scopes)
    server.dependencies.meter.issued.count(examination.flow.word)
    var body = JSONWriter()
    body.beginObject()
    body.field("access_token", token.token)
    body.field("token_type", proofKey == nil ? "Bearer" : "DPoP")  // RFC 9449 §5
    body.field("expires_in", Int(token.expiresAt.seconds - examination.now.seconds))
    body.field("scope", scopes.description)
    if let idToken { body.field("id_token", idToken) }
    if let refreshToken { body.field("refresh_token", refreshToken) }
    body.endObject()
    return Answer.privateJSON(200, body.bytes)
  }
}
