/// The pools of one loop for the endpoints of one `Upstream`: chooses where a call goes, and whether it goes again elsewhere. Confined
/// to its loop.
///
/// What it knows of the endpoints' health is a copy, brought up to date by `refresh` after each change: so a call asks nothing that is
/// shared. Calls under way are the loop's own too: with many loops each sees a sample, which is as good for the choice.
final class UpstreamGroup: @unchecked Sendable {
  let loop: EventLoop
  /// Owns this one.
  private unowned let upstream: Upstream
  private let settings: UpstreamSettings
  let line: WaitingLine
  private var pools: [UpstreamPool] = []
  private var ready: [UpstreamPool] = []
  /// When the ready ones came; nil when it does not matter any more.
  private var since: [UInt64?] = []
  private var probing: [UpstreamPool] = []
  /// The one that all calls go to, when there is no choice.
  private var only: UpstreamPool?
  /// Names are still being looked up, and no address is known yet.
  private var isResolving = true
  private var budget: RetryBudget
  private var choice: ChoiceOfTwo
  private var isRetired = false
  /// Keeps the upstream until the last connection of a retired group is closed.
  private var holder: Upstream?

  init(_ upstream: Upstream, loop: EventLoop) {
    self.upstream = upstream
    self.loop = loop
    settings = upstream.settings
    line = WaitingLine(loop: loop, limits: settings.limits)
    budget = RetryBudget(settings.retries)
    choice = ChoiceOfTwo(seed: loop.time.monotonicNanoseconds() &+ UInt64(loop.index) &* 0x9E37_79B9_7F4A_7C15)
  }

  func send(_ call: any UpstreamCall) {
    budget.called()
    if let only { only.send(call) } else { dispatch(call, UpstreamAttempt(), avoiding: nil) }
  }

  // MARK: The choice

  private func dispatch(_ call: any UpstreamCall, _ attempt: UpstreamAttempt, avoiding avoided: UpstreamPool?) {
    guard call.deadlineNanoseconds > loop.nowNanoseconds else { call.failed(.timedOut); return }
    if let pool = trial(for: call, avoiding: avoided) ?? choose(avoiding: avoided) {
      pool.send(call, attempt)
    } else if isResolving || !ready.isEmpty {
      line.append(call, attempt)
    } else {
      call.failed(.ejected)
    }
  }

  /// An endpoint whose time is over and that this call may try: one that can be sent again, as long as there are others.
  private func trial(for call: any UpstreamCall, avoiding avoided: UpstreamPool?) -> UpstreamPool? {
    guard !probing.isEmpty, call.isRepeatable || ready.isEmpty else { return nil }
    return probing.first { pool in
      guard pool !== avoided, let endpoint = pool.seat?.endpoint else { return false }
      return upstream.takeLease(endpoint, at: loop.nowNanoseconds)
    }
  }

  /// The better of two; nil when all that there are have as many connections as they may.
  private func choose(avoiding avoided: UpstreamPool?) -> UpstreamPool? {
    let now = loop.nowNanoseconds
    let weight = { [self] (index: Int) -> Int in
      let pool = ready[index]
      guard pool !== avoided, pool.hasRoom, let endpoint = pool.seat?.endpoint else { return 0 }
      return SlowStart.weight(endpoint.weight, since: since[index], now: now, seconds: settings.slowStartSeconds)
    }
    return choice.pick(count: ready.count, weight: weight, load: { ready[$0].underWay }).map { ready[$0] }
  }

  // MARK: From the pools

  /// A call was answered with 5xx, or anything by an endpoint that something speaks against.
  func answered(_ status: Int, by endpoint: UpstreamEndpoint) {
    // RFC 9110 §15.6.2: what is not implemented is no fault of the target's.
    guard status >= 500, status != 501 else { upstream.succeeded(endpoint, at: loop.nowNanoseconds); return }
    upstream.met(.badAnswer, endpoint, "status \(status)", at: loop.nowNanoseconds)
  }

  /// A call failed at an endpoint: it goes to another one when that does no harm, or its caller is told.
  func failed(
    _ call: any UpstreamCall, _ failure: UpstreamFailure, _ stage: UpstreamStage, _ attempt: UpstreamAttempt,
    in pool: UpstreamPool
  ) {
    guard let seat = pool.seat else { return }
    if let fault = Self.fault(failure, stage, attempt) {
      upstream.met(fault, seat.endpoint, failure.words, at: loop.nowNanoseconds)
    }
    guard Self.isSafeToRepeat(call, failure, stage), Int(attempt.tries) < settings.retries.perCallMaximum,
      call.deadlineNanoseconds > loop.nowNanoseconds, ready.contains(where: { $0 !== pool }), budget.take()
    else { call.failed(failure); return }
    seat.counts.countRetry()
    dispatch(call, attempt.again, avoiding: pool)
  }

