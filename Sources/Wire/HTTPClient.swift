/// A client for a server of our own: one request, one connection. For other people's servers there is `WebClient`.
public enum HTTPClient {
  /// Sends a request from a loop and waits for the whole answer. Any thread.
  ///
  /// - Parameter tls: nil for a server that is spoken to in the clear.
  /// - Throws: `UpstreamFailure`; `broken` also for a request that could not be written without being read differently.
  public static func send(
    _ request: HTTPClientRequest, timeoutSeconds: Int, loop: EventLoop, tls: TLSClientContext? = nil
  ) async throws(UpstreamFailure) -> HTTPResponse {
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<HTTPResponse, UpstreamFailure>, Never>) in
      loop.execute {
        var limits = UpstreamLimits()
        limits.answerBytesMaximum = request.answerBytesMaximum
        let target =
          tls.map { UpstreamTarget(host: request.host, port: request.port, tls: $0) }
          ?? UpstreamTarget(host: request.host, port: request.port)
        let pool = UpstreamPool(loop: loop, target: target, limits: limits)
        let deadline = loop.nowNanoseconds + UInt64(timeoutSeconds) * 1_000_000_000
        ClientCall.send(request, deadlineNanoseconds: deadline, pool: pool) { continuation.resume(returning: $0) }
      }
    }
    return try result.get()
  }
}
