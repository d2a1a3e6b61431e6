import Bytes

/// The connections of one loop to one backend: kept open between calls, limited in number, with a bounded queue before them.
/// Confined to its loop.
///
/// It stands alone, with a name that it looks up itself; or it has a seat in an `UpstreamGroup`, for one address of several, and shares
/// the group's line of waiting calls.
public final class UpstreamPool: @unchecked Sendable {
  /// Its place in a group.
  final class Seat {
    /// Outlives its pools.
    unowned let group: UpstreamGroup
    let endpoint: UpstreamEndpoint
    let counts: UpstreamCounts

    init(_ group: UpstreamGroup, _ endpoint: UpstreamEndpoint) {
      self.group = group
      self.endpoint = endpoint
      counts = endpoint.makeCounts()
    }
  }

  public let loop: EventLoop
  public let target: UpstreamTarget
  /// The value of `Host`.
  let authority: [UInt8]
  let limits: UpstreamLimits
  let seat: Seat?
  private let line: WaitingLine
  private var idle: [UpstreamConnection] = []
  private var connections: [ObjectIdentifier: UpstreamConnection] = [:]
  private var resolver: UpstreamResolver
  private var isClosed = false
  /// Keeps no connection that has nothing to do.
  private(set) var isDraining = false
  /// Takes calls that wait.
  var takesWaiting = true
  /// Calls that a connection has, or that one is being made for.
  private(set) var underWay = 0

  public convenience init(loop: EventLoop, target: UpstreamTarget, limits: UpstreamLimits = UpstreamLimits()) {
    self.init(loop, target, limits, UpstreamResolver(target: target), WaitingLine(loop: loop, limits: limits), nil)
  }

  /// A pool that connects to these addresses whatever the target's name stands for; the name is still what `Host`, the server
  /// name and the certificate are about.
  ///
  /// - Precondition: at least one address.
  convenience init(loop: EventLoop, target: UpstreamTarget, addresses: [SocketAddress], limits: UpstreamLimits) {
    self.init(loop, target, limits, UpstreamResolver(fixed: addresses), WaitingLine(loop: loop, limits: limits), nil)
  }

  /// A pool for one endpoint of a group.
  convenience init(loop: EventLoop, limits: UpstreamLimits, line: WaitingLine, seat: Seat) {
    let endpoint = seat.endpoint
    self.init(loop, endpoint.target, limits, UpstreamResolver(fixed: [endpoint.address]), line, seat)
  }

  private init(
    _ loop: EventLoop, _ target: UpstreamTarget, _ limits: UpstreamLimits, _ resolver: UpstreamResolver, _ line: WaitingLine,
    _ seat: Seat?
  ) {
    self.loop = loop
    self.target = target
    self.limits = limits
    self.resolver = resolver
    self.line = line
    self.seat = seat
    authority = Array(target.authority.utf8)
  }

  /// A call would not have to wait.
  var hasRoom: Bool { !idle.isEmpty || connections.count < limits.connectionsMaximum }
  var isEmpty: Bool { connections.isEmpty }
  /// Nobody waits for anything here.
  var isQuiet: Bool { connections.isEmpty && line.isEmpty }

  /// Sends a call over a kept connection, a new one, or the next that becomes free. On the loop.
  public func send(_ call: any UpstreamCall) { send(call, UpstreamAttempt()) }

  func send(_ call: any UpstreamCall, _ attempt: UpstreamAttempt) {
    guard !isClosed else { call.failed(.unreachable); return }
    guard call.deadlineNanoseconds > loop.nowNanoseconds else { call.failed(.timedOut); return }
    // Before it is sent: it may have ended when sending returns.
    began()
    while let connection = idle.popLast() {
      if connection.send(call, attempt) { return }
    }
    ended()
    open(for: call, attempt)
  }

  /// Closes all connections; calls that wait fail. For a pool that stands alone.
  public func close() {
    isClosed = true
    line.fail(.unreachable)
    for connection in Array(connections.values) { connection.close(.unreachable) }
  }

