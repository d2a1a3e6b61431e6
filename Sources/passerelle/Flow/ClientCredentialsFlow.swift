/// Client credentials (RFC 6749 §4.4, profile items 41 to 43): the application as itself, about nobody.
enum ClientCredentialsFlow {
  static func run(_ client: FlowClient, _ metadata: ServerMetadata) async throws -> TokenSet {
    let response = try await client.post("The token", to: metadata.endpoint("token_endpoint")) {
      [("grant_type", FlowName.clientCredentials.grantType), ("scope", client.scope)]
    }
    let tokens = try TokenExamination(flow: .clientCredentials, client: client, metadata: metadata, asked: client.scopes)
      .examine(response)
    client.report.check("no ID token, for there is no user", "profile item 41", tokens.idToken == nil)
    return tokens
  }
}
