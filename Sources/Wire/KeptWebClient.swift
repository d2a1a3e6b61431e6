import Bytes

/// A client for one server that is asked often, over connections that are kept. Its address was configured, so it may be anywhere. A
/// request may be sent twice when a kept connection turns out to be dead: use it for what does no harm then. Safe from any thread.
public final class KeptWebClient: @unchecked Sendable {
  private let loop: EventLoop
  private let host: String
  private let port: Int
  /// Confined to the loop.
  private let pool: UpstreamPool

  /// - Parameters:
  ///   - address: host, port and whether TLS is spoken; its path is not used.
  ///   - connectionsMaximum: at a time.
  ///   - waitingMaximum: requests that wait for one of them, each within its own time; one more fails at once.
  public init(
    loop: EventLoop, address: WebAddress, tls: TLSClientContext, connectionsMaximum: Int, waitingMaximum: Int,
    answerBytesMaximum: Int
  ) {
    self.loop = loop
    (host, port) = (address.host, address.port)
    var limits = UpstreamLimits()
    limits.connectionsMaximum = connectionsMaximum
    limits.idleConnectionsMaximum = connectionsMaximum
    limits.queueMaximum = waitingMaximum
    // Below what servers keep: most close after a minute or somewhat less.
    limits.idleSecondsMaximum = 30
    limits.answerBytesMaximum = answerBytesMaximum
    let target =
      address.isSecure
      ? UpstreamTarget(host: address.host, port: address.port, tls: tls) : UpstreamTarget(host: address.host, port: address.port)
    pool = UpstreamPool(loop: loop, target: target, limits: limits)
  }

  deinit {
    // The connections know their pool for as long as they are open.
    loop.execute { [pool] in pool.close() }
  }

  /// Sends one request and waits for the whole answer.
  ///
  /// - Parameter fields: beside `Host`, `Connection` and `Content-Length`, which are written here.
  public func send(
    _ method: String, _ target: String, fields: [(name: String, value: String)], body: [UInt8], timeoutMilliseconds: Int
  ) async throws(WebFailure) -> HTTPResponse {
    let request = HTTPClientRequest(host: host, port: port, method: method, target: target, fields: fields, body: body)
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<HTTPResponse, UpstreamFailure>, Never>) in
      loop.execute { [self] in
        let deadline = loop.nowNanoseconds + UInt64(max(0, timeoutMilliseconds)) * 1_000_000
        ClientCall.send(request, deadlineNanoseconds: deadline, keeping: pool) { continuation.resume(returning: $0) }
      }
    }
    return try result.mapError(WebFailure.init).get()
  }
}
