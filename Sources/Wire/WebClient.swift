import Bytes

/// A client for other people's servers: key sets, notification addresses, events.
///
/// A name is looked up once, every address that it stands for is judged by the rule, and the connection goes to one of these
/// very addresses: a name server that answers differently the second time is not asked a second time (A19, A20, A21). TLS is
/// for the name still. Redirects are answers like any other: nobody is led away from the address that was judged.
public final class WebClient: Sendable {
  /// For one address, so that the others have a turn too.
  static let connectSecondsMaximum = 5

  private let loop: EventLoop
  private let tls: TLSClientContext
  private let names: NameLookup

  /// - Parameter loop: does the work; running.
  public convenience init(loop: EventLoop, tls: TLSClientContext) { self.init(loop: loop, tls: tls, names: .forOthers) }

  init(loop: EventLoop, tls: TLSClientContext, names: NameLookup) {
    self.loop = loop
    self.tls = tls
    self.names = names
  }

  /// Sends one request over a connection of its own and waits for the whole answer. Any thread.
  ///
  /// - Parameters:
  ///   - fields: beside `Host`, `Connection` and `Content-Length`, which are written here.
  ///   - timeoutSeconds: for all of it: look-up, connection, handshake, answer.
  ///   - answerBytesMaximum: of the body.
  ///   - rule: `publicOnly` for an address that a client gave.
  /// - Throws: `WebFailure`; `broken` without sending anything when a field or the method would be read as more than it is.
  public func send(
    _ method: String, to address: WebAddress, fields: [(name: String, value: String)] = [], body: [UInt8] = [],
    timeoutSeconds: Int, answerBytesMaximum: Int, rule: AddressRule
  ) async throws(WebFailure) -> HTTPResponse {
    try await send(
      method, to: address, fields: fields, body: body, timeoutMilliseconds: timeoutSeconds * 1000,
      answerBytesMaximum: answerBytesMaximum, rule: rule)
  }

  /// The same, for who waits less than some seconds.
  public func send(
    _ method: String, to address: WebAddress, fields: [(name: String, value: String)] = [], body: [UInt8] = [],
    timeoutMilliseconds: Int, answerBytesMaximum: Int, rule: AddressRule
  ) async throws(WebFailure) -> HTTPResponse {
    let request = HTTPClientRequest(
      host: address.host, port: address.port, method: method, target: address.target, fields: fields, body: body)
    var limits = UpstreamLimits()
    limits.connectSecondsMaximum = Self.connectSecondsMaximum
    limits.answerBytesMaximum = answerBytesMaximum
    let target =
      address.isSecure
      ? UpstreamTarget(host: address.host, port: address.port, tls: tls) : UpstreamTarget(host: address.host, port: address.port)
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<HTTPResponse, WebFailure>, Never>) in
      loop.execute { [loop, names, limits] in
        let deadline = loop.nowNanoseconds + UInt64(max(0, timeoutMilliseconds)) * 1_000_000
        let exchange = WebExchange(
          loop: loop, request: request, target: target, limits: limits, rule: rule, deadlineNanoseconds: deadline
        ) { continuation.resume(returning: $0) }
        exchange.start(names)
      }
    }
    return try result.get()
  }
}

/// The way of one request: look-up, judgement, call. Tells its end once. Confined to its loop.
private final class WebExchange: TimerTarget, @unchecked Sendable {
  private let loop: EventLoop
  private let request: HTTPClientRequest
  private let target: UpstreamTarget
  private let limits: UpstreamLimits
  private let rule: AddressRule
  private let deadlineNanoseconds: UInt64
  private var tell: ((Result<HTTPResponse, WebFailure>) -> Void)?
  private lazy var timer = LoopTimer(self)

  init(
    loop: EventLoop, request: HTTPClientRequest, target: UpstreamTarget, limits: UpstreamLimits, rule: AddressRule,
    deadlineNanoseconds: UInt64, tell: @escaping (Result<HTTPResponse, WebFailure>) -> Void
  ) {
    self.loop = loop
    self.request = request
    self.target = target
    self.limits = limits
    self.rule = rule
    self.deadlineNanoseconds = deadlineNanoseconds
    self.tell = tell
  }

  func start(_ names: NameLookup) {
    if let address = SocketAddress(ip: target.host, port: target.port) { call([address]); return }
    loop.timers.set(timer, at: deadlineNanoseconds)
    names.addresses(of: target.host, port: target.port) { [loop] addresses in
      loop.execute { self.call(addresses) }
    }
  }

  /// The look-up alone has a timer here; the call watches its own deadline.
  func timerFired(_ timer: LoopTimer) { end(.failure(.timedOut)) }

  private func call(_ addresses: [SocketAddress]) {
    guard tell != nil else { return }
    loop.timers.cancel(timer)
    guard !addresses.isEmpty else { end(.failure(.unresolvable)); return }
    // One that is forbidden refuses all: a name that stands for both is made to be tried until the wrong one comes up.
    guard addresses.allSatisfy(rule.allows) else { end(.failure(.forbiddenAddress)); return }
    let pool = UpstreamPool(loop: loop, target: target, addresses: addresses, limits: limits)
    ClientCall.send(request, deadlineNanoseconds: deadlineNanoseconds, pool: pool) { result in
      self.end(result.mapError(WebFailure.init))
    }
  }

  private func end(_ result: Result<HTTPResponse, WebFailure>) {
    let tell = tell
    self.tell = nil
    tell?(result)
  }
}
