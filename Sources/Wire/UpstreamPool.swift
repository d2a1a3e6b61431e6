import Bytes

/// The connections of one loop to one backend: kept open between calls, limited in number, with a bounded queue before them.
/// Confined to its loop.
public final class UpstreamPool: @unchecked Sendable, TimerTarget {
  public let loop: EventLoop
  public let target: UpstreamTarget
  let limits: UpstreamLimits
  private var idle: [UpstreamConnection] = []
  private var connections: [ObjectIdentifier: UpstreamConnection] = [:]
  private var waiting: [any UpstreamCall] = []
  private var resolver: UpstreamResolver
  private lazy var timer = LoopTimer(self)
  private var isClosed = false
  private var isDraining = false
  /// Itself, while it drains and has connections or calls: its owner has let go of it, and connections do not keep it.
  private var keptWhileDraining: UpstreamPool?

  public init(loop: EventLoop, target: UpstreamTarget, limits: UpstreamLimits = UpstreamLimits()) {
    self.loop = loop
    self.target = target
    self.limits = limits
    resolver = UpstreamResolver(target: target)
  }

  /// A pool that connects to these addresses whatever the target's name stands for; the name is still what `Host`, the server
  /// name and the certificate are about.
  ///
  /// - Precondition: at least one address.
  init(loop: EventLoop, target: UpstreamTarget, addresses: [SocketAddress], limits: UpstreamLimits) {
    self.loop = loop
    self.target = target
    self.limits = limits
    resolver = UpstreamResolver(fixed: addresses)
  }

  /// Sends a call over a kept connection, a new one, or the next that becomes free. On the loop.
  public func send(_ call: any UpstreamCall) {
    guard !isClosed else { call.failed(.unreachable); return }
    guard call.deadlineNanoseconds > loop.nowNanoseconds else { call.failed(.timedOut); return }
    while let connection = idle.popLast() {
      if connection.send(call) { return }
    }
    open(for: call)
    keepWhileNeeded()
  }

  /// Of this pool at most.
  public var connectionsMaximum: Int { limits.connectionsMaximum }

  /// Closes what is idle, and each other connection when its call has ended. Calls are still taken: those that began before. On the loop.
  public func drain() {
    isDraining = true
    let resting = idle
    idle = []
    for connection in resting { connection.close(nil) }
    keepWhileNeeded()
  }

  private func keepWhileNeeded() {
    guard isDraining else { return }
    guard connections.isEmpty, waiting.isEmpty else { keptWhileDraining = self; return }
    loop.timers.cancel(timer)
    // Not within a method of its own.
    if let kept = keptWhileDraining { loop.execute { withExtendedLifetime(kept) {} } }
    keptWhileDraining = nil
  }

  /// Closes all connections; calls that wait fail.
  public func close() {
    isClosed = true
    loop.timers.cancel(timer)
    let left = waiting
    waiting = []
    for call in left { call.failed(.unreachable) }
    for connection in Array(connections.values) { connection.close(.unreachable) }
  }

  /// Makes a connection for the call, or lets it wait.
  func open(for call: any UpstreamCall) {
    guard connections.count < limits.connectionsMaximum else { wait(call); return }
    switch resolver.addresses(at: loop.nowNanoseconds) {
    case .known(let addresses): connect(call, addresses)
    case .failed: call.failed(.unreachable)
    case .asked: wait(call)
    case .unknown:
      wait(call)
      resolve()
    }
  }

  private func connect(_ call: any UpstreamCall, _ addresses: [SocketAddress]) {
    let connection = UpstreamConnection(pool: self)
    connections[ObjectIdentifier(connection)] = connection
    connection.open(call, addresses: addresses)
  }

  private func wait(_ call: any UpstreamCall) {
    guard waiting.count < limits.queueMaximum else { call.failed(.unreachable); return }
    waiting.append(call)
    // Not moved while it is on: calls that keep coming would move it ahead for ever.
    if timer.deadlineNanoseconds == nil { loop.timers.set(timer, at: loop.nowNanoseconds + TimerWheel.slotNanoseconds * 4) }
  }

  /// The next call that waits and still has time.
  private func nextWaiting() -> (any UpstreamCall)? {
    while !waiting.isEmpty {
      let call = waiting.removeFirst()
      if call.deadlineNanoseconds > loop.nowNanoseconds { return call }
      call.failed(.timedOut)
    }
    return nil
  }

  /// Calls whose time has passed while they waited.
  public func timerFired(_ timer: LoopTimer) {
    let now = loop.nowNanoseconds
    let late = waiting.filter { $0.deadlineNanoseconds <= now }
    waiting.removeAll { $0.deadlineNanoseconds <= now }
    for call in late { call.failed(.timedOut) }
    if !waiting.isEmpty { loop.timers.set(timer, at: now + TimerWheel.slotNanoseconds * 4) }
    keepWhileNeeded()
  }

  // MARK: From the connections

  /// The connection can take another call.
  func freed(_ connection: UpstreamConnection) {
    if let call = nextWaiting() {
      if !connection.send(call) { open(for: call) }
      return
    }
    guard idle.count < limits.idleConnectionsMaximum, !isClosed, !isDraining else { connection.close(nil); return }
    idle.append(connection)
  }

  func closed(_ connection: UpstreamConnection) {
    connections[ObjectIdentifier(connection)] = nil
    idle.removeAll { $0 === connection }
    defer { keepWhileNeeded() }
    guard !isClosed, connections.count < limits.connectionsMaximum, let call = nextWaiting() else { return }
    open(for: call)
  }

  // MARK: Names

  private func resolve() {
    resolver.isAsked = true
    NameLookup.forBackends.addresses(of: target.host, port: target.port) { [weak self, loop] addresses in
      loop.execute { [weak self] in self?.resolved(addresses) }
    }
  }

  private func resolved(_ addresses: [SocketAddress]) {
    resolver.learn(addresses, at: loop.nowNanoseconds)
    let calls = waiting
    waiting = []
    for call in calls {
      if call.deadlineNanoseconds > loop.nowNanoseconds { open(for: call) } else { call.failed(.timedOut) }
    }
    keepWhileNeeded()
  }
}
