import Bytes
import Consent
import Identifiers
import JOSE
import Ledger
import Policy
import Store
import Telemetry
import Wire

/// What a gateway is told.
public struct GatewaySettings: Sendable {
  /// The backends of an API.
  public struct Upstream: Sendable {
    public var settings: UpstreamSettings
    /// Replaces the policies' time limit when set.
    public var timeoutMilliseconds: Int?
    /// By the operation's id, for some operations; comes before both.
    public var operationTimeoutMilliseconds: [String: Int]
    /// What becomes of answers that break their schema; nil for what each policy says.
    public var answerValidation: AnswerValidation?

    public init(
      settings: UpstreamSettings, timeoutMilliseconds: Int? = nil, operationTimeoutMilliseconds: [String: Int] = [:],
      answerValidation: AnswerValidation? = nil
    ) {
      self.settings = settings
      self.timeoutMilliseconds = timeoutMilliseconds
      self.operationTimeoutMilliseconds = operationTimeoutMilliseconds
      self.answerValidation = answerValidation
    }
  }

  public var issuer: String
  public var audience: String
  /// The authority under which the outside reaches the gateway, told to backends.
  public var host: String
  public var isSecure: Bool
  /// By API name; `*` for all that are not named.
  public var upstreams: [String: Upstream]
  public var tokensRemembered = 50_000
  public var consentsRemembered = 50_000
  /// Sessions, payments, subscriptions and their like that are kept for one client.
  public var resourcesPerClientMaximum = 1_000_000
  public var dpop = DPoPSettings()
  /// Whose access tokens are good here beside our own.
  public var trustedIssuers: [TrustedIssuer] = []
  /// Refusals of calls without a good token that one source may have in the ledger a minute; 0 for no limit.
  public var unauthenticatedPerMinute = 600
  /// Which of the handlers that followed one another in this process this one is.
  public var generation = 0
  /// Tokens that a handler before this one verified are verified anew: their issuer, audience or keys may be good no more.
  public var tokensTrustedSince = 0

  public init(issuer: String, audience: String, host: String, isSecure: Bool, upstreams: [String: Upstream]) {
    self.issuer = issuer
    self.audience = audience
    self.host = host
    self.isSecure = isSecure
    self.upstreams = upstreams
  }
}

/// What a gateway works with.
public struct GatewayDependencies: Sendable {
  public var catalogue: Catalogue
  public var keys: KeyRing
  public var clients: any ClientStore
  public var grants: any GrantStore
  public var subjects: any SubjectStore
  public var consents: ConsentRegister
  public var resources: any ResourceStore
  /// Nil: no events are taken, and who asks for some is refused.
  public var subscriptions: (any SubscriptionKeeper)?
  public var ledger: LedgerWriter
  public var time: any TimeSource
  /// Calls of each client that count against its quota, in the day and in the month (UTC) of now: all that the ledger has.
  public var quotaUsed: [ClientID: QuotaCounts]
  /// What answers the operations that policies say are served here.
  public var localOperations: [LocalOperationName: any LocalOperation] = [:]
  /// Counts the calls.
  public var meter = CallMeter()
  /// Nil: nothing is traced, and the client's trace context is handed on as it came.
  public var tracing: Tracing?
  /// For the operator's log. Any thread.
  public var notice: @Sendable (UpstreamNotice) -> Void = { _ in }

  public init(
    catalogue: Catalogue, keys: KeyRing, clients: any ClientStore, grants: any GrantStore, subjects: any SubjectStore,
    consents: ConsentRegister, resources: any ResourceStore, ledger: LedgerWriter, time: any TimeSource,
    quotaUsed: [ClientID: QuotaCounts]
  ) {
    self.catalogue = catalogue
    self.keys = keys
    self.clients = clients
    self.grants = grants
    self.subjects = subjects
    self.consents = consents
    self.resources = resources
    self.ledger = ledger
    self.time = time
    self.quotaUsed = quotaUsed
  }
}

/// The data plane: takes every exchange that is for an API and sends it on its way (`Call`).
///
/// Shared by all loops; what changes lives in the `LoopState` of each loop.
public final class GatewayHandler: RequestHandler, @unchecked Sendable {
  public let settings: GatewaySettings
  let dependencies: GatewayDependencies
  let authenticator: Authenticator
  let foreignAuthenticator: ForeignAuthenticator
  let proofs: ProofCheck
  let limiter: Limiter
  let subjects: SubjectFinder
  let consent: ConsentCheck
  let filter: AnswerFilter
  let resources: ResourceCheck
  let subscribe: Subscribe?
  let subscriptions: SubscriptionAnswers?
  let record: CallRecord
  let responder: Responder
  let unauthenticated: UnauthenticatedRefusals
  public let memory: GatewayMemory
  let notices: UpstreamNotices
  /// By name in the configuration.
  let upstreamsByName: [String: Upstream]
  /// By the index of the operation, as all arrays below.
  let upstreams: [Upstream?]
  let timeoutsNanoseconds: [UInt64]
  let locals: [(any LocalOperation)?]
  let forwarding: ForwardRequest
  /// Where the meter counts each operation.
  let meterPlaces: [Int]
  /// By the index of the loop; each is touched on its own loop only, which is what makes this class safe to share.
  private let loops: UnsafeMutableBufferPointer<LoopState?>

  /// A gateway that begins with nothing remembered.
  ///
  /// - Parameter loops: the loops on which exchanges will come.
  public convenience init(settings: GatewaySettings, dependencies: GatewayDependencies, loops: [EventLoop]) {
    self.init(
      settings: settings, dependencies: dependencies,
      memory: GatewayMemory(settings: settings, dependencies: dependencies, loops: loops), previous: nil)
  }