  func takeRetry() -> Bool { budget.take() }

  /// What of a failure is the endpoint's; nil for what one call alone brought about.
  private static func fault(
    _ failure: UpstreamFailure, _ stage: UpstreamStage, _ attempt: UpstreamAttempt
  ) -> CircuitBreaker.Fault? {
    switch failure {
    case .unreachable, .untrusted: .noConnection
    // With little time left when it was sent: many calls in line would make a slow target a dead one.
    case .timedOut: attempt.isLate ? nil : stage == .connecting ? .noConnection : .badAnswer
    case .broken: .badAnswer
    case .tooLarge, .ejected, .overloaded: nil
    }
  }

  /// Nothing was sent; or it may be sent twice, and no byte of an answer has come.
  private static func isSafeToRepeat(_ call: any UpstreamCall, _ failure: UpstreamFailure, _ stage: UpstreamStage) -> Bool {
    switch stage {
    case .connecting: failure != .timedOut
    case .waiting: failure == .broken && call.isRepeatable
    case .answering: false
    }
  }

  func opened() { if isRetired { holder = upstream } }

  /// The last connection of a pool that drains is closed.
  func emptied(_ pool: UpstreamPool) {
    if isRetired {
      // In the next turn: what called us belongs to what is let go.
      if pools.allSatisfy(\.isEmpty) { loop.execute { [self] in if pools.allSatisfy(\.isEmpty) { holder = nil } } }
      return
    }
    // A pool that its endpoint came back to is needed again.
    guard !pool.takesWaiting else { return }
    loop.execute { [self] in pools.removeAll { $0 === pool && $0.isDraining && $0.isEmpty } }
  }

  // MARK: Changes

  /// Takes over what has changed.
  func refresh() {
    let roster = upstream.roster()
    isResolving = roster.isResolving
    (ready, since, probing) = ([], [], [])
    for pool in pools { pool.takesWaiting = false }
    for place in roster.places {
      let pool = pool(for: place.endpoint)
      switch place.standing {
      case .healthy:
        pool.takesWaiting = true
        ready.append(pool)
        since.append(place.sinceNanoseconds)
      case .probing: probing.append(pool)
      case .ejected, .draining: break
      }
    }
    only = ready.count == 1 && probing.isEmpty ? ready[0] : nil
    let present = roster.places.map(\.endpoint)
    for pool in pools {
      let isPresent = present.contains { $0 === pool.seat?.endpoint }
      if isRetired || !isPresent { pool.drain() } else if pool.isDraining { pool.stopDraining() }
    }
    pools.removeAll { pool in pool.isEmpty && !present.contains { $0 === pool.seat?.endpoint } }
    serveWaiting()
  }

  private func pool(for endpoint: UpstreamEndpoint) -> UpstreamPool {
    if let pool = pools.first(where: { $0.seat?.endpoint === endpoint }) { return pool }
    let pool = UpstreamPool(loop: loop, limits: settings.limits, line: line, seat: UpstreamPool.Seat(self, endpoint))
    pools.append(pool)
    return pool
  }

  private func serveWaiting() {
    guard !line.isEmpty, !isResolving else { return }
    if ready.isEmpty, probing.isEmpty { line.fail(.ejected); return }
    // With none but trials left, who cannot be one fails. Otherwise those go for whom there is room: who goes back to the line would begin
    // to wait anew.
    while ready.isEmpty || ready.contains(where: \.hasRoom), let next = line.next() {
      dispatch(next.call, next.attempt, avoiding: nil)
    }
  }

  /// Its configuration is gone: calls under way end, and connections close after them.
  func retire() {
    isRetired = true
    holder = upstream
    for pool in pools { pool.drain() }
    if pools.allSatisfy(\.isEmpty) { holder = nil }
  }
}

extension UpstreamFailure {
  /// For operators.
  var words: String {
    switch self {
    case .unreachable: "no connection"
    case .untrusted(let fault): fault.description
    case .broken: "a broken answer"
    case .timedOut: "no answer in time"
    case .tooLarge: "an answer that is too large"
    case .ejected: "it is out"
    case .overloaded: "too many calls"
    }
  }
}
