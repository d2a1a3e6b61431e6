import Bytes
import Identifiers
import JOSE
import Store
import Wire

/// One request under examination: what came in, and what the checks have learnt about it so far.
///
/// A finding is written once, by the table, and may be read only after the check that makes it: reading earlier is a fault of
/// the table's order and stops the program in the first test that runs the flow.
struct Examination: Sendable {
  let flow: Flow
  let server: AuthorizationServer
  let request: HTTPRequest
  /// As they were sent, outside of any signed object.
  let parameters: FormParameters
  /// When the request was received: one moment for all checks.
  let now: Timestamp

  // Who asks.
  /// The client: at the authorization endpoint by its name alone, elsewhere authenticated.
  @Finding var client: ClientRecord
  /// What a `request_uri` of ours stood for (RFC 9126); nil when there was none.
  @Finding var pushed: FormParameters?
  /// The one assertion that authenticates the client, unverified.
  @Finding var assertion: PresentedAssertion
  /// The client and the claims that a verified assertion names. Not yet authenticated: its claims are still to be checked.
  @Finding var asserted: ClientAssertion
  /// The thumbprint of the key that a DPoP proof was made with; nil when there was none.
  @Finding var proofKey: String?
  /// The certificate to which the token is bound (RFC 8705 §3); nil for none.
  @Finding var certificate: String?

  // What is asked for.
  /// The parameters that count: those of the signed object alone when there is one (profile item 13).
  @Finding var asked: FormParameters
  @Finding var redirectURI: String
  @Finding var state: String?
  @Finding var nonce: String?
  @Finding var challenge: String?
  /// The key that must be proven when the code is redeemed (RFC 9449 §10).
  @Finding var codeKey: String?
  @Finding var prompt: PromptValue
  @Finding var scopes: ScopeSet
  @Finding var purpose: Purpose?
  @Finding var hint: LoginHint
  @Finding var subscriber: RecognisedSubscriber

  // What was issued before.
  @Finding var code: CodeRecord
  @Finding var backchannel: BackchannelRecord
  @Finding var refreshToken: RefreshTokenRecord
  @Finding var grant: GrantRecord
  @Finding var shown: ShownToken?

  // What may be granted.
  @Finding var authority: Authority
  @Finding var granted: GrantedScope

  init(_ flow: Flow, _ request: HTTPRequest, _ parameters: FormParameters, server: AuthorizationServer) {
    self.flow = flow
    self.request = request
    self.parameters = parameters
    self.server = server
    now = server.dependencies.time.now()
  }

  var settings: AuthorizationSettings { server.settings }
  var dependencies: AuthorizationDependencies { server.dependencies }
}

/// A value that is unknown until a check finds it, and fixed from then on. `$name` is the finding itself.
@propertyWrapper
struct Finding<Value: Sendable>: Sendable {
  /// Nil until a check has found it.
  private(set) var known: Value?

  init() {}

  var wrappedValue: Value {
    guard let known else { preconditionFailure("a check reads what no check before it has learnt") }
    return known
  }

  var projectedValue: Finding {
    get { self }
    set { self = newValue }
  }

  mutating func learn(_ value: Value) {
    precondition(known == nil, "two checks of one flow learn the same")
    known = value
  }
}
