/// The flows by their words on the command line.
enum FlowName: String, CaseIterable {
  case clientCredentials = "client-credentials"
  case authorize
  case ciba
  case jwtBearer = "jwt-bearer"
  case refresh

  /// As the token endpoint and a client's registration call it.
  var grantType: String {
    switch self {
    case .clientCredentials: "client_credentials"
    case .authorize: "authorization_code"
    case .ciba: "urn:openid:params:grant-type:ciba"
    case .jwtBearer: "urn:ietf:params:oauth:grant-type:jwt-bearer"
    case .refresh: "refresh_token"
    }
  }
}

/// The options of `flow`, and which of them are for some flows alone.
enum FlowOptions {
  static let all: [OptionDefinition] = [
    .value("--demo", "DIR", "take issuer, client and key from DIR/demo.json"),
    .value("--issuer", "URL", "the authorization server's issuer; the rest is discovered"),
    .value("--client", "ID", "the client; with --demo one of the demo's (its first)"),
    .value("--key", "FILE", "the client's private key in PEM, readable by you alone"),
    .value("--kid", "KID", "the name under which the server knows the key (none is sent)"),
    .value("--alg", "ALG", "ES256, ES384, RS256, PS256 or EdDSA (by the key; RSA: RS256)"),
    .value("--audience", "VALUE", "aud of the client's assertions (the URL of the endpoint)"),
    .value("--ca", "FILE", "certificates of further authorities in PEM, beside the system's"),
    .value("--scope", "SCOPES", "scopes and one purpose, separated by spaces"),
    .flag("--dpop", "make a key and ask for a token that is bound to it"),
    .value("--call", "REQUEST", "then use the token: \"POST https://...\", with --demo also \"POST /path\""),
    .value("--body", "JSON", "the body of --call"),
    .value("--redirect-uri", "URL", "authorize: the client's first with --demo, else http://127.0.0.1:8090/callback"),
    .value("--prompt", "PROMPT", "authorize: none, login or consent"),
    .value("--login-hint", "HINT", "authorize, ciba: tel:+33..., ipport:192.0.2.1:4711, operatortoken:..."),
    .flag("--par", "authorize: push the request first (RFC 9126)"),
    .flag("--signed", "authorize, ciba: send the request as a signed object"),
    .flag("--follow", "authorize: be the browser, with cookies and redirects"),
    .value("--header", "FIELD", "authorize: \"name: value\" on requests to the server, as a network adds it; implies --follow"),
    .flag("--allow", "authorize: press the button of the consent page that allows; implies --follow"),
    .flag("--deny", "authorize: press the one that denies; implies --follow"),
    .value("--wait", "TIME", "authorize, ciba: how long to wait for the person (120s)"),
    .value("--subject", "SUBJECT", "jwt-bearer: tel:+33... or operatortoken:..."),
    .value("--refresh-token", "-", "refresh: read the token from standard input"),
    .value(
      "--refresh-token-file", "FILE", "refresh: read the token here, and keep the next one; authorize, ciba: keep the first one"),
    .flag("--show-secrets", "show assertions, codes and tokens whole"), .json,
  ]

  private static let flowsOf: [String: Set<FlowName>] = [
    "--redirect-uri": [.authorize], "--prompt": [.authorize], "--login-hint": [.authorize, .ciba], "--par": [.authorize],
    "--signed": [.authorize, .ciba], "--follow": [.authorize], "--header": [.authorize], "--allow": [.authorize],
    "--deny": [.authorize], "--wait": [.authorize, .ciba], "--subject": [.jwtBearer], "--refresh-token": [.refresh],
    "--refresh-token-file": [.refresh, .authorize, .ciba],
  ]

  /// - Throws: `UsageError` for an option of another flow: ignored, it would make somebody believe that something was tested.
  static func examine(_ arguments: Arguments, for flow: FlowName) throws(UsageError) {
    for option in all where arguments.value(option.name) != nil || arguments.flag(option.name) {
      guard let flows = flowsOf[option.name], !flows.contains(flow) else { continue }
      let names = FlowName.allCases.filter(flows.contains).map { "flow \($0.rawValue)" }
      throw UsageError("\(option.name) is for \(names.joined(separator: " and ")), not for flow \(flow.rawValue)")
    }
  }
}
