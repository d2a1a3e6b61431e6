import Bytes
import JOSE
import Wire

/// The authorization code flow (RFC 6749 §4.1, profile items 9 to 24), with PKCE, state and nonce, pushed and signed if wanted.
struct AuthorizeFlow {
  static let defaultRedirectURI = "http://127.0.0.1:8090/callback"

  private let client: FlowClient
  private let metadata: ServerMetadata
  private let redirectURI: String
  private let verifier = Random.token()
  private let state = Random.token(byteCount: 16)
  private let nonce = Random.token(byteCount: 16)

  static func run(_ client: FlowClient, _ metadata: ServerMetadata) async throws -> TokenSet {
    try await AuthorizeFlow(client, metadata).run()
  }

  private init(_ client: FlowClient, _ metadata: ServerMetadata) {
    self.client = client
    self.metadata = metadata
    redirectURI = client.arguments.value("--redirect-uri") ?? client.party.redirectURI ?? Self.defaultRedirectURI
  }

  private var arguments: Arguments { client.arguments }

  private func run() async throws -> TokenSet {
    let address = try await startAddress()
    let answer = AuthorizeOptions.follows(arguments) ? try await follow(address) : try await listen(address)
    client.report.begin("The answer at the redirect URI")
    client.report.received(at: answer)
    let code = try RedirectAnswer(answer).code(state: state, metadata, client.report)
    let response = try await client.post("The token", to: metadata.endpoint("token_endpoint")) {
      [
        ("grant_type", FlowName.authorize.grantType), ("code", code), ("redirect_uri", redirectURI), ("code_verifier", verifier),
      ]
    }
    let number = try PersonalNumber.inHint(AuthorizeOptions.enrichment(arguments)?.value)
    let tokens = try TokenExamination(
      flow: .authorize, client: client, metadata: metadata, asked: client.scopes, number: number
    ).examine(response)
    try RefreshTokenFile.keep(tokens, client)
    try await IDTokenExamination(client: client, metadata: metadata, nonce: nonce, number: number)
      .examine(tokens, isWanted: client.scopes.contains("openid"))
    return tokens
  }

  // MARK: The request

  private var parameters: [(name: String, value: String)] {
    var parameters = [
      ("response_type", "code"), ("client_id", client.party.client), ("redirect_uri", redirectURI), ("scope", client.scope),
      ("state", state), ("nonce", nonce), ("code_challenge", SHA256.digest(Array(verifier.utf8)).base64url),
      ("code_challenge_method", "S256"),
    ]
    for (option, name) in [("--prompt", "prompt"), ("--login-hint", "login_hint")] {
      if let value = arguments.value(option) { parameters.append((name, value)) }
    }
    return parameters
  }

  /// The address at which the browser begins.
  private func startAddress() async throws -> WebAddress {
    let endpoint = try metadata.endpoint("authorization_endpoint")
    guard arguments.flag("--par") else {
      if arguments.flag("--signed") { client.report.begin("The signed request") }
      return try self.address(endpoint, request(endpoint, isPushed: false))
    }
    let pushed = try metadata.endpoint("pushed_authorization_request_endpoint")
    let response = try await client.post("The pushed request", to: pushed, proves: false) { () throws(CommandFailure) in
      try request(endpoint, isPushed: true)
    }
    guard response.status == 201 || response.status == 200 else {
      throw OAuthFailure.examine(response, of: "the endpoint for pushed requests", client.report)
    }
    client.report.check("the answer is 201", "RFC 9126 §2.2", response.status == 201)
    let body = (try? JSONDocument(response.body))?.root
    let uri = body?["request_uri"]?.string ?? ""
    try client.report.require(
      "request_uri is there", "RFC 9126 §2.2", !uri.isEmpty, otherwise: "the endpoint for pushed requests gave no request_uri")
    client.report.check("expires_in is there", "RFC 9126 §2.2", (body?["expires_in"]?.integer ?? 0) > 0)
    return try self.address(endpoint, [("client_id", client.party.client), ("request_uri", uri)])
  }

