/// `passerelle flow client-credentials|authorize|ciba|jwt-bearer|refresh`: acts as an application towards any CAMARA authorization
/// server, shows each step, and checks the answers against the profile.
enum FlowVerb: Verb {
  static let name = "flow"
  static let summary = "act as an application towards any CAMARA authorization server, step by step, to test it"
  private static let party = "(--demo DIR | --issuer URL --client ID --key FILE)"
  static let usage = [
    "flow client-credentials \(party) --scope \"...\" [--dpop] [--call \"POST URL\" [--body JSON]] [--json]",
    "flow authorize \(party) --scope \"...\" [--par] [--signed] [--follow [--header \"name: value\"] [--allow|--deny]] ...",
    "flow ciba \(party) --scope \"...\" --login-hint tel:+33... [--signed] [--wait 120s] ...",
    "flow jwt-bearer \(party) --scope \"...\" --subject tel:+33... ...",
    "flow refresh \(party) (--refresh-token - | --refresh-token-file FILE) [--scope \"...\"] ...",
  ]
  static let options = FlowOptions.all

  static func run(_ arguments: Arguments) async throws {
    guard let word = arguments.positional.first, let flow = FlowName(rawValue: word) else {
      throw UsageError("which flow? \(FlowName.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    _ = try arguments.positional(exactly: 1, "the flow")
    try examine(arguments, flow)
    let report = FlowReport(
      secrets: Secrets(areShown: arguments.flag("--show-secrets")), printsJSON: arguments.flag("--json"))
    let client = try FlowClient(arguments, report)
    defer { client.close() }
    let call = try APICall(arguments, apiRoot: client.party.apiRoot)
    var tokens: TokenSet?
    var failure: CommandFailure?
    do {
      let metadata = try await ServerMetadata.discover(client.party.issuer, for: flow, client)
      tokens = try await run(flow, client, metadata)
      if let call, let tokens { try await call.run(tokens, client) }
    } catch let error as CommandFailure {
      failure = error
    }
    if failure == nil, let first = report.failedChecks.first {
      let count = report.failedChecks.count
      failure = CommandFailure("\(count) \(count == 1 ? "check" : "checks") failed, the first: \(first)")
    }
    report.finish(isOK: failure == nil, tokens: tokens)
    if let failure { throw failure }
  }

  /// What can be seen before anything is sent.
  private static func examine(_ arguments: Arguments, _ flow: FlowName) throws(UsageError) {
    try FlowOptions.examine(arguments, for: flow)
    if flow != .refresh, arguments.value("--scope")?.trimmed.isEmpty ?? true { throw UsageError("--scope is missing") }
    switch flow {
    case .clientCredentials: break
    case .authorize: try AuthorizeOptions.examine(arguments)
    case .ciba:
      _ = try arguments.required("--login-hint")
      _ = try arguments.seconds("--wait", default: 120, maximum: BackchannelFlow.waitSecondsMaximum)
    case .jwtBearer: _ = try arguments.required("--subject")
    case .refresh: try RefreshFlow.examine(arguments)
    }
  }

  private static func run(_ flow: FlowName, _ client: FlowClient, _ metadata: ServerMetadata) async throws -> TokenSet {
    switch flow {
    case .clientCredentials: try await ClientCredentialsFlow.run(client, metadata)
    case .authorize: try await AuthorizeFlow.run(client, metadata)
    case .ciba: try await BackchannelFlow.run(client, metadata)
    case .jwtBearer: try await JWTBearerFlow.run(client, metadata)
    case .refresh: try await RefreshFlow.run(client, metadata)
    }
  }
}
