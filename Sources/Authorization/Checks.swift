import Bytes
import Identifiers
import JOSE
import Policy
import Store
import Wire

/// What a client can do here; each is a column of the table of checks.
enum Flow: String, Sendable, CaseIterable {
  /// A browser comes to the authorization endpoint.
  case authorize
  /// A client redeems a code at the token endpoint (RFC 6749 §4.1.3).
  case authorizationCode = "authorization_code"
  /// A client asks for a token of its own (RFC 6749 §4.4.2).
  case clientCredentials = "client_credentials"
}

/// The table flow × check: every check, in the order in which they run. Nothing else decides order, and a column shows what a
/// flow would forget.
///
/// A check reads what the ones before it have learnt and returns what it learns itself; only the table writes it down.
enum Checks {
  private static let x = true, o = false

  static let table: [Check] = [
    //    ┌ authorize
    //    │  ┌ token, authorization_code
    //    │  │  ┌ token, client_credentials     what is learnt, and what finds out
    Check(x, o, o, \.$client, RegisteredClient.examine),
    Check(x, o, o, \.$redirectURI, RegisteredRedirectURI.examine),
    // From here on a refusal at the authorization endpoint goes to the client's redirect URI; until here it is a page.
    Check(x, o, o, \.$state, State.examine),
    Check(x, x, x, ParametersOnce.examine),
    Check(o, x, x, \.$assertion, ClientAuthenticationMethod.examine),
    Check(o, x, x, \.$asserted, AssertionSignature.examine),
    Check(o, x, x, AssertionSubject.examine),
    Check(o, x, x, AssertionAudience.examine),
    Check(o, x, x, AssertionTimes.examine),
    Check(o, x, x, AssertionOnce.examine),
    Check(o, x, x, \.$client, AuthenticatedClient.examine),
    Check(x, x, x, GrantTypeAllowed.examine),
    Check(x, o, o, RequestObjects.examine),
    Check(x, o, o, ResponseType.examine),
    Check(x, o, o, \.$nonce, Nonce.examine),
    Check(x, o, o, \.$challenge, CodeChallenge.examine),
    Check(x, o, o, \.$prompt, Prompt.examine),
    Check(x, o, o, OpenIDScope.examine),
    Check(x, o, x, \.$scopes, RequestedScopes.examine),
    Check(x, o, o, \.$purpose, SubscriberPurpose.examine),
    Check(o, o, x, \.$purpose, ClientPurpose.examine),
    Check(o, o, x, ClientScopes.examine),
    Check(o, x, o, \.$code, IssuedCode.examine),
    Check(o, x, o, CodeUsedOnce.examine),
    Check(o, x, o, CodeRedirectURI.examine),
    Check(o, x, o, CodeVerifier.examine),
    Check(o, x, o, \.$grant, CodeGrant.examine),
    Check(o, x, o, \.$scopes, GrantedScopes.examine),
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
    _ authorize: Bool, _ code: Bool, _ credentials: Bool, _ learns: WritableKeyPath<Examination, Finding<Value>> & Sendable,
    _ examine: @escaping @Sendable (Examination) async throws(Refusal) -> Value
  ) {
    flows = Self.flows(authorize, code, credentials)
    run = { (examination) async throws(Refusal) in examination[keyPath: learns].learn(try await examine(examination)) }
  }

  /// A check that only refuses.
  init(
    _ authorize: Bool, _ code: Bool, _ credentials: Bool,
    _ examine: @escaping @Sendable (Examination) async throws(Refusal) -> Void
  ) {
    flows = Self.flows(authorize, code, credentials)
    run = { (examination) async throws(Refusal) in try await examine(examination) }
  }

  private static func flows(_ isIncluded: Bool...) -> Set<Flow> {
    Set(zip(Flow.allCases, isIncluded).filter(\.1).map(\.0))
  }
}
