/// Refresh (RFC 6749 §6, profile items 37 to 40).
enum RefreshFlow {
  private static let bytesMaximum = 65_536

  static func run(_ client: FlowClient, _ metadata: ServerMetadata) async throws -> TokenSet {
    let token = try token(client.arguments)
    let response = try await client.post("The next token", to: metadata.endpoint("token_endpoint")) {
      [("grant_type", FlowName.refresh.grantType), ("refresh_token", token)]
        + (client.scope.isEmpty ? [] : [("scope", client.scope)])
    }
    let tokens = try TokenExamination(flow: .refresh, client: client, metadata: metadata, asked: client.scopes).examine(response)
    // First of all: the token before may be worth nothing any more.
    try RefreshTokenFile.keep(tokens, client)
    client.report.recommend(
      "the refresh token rotates", "profile item 40", tokens.refreshToken.map { $0 != token } ?? false)
    try await IDTokenExamination(client: client, metadata: metadata, nonce: nil).examine(tokens, isWanted: nil)
    return tokens
  }

  /// From the one place that `examine` found named.
  private static func token(_ arguments: Arguments) throws -> String {
    let bytes =
      if let file = arguments.value("--refresh-token-file") {
        try Files.read(file, bytesMaximum: bytesMaximum)
      } else {
        try Files.readStandardInput(bytesMaximum: bytesMaximum)
      }
    let token = String(decoding: bytes, as: UTF8.self).trimmed
    guard !token.isEmpty else { throw CommandFailure("there is no refresh token in what was read") }
    return token
  }

  /// Before anything is sent.
  ///
  /// - Throws: `UsageError` unless exactly one place is named. The command line is none: everybody on the machine can read it.
  static func examine(_ arguments: Arguments) throws(UsageError) {
    let (word, file) = (arguments.value("--refresh-token"), arguments.value("--refresh-token-file"))
    guard word == nil || word == "-" else {
      throw UsageError("--refresh-token takes only \"-\", for standard input: on a command line everybody can read it")
    }
    guard (word == nil) != (file == nil) else {
      throw UsageError("one of --refresh-token - and --refresh-token-file FILE is wanted")
    }
  }
}

/// The file that a refresh token is kept in between two commands, for its owner alone.
enum RefreshTokenFile {
  static func keep(_ tokens: TokenSet, _ client: FlowClient) throws(CommandFailure) {
    guard let file = client.arguments.value("--refresh-token-file"), let token = tokens.refreshToken else { return }
    try Files.write(Array((token + "\n").utf8), to: file)
    client.report.note("the refresh token is kept in \(file)")
  }
}
