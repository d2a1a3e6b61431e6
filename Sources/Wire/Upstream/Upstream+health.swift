/// Good and bad answers in a row to the gateway's own checks. A value.
struct CheckStreak {
  private(set) var isOut = false
  /// How often it has gone out.
  private(set) var outCount = 0
  private var good = 0
  private var bad = 0

  /// True when it has gone out or come back.
  mutating func answered(_ isGood: Bool, _ rules: UpstreamSettings.Check) -> Bool {
    if isGood {
      (good, bad) = (good + 1, 0)
      guard isOut, good >= rules.goodMinimum else { return false }
    } else {
      (good, bad) = (0, bad + 1)
      guard !isOut, bad >= rules.badMaximum else { return false }
    }
    isOut.toggle()
    if isOut { outCount += 1 }
    return true
  }
}

/// What is learnt about endpoints, by calls and by checks. Any thread.
extension Upstream {
  /// A call met a fault at an endpoint.
  func met(_ fault: CircuitBreaker.Fault, _ endpoint: UpstreamEndpoint, _ words: String, at now: UInt64) {
    update(endpoint, at: now) { member, mayLeave, jitter in
      member.lastFault = words
      return member.breaker.failed(fault, at: now, mayLeave: mayLeave, jitter: jitter)
    }
  }

  /// An endpoint that something spoke against has answered a call.
  func succeeded(_ endpoint: UpstreamEndpoint, at now: UInt64) {
    update(endpoint, at: now) { member, _, _ in member.breaker.succeeded(at: now) }
  }

  /// The connection that was tried after the endpoint's time worked, or did not.
  func probed(_ endpoint: UpstreamEndpoint, fault: String?, at now: UInt64) {
    update(endpoint, at: now) { member, mayLeave, jitter in
      if let fault { member.lastFault = fault }
      return member.breaker.probed(fault == nil, at: now, mayLeave: mayLeave, jitter: jitter)
    }
  }

  /// A check was answered.
  func checked(_ endpoint: UpstreamEndpoint, fault: String?, _ rules: UpstreamSettings.Check, at now: UInt64) {
    update(endpoint, at: now) { member, _, _ in
      if let fault { member.lastFault = "check: \(fault)" }
      return member.check.answered(fault == nil, rules)
    }
  }

  /// Changes what is known of an endpoint, and tells the loops and the operator when its standing is another.
  private func update(
    _ endpoint: UpstreamEndpoint, at now: UInt64, _ change: (inout Member, _ mayLeave: Bool, _ jitter: Double) -> Bool
  ) {
    let (isChanged, news) = state.withLock { state -> (Bool, UpstreamNotice?) in
      guard let index = state.index(endpoint) else { return (false, nil) }
      let mayLeave = state.canDoWithout(index)
      let jitter = Double.random(in: 0..<1, using: &state.random)
      let isChanged = change(&state.members[index], mayLeave, jitter)
      endpoint.isSuspect.store(!state.members[index].breaker.isQuiet, ordering: .relaxed)
      if isChanged, state.members[index].standing == .healthy { state.members[index].sinceNanoseconds = now }
      return (isChanged, isChanged ? state.members[index].news(name) : nil)
    }
    if let news { notice(news) }
    if isChanged { changed() }
  }

  // MARK: Addresses

  /// What a target's name stands for now; nothing when it could not be looked up: then the last answer stays.
  func resolved(_ targetIndex: Int, _ addresses: [SocketAddress], at now: UInt64) {
    let (isChanged, news) = state.withLock { state -> (Bool, UpstreamNotice?) in
      let wasUnresolved = state.unresolved.remove(targetIndex) != nil
      guard !addresses.isEmpty else { return (wasUnresolved, wasUnresolved ? unknownName(targetIndex) : nil) }
      let isOther = state.take(addresses, of: targetIndex, settings, at: wasUnresolved ? nil : now)
      return (isOther || wasUnresolved, isOther && !wasUnresolved ? newAddresses(targetIndex, addresses) : nil)
    }
    if let news { notice(news) }
    if isChanged { changed() }
  }

