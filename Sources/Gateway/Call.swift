import Bytes
import Consent
import Identifiers
import Ledger
import Policy
import Store
import Wire

/// One API call from its complete request to its answer. The order of the stages is written here and nowhere else:
///
/// route, correlate, authenticate, prove, authorize, limit, request, subject, consent | forward | filter, record | respond
///
/// At each bar the call waits: for the backend (or the operation of our own in its place), for the ledger; at authenticate and consent
/// only where somebody else has to be asked, and behind the filter only where a resource is made or ended. One `Call` serves all requests
/// of a connection, one after another, so that a warm connection allocates next to nothing. Confined to its loop.
final class Call: UpstreamCall, LedgerTicket, @unchecked Sendable {
  unowned let exchange: Exchange
  let loop: LoopState
  let gateway: GatewayHandler

  // What the stages learnt, in their order.
  var route = RouteMatch.notOurs
  var correlator: [UInt8] = []
  var operation: OperationPolicy?
  /// The codes of the API that the path belongs to, where it leads to no operation of it.
  var errorsWithoutOperation: ErrorCodes?
  var token: AccessToken?
  /// The client's, of which this call is one until it is answered.
  var load: ClientLoad?
  var standing: Limiter.Standing?
  var taken = Limiter.Taken()
  /// The resources that the request names.
  var resources: [NamedResource] = []
  /// Of these the one that the call is about: that of its path.
  var resource: NamedResource? { resources.first(where: \.isInPath) ?? resources.first }
  /// The place of what the backend is to make.
  var reservation: ResourceReservation?
  /// The subscription that the backend is asked for.
  var pending: Subscribe.Pending?
  /// What the backend made, to be kept before anything leaves, also where its answer cannot.
  var created: CreatedResource?
  var neededScopes: [Scope] = []
  var subject: CallSubject?
  var permission: Permission?
  /// Who said how it stands with the consent; nil for the register here.
  var consentSource: StaticString?
  var upstream = UpstreamRequest()
  /// The backend's part; nil until the call goes to one.
  var visit: UpstreamVisit?
  /// Nil where tracing is off.
  var trace: CallTrace?

  // What leaves, once it is recorded.
  var outcome = Outcome.released(200)
  /// Whole lines of the head.
  var answerFields: [UInt8] = []
  var answer: [UInt8] = []

  enum Outcome {
    case released(Int)
    case refused(APIError)
  }

  /// The same for all calls of the connection.
  lazy var forwardedFields = ForwardRequest.forwardedFields(
    for: exchange.remoteAddress, isSecure: gateway.settings.isSecure, host: gateway.settings.host)

  private(set) var deadlineNanoseconds: UInt64 = 0
  var isRepeatable: Bool { operation?.isRepeatable ?? false }

  init(_ exchange: Exchange, _ loop: LoopState) {
    self.exchange = exchange
    self.loop = loop
    gateway = loop.gateway
  }

  // MARK: From the request to the backend

  /// The head of a request is there, and what it leads to.
  func begin(_ match: RouteMatch) {
    reset()
    route = match
    if let tracing = gateway.dependencies.tracing, case .operation = match { trace = CallTrace(tracing, exchange) }
  }

  /// True from a head that led to an API of the catalogue to the next head.
  var isRouted: Bool { if case .notOurs = route { false } else { true } }

  /// The body is there too.
  func proceed() {
    do throws(APIError) {
      if let foreign = try admit() { return ask(foreign) }
      try decide()
    } catch { refuse(error) }
  }

  /// Leave to do it, at once or after whoever has the record was asked.
  private func decide() throws(APIError) {
    guard let operation, let token else { return }
    let answer = try gateway.consent.run(
      loop.consents, operation, token, subject, needed: neededScopes, now: gateway.dependencies.time.now(),
      monotonic: loop.loop.nowNanoseconds)
    try decided(answer)
  }

