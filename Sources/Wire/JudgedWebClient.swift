import Bytes

/// A client for servers that others named and that are asked often: the sinks of events. Like `WebClient` it looks a name up once, judges
/// every address that it stands for, and connects to these very addresses; unlike it, it keeps the connections for some seconds. After
/// that the name is looked up and judged again, so that nobody is led elsewhere by an answer of long ago, nor by one of just now (A19, A20,
/// A21).
///
/// TLS is for the name still, and redirects are answers like any other. The servers do not touch one another: each has connections and a
/// line of its own, for each owner whom a caller tells apart, and of servers there are so many at most. A request may be sent twice when a kept connection turns out to be dead.
/// Safe from any thread.
public final class JudgedWebClient: TimerTarget, @unchecked Sendable {
  public struct Limits: Sendable {
    /// To one server at a time.
    public var connectionsMaximum = 4
    /// Requests to one server that wait for a connection, each within its own time; one more fails at once.
    public var waitingMaximum = 256
    /// Servers whose connections are kept.
    public var serversMaximum = 1024
    /// How long what was looked up is believed.
    public var keptSeconds = 30
    public var answerBytesMaximum = 16_384
    /// For one address, so that the others have a turn too.
    public var connectSecondsMaximum = 5

    public init() {}
  }

  private struct Origin: Hashable {
    var host: String
    var port: Int
    var isSecure: Bool
    var owner: String
  }

  /// What is known of a server.
  private enum Place {
    case asked([JudgedCall])
    case known(UpstreamPool, untilNanoseconds: UInt64)
  }

  private static let tickNanoseconds: UInt64 = 1_000_000_000

  private let loop: EventLoop
  private let tls: TLSClientContext
  private let rule: AddressRule
  private let limits: Limits
  private let names: NameLookup

  // Confined to the loop.
  private var places: [Origin: Place] = [:]
  /// Those that take nothing more, until the last of theirs has its answer.
  private var retired: [UpstreamPool] = []
  private lazy var timer = LoopTimer(self)

  /// - Parameters:
  ///   - loop: does the work; running.
  ///   - rule: `publicOnly`, with what the operator allows beside it.
  public convenience init(loop: EventLoop, tls: TLSClientContext, rule: AddressRule, limits: Limits = Limits()) {
    self.init(loop: loop, tls: tls, rule: rule, limits: limits, names: .forSinks)
  }

  init(loop: EventLoop, tls: TLSClientContext, rule: AddressRule, limits: Limits, names: NameLookup) {
    self.loop = loop
    self.tls = tls
    self.rule = rule
    self.limits = limits
    self.names = names
  }

