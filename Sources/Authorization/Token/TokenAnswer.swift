import Bytes
import Identifiers
import Wire

/// A successful answer of the token endpoint (RFC 6749 §5.1). `scope` always says what was granted, for a part of what was asked
/// is a normal answer (profile item 56).
struct TokenAnswer {
  let token: IssuedToken
  let scopes: ScopeSet
  let idToken: String?
  let now: Timestamp

  var response: HTTPResponse {
    var body = JSONWriter()
    body.beginObject()
    body.field("access_token", token.token)
    body.field("token_type", "Bearer")
    body.field("expires_in", Int(token.expiresAt.seconds - now.seconds))
    body.field("scope", scopes.description)
    if let idToken { body.field("id_token", idToken) }
    body.endObject()
    return Answer.privateJSON(200, body.bytes)
  }
}
