import Wire

/// Waits on this machine for the one request with which a browser brings the answer (RFC 8252 §7.3).
final class RedirectListener: RequestHandler {
  private let path: String
  private let targets: AsyncStream<String>
  private let arrived: AsyncStream<String>.Continuation

  private init(path: String) {
    self.path = path
    (targets, arrived) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
  }

  /// Listens on the redirect URI's port.
  ///
  /// - Returns: the target of the request that came; nil when none came in time.
  /// - Throws: `CommandFailure` when the port is busy.
  static func wait(at redirectURI: WebAddress, seconds: Int, announce: () -> Void) async throws(CommandFailure) -> String? {
    let handler = RedirectListener(path: redirectURI.path)
    let listener: Listener
    let loops: EventLoopGroup
    do {
      loops = try EventLoopGroup(count: 1)
      listener = try Listener(
        address: redirectURI.numericAddress?.host ?? "127.0.0.1", port: redirectURI.port, group: loops, handler: handler)
    } catch {
      throw CommandFailure("cannot listen on \(redirectURI.origin) for the browser: \(error)")
    }
    loops.start()
    listener.start()
    announce()
    let timeout = Task {
      try? await Task.sleep(for: .seconds(seconds))
      handler.arrived.finish()
    }
    var target: String?
    for await first in handler.targets { target = first; break }
    timeout.cancel()
    await listener.drain(deadlineSeconds: 1)
    loops.stop()
    return target
  }

  func bodyBytesMaximum(_ exchange: Exchange) -> Int? { 0 }

  func handle(_ exchange: Exchange) {
    guard exchange.methodBytes.string() == "GET", exchange.path.string() == path else {
      answer(exchange, 404, "There is nothing here.")
      return
    }
    let target = exchange.target.string()
    answer(exchange, 200, "The answer has arrived. This page can be closed.")
    arrived.yield(target)
    arrived.finish()
  }

  func reject(_ exchange: Exchange, _ rejection: HTTPRejection) { answer(exchange, rejection.status, rejection.reason) }

  private func answer(_ exchange: Exchange, _ status: Int, _ text: String) {
    exchange.send(
      HTTPResponse(
        status: status,
        fields: [
          ("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"), ("referrer-policy", "no-referrer"),
        ], body: Array((text + "\n").utf8)))
  }
}