  /// Closes what has nothing to do, now and from now on. Calls under way end as they would.
  func drain() {
    isDraining = true
    let unused = idle
    idle = []
    for connection in unused { connection.close(nil) }
  }

  /// Keeps connections again.
  func stopDraining() { isDraining = false }

  /// Makes a connection for the call, or lets it wait.
  private func open(for call: any UpstreamCall, _ attempt: UpstreamAttempt) {
    guard connections.count < limits.connectionsMaximum else { line.append(call, attempt); return }
    switch resolver.addresses(at: loop.nowNanoseconds) {
    case .known(let addresses): connect(call, attempt, addresses)
    case .failed: call.failed(.unreachable)
    case .asked: line.append(call, attempt)
    case .unknown:
      line.append(call, attempt)
      resolve()
    }
  }

  private func connect(_ call: any UpstreamCall, _ attempt: UpstreamAttempt, _ addresses: [SocketAddress]) {
    let connection = UpstreamConnection(pool: self)
    connections[ObjectIdentifier(connection)] = connection
    seat?.group.opened()
    countConnections()
    began()
    connection.open(call, attempt, addresses: addresses)
  }

  // MARK: Counting

  private func began() {
    underWay += 1
    seat?.counts.underWay.store(underWay, ordering: .relaxed)
  }

  private func ended() {
    underWay -= 1
    seat?.counts.underWay.store(underWay, ordering: .relaxed)
  }

  private func countConnections() { seat?.counts.connections.store(connections.count, ordering: .relaxed) }

  // MARK: From the connections

  /// A call has its answer.
  func answered(_ status: Int) {
    ended()
    guard let seat else { return }
    seat.counts.countAnswer()
    if status >= 500 || seat.endpoint.isSuspect.load(ordering: .relaxed) { seat.group.answered(status, by: seat.endpoint) }
  }

  /// A call gets no answer from this connection.
  func failed(_ call: any UpstreamCall, _ failure: UpstreamFailure, _ stage: UpstreamStage, _ attempt: UpstreamAttempt) {
    ended()
    guard let seat else { call.failed(failure); return }
    seat.counts.countFailure()
    seat.group.failed(call, failure, stage, attempt, in: self)
  }

  /// A call was no longer wanted when its turn came.
  func dismissed(_ call: any UpstreamCall) {
    ended()
    call.dismissed()
  }

  /// A call that may be sent again met a kept connection that was dead. That says nothing about the backend.
  func wentStale(_ call: any UpstreamCall, _ attempt: UpstreamAttempt) {
    ended()
    if let seat {
      guard seat.group.takeRetry() else {
        seat.counts.countFailure()
        call.failed(.broken)
        return
      }
      seat.counts.countRetry()
    }
    open(for: call, attempt.again)
  }

  /// The connection can take another call.
  func freed(_ connection: UpstreamConnection) {
    if takesWaiting, let next = line.next() {
      began()
      if !connection.send(next.call, next.attempt) {
        ended()
        open(for: next.call, next.attempt)
      }
      return
    }
    guard idle.count < limits.idleConnectionsMaximum, !isClosed, !isDraining else { connection.close(nil); return }
    idle.append(connection)
  }

  func closed(_ connection: UpstreamConnection) {
    connections[ObjectIdentifier(connection)] = nil
    idle.removeAll { $0 === connection }
    countConnections()
    if isDraining, connections.isEmpty { seat?.group.emptied(self) }
    guard !line.isEmpty, takesWaiting, !isClosed else { return }
    // Not at once: were the next connection refused in the same breath, and the next, so many calls would stand on the stack.
    loop.execute { [self] in serveWaiting() }
  }

  /// Calls that wait get the connections that there may be.
  func serveWaiting() {
    while takesWaiting, !isClosed, hasRoom, let next = line.next() { send(next.call, next.attempt) }
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
    for entry in line.takeAll() {
      if entry.call.deadlineNanoseconds > loop.nowNanoseconds {
        open(for: entry.call, entry.attempt)
      } else {
        entry.call.failed(.timedOut)
      }
    }
  }
}