  private func decided(_ answer: ConsentAnswer) throws(APIError) {
    switch answer {
    case .decided(let decision, let source):
      consentSource = source
      loop.meter.decisions.add(at: decision.isPermitted ? 0 : 1)
      permission = try gateway.consent.permission(decision)
      guard let subject, subject.pseudonym == nil else { return try forward() }
      name(subject.number) { call throws(APIError) in try call.forward() }
    case .mustAsk(let question): ask(question)
    case .mustName:
      // A number goes with every operation that wants a record; without one there is nobody to ask about.
      guard let subject else { throw APIError(.permissionDenied, "consent_missing") }
      name(subject.number) { call throws(APIError) in try call.decide() }
    }
  }

  /// A subscriber who is seen here for the first time, and whose data may be processed without their consent, or whom a consent
  /// master may know: they get the pseudonym under which the ledger knows them, before anything is asked about them.
  private func name(_ number: MSISDN, then step: @escaping @Sendable (Call) throws(APIError) -> Void) {
    loop.loop.spawn { [self] in
      do { subject?.pseudonym = try await gateway.dependencies.subjects.findOrCreate(number) } catch {
        return refuse(APIError(.unavailable, "subject_store_failed"))
      }
      do throws(APIError) { try step(self) } catch { refuse(error) }
    }
  }

  /// The record is a consent master's, which is asked first.
  private func ask(_ question: ConsentQuestion) {
    loop.loop.spawn { [self] in
      do throws(APIError) {
        try decided(try await gateway.consent.ask(loop.consents, question, time: gateway.dependencies.time))
      } catch { refuse(error) }
    }
  }

  /// A token of another authorization server: its issuer, or its issuer's keys, are asked first; then the call begins again.
  private func ask(_ foreign: ForeignToken) {
    loop.loop.spawn { [self] in
      do throws(APIError) {
        let parts = try await gateway.foreignAuthenticator.run(foreign, now: gateway.dependencies.time.now())
        try gateway.authenticator.admit(parts, foreign, &loop.tokens)
      } catch { return refuse(error) }
      proceed()
    }
  }

  /// Gives the token that has to be asked about before the call can go on, if there is one.
  func admit() throws(APIError) -> ForeignToken? {
    let now = gateway.dependencies.time.now()
    let operation = try followRoute()
    try Route.negotiate(exchange)
    let token: AccessToken
    switch try gateway.authenticator.run(exchange, &loop.tokens, now: now) {
    case .known(let known): token = known
    case .foreign(let foreign): return foreign
    }
    self.token = token
    if let thumbprint = token.claims.keyThumbprint { try gateway.proofs.run(exchange, token, thumbprint, now: now) }
    try Authorize.run(token, operation)
    try enterShare(token)
    taken = try gateway.limiter.run(token, operation, &standing, monotonic: loop.loop.nowNanoseconds, now: now)
    try examine(operation, token)
    return nil
  }

  /// What the request holds: its form, the scopes that it needs, whom it is about and whose it is.
  private func examine(_ operation: OperationPolicy, _ token: AccessToken) throws(APIError) {
    let hasDocument = try RequestCheck.run(exchange, operation, &loop.tape, &upstream)
    if operation.eventScopes != nil {
      neededScopes = try Authorize.events(token, operation, exchange.body, loop.tape, hasDocument: hasDocument)
    }
    guard !operation.resources.isEmpty else {
      subject = try gateway.subjects.run(exchange, operation, token, hasDocument, loop.tape, owner: nil, &upstream)
      return
    }
    resources = try gateway.resources.named(exchange, operation, loop.tape, hasDocument: hasDocument)
    // Somebody else's tells nothing of whom the call is about; it is refused behind this.
    let owner = resource?.owner.flatMap { $0.client == token.claims.client ? $0 : nil }
    subject = try gateway.subjects.run(exchange, operation, token, hasDocument, loop.tape, owner: owner, &upstream)
    try gateway.resources.admit(resources, operation, token, subject)
  }

