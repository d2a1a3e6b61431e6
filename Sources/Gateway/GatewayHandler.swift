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

    public init(
      settings: UpstreamSettings, timeoutMilliseconds: Int? = nil, operationTimeoutMilliseconds: [String: Int] = [:]
    ) {
      self.settings = settings
      self.timeoutMilliseconds = timeoutMilliseconds
      self.operationTimeoutMilliseconds = operationTimeoutMilliseconds
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
  public var dpop = DPoPSettings()
  /// Whose access tokens are good here beside our own.
  public var trustedIssuers: [TrustedIssuer] = []
  /// Refusals of calls without a good token that one source may have in the ledger a minute; 0 for no limit.
  public var unauthenticatedPerMinute = 600

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
  /// Gets a line for the operator's log; nothing personal and no secret stands in it.
  public var notice: @Sendable (String) -> Void = { _ in }

  public init(
    catalogue: Catalogue, keys: KeyRing, clients: any ClientStore, grants: any GrantStore, subjects: any SubjectStore,
    consents: ConsentRegister, ledger: LedgerWriter, time: any TimeSource,
    quotaUsed: [ClientID: QuotaCounts]
  ) {
    self.catalogue = catalogue
    self.keys = keys
    self.clients = clients
    self.grants = grants
    self.subjects = subjects
    self.consents = consents
    self.ledger = ledger
    self.time = time
    self.quotaUsed = quotaUsed
  }
}

/// The data plane: takes every exchange that is for an API and sends it on its way (`Call`).
///
/// Shared by all loops; what changes lives in the `LoopState` of each loop.
public final class GatewayHandler: RequestHandler, @unchecked Sendable {
  let settings: GatewaySettings
  let dependencies: GatewayDependencies
  let authenticator: Authenticator
  let foreignAuthenticator: ForeignAuthenticator
  let proofs: ProofCheck
  let limiter: Limiter
  let subjects: SubjectFinder
  let consent: ConsentCheck
  let filter = AnswerFilter()
  let record: CallRecord
  let responder: Responder
  let unauthenticated: UnauthenticatedRefusals
  /// Calls that came when there was too much to do.
  let shed: CountedRefusals
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
  private var loops: [LoopState?]

  /// - Parameters:
  ///   - loops: the loops on which exchanges will come.
  ///   - previous: the handler whose place this one takes, on the same loops: upstreams whose settings are the same go on with their
  ///     connections and with what is known of their targets. Give it `retireUpstreams(keptBy:)` afterwards.
  public init(
    settings: GatewaySettings, dependencies: GatewayDependencies, loops: [EventLoop], replacing previous: GatewayHandler? = nil
  ) {
    self.settings = settings
    self.dependencies = dependencies
    let catalogue = dependencies.catalogue
    authenticator = Authenticator(settings: settings, dependencies: dependencies)
    foreignAuthenticator = ForeignAuthenticator(
      clients: dependencies.clients, subjects: dependencies.subjects, catalogue: catalogue)
    guard let origin = TargetURI(settings.issuer) else { preconditionFailure("an issuer is a URL") }
    proofs = ProofCheck(
      origin: origin, demanded: settings.dpop.demandedClaims,
      memory: ProofMemory(countMaximum: settings.dpop.proofsRemembered, start: dependencies.time.now()))
    limiter = Limiter(rates: RateLimiter(), quotas: QuotaCounters(used: dependencies.quotaUsed, at: dependencies.time.now()))
    subjects = SubjectFinder(subjects: dependencies.subjects)
    consent = ConsentCheck(catalogue: catalogue)
    record = CallRecord(catalogue: catalogue)
    responder = Responder(challenges: Challenges(realm: settings.issuer, dpop: settings.dpop.mode))
    notices = UpstreamNotices(tell: dependencies.notice)
    unauthenticated = UnauthenticatedRefusals(
      perMinute: settings.unauthenticatedPerMinute, ledger: dependencies.ledger)
    shed = CountedRefusals(event: "api.refused_overload", reason: "overload", status: 503, ledger: dependencies.ledger)
    upstreamsByName = Self.makeUpstreams(settings, dependencies, loops, previous)
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
    self.loops = []
    self.loops = loops.map { LoopState(gateway: self, loop: $0) }
  }

  /// Writes what is still to be told, when no call comes any more.
  public func finish() async {
    await unauthenticated.untold.tell()
    await shed.tell()
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

  public func handle(_ exchange: Exchange) { call(of: exchange).proceed() }

  /// There is too much to do: the call is refused before anything of it is looked at, and counted.
  public func shed(_ exchange: Exchange) {
    guard owns(exchange) else { Rejection.sendOverloaded(exchange); return }
    call(of: exchange).shed()
  }

  private func call(of exchange: Exchange) -> Call {
    if let call = exchange.handlerState as? Call { return call }
    let call = Call(exchange, state(of: exchange))
    exchange.handlerState = call
    return call
  }

  /// What HTTP itself refuses gets an `ErrorInfo` too. It is no call of an API: nothing of it was understood, and it is not in
  /// the ledger.
  public func reject(_ exchange: Exchange, _ rejection: HTTPRejection) {
    dependencies.meter.rejections.count(String(rejection.status))
    Rejection.send(exchange, rejection)
  }

  private func state(of exchange: Exchange) -> LoopState { loops[exchange.loop.index]! }
}