  /// Sends one request and waits for the whole answer.
  ///
  /// - Parameters:
  ///   - owner: shares connections and line with nobody else; who tells nobody apart has one for all.
  ///   - fields: beside `Host`, `Connection` and `Content-Length`, which are written here.
  ///   - timeoutMilliseconds: for all of it: look-up, connection, handshake, answer.
  ///   - isStillWanted: asked on the loop right before the request is written, also when it is written a second time; false writes nothing.
  /// - Throws: `WebFailure`; `unwanted` when it was not.
  public func send(
    _ method: String, to address: WebAddress, fields: [(name: String, value: String)] = [], body: [UInt8] = [],
    owner: String = "", timeoutMilliseconds: Int, isStillWanted: @escaping @Sendable () -> Bool = { true }
  ) async throws(WebFailure) -> HTTPResponse {
    let request = HTTPClientRequest(
      host: address.host, port: address.port, method: method, target: address.target, fields: fields, body: body)
    guard request.isWellFormed else { throw .broken }
    let origin = Origin(host: address.host, port: address.port, isSecure: address.isSecure, owner: owner)
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<HTTPResponse, WebFailure>, Never>) in
      loop.execute { [self] in
        let deadline = loop.nowNanoseconds + UInt64(max(0, timeoutMilliseconds)) * 1_000_000
        let call = JudgedCall(request, loop: loop, deadlineNanoseconds: deadline, isWanted: isStillWanted) {
          continuation.resume(returning: $0)
        }
        start(call, to: origin)
      }
    }
    return try result.get()
  }

  /// Looks a name up and judges what it stands for, and connects to nothing.
  ///
  /// - Throws: `unresolvable`, `forbiddenAddress` or `timedOut`.
  public func judge(_ address: WebAddress, timeoutMilliseconds: Int) async throws(WebFailure) {
    let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<Void, WebFailure>, Never>) in
      loop.execute { [self] in
        if let numeric = address.numericAddress {
          continuation.resume(returning: verdict([numeric]).map { .failure($0) } ?? .success(()))
          return
        }
        let deadline = loop.nowNanoseconds + UInt64(max(0, timeoutMilliseconds)) * 1_000_000
        let question = Question(loop: loop, deadlineNanoseconds: deadline) { [self] addresses in
          let failure = addresses.map { verdict($0) } ?? .timedOut
          continuation.resume(returning: failure.map { .failure($0) } ?? .success(()))
        }
        question.ask(names, address)
      }
    }
    try result.get()
  }

  /// Nil when all may be gone to. One that is forbidden refuses all: a name that stands for both is made to be tried until the wrong one
  /// comes up.
  private func verdict(_ addresses: [SocketAddress]) -> WebFailure? {
    guard !addresses.isEmpty else { return .unresolvable }
    return addresses.allSatisfy(rule.allows) ? nil : .forbiddenAddress
  }

  // MARK: On the loop

  private func start(_ call: JudgedCall, to origin: Origin) {
    switch places[origin] {
    case .known(let pool, let until) where until > loop.nowNanoseconds: call.start(in: pool)
    case .known(let pool, _):
      retire(pool)
      ask(call, origin)
    case .asked(var waiting):
      guard waiting.count < limits.waitingMaximum else { call.end(.failure(.unreachable)); return }
      waiting.append(call)
      places[origin] = .asked(waiting)
      call.watch()
    case nil:
      guard places.count < limits.serversMaximum || makeRoom() else { call.end(.failure(.unreachable)); return }
      ask(call, origin)
    }
  }

  private func ask(_ call: JudgedCall, _ origin: Origin) {
    if timer.deadlineNanoseconds == nil { loop.setTimer(timer, afterNanoseconds: Self.tickNanoseconds) }
    if let address = SocketAddress(ip: origin.host, port: origin.port) {
      places[origin] = .asked([call])
      return answered([address], origin)
    }
    places[origin] = .asked([call])
    call.watch()
    names.addresses(of: origin.host, port: origin.port) { [weak self, loop] addresses in
      loop.execute { [weak self] in self?.answered(addresses, origin) }
    }
  }

  private func answered(_ addresses: [SocketAddress], _ origin: Origin) {
    guard case .asked(let waiting) = places[origin] else { return }
    places[origin] = nil
    if let failure = verdict(addresses) {
      for call in waiting { call.end(.failure(failure)) }
      return
    }
    let pool = UpstreamPool(loop: loop, target: target(origin), addresses: addresses, limits: upstreamLimits)
    let until = loop.nowNanoseconds + UInt64(limits.keptSeconds) * 1_000_000_000
    places[origin] = .known(pool, untilNanoseconds: until)
    for call in waiting { call.start(in: pool) }
  }

  private func target(_ origin: Origin) -> UpstreamTarget {
    origin.isSecure
      ? UpstreamTarget(host: origin.host, port: origin.port, tls: tls) : UpstreamTarget(host: origin.host, port: origin.port)
  }

  private var upstreamLimits: UpstreamLimits {
    var upstream = UpstreamLimits()
    upstream.connectionsMaximum = limits.connectionsMaximum
    upstream.idleConnectionsMaximum = limits.connectionsMaximum
    upstream.idleSecondsMaximum = limits.keptSeconds
    upstream.connectSecondsMaximum = limits.connectSecondsMaximum
    upstream.queueMaximum = limits.waitingMaximum
    upstream.answerBytesMaximum = limits.answerBytesMaximum
    return upstream
  }

  /// Gives up the server whose time is over first, of those from which nobody waits for anything; false when there is none.
  private func makeRoom() -> Bool {
    var first: (origin: Origin, pool: UpstreamPool, until: UInt64)?
    for (origin, place) in places {
      guard case .known(let pool, let until) = place, pool.underWay == 0, until < first?.until ?? .max else { continue }
      first = (origin, pool, until)
    }
    guard let first else { return false }
    places[first.origin] = nil
    retire(first.pool)
    return true
  }

  private func retire(_ pool: UpstreamPool) {
    pool.drain()
    retired.append(pool)
  }

  public func timerFired(_ timer: LoopTimer) {
    for (origin, place) in places {
      guard case .known(let pool, let until) = place, until <= loop.nowNanoseconds else { continue }
      places[origin] = nil
      retire(pool)
    }
    // Kept until nothing of theirs is under way: a connection must not outlive its pool.
    retired.removeAll { pool in
      guard pool.isQuiet else { return false }
      pool.close()
      return true
    }
    if !places.isEmpty || !retired.isEmpty { loop.setTimer(timer, afterNanoseconds: Self.tickNanoseconds) }
  }

  deinit {
    let pools = retired + places.values.compactMap { if case .known(let pool, _) = $0 { pool } else { nil } }
    loop.execute { for pool in pools { pool.close() } }
  }
}

/// A name that is being looked up, within a time. Tells its end once. Confined to its loop.
private final class Question: TimerTarget, @unchecked Sendable {
  private let loop: EventLoop
  private let deadlineNanoseconds: UInt64
  private var tell: (([SocketAddress]?) -> Void)?
  private lazy var timer = LoopTimer(self)

  /// - Parameter tell: gets nil when the time is over.
  init(loop: EventLoop, deadlineNanoseconds: UInt64, tell: @escaping ([SocketAddress]?) -> Void) {
    self.loop = loop
    self.deadlineNanoseconds = deadlineNanoseconds
    self.tell = tell
  }

  func ask(_ names: NameLookup, _ address: WebAddress) {
    loop.timers.set(timer, at: deadlineNanoseconds)
    names.addresses(of: address.host, port: address.port) { [self] addresses in loop.execute { self.end(addresses) } }
  }

  func timerFired(_ timer: LoopTimer) { end(nil) }

  private func end(_ addresses: [SocketAddress]?) {
    loop.timers.cancel(timer)
    let tell = tell
    self.tell = nil
    tell?(addresses)
  }
}
