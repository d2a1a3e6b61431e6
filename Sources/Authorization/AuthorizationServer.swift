import Bytes
import Consent
import Identifiers
import JOSE
import Ledger
import Policy
import Store
import Wire

/// The authorization server: answers its endpoints and leads a person's visit to its end.
///
/// Immutable but for a memory of clients; safe from any thread. A request runs on the loop that it came in on.
public final class AuthorizationServer: Sendable {
  public let settings: AuthorizationSettings
  public let dependencies: AuthorizationDependencies
  public let tokens: TokenIssuer
  let clients: ClientMemory

  /// - Parameter before: the server whose place it takes, of the same installation: what that one knows of clients' keys is still known.
  public init(
    settings: AuthorizationSettings, dependencies: AuthorizationDependencies, succeeding before: AuthorizationServer? = nil
  ) {
    self.settings = settings
    self.dependencies = dependencies
    tokens = TokenIssuer(settings: settings, keys: dependencies.keys, time: dependencies.time)
    clients =
      before?.clients
      ?? ClientMemory(store: dependencies.clients, fetch: dependencies.fetchKeySet, time: dependencies.time)
  }

  /// True for the endpoints that this server answers itself; the pages that it redirects to are another's.
  public func handles(path: String) -> Bool { EndpointPath(rawValue: path).map(EndpointPath.own.contains) ?? false }

  /// What a request to one of its endpoints gets when there is too much to do.
  public static var overloaded: HTTPResponse { Answer.overloaded }

  /// Answers a request to one of its endpoints. Never throws: what goes wrong is an answer of the protocol.
  public func respond(to request: HTTPRequest) async -> HTTPResponse {
    switch (EndpointPath(rawValue: request.path), request.method) {
    case (.authorize, "GET"), (.authorize, "POST"): await AuthorizeEndpoint(server: self).respond(to: request)
    case (.token, "POST"): await TokenEndpoint(server: self).respond(to: request)
    case (.openIDConfiguration, "GET"), (.openIDConfiguration, "HEAD"), (.serverMetadata, "GET"), (.serverMetadata, "HEAD"):
      Answer.publicJSON(Metadata.document(settings, dependencies.catalogue))
    case (.keys, "GET"), (.keys, "HEAD"): Answer.publicJSON(dependencies.keys.jwks())
    case (.pushedAuthorizationRequest, "POST"): await PushedRequestEndpoint(server: self).respond(to: request)
    case (.backchannelAuthentication, "POST"): await BackchannelEndpoint(server: self).respond(to: request)
    case (.introspection, "POST"): await IntrospectionEndpoint(server: self).respond(to: request)
    case (.revocation, "POST"): await RevocationEndpoint(server: self).respond(to: request)
    case (.authorize, _): Answer.methodNotAllowed("GET, POST")
    case (.token, _), (.pushedAuthorizationRequest, _), (.backchannelAuthentication, _), (.introspection, _), (.revocation, _):
      Answer.methodNotAllowed("POST")
    default: Answer.methodNotAllowed("GET, HEAD")
    }
  }
}

/// What the server works with. The stores are protocols, so that another database or a test can stand in.
public struct AuthorizationDependencies: Sendable {
  public var catalogue: Catalogue
  public var clients: any ClientStore
  public var grants: any GrantStore
  public var codes: any CodeStore
  public var assertions: any AssertionMemory
  public var interactions: any InteractionStore
  public var pushedRequests: any PushedRequestStore
  public var backchannel: any BackchannelStore
  public var captures: any CaptureStore
  public var refreshTokens: any RefreshTokenStore
  public var subjects: any SubjectStore
  public var consents: ConsentRegister
  public var ledger: LedgerWriter
  public var keys: KeyRing
  public var time: any TimeSource
  /// Asked in this order.
  public var recognition: [any SubscriberRecognition]
  /// Offered on a page when no adapter recognised the subscriber. Empty outside the demo.
  public var simulatedSubscribers: [SimulatedSIM]
  /// Gets what clients publish at their `jwks_uri`; nil where nothing is fetched.
  public var fetchKeySet: KeySetFetch?
  /// Asked for on a page when no adapter recognised the subscriber; nil when there are none. They come before the simulated SIM cards.
  public var oneTimeCodes: OneTimeCodes?
  /// Brings a question to a subscriber who is not in front of a browser; nil when there is no way to.
  public var channel: (any SubscriberChannel)?
  /// Shows what must not be redirected.
  public var pages: any AuthorizationPages
  public var meter = TokenMeter()

  public init(
    catalogue: Catalogue, stores: Stores, consents: ConsentRegister, ledger: LedgerWriter, keys: KeyRing, time: any TimeSource,
    recognition: [any SubscriberRecognition], simulatedSubscribers: [SimulatedSIM] = [],
    oneTimeCodes: OneTimeCodes? = nil, channel: (any SubscriberChannel)? = nil, fetchKeySet: KeySetFetch? = nil,
    pages: any AuthorizationPages
  ) {
    self.catalogue = catalogue
    clients = stores.clients
    grants = stores.grants
    codes = stores.codes
    assertions = stores.assertions
    interactions = stores.interactions
    pushedRequests = stores.pushedRequests
    backchannel = stores.backchannel
    captures = stores.captures
    refreshTokens = stores.refreshTokens
    subjects = stores.subjects
    self.consents = consents
    self.ledger = ledger
    self.keys = keys
    self.time = time
    self.recognition = recognition
    self.simulatedSubscribers = simulatedSubscribers
    self.oneTimeCodes = oneTimeCodes
    self.channel = channel
    self.fetchKeySet = fetchKeySet
    self.pages = pages
  }
}

/// What the server asks of whoever makes its pages.
public protocol AuthorizationPages: Sendable {
  /// A page for a request that must not be sent back to a client: the client or its address is not known (profile item 18).
  func errorPage(_ refusal: Refusal, to request: HTTPRequest) -> HTTPResponse
  /// What a subscriber sees who has decided about a backchannel request: there is no client to go back to.
  func decidedPage(_ interaction: Interaction, isGranted: Bool) -> HTTPResponse
  /// What a browser sees that came to a capture URL and was not recognised, where there is no other way to ask who is there.
  func notRecognisedPage(to request: HTTPRequest) -> HTTPResponse
  /// What they see when their decision could not be taken.
  func unavailablePage(_ interaction: Interaction) -> HTTPResponse
}