  /// A call that begins again, after its issuer was asked, has its place already.
  private func enterShare(_ token: AccessToken) throws(APIError) {
    guard load == nil else { return }
    let load = loop.load(of: token)
    try FairShare.enter(load, exchange)
    self.load = load
  }

  /// There is too much to do. Not one entry is written for it: whoever has much to do would have more.
  func shed() {
    do throws(APIError) {
      _ = try followRoute()
      throw .overload
    } catch { refuse(error) }
  }

  /// What a refusal belongs to is known before anything is refused: it decides the codes, and whether there is an entry.
  private func followRoute() throws(APIError) -> OperationPolicy {
    switch route {
    case .operation(let found): operation = found
    case .methodNotAllowed(_, let errors), .unknown(let errors): errorsWithoutOperation = errors
    case .notOurs: break
    }
    try Correlate.run(exchange, into: &correlator)
    if case .methodNotAllowed(let allowed, _) = route {
      throw APIError(.methodNotAllowed, "method_not_allowed", allow: allowed)
    }
    guard let operation else { throw APIError(.notFound, "no_such_operation") }
    return operation
  }

  private func forward() throws(APIError) {
    // What could not be recorded is not asked for either: the backend would tell, or do, something that no entry knows of. This
    // call's own entry is another try of the ledger.
    guard gateway.dependencies.ledger.isHealthy else { throw Self.ledgerFailed }
    guard let operation else { throw APIError(.unavailable, "no_upstream") }
    if reservation == nil, let use = operation.resources.first(where: \.isCreated) { return reserve(use) }
    if let resource, let over = try gateway.subscriptions?.ended(resource, operation) {
      loop.loop.execute { [self] in answered(over) }
      return
    }
    if let local = gateway.locals[operation.index], let token {
      return ask(local, LocalCall(client: token.client, subject: subject?.pseudonym, body: upstream.body))
    }
    guard let backend = gateway.upstreams[operation.index] else { throw APIError(.unavailable, "no_upstream") }
    let now = loop.loop.nowNanoseconds
    visit = UpstreamVisit(beganNanoseconds: now)
    deadlineNanoseconds = now + gateway.timeoutsNanoseconds[operation.index]
    backend.send(self, on: loop.loop)
  }

  private func reserve(_ use: ResourceUse) {
    guard let token else { return }
    let owner = ResourceOwner(
      client: token.claims.client, subject: token.subject ?? subject?.pseudonym,
      isNamedByClient: subject?.isNamedByClient ?? false)
    loop.loop.spawn { [self] in
      do throws(APIError) {
        let now = gateway.dependencies.time.now()
        reservation = try await gateway.resources.reserve(use, owner, now: now)
        try await subscribe(owner, now: now)
        // Its sink was asked, which takes time: what was taken back meanwhile was not looked for in a subscription that was not there yet.
        if pending == nil { try forward() } else { try decide() }
      } catch { refuse(error) }
    }
  }

  /// Where the call asks for events, the gateway stands between backend and sink from here on.
  private func subscribe(_ owner: ResourceOwner, now: Timestamp) async throws(APIError) {
    guard let operation, operation.subscription != nil, let token else { return }
    guard let subscribe = gateway.subscribe else { throw APIError(.unavailable, "subscriptions_off") }
    pending = try await subscribe.run(
      operation, Subscribe.Caller(token: token, owner: owner), &upstream.body, now: now)
  }

  /// An operation of our own answers in the backend's place.
  private func ask(_ local: any LocalOperation, _ call: LocalCall) {
    loop.loop.spawn { [self] in
      let answer = await local.answer(call)
      answered(answer)
    }
  }

  func appendRequest(to output: inout [UInt8], authority: [UInt8]) {
    guard let token else { return }
    if trace != nil { visit?.authority = authority }
    gateway.forwarding.append(
      exchange,
      ForwardRequest.Call(
        authority: authority, correlator: correlator, client: token.claims.client, forwarded: forwardedFields,
        trace: trace),
      upstream, to: &output)
  }

