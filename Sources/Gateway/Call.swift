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
  private unowned let exchange: Exchange
  private let loop: LoopState
  let gateway: GatewayHandler

  // What the stages learnt, in their order.
  private var route = RouteMatch.notOurs
  private var correlator: [UInt8] = []
  private var operation: OperationPolicy?
  /// The codes of the API that the path belongs to, where it leads to no operation of it.
  private var errorsWithoutOperation: ErrorCodes?
  private var token: AccessToken?
  /// The client's, of which this call is one until it is answered.
  private var load: ClientLoad?
  private var standing: Limiter.Standing?
  private var taken = Limiter.Taken()
  /// The resources that the request names.
  private var resources: [NamedResource] = []
  /// Of these the one that the call is about: that of its path.
  private var resource: NamedResource? { resources.first(where: \.isInPath) ?? resources.first }
  /// The place of what the backend is to make.
  private var reservation: ResourceReservation?
  /// The subscription that the backend is asked for.
  private var pending: Subscribe.Pending?
  /// What the backend made, to be kept before anything leaves, also where its answer cannot.
  private var created: CreatedResource?
  private var neededScopes: [Scope] = []
  private var subject: CallSubject?
  private var permission: Permission?
  /// Who said how it stands with the consent; nil for the register here.
  private var consentSource: StaticString?
  private var upstream = UpstreamRequest()
  /// The backend's part; nil until the call goes to one.
  private var visit: UpstreamVisit?
  /// Nil where tracing is off.
  private var trace: CallTrace?

  // What leaves, once it is recorded.
  private var outcome = Outcome.released(200)
  /// Whole lines of the head.
  private var answerFields: [UInt8] = []
  private var answer: [UInt8] = []

  private enum Outcome {
    case released(Int)
    case refused(APIError)
  }

  /// The same for all calls of the connection.
  private lazy var forwardedFields = ForwardRequest.forwardedFields(
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
  private func admit() throws(APIError) -> ForeignToken? {
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
        try forward()
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

  // MARK: From the backend's answer to the ledger

  func answered(_ answered: borrowing UpstreamAnswer) {
    guard let operation, let reader else { return }
    backendHasEnded(operation, status: answered.status)
    do throws(APIError) {
      release(
        try gateway.filter.run(
          answered, operation, reader, &loop.tape, created: &created, fields: &answerFields, into: &answer))
    } catch { withhold(error) }
  }

  private func answered(_ local: LocalAnswer) {
    guard let operation, let reader else { return }
    do throws(APIError) {
      release(try gateway.filter.run(local, operation, reader, &loop.tape, created: &created, into: &answer))
    } catch { withhold(error) }
  }

  /// For whom the answer is.
  private var reader: AnswerFilter.Reader? {
    guard let token, let permission else { return nil }
    return AnswerFilter.Reader(
      consented: permission.categories, token: token, subject: subject, resource: resource, sink: pending?.sink)
  }

  private func release(_ released: AnswerFilter.Released) {
    if released.breaksSchema { countBrokenAnswer() }
    guard created != nil || resources.contains(where: \.use.deletes) else { return finish(released) }
    settle { call in
      call.addLocation()
      call.finish(released)
    } ending: { call, now throws(APIError) in
      try await call.gateway.resources.end(call.resources, status: released.status, now: now)
      try await call.unsubscribe()
    }
  }

  private func finish(_ released: AnswerFilter.Released) {
    outcome = .released(released.status)
    record(.allowed, reason: nil, status: released.status, categories: released.categories)
  }

  /// What a call made is kept, and what it ended is forgotten, before its answer leaves.
  private func settle(
    then leave: @escaping @Sendable (Call) -> Void,
    ending end: @escaping @Sendable (Call, Timestamp) async throws(APIError) -> Void
  ) {
    loop.loop.spawn { [self] in
      do throws(APIError) {
        let now = gateway.dependencies.time.now()
        try await keep(now: now)
        try await end(self, now)
      } catch {
        created = nil
        return withhold(error)
      }
      leave(self)
    }
  }

  private func keep(now: Timestamp) async throws(APIError) {
    guard let created, let reservation else { return }
    do throws(APIError) {
      try await gateway.resources.keep(created, reservation, now: now)
      self.reservation = nil
      if let pending, let subscribe = gateway.subscribe {
        try await subscribe.made(pending, created)
        self.pending = nil
      }
    } catch {
      gateway.notices.orphaned(created, client: reservation.owner.client, error.reason, correlator: correlator)
      throw error
    }
  }

  /// What the call has ended at the backend tells of nothing any more.
  private func unsubscribe() async throws(APIError) {
    guard let keeper = gateway.dependencies.subscriptions else { return }
    for resource in resources where resource.use.deletes {
      do { try await keeper.ended(kind: resource.use.kind, backendID: resource.id) } catch {
        throw APIError(.unavailable, "subscription_store_failed")
      }
    }
  }

  private func addLocation() {
    guard let created, let location = operation?.location else { return }
    gateway.responder.location(
      location.path(id: created.id, createdBy: exchange.path), gateway.settings, into: &answerFields)
  }

  private func withhold(_ error: APIError) {
    answer.removeAll(keepingCapacity: true)
    answerFields.removeAll(keepingCapacity: true)
    if error.reasonIs("backend_schema") { countBrokenAnswer() }
    // 404 can pass, unless the call was to end it; 410 does not.
    if error.isBackends, let resource, let status = operation?.errors.answer(error.kind).status,
      status == 410 || status == 404 && resource.use.deletes
    {
      gateway.resources.vanished(resource, on: loop.loop, now: gateway.dependencies.time.now())
    }
    guard created != nil else { return refuse(error) }
    // It is there although its answer cannot leave: its client finds it in lists, and nobody else does.
    settle { call in
      call.refuse(error)
    } ending: { _, _ throws(APIError) in
    }
  }

  private func backendHasEnded(_ operation: OperationPolicy, status: Int?) {
    guard var visit else { return }
    (visit.endedNanoseconds, visit.status) = (loop.loop.nowNanoseconds, status)
    self.visit = visit
    loop.row(operation, token).upstream.observe(nanoseconds: visit.endedNanoseconds &- visit.beganNanoseconds)
  }

  func failed(_ failure: UpstreamFailure) {
    if let operation { backendHasEnded(operation, status: nil) }
    switch failure {
    case .unreachable: refuse(unavailable("backend_unreachable"))
    case .ejected: refuse(unavailable("backend_out"))
    case .overloaded: refuse(unavailable("backend_busy"))
    case .untrusted(let fault):
      if let operation, let backend = gateway.upstreams[operation.index] {
        gateway.notices.untrusted(backend.name, fault, at: loop.loop.nowNanoseconds)
      }
      refuse(unavailable("backend_untrusted"))
    case .timedOut: refuse(APIError(.timeout, "backend_timeout"))
    case .tooLarge: refuse(APIError(.badGateway, "backend_answer_too_large"))
    case .broken: refuse(APIError(.badGateway, "backend_broken"))
    }
  }

  /// Nothing was sent to the backend; when to ask again is known.
  private func unavailable(_ reason: StaticString) -> APIError {
    let upstream = operation.flatMap { gateway.upstreams[$0.index] }
    return APIError(.unavailable, reason, retryAfterSeconds: upstream?.retryAfterSeconds(at: loop.loop.nowNanoseconds) ?? 1)
  }

  /// A refusal goes to the ledger like an answer. What belongs to no operation, what a source without a token sends beyond its
  /// measure, and what is too much to do has no entry of its own and leaves at once.
  private func refuse(_ error: APIError) {
    outcome = .refused(error)
    guard let operation else { respond(); return }
    // A refusal that waited for its entry would keep the room that it is about.
    if error.isOverload {
      gateway.memory.shed.count(on: loop.loop)
      return respond()
    }
    if token == nil, let seconds = gateway.unauthenticated.admit(exchange.remoteAddress, at: loop.loop.nowNanoseconds) {
      gateway.unauthenticated.untold.count(on: loop.loop)
      outcome = .refused(APIError(.tooManyRequests, "source_limit", retryAfterSeconds: seconds))
      return respond()
    }
    let status = operation.errors.answer(error.kind).status
    let verdict = CallRecord.Verdict(error, status: status)
    // What the backend refused, and every fault, counts against the quota; what the gateway refused does not.
    if verdict == .refused { taken.giveBackQuota() }
    record(verdict, reason: error.reason, status: status, categories: 0)
  }

  private func record(_ verdict: CallRecord.Verdict, reason: StaticString?, status: Int, categories: FieldMask) {
    guard let operation else { return }
    let facts = CallRecord.Facts(
      operation: operation, token: token, subject: subject, permission: permission, consentSource: consentSource,
      verdict: verdict, reason: reason, categories: categories, status: status, upstreamStatus: visit?.status,
      durationMicroseconds: Int((loop.loop.nowNanoseconds &- exchange.arrivedNanoseconds) / 1000),
      requestBytes: exchange.body.count, responseBytes: answer.count)
    gateway.record.write(facts, correlator: correlator, into: &loop.entry)
    let members = loop.entry.bytes
    let usage = loop.usage(of: token, operation, status: status, isRefused: verdict == .refused)
    loop.ledger.append(members: members.span, usage: usage, ticket: self, wakes: false)
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

  private func respond() {
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

  private func count(_ verdict: CallRecord.Verdict, status: Int, reason: StaticString? = nil) {
    guard let operation else { return }
    let row = loop.row(operation, token)
    row.outcomes.add(at: CallRow.place(verdict, status: status))
    row.durations.observe(nanoseconds: loop.loop.nowNanoseconds &- exchange.arrivedNanoseconds)
    if let trace, trace.place.isSampled { tell(trace, operation, verdict, status, reason) }
  }

  private func countBrokenAnswer() {
    guard let operation else { return }
    loop.meter.countBrokenAnswer(operation: gateway.meterPlaces[operation.index])
  }

  private func count(_ error: APIError) {
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
