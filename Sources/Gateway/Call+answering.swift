import Bytes
import Identifiers
import Ledger
import Policy
import Store
import Wire

/// From the backend's answer to the ledger.
extension Call {
  func answered(_ answered: borrowing UpstreamAnswer) {
    guard let operation, let reader else { return }
    backendHasEnded(operation, status: answered.status)
    do throws(APIError) {
      release(
        try gateway.filter.run(
          answered, operation, reader, &loop.tape, created: &created, fields: &answerFields, into: &answer))
    } catch { withhold(error) }
  }

  func answered(_ local: LocalAnswer) {
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
      // In this order: what fails in between can be asked for again, as long as the resource is known.
      try await call.unsubscribe()
      try await call.gateway.resources.end(call.resources, status: released.status, now: now)
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
        try await subscribe.made(pending, created, now: now)
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
      if let keeper = gateway.dependencies.subscriptions {
        loop.loop.spawn { try? await keeper.ended(kind: resource.use.kind, backendID: resource.id) }
      }
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
  func unavailable(_ reason: StaticString) -> APIError {
    let upstream = operation.flatMap { gateway.upstreams[$0.index] }
    return APIError(.unavailable, reason, retryAfterSeconds: upstream?.retryAfterSeconds(at: loop.loop.nowNanoseconds) ?? 1)
  }

  /// A refusal goes to the ledger like an answer. What belongs to no operation, what a source without a token sends beyond its
  /// measure, and what is too much to do has no entry of its own and leaves at once.
  func refuse(_ error: APIError) {
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

  func record(_ verdict: CallRecord.Verdict, reason: StaticString?, status: Int, categories: FieldMask) {
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
}
