/// What is done for an upstream beside its calls: names are looked up again, targets checked, and those whose time is over tried with a
/// connection. Confined to its loop, the first; it holds its upstream until it is stopped.
final class UpstreamWatch: TimerTarget, @unchecked Sendable {
  /// When a target's name is looked up next.
  private struct Name {
    let targetIndex: Int
    var dueNanoseconds: UInt64 = 0
    var isAsked = false
    var failures: UInt64 = 0
  }

  /// Questions to one endpoint.
  private struct Questions {
    var checkDueNanoseconds: UInt64
    var isChecked = false
    var isProbed = false
  }

  private var upstream: Upstream?
  private let settings: UpstreamSettings
  private let loop: EventLoop
  private let names: NameLookup
  private var lookups: [Name]
  private var questions: [ObjectIdentifier: Questions] = [:]
  private var random = SystemRandomNumberGenerator()
  private lazy var timer = LoopTimer(self)

  init(_ upstream: Upstream, loop: EventLoop, names: NameLookup) {
    self.upstream = upstream
    settings = upstream.settings
    self.loop = loop
    self.names = names
    lookups = settings.targets.indices.compactMap { index in
      let target = upstream.settings.targets[index].target
      return SocketAddress(ip: target.host, port: target.port) == nil ? Name(targetIndex: index) : nil
    }
  }

  func stop() {
    loop.timers.cancel(timer)
    upstream = nil
  }

  func timerFired(_ timer: LoopTimer) { tick() }

  /// Does what is due, and sets the timer for what comes next.
  func tick() {
    guard let upstream else { return }
    let now = loop.nowNanoseconds
    for index in lookups.indices where !lookups[index].isAsked && lookups[index].dueNanoseconds <= now { lookUp(index) }
    var next = lookups.filter { !$0.isAsked }.map(\.dueNanoseconds).min() ?? .max
    let members = upstream.state.withLock { $0.members.filter { !$0.isDraining } }
    let present = Set(members.map { ObjectIdentifier($0.endpoint) })
    questions = questions.filter { present.contains($0.key) }
    for member in members { next = min(next, attend(to: member, at: now)) }
    if next == .max { loop.timers.cancel(timer) } else { loop.timers.set(timer, at: next) }
  }

  // MARK: Endpoints

  /// Asks what is due; gives when the next is.
  private func attend(to member: Upstream.Member, at now: UInt64) -> UInt64 {
    let key = ObjectIdentifier(member.endpoint)
    var mine = questions[key] ?? Questions(checkDueNanoseconds: now + spread(0))
    var next = UInt64.max
    if case .open(let until) = member.breaker.state, !mine.isProbed {
      if until <= now { mine.isProbed = true; probe(member.endpoint) } else { next = until }
    }
    if let check = settings.check, !mine.isChecked {
      if mine.checkDueNanoseconds <= now {
        mine.isChecked = true
        self.check(member.endpoint, check)
      } else {
        next = min(next, mine.checkDueNanoseconds)
      }
    }
    questions[key] = mine
    return next
  }

  private func probe(_ endpoint: UpstreamEndpoint) {
    let path = settings.check?.path
    let milliseconds = settings.check?.timeoutMilliseconds ?? settings.limits.connectSecondsMaximum * 1000
    // In a turn of its own: the answer may come before the question has returned.
    loop.execute { [self] in
      TargetCheck.run(endpoint, path: path, timeoutMilliseconds: milliseconds, loop: loop) { [self] fault in
        questions[ObjectIdentifier(endpoint)]?.isProbed = false
        upstream?.probed(endpoint, fault: fault, at: loop.nowNanoseconds)
        tick()
      }
    }
  }

  private func check(_ endpoint: UpstreamEndpoint, _ rules: UpstreamSettings.Check) {
    loop.execute { [self] in
      TargetCheck.run(endpoint, path: rules.path, timeoutMilliseconds: rules.timeoutMilliseconds, loop: loop) { [self] fault in
        let due = loop.nowNanoseconds + spread(UInt64(rules.intervalMilliseconds) * 1_000_000)
        questions[ObjectIdentifier(endpoint)]?.isChecked = false
        questions[ObjectIdentifier(endpoint)]?.checkDueNanoseconds = due
        upstream?.checked(endpoint, fault: fault, rules, at: loop.nowNanoseconds)
        tick()
      }
    }
  }

  /// A tenth more or less, so that gateways do not all ask at the same moment; for the first check a part of the interval.
  private func spread(_ nanoseconds: UInt64) -> UInt64 {
    guard nanoseconds > 0 else {
      return UInt64.random(in: 0...UInt64(settings.check?.intervalMilliseconds ?? 0) * 1_000_000 / 10, using: &random)
    }
    return UInt64.random(in: nanoseconds - nanoseconds / 10...nanoseconds + nanoseconds / 10, using: &random)
  }

  // MARK: Names

  private func lookUp(_ index: Int) {
    lookups[index].isAsked = true
    let target = settings.targets[lookups[index].targetIndex].target
    names.addresses(of: target.host, port: target.port) { [self] addresses in
      loop.execute { [self] in found(addresses, index) }
    }
  }

  /// `getaddrinfo` does not say how long an answer holds, so a time of the configuration does; a failure is asked again soon, and then
  /// less and less often.
  private func found(_ addresses: [SocketAddress], _ index: Int) {
    let now = loop.nowNanoseconds
    let usual = UInt64(settings.resolveSeconds) * 1_000_000_000
    lookups[index].isAsked = false
    lookups[index].failures = addresses.isEmpty ? lookups[index].failures + 1 : 0
    let wait = addresses.isEmpty ? min(usual, 1_000_000_000 << min(lookups[index].failures - 1, 6)) : spread(usual)
    lookups[index].dueNanoseconds = now + wait
    upstream?.resolved(lookups[index].targetIndex, addresses, at: now)
    tick()
  }
}
