import Bytes
import Identifiers
import JOSE
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
    json.field("grant_types_supported", Flow.tokenFlows.map(\.rawValue))
    json.field("subject_types_supported", ["pairwise"])
    json.field("id_token_signing_alg_values_supported", KeyRing.idTokenAlgorithms.map(\.rawValue))
    json.field("token_endpoint_auth_methods_supported", ["private_key_jwt"])
    json.field("token_endpoint_auth_signing_alg_values_supported", algorithms)
    json.field("code_challenge_methods_supported", ["S256"])
    json.field("prompt_values_supported", ["none", "login", "consent"])
    json.field("ui_locales_supported", settings.languages)
    json.field("claims_supported", ["iss", "sub", "aud", "exp", "iat", "auth_time", "amr", "nonce"])
    json.field("authorization_response_iss_parameter_supported", true)  // RFC 9207 §3
    json.field("claims_parameter_supported", false)
    json.field("request_parameter_supported", true)
    json.field("request_object_signing_alg_values_supported", algorithms)
    json.field("request_uri_parameter_supported", false)  // said aloud: the default of Discovery is true
    appendEndpoints(settings, to: &json)
    appendProofOfPossession(settings, to: &json)
    appendMutualTLS(settings, to: &json)
    json.endObject()
    return json.bytes
  }

  /// What clients may sign with.
  private static let algorithms = SignatureAlgorithm.allCases.map(\.rawValue)

  private static func appendEndpoints(_ settings: AuthorizationSettings, to json: inout JSONWriter) {
    json.field("pushed_authorization_request_endpoint", settings.url(.pushedAuthorizationRequest))  // RFC 9126 §5
    json.field("require_pushed_authorization_requests", false)
    json.field("backchannel_authentication_endpoint", settings.url(.backchannelAuthentication))  // CIBA Core §4
    json.field("backchannel_token_delivery_modes_supported", ["poll"])
    json.field("backchannel_authentication_request_signing_alg_values_supported", algorithms)
    json.field("backchannel_user_code_parameter_supported", false)
    json.field("introspection_endpoint", settings.url(.introspection))  // RFC 8414 §2
    json.field("introspection_endpoint_auth_methods_supported", ["private_key_jwt"])
    json.field("introspection_endpoint_auth_signing_alg_values_supported", algorithms)
    json.field("revocation_endpoint", settings.url(.revocation))
    json.field("revocation_endpoint_auth_methods_supported", ["private_key_jwt"])
    json.field("revocation_endpoint_auth_signing_alg_values_supported", algorithms)
  }

  /// RFC 8705 §3.3 and §5.
  private static func appendMutualTLS(_ settings: AuthorizationSettings, to json: inout JSONWriter) {
    guard settings.bindsToCertificates else { return }
    json.field("tls_client_certificate_bound_access_tokens", true)
    guard let url = settings.mutualTLSURL else { return }
    json.key("mtls_endpoint_aliases")
    json.beginObject()
    json.field("token_endpoint", url + EndpointPath.token.rawValue)
    json.field("pushed_authorization_request_endpoint", url + EndpointPath.pushedAuthorizationRequest.rawValue)
    json.field("backchannel_authentication_endpoint", url + EndpointPath.backchannelAuthentication.rawValue)
    json.field("introspection_endpoint", url + EndpointPath.introspection.rawValue)
    json.field("revocation_endpoint", url + EndpointPath.revocation.rawValue)
    json.endObject()
  }

  /// Profile items 4 and 6.
  private static func appendProofOfPossession(_ settings: AuthorizationSettings, to json: inout JSONWriter) {
    guard settings.dpop.mode != .off else { return }
    json.field("dpop_signing_alg_values_supported", algorithms)
    let claims = settings.dpop.demandedClaims.names
    if !claims.isEmpty { json.field("camara_dpop_claims_required", claims) }
    if settings.dpop.mode == .required { json.field("dpop_bound_access_tokens", true) }
  }
}
