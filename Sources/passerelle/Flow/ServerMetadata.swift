import Bytes
import Wire

/// What an authorization server says about itself (OpenID Connect Discovery §3, RFC 8414 §2).
struct ServerMetadata {
  private let root: JSONValue
  let issuer: String

  /// Fetches and checks the document. Nothing of it is used unless it names the issuer that was asked for: otherwise one server
  /// could send clients to another with the name of a third.
  static func discover(_ issuer: String, for flow: FlowName, _ client: FlowClient) async throws(CommandFailure) -> ServerMetadata
  {
    let report = client.report
    let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
    let request = FlowRequest(method: "GET", address: try address(base + "/.well-known/openid-configuration", "--issuer"))
    let response = try await client.send("Discovery", request)
    let rule = "OpenID Connect Discovery §4"
    guard response.status == 200, let root = try? JSONDocument(response.body).root, root.kind == .object else {
      throw CommandFailure("\(request.address): answered \(response.status) and no metadata; is this the issuer?")
    }
    let named = root["issuer"]?.string ?? ""
    try report.require(
      "the document names the issuer that was asked for", "\(rule).3", named == issuer,
      otherwise: "\(request.address) names the issuer \"\(FlowText.safe(named))\", not \"\(issuer)\": nothing of it is used")
    let metadata = ServerMetadata(root: root, issuer: issuer)
    metadata.examine(flow, report)
    return metadata
  }

  private func examine(_ flow: FlowName, _ report: FlowReport) {
    let endpoints = [
      "authorization_endpoint", "token_endpoint", "jwks_uri", "backchannel_authentication_endpoint",
      "pushed_authorization_request_endpoint",
    ].compactMap { root[$0]?.string }
    report.check(
      "all endpoints are behind TLS, or on this machine", "profile item 1",
      endpoints.allSatisfy { WebAddress($0)?.isConfidential == true })
    report.check(
      "clients authenticate with private_key_jwt", "profile item 65",
      list("token_endpoint_auth_methods_supported").contains("private_key_jwt"))
    // RFC 8414 §2: code and implicit, where nothing is said.
    report.recommend(
      "the grant type of this flow is announced", "RFC 8414 §2",
      (root["grant_types_supported"] == nil ? ["authorization_code"] : list("grant_types_supported")).contains(flow.grantType))
    switch flow {
    case .authorize:
      report.recommend(
        "PKCE with S256 is announced", "profile item 17", list("code_challenge_methods_supported").contains("S256"))
    case .ciba:
      report.check(
        "CIBA in poll mode is announced", "profile item 25", list("backchannel_token_delivery_modes_supported").contains("poll"))
    default: break
    }
  }

  /// The strings of a list.
  func list(_ name: String) -> [String] { (root[name]?.array ?? []).compactMap(\.string) }

  func isTrue(_ name: String) -> Bool { root[name]?.boolean == true }

  /// True when bound tokens are offered (profile item 4).
  var announcesDPoP: Bool { !list("dpop_signing_alg_values_supported").isEmpty }

  /// - Throws: `CommandFailure` when the server has no such endpoint, or names an address that cannot be one.
  func endpoint(_ name: String) throws(CommandFailure) -> WebAddress {
    guard let text = root[name]?.string else { throw CommandFailure("the server announces no \(name)") }
    return try Self.address(text, name)
  }

  private static func address(_ text: String, _ what: String) throws(CommandFailure) -> WebAddress {
    guard let address = WebAddress(text) else {
      throw CommandFailure("\(what): \"\(FlowText.safe(text))\" is no http(s) address")
    }
    return address
  }
}
