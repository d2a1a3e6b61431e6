/// JWT bearer (RFC 7523 §2.1, profile items 44 to 52): one signed statement that names the subscriber, the purpose and the scopes,
/// and is the client's authentication too.
enum JWTBearerFlow {
  static func run(_ client: FlowClient, _ metadata: ServerMetadata) async throws -> TokenSet {
    let subject = try client.arguments.required("--subject")
    let endpoint = try metadata.endpoint("token_endpoint")
    let response = try await client.post("The token", to: endpoint, authenticates: false) { () throws(CommandFailure) in
      let claims = client.assertionClaims(subject: subject, endpoint, scope: client.scope)
      client.report.detail("assertion", claims)
      return [("grant_type", FlowName.jwtBearer.grantType), ("assertion", try client.sign(claims, typ: "JWT"))]
    }
    let tokens = try TokenExamination(
      flow: .jwtBearer, client: client, metadata: metadata, asked: client.scopes, number: PersonalNumber.inHint(subject)
    ).examine(response)
    client.report.check("no ID token in JWT bearer", "profile item 50", tokens.idToken == nil)
    return tokens
  }
}