  /// A gateway that takes the place of another, on the same loops: it goes on with what that one remembers, and upstreams whose settings
  /// are the same go on with their connections and with what is known of their targets. Give that one `retireUpstreams(keptBy:)`
  /// afterwards.
  public convenience init(settings: GatewaySettings, dependencies: GatewayDependencies, replacing previous: GatewayHandler) {
    self.init(settings: settings, dependencies: dependencies, memory: previous.memory, previous: previous)
  }

  private init(
    settings: GatewaySettings, dependencies: GatewayDependencies, memory: GatewayMemory, previous: GatewayHandler?
  ) {
    self.settings = settings
    self.dependencies = dependencies
    self.memory = memory
    let catalogue = dependencies.catalogue
    authenticator = Authenticator(settings: settings, dependencies: dependencies)
    foreignAuthenticator = ForeignAuthenticator(
      clients: dependencies.clients, subjects: dependencies.subjects, catalogue: catalogue)
    guard let origin = TargetURI(settings.issuer) else { preconditionFailure("an issuer is a URL") }
    proofs = ProofCheck(origin: origin, demanded: settings.dpop.demandedClaims, memory: memory.proofs)
    limiter = Limiter(rates: memory.rates, quotas: memory.quotas)
    subjects = SubjectFinder(subjects: dependencies.subjects)
    consent = ConsentCheck(catalogue: catalogue)
    record = CallRecord(catalogue: catalogue)
    responder = Responder(challenges: Challenges(realm: settings.issuer, dpop: settings.dpop.mode))
    notices = memory.notices
    resources = ResourceCheck(store: dependencies.resources, countMaximum: settings.resourcesPerClientMaximum)
    subscribe = dependencies.subscriptions.map { Subscribe(keeper: $0) }
    subscriptions = dependencies.subscriptions.map { SubscriptionAnswers($0.store, catalogue) }
    filter = AnswerFilter(
      resources: dependencies.resources, subscriptions: subscriptions, subjects: dependencies.subjects, notices: notices,
      validations: catalogue.operationsByIndex.map { settings.answerValidation(of: $0) })
    unauthenticated = memory.unauthenticated
    upstreamsByName = Self.makeUpstreams(settings, dependencies, memory.loops.map(\.loop), previous)
    upstreams = catalogue.operationsByIndex.map { [upstreamsByName] in
      $0.isServedHere ? nil : upstreamsByName[$0.api.rawValue] ?? upstreamsByName["*"]
    }
    timeoutsNanoseconds = catalogue.operationsByIndex.map { settings.timeoutNanoseconds(of: $0) }
    locals = catalogue.operationsByIndex.map {
      $0.isServedHere ? dependencies.localOperations[LocalOperationName(api: $0.api, operation: $0.id)] : nil
    }
    forwarding = ForwardRequest(gatewayHost: settings.host)
    meterPlaces = catalogue.operationsByIndex.map {
      dependencies.meter.place(
        of: CallMeter.OperationName(api: $0.api.rawValue, version: $0.version, operation: $0.id.rawValue))
    }
    loops = .allocate(capacity: memory.loops.count)
    loops.initialize(repeating: nil)
  }

  deinit {
    loops.deinitialize()
    loops.deallocate()
  }

  /// Writes what is still to be told, when no call comes any more.
  public func finish() async {
    await unauthenticated.untold.tell()
    await memory.shed.tell()
  }

  /// True when the path of the request, whose head is read, belongs to an API of the catalogue.
  public func owns(_ exchange: Exchange) -> Bool { (exchange.handlerState as? Call)?.isRouted ?? false }

  /// Finds the operation, once for each request: what it leads to is kept until the body is there.
  public func bodyBytesMaximum(_ exchange: Exchange) -> Int? {
    let match = dependencies.catalogue.routes.match(path: exchange.path, method: exchange.methodBytes)
    // A path that is nobody's is begun too where the connection has had a call: nothing of that one may be left.
    if case .notOurs = match, exchange.handlerState == nil { return nil }
    call(of: exchange).begin(match)
    guard case .operation(let operation) = match else { return nil }
    return operation.bodyBytesMaximum
  }

  /// A call ends with the handler that it began with, whoever has taken its place since then.
  public func handle(_ exchange: Exchange) { (exchange.handlerState as? Call ?? call(of: exchange)).proceed() }

  /// There is too much to do: the call is refused before anything of it is looked at, and counted.
  public func shed(_ exchange: Exchange) {
    guard owns(exchange) else { Rejection.sendOverloaded(exchange); return }
    call(of: exchange).shed()
  }

  private func call(of exchange: Exchange) -> Call {
    if let call = exchange.handlerState as? Call, call.gateway === self { return call }
    let call = Call(exchange, state(on: exchange.loop))
    exchange.handlerState = call
    return call
  }

  /// What HTTP itself refuses gets an `ErrorInfo` too. It is no call of an API: nothing of it was understood, and it is not in
  /// the ledger.
  public func reject(_ exchange: Exchange, _ rejection: HTTPRejection) {
    dependencies.meter.rejections.count(String(rejection.status))
    Rejection.send(exchange, rejection)
  }

  // MARK: One handler after another

  /// From now on the loop's exchanges come here: takes over what the handler before this one kept for the loop. On the loop.
  public func takeOver(on loop: EventLoop) { _ = state(on: loop) }

  private func state(on loop: EventLoop) -> LoopState {
    if let state = loops[loop.index] { return state }
    let state = LoopState(gateway: self, memory: memory.loops[loop.index])
    loops[loop.index] = state
    return state
  }

  /// Lets go of a loop's state; calls that are under way keep it to their end. On the loop.
  func letGo(of loop: EventLoop) { loops[loop.index] = nil }
}
