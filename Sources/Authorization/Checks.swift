/// The table flow × check: every check, in the order in which they run. Nothing else decides order, and a column shows what a
/// flow would forget.
///
/// A check reads what the ones before it have learnt and returns what it learns itself; only the table writes it down.
enum Checks {
  static let table: [Check] = [
    //     ┌ authorize
    //     │ ┌ pushed
    //     │ │ ┌ backchannel
    //     │ │ │ ┌ authorization_code
    //     │ │ │ │ ┌ ciba
    //     │ │ │ │ │ ┌ jwt-bearer
    //     │ │ │ │ │ │ ┌ client_credentials
    //     │ │ │ │ │ │ │ ┌ refresh_token
    //     │ │ │ │ │ │ │ │ ┌ introspection
    //     │ │ │ │ │ │ │ │ │ ┌ revocation     what is learnt, and what finds out
    // Who asks.
    Check("x . . . . . . . . .", \.$client, RegisteredClient.examine),
    Check("x . . . . . . . . .", \.$pushed, PushedRequest.examine),
    Check("x . . . . . . . . .", \.$redirectURI, RegisteredRedirectURI.examine),
    // From here on a refusal at the authorization endpoint goes to the client's redirect URI; until here it is a page.
    Check("x x x x x x x x x x", ParametersOnce.examine),
    Check(". x x x x . x x x x", \.$assertion, ClientAuthenticationMethod.examine),
    Check(". . . . . x . . . .", \.$assertion, GrantAssertion.examine),
    Check(". x x x x x x x x x", \.$asserted, AssertionSignature.examine),
    Check(". x x x x . x x x x", AssertionSubject.examine),
    Check(". x x x x x x x x x", AssertionAudience.examine),
    Check(". x x x x x x x x x", AssertionTimes.examine),
    Check(". x x x x x x x x x", AssertionOnce.examine),
    Check(". x x x x x x x x x", \.$client, AuthenticatedClient.examine),
    Check("x x x x x x x x . .", GrantTypeAllowed.examine),
    Check(". x . x x x x x . .", \.$proofKey, ProofOfPossession.examine),
    Check(". . . x x x x x . .", \.$certificate, BoundCertificate.examine),
    // What is asked for.
    Check("x x x . . . . . . .", \.$asked, RequestObject.examine),
    Check(". . . . . x . . . .", \.$asked, AssertedScope.examine),
    Check(". . . . . . x . . .", \.$asked, PlainParameters.examine),
    Check("x x . . . . . . . .", \.$state, State.examine),
    Check(". x . . . . . . . .", \.$redirectURI, RegisteredRedirectURI.examine),
    Check("x x x . . . . . . .", UnsupportedParameters.examine),
    Check("x x . . . . . . . .", ResponseType.examine),
    Check("x x . . . . . . . .", \.$nonce, Nonce.examine),
    Check("x x . . . . . . . .", \.$challenge, CodeChallenge.examine),
    Check("x x . . . . . . . .", \.$codeKey, CodeProofKey.examine),
    Check("x x . . . . . . . .", \.$prompt, Prompt.examine),
    Check("x x . . . . . . . .", MaxAge.examine),
    Check("x x x . . . . . . .", OpenIDScope.examine),
    Check("x x x . . x x . . .", \.$scopes, RequestedScopes.examine),
    Check("x x x . . x . . . .", \.$purpose, SubscriberPurpose.examine),
    Check(". . . . . . x . . .", \.$purpose, ClientPurpose.examine),
    Check(". . . . . . x . . .", ClientScopes.examine),
    Check("x x x . . x x . . .", GrantTypeForPurpose.examine),
    // About whom, and on whose word.
    Check(". . x . . . . . . .", \.$hint, LoginHintParameter.examine),
    Check(". . . . . x . . . .", \.$hint, AssertedSubject.examine),
    Check(". . x . . x . . . .", \.$subscriber, HintedSubscriber.examine),
    Check(". . . x . . . . . .", \.$code, IssuedCode.examine),
    Check(". . . x . . . . . .", CodeUsedOnce.examine),
    Check(". . . x . . . . . .", CodeRedirectURI.examine),
    Check(". . . x . . . . . .", CodeVerifier.examine),
    Check(". . . x . . . . . .", CodeKeyProven.examine),
    Check(". . . x . . . . . .", \.$grant, CodeGrant.examine),
    Check(". . . . x . . . . .", \.$backchannel, IssuedAuthReqID.examine),
    Check(". . . . x . . . . .", AuthReqIDPolled.examine),
    Check(". . . . . . . x . .", \.$refreshToken, IssuedRefreshToken.examine),
    Check(". . . . . . . x . .", \.$grant, RefreshGrant.examine),
    Check(". . . . . . . x . .", \.$scopes, RefreshScopes.examine),
    Check(". . . x . . . . . .", \.$authority, CodeAuthority.examine),
    Check(". . . . x . . . . .", \.$authority, BackchannelAuthority.examine),
    Check(". . . . . x . . . .", \.$authority, AssertionAuthority.examine),
    Check(". . . . . . . x . .", \.$authority, RefreshAuthority.examine),
    Check(". . . x x . . x . .", GrantTypeForAuthority.examine),
    // The one decision function: every way to a token about a subscriber passes here (A22).
    Check(". . . x x x . x . .", \.$granted, GrantedScopes.examine),
    // What is shown.
    Check(". . . . . . . . x x", \.$shown, ShownToken.examine),
  ]

  /// Runs the checks of one flow in the order of the table. The examination holds what was learnt until the first refusal.
  static func run(_ flow: Flow, _ examination: inout Examination) async throws(Refusal) {
    for check in table where check.flows.contains(flow) { try await check.run(&examination) }
  }
}

/// One row of the table.
struct Check: Sendable {
  let flows: Set<Flow>
  let run: @Sendable (inout Examination) async throws(Refusal) -> Void

  /// A check that learns something.
  init<Value: Sendable>(
    _ marks: StaticString, _ learns: WritableKeyPath<Examination, Finding<Value>> & Sendable,
    _ examine: @escaping @Sendable (Examination) async throws(Refusal) -> Value
  ) {
    flows = Self.flows(marks)
    run = { (examination) async throws(Refusal) in examination[keyPath: learns].learn(try await examine(examination)) }
  }

  /// A check that only refuses.
  init(_ marks: StaticString, _ examine: @escaping @Sendable (Examination) async throws(Refusal) -> Void) {
    flows = Self.flows(marks)
    run = { (examination) async throws(Refusal) in try await examine(examination) }
  }

  /// One mark a flow, in the order of `Flow`; a row of another length is a fault that the first request would show.
  private static func flows(_ marks: StaticString) -> Set<Flow> {
    let columns = marks.description.split(separator: " ")
    precondition(columns.count == Flow.allCases.count && columns.allSatisfy { $0 == "x" || $0 == "." }, "a row of the table")
    return Set(zip(Flow.allCases, columns).filter { $0.1 == "x" }.map(\.0))
  }
}
