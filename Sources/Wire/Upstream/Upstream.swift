import Synchronization

/// The targets of an API: which addresses they have, which of them may be asked, and the pools of all loops.
///
/// Calls go through the `UpstreamGroup` of their loop. What is shared, health and addresses, is here, behind a lock that only faults and
/// changes take; each change is sent to all loops. A name that is looked up and checks of targets run on the first loop
/// (`UpstreamWatch`). Lives until `retire`.
public final class Upstream: @unchecked Sendable {
  /// One endpoint, as a loop needs it.
  struct Place {
    let endpoint: UpstreamEndpoint
    let standing: UpstreamTargetState.Standing
    /// When it came, or came back; nil when it was there from the beginning.
    let sinceNanoseconds: UInt64?
  }

  struct Roster {
    let places: [Place]
    let isResolving: Bool
  }

  /// What is known of one endpoint.
  struct Member {
    let endpoint: UpstreamEndpoint
    var breaker: CircuitBreaker
    var check = CheckStreak()
    var isDraining = false
    var sinceNanoseconds: UInt64?
    var lastFault: String?
    /// The operator was told that it is out.
    var isToldOut = false

    var standing: UpstreamTargetState.Standing {
      if isDraining { return .draining }
      if check.isOut { return .ejected }
      return switch breaker.state {
      case .closed: .healthy
      case .open: .ejected
      case .halfOpen: .probing
      }
    }
  }

  struct State {
    var members: [Member] = []
    /// Targets whose names were not looked up yet.
    var unresolved: Set<Int> = []
    var random = SystemRandomNumberGenerator()
  }

  public let name: String
  public let settings: UpstreamSettings
  let notice: @Sendable (UpstreamNotice) -> Void
  let state: Mutex<State>
  /// By the index of the loop. Written once, in the initializer.
  private var groups: [UpstreamGroup] = []
  /// Confined to the first loop, but for the reference.
  private var watch: UpstreamWatch?

  /// - Parameters:
  ///   - name: the API's, for operators.
  ///   - loops: by their index; calls come from these.
  ///   - notice: told when a target goes out, comes back or moves; any thread.
  public convenience init(
    name: String, settings: UpstreamSettings, loops: [EventLoop], notice: @escaping @Sendable (UpstreamNotice) -> Void = { _ in }
  ) {
    self.init(name: name, settings: settings, loops: loops, names: .forBackends, notice: notice)
  }

  init(
    name: String, settings: UpstreamSettings, loops: [EventLoop], names: NameLookup,
    notice: @escaping @Sendable (UpstreamNotice) -> Void
  ) {
    self.name = name
    self.settings = settings
    self.notice = notice
    var begin = State()
    for (index, target) in settings.targets.enumerated() {
      if let address = SocketAddress(ip: target.target.host, port: target.target.port) {
        begin.members.append(
          Member(
            endpoint: UpstreamEndpoint(target, targetIndex: index, address: address), breaker: CircuitBreaker(settings.health)))
      } else {
        begin.unresolved.insert(index)
      }
    }
    state = Mutex(begin)
    groups = loops.map { UpstreamGroup(self, loop: $0) }
    watch = UpstreamWatch(self, loop: loops[0], names: names)
    changed()
  }

  /// Sends a call to one of the targets. On the loop, which is one of those of the initializer.
  @inline(__always)
  public func send(_ call: any UpstreamCall, on loop: EventLoop) { groups[loop.index].send(call) }

  /// Takes no new connections into keeping: calls under way end, others that still come are sent, and what is then not used is closed.
  /// Nothing is looked up or checked any more. Any thread; once, when another `Upstream` has taken its place.
  public func retire() {
    for group in groups { group.loop.execute { [self] in withExtendedLifetime(self) { group.retire() } } }
    groups.first?.loop.execute { [self] in
      watch?.stop()
      watch = nil
    }
  }

  /// In how many seconds a call may find a target again: 1 or more. Any thread.
  public func retryAfterSeconds(at now: UInt64) -> Int {
    let until = state.withLock { state in
      state.members.compactMap { member -> UInt64? in
        guard case .open(let until) = member.breaker.state else { return nil }
        return until
      }.min()
    }
    guard let until, until > now else { return 1 }
    return Int((until - now) / 1_000_000_000) + 1
  }

  /// Calls that wait for a connection. Any thread.
  var waitingCalls: Int { groups.reduce(0) { $0 + $1.line.shown.load(ordering: .relaxed) } }

  // MARK: For the loops

  func roster() -> Roster {
    state.withLock { state in
      let places = state.members.filter { !$0.isDraining }.map {
        Place(endpoint: $0.endpoint, standing: $0.standing, sinceNanoseconds: $0.sinceNanoseconds)
      }
      return Roster(places: places, isResolving: places.isEmpty && !state.unresolved.isEmpty)
    }
  }

  /// The right to try an endpoint whose time is over.
  func takeLease(_ endpoint: UpstreamEndpoint, at now: UInt64) -> Bool {
    state.withLock { state in
      guard let index = state.index(endpoint) else { return false }
      return state.members[index].breaker.takeLease(at: now)
    }
  }

  /// All loops take over what is so now.
  func changed() {
    for group in groups { group.loop.execute { [self] in withExtendedLifetime(self) { group.refresh() } } }
    groups.first?.loop.execute { [self] in watch?.tick() }
  }
}

extension Upstream.State {
  func index(_ endpoint: UpstreamEndpoint) -> Int? { members.firstIndex { $0.endpoint === endpoint } }

  /// Enough are healthy without this one, so that bad answers can take it out: half of all.
  func canDoWithout(_ index: Int) -> Bool {
    let present = members.count { !$0.isDraining }
    let others = members.indices.count { $0 != index && members[$0].standing == .healthy }
    return others * 2 >= present
  }
}