  /// The parameters; signed, in an object, with those beside it that have to stand there too (profile item 12).
  private func request(_ endpoint: WebAddress, isPushed: Bool) throws(CommandFailure) -> [(name: String, value: String)] {
    guard arguments.flag("--signed") else { return parameters }
    // Profile item 15 recommends the endpoint's URL; a pushed object passes another endpoint on its way there, and is for the
    // issuer (RFC 9101 §4).
    let claims = client.requestClaims(parameters, audience: isPushed ? metadata.issuer : endpoint.description)
    client.report.detail("request_object", claims)
    let outer = isPushed ? ["client_id"] : ["response_type", "client_id", "redirect_uri", "scope"]
    return parameters.filter { outer.contains($0.name) } + [("request", try client.sign(claims, typ: "oauth-authz-req+jwt"))]
  }

  private func address(_ endpoint: WebAddress, _ parameters: [(name: String, value: String)]) throws(CommandFailure) -> WebAddress
  {
    let text = endpoint.description + (endpoint.query == nil ? "?" : "&") + FlowRequest.encode(parameters)
    guard let address = WebAddress(text) else { throw CommandFailure("the request is too long for an address; --par pushes it") }
    return address
  }

  // MARK: The person

  private func follow(_ address: WebAddress) async throws -> String {
    let browser = Browser(
      client, start: address, redirectURI: redirectURI, decision: AuthorizeOptions.decision(arguments),
      enrichment: try AuthorizeOptions.enrichment(arguments))
    return try await browser.open(address)
  }

  private func listen(_ address: WebAddress) async throws -> String {
    guard let redirect = WebAddress(redirectURI), redirect.isLoopback, !redirect.isSecure else {
      throw CommandFailure(
        "the answer would go to \(redirectURI), which is not here: use --follow, or a redirect URI on 127.0.0.1")
    }
    let seconds = try arguments.seconds("--wait", default: 120, maximum: AuthorizeOptions.waitSecondsMaximum)
    client.report.begin("The person's browser")
    let target = try await RedirectListener.wait(at: redirect, seconds: seconds) {
      client.report.ask("Open this address in a browser; the answer is awaited on \(redirect.origin) for \(seconds) s:")
      client.report.ask(address.description)
    }
    guard let target else {
      throw CommandFailure("no browser came to \(redirectURI) within \(seconds) s; --wait says how long to wait")
    }
    return redirect.origin + target
  }
}

/// The options of `flow authorize` that belong together.
enum AuthorizeOptions {
  static let waitSecondsMaximum = 3600

  static func follows(_ arguments: Arguments) -> Bool {
    arguments.flag("--follow") || arguments.value("--header") != nil || decision(arguments) != nil
  }

  static func decision(_ arguments: Arguments) -> Browser.Decision? {
    arguments.flag("--allow") ? .allow : arguments.flag("--deny") ? .deny : nil
  }

  /// The header field that the network adds.
  static func enrichment(_ arguments: Arguments) throws(UsageError) -> (name: String, value: String)? {
    guard let text = arguments.value("--header") else { return nil }
    let sides = text.split(separator: ":", maxSplits: 1).map { String($0).trimmed }
    guard sides.count == 2, !sides[0].isEmpty, sides[0].allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }),
      sides[1].unicodeScalars.allSatisfy({ $0.isASCII && $0.value >= 0x20 && $0.value != 0x7F })
    else { throw UsageError("--header wants \"name: value\"") }
    return (sides[0].lowercased(), sides[1])
  }

  /// Before anything is sent.
  static func examine(_ arguments: Arguments) throws(UsageError) {
    if arguments.flag("--allow"), arguments.flag("--deny") { throw UsageError("--allow or --deny, not both") }
    if follows(arguments), arguments.value("--wait") != nil {
      throw UsageError("--wait is for a person's browser, not with --follow")
    }
    _ = try enrichment(arguments)
    _ = try arguments.seconds("--wait", default: 120, maximum: waitSecondsMaximum)
  }
}
