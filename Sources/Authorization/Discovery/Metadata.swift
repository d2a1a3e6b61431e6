import Bytes
import Identifiers
import Policy

/// What clients find out by themselves: one document for OpenID Connect Discovery §3 and RFC 8414 §2, which share their names.
enum Metadata {
  static func document(_ settings: AuthorizationSettings, _ catalogue: Catalogue) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.field("issuer", settings.issuer)
    json.field("authorization_endpoint", settings.url(.authorize))
    json.field("token_endpoint", settings.url(.token))
    json.field("jwks_uri", settings.url(.keys))
    json.field("scopes_supported", [Scope.openID.rawValue] + catalogue.scopes.map(\.rawValue).sorted())
    json.field("response_types_supported", ["code"])
    json.field("response_modes_supported", ["query"])
    json.field("grant_types_supported", Flow.grantTypes)
    json.field("subject_types_supported", ["pairwise"])
    json.field("id_token_signing_alg_values_supported", ["ES256"])
    json.field("token_endpoint_auth_methods_supported", ["private_key_jwt"])
    json.field("token_endpoint_auth_signing_alg_values_supported", ["ES256", "ES384", "RS256", "PS256", "EdDSA"])
    json.field("code_challenge_methods_supported", ["S256"])
    json.field("prompt_values_supported", ["none", "login", "consent"])
    json.field("ui_locales_supported", settings.languages)
    json.field("claims_supported", ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce"])
    json.field("authorization_response_iss_parameter_supported", true)  // RFC 9207 §3
    json.field("claims_parameter_supported", false)
    json.field("request_parameter_supported", false)
    json.field("request_uri_parameter_supported", false)  // said aloud: the default of Discovery is true
    json.endObject()
    return json.bytes
  }
}