  private func unknownName(_ targetIndex: Int) -> UpstreamNotice {
    UpstreamNotice(
      .unresolved, "upstream \(name): the name of \(settings.targets[targetIndex].target.authority) cannot be looked up")
  }

  private func newAddresses(_ targetIndex: Int, _ addresses: [SocketAddress]) -> UpstreamNotice {
    let list = addresses.prefix(8).map(\.host).joined(separator: ", ")
    return UpstreamNotice(.moved, "upstream \(name): \(settings.targets[targetIndex].target.authority) is at \(list) now")
  }

  // MARK: For people

  /// How it stands now. Any thread.
  public func snapshot() -> UpstreamState {
    let members = state.withLock { state in
      // What has drained is gone.
      state.members.removeAll { $0.isDraining && $0.endpoint.totals.connections == 0 }
      return state.members
    }
    let shown = settings.targets.enumerated().flatMap { index, target in
      let known = members.filter { $0.endpoint.targetIndex == index }
      return known.isEmpty ? [UpstreamTargetState(unresolved: target.target)] : known.map(\.shown)
    }
    return UpstreamState(name: name, waitingCalls: waitingCalls, targets: shown)
  }
}

extension UpstreamTargetState {
  /// A name that stands for no address.
  fileprivate init(unresolved target: UpstreamTarget) {
    self.init(
      target: target.authority, address: "", standing: .ejected, openConnections: 0, callsUnderWay: 0, callsAnswered: 0,
      callsFailed: 0, callsRetried: 0, ejections: 0, lastFault: "the name cannot be looked up")
  }
}

extension Upstream.Member {
  fileprivate var shown: UpstreamTargetState {
    let totals = endpoint.totals
    return UpstreamTargetState(
      target: endpoint.target.authority, address: endpoint.address.host, standing: standing, openConnections: totals.connections,
      callsUnderWay: totals.underWay, callsAnswered: totals.answered, callsFailed: totals.failed, callsRetried: totals.retried,
      ejections: breaker.ejections + check.outCount, lastFault: lastFault)
  }

  /// A line when it is out and nobody was told, or back and somebody was. One that comes and goes between trials is told once.
  fileprivate mutating func news(_ upstream: String) -> UpstreamNotice? {
    switch standing {
    case .ejected where !isToldOut:
      isToldOut = true
      return UpstreamNotice(.out, "upstream \(upstream): \(endpoint.label) is out: \(lastFault ?? "unknown")")
    case .healthy where isToldOut:
      isToldOut = false
      return UpstreamNotice(.back, "upstream \(upstream): \(endpoint.label) is back")
    default: return nil
    }
  }
}

extension Upstream.State {
  /// More addresses of one name are not used.
  private static let addressesMaximum = 64

  /// True when another address came or one went.
  fileprivate mutating func take(
    _ addresses: [SocketAddress], of targetIndex: Int, _ settings: UpstreamSettings, at now: UInt64?
  ) -> Bool {
    var isChanged = false
    let kept = addresses.prefix(Self.addressesMaximum)
    for index in members.indices where members[index].endpoint.targetIndex == targetIndex {
      let isGone = !kept.contains(members[index].endpoint.address)
      guard members[index].isDraining != isGone else { continue }
      members[index].isDraining = isGone
      members[index].sinceNanoseconds = now
      isChanged = true
    }
    members.removeAll { $0.isDraining && $0.endpoint.totals.connections == 0 }
    for address in kept {
      guard !members.contains(where: { $0.endpoint.targetIndex == targetIndex && $0.endpoint.address == address }) else {
        continue
      }
      let endpoint = UpstreamEndpoint(settings.targets[targetIndex], targetIndex: targetIndex, address: address)
      members.append(
        Upstream.Member(endpoint: endpoint, breaker: CircuitBreaker(settings.health), sinceNanoseconds: now))
      isChanged = true
    }
    return isChanged
  }
}
