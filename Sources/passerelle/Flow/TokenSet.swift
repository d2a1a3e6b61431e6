import Bytes
import Wire

/// What a successful answer of the token endpoint gives (RFC 6749 §5.1).
struct TokenSet {
  let accessToken: String
  let tokenType: String
  let expiresInSeconds: Int?
  /// Nil when the answer names none: then all was granted.
  let scope: String?
  let idToken: String?
  let refreshToken: String?

  /// Nil without an access token and its type.
  init?(_ body: JSONValue) {
    guard let accessToken = body["access_token"]?.string, !accessToken.isEmpty, let tokenType = body["token_type"]?.string else {
      return nil
    }
    self.accessToken = accessToken
    self.tokenType = tokenType
    expiresInSeconds = body["expires_in"]?.integer
    scope = body["scope"]?.string
    idToken = body["id_token"]?.string
    refreshToken = body["refresh_token"]?.string
  }

  /// Whole: for `--show-secrets` alone.
  var json: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("access_token", accessToken)
    writer.field("token_type", tokenType)
    if let expiresInSeconds { writer.field("expires_in", expiresInSeconds) }
    if let scope { writer.field("scope", scope) }
    if let idToken { writer.field("id_token", idToken) }
    if let refreshToken { writer.field("refresh_token", refreshToken) }
    writer.endObject()
    return writer.bytes
  }
}

/// An answer that refuses, in OAuth's form (RFC 6749 §5.2, profile items 68, 70 and 71).
enum OAuthFailure {
  private static let tokenCodes: Set<String> = [
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
    "access_denied", "authorization_pending", "slow_down", "expired_token", "invalid_dpop_proof", "use_dpop_nonce",
    "unknown_user_id", "invalid_request_object", "invalid_target",
  ]

  static func code(_ response: HTTPResponse) -> String? { (try? JSONDocument(response.body))?.root["error"]?.string }

  /// Checks the form of a refusal and says it in one line.
  static func examine(_ response: HTTPResponse, of what: String, _ report: FlowReport) -> CommandFailure {
    let root = (try? JSONDocument(response.body))?.root
    guard let code = root?["error"]?.string else {
      report.check("the refusal is JSON with error", "RFC 6749 §5.2", false)
      return CommandFailure("\(what) answered \(response.status) without an OAuth error")
    }
    report.recommend("the error is one that the profile lists", "profile items 31 and 70", tokenCodes.contains(code))
    if code == "invalid_client" { report.check("invalid_client comes with 401", "profile item 68", response.status == 401) }
    return CommandFailure("\(what) answered \(response.status) \(text(code, root?["error_description"]?.string))")
  }

  /// Code and description, on one line.
  static func text(_ code: String, _ description: String?) -> String {
    FlowText.safe(code) + (description.map { ": " + FlowText.safe($0) } ?? "")
  }
}