  // MARK: From the ledger to the client

  /// No answer leaves before its entry is durable; when it cannot be, nothing is released (DESIGN section 6).
  func ledgerSettled(_ durable: Bool) {
    if !durable {
      answer.removeAll(keepingCapacity: true)
      outcome = .refused(Self.ledgerFailed)
      // A call that the ledger does not know is one that the quota does not know.
      taken.giveBackQuota()
    }
    respond()
  }

  private static let ledgerFailed = APIError(
    .unavailable, "ledger_failed", message: "The audit ledger cannot be written; nothing is released.")

  func respond() {
    load?.leave()
    load = nil
    if let reservation { gateway.resources.giveBack(reservation, on: loop.loop) }
    reservation = nil
    if let pending { gateway.subscribe?.discard(pending, on: loop.loop) }
    pending = nil
    switch outcome {
    case .released(let status):
      count(.allowed, status: status)
      gateway.responder.send(
        exchange, status: status, fields: answerFields, body: answer, correlator: correlator, standing: standing)
    case .refused(let error):
      count(error)
      let errors = operation?.errors ?? errorsWithoutOperation ?? gateway.dependencies.catalogue.commonErrors
      let body = gateway.responder.errorInfo(error, errors)
      gateway.responder.refuse(exchange, error, errors, body: body, correlator: correlator, standing: standing)
    }
  }

  // MARK: What metrics know of it

  func count(_ verdict: CallRecord.Verdict, status: Int, reason: StaticString? = nil) {
    guard let operation else { return }
    let row = loop.row(operation, token)
    row.outcomes.add(at: CallRow.place(verdict, status: status))
    row.durations.observe(nanoseconds: loop.loop.nowNanoseconds &- exchange.arrivedNanoseconds)
    if let trace, trace.place.isSampled { tell(trace, operation, verdict, status, reason) }
  }

  func countBrokenAnswer() {
    guard let operation else { return }
    loop.meter.countBrokenAnswer(operation: gateway.meterPlaces[operation.index])
  }

  func count(_ error: APIError) {
    loop.meter.countRefusal(operation: operation.map { gateway.meterPlaces[$0.index] }, reason: error.reason)
    guard let operation else { return }
    let status = operation.errors.answer(error.kind).status
    count(CallRecord.Verdict(error, status: status), status: status, reason: error.reason)
    if let place = CallRow.limitReasons.firstIndex(where: error.reasonIs) { loop.row(operation, token).limits.add(at: place) }
  }

  /// The spans of a call that is recorded.
  private func tell(
    _ trace: CallTrace, _ operation: OperationPolicy, _ verdict: CallRecord.Verdict, _ status: Int, _ reason: StaticString?
  ) {
    guard let tracing = gateway.dependencies.tracing else { return }
    let call = TracedCall(
      trace: trace, operation: operation, client: token?.claims.client.rawValue, correlator: correlator,
      isSecure: gateway.settings.isSecure, decision: verdict.name, reason: reason, status: status, visit: visit)
    let spans = call.spans(
      arrived: exchange.arrivedNanoseconds, monotonic: loop.loop.nowNanoseconds, now: gateway.dependencies.time.now())
    for span in spans { tracing.queue.offer(span) }
  }

  private func reset() {
    trace = nil
    operation = nil
    errorsWithoutOperation = nil
    token = nil
    standing = nil
    taken = Limiter.Taken()
    resources.removeAll()
    reservation = nil
    pending = nil
    created = nil
    neededScopes.removeAll()
    subject = nil
    permission = nil
    consentSource = nil
    upstream.removeAll()
    visit = nil
    answer.removeAll(keepingCapacity: true)
    answerFields.removeAll(keepingCapacity: true)
    outcome = .released(200)
  }
}
