/// Asks one address of a target whether it works: for a connection, with TLS for a handshake, or with a path for an answer of 2xx.
/// On a loop.
enum TargetCheck {
  /// - Parameter tell: gets what is wrong, or nil, once; on the loop.
  static func run(
    _ endpoint: UpstreamEndpoint, path: String?, timeoutMilliseconds: Int, loop: EventLoop,
    tell: @escaping @Sendable (_ fault: String?) -> Void
  ) {
    let deadline = loop.nowNanoseconds + UInt64(timeoutMilliseconds) * 1_000_000
    guard let path else { connect(to: endpoint, deadline: deadline, loop, tell); return }
    var limits = UpstreamLimits()
    limits.connectionsMaximum = 1
    limits.answerBytesMaximum = 65_536
    let pool = UpstreamPool(loop: loop, target: endpoint.target, addresses: [endpoint.address], limits: limits)
    let request = HTTPClientRequest(
      host: endpoint.target.host, port: endpoint.target.port, method: "GET", target: path, fields: [], body: [])
    ClientCall.send(request, deadlineNanoseconds: deadline, pool: pool) { result in
      switch result {
      case .success(let answer): tell((200...299).contains(answer.status) ? nil : "status \(answer.status)")
      case .failure(let failure): tell(failure.words)
      }
    }
  }

  private static func connect(
    to endpoint: UpstreamEndpoint, deadline: UInt64, _ loop: EventLoop, _ tell: @escaping @Sendable (String?) -> Void
  ) {
    let dialer = Dialer(
      loop: loop, target: endpoint.target, addresses: [endpoint.address], secondsMaximum: 60, deadlineNanoseconds: deadline
    ) { outcome in
      switch outcome {
      case .failed(let failure): tell(failure == .timedOut ? UpstreamFailure.unreachable.words : failure.words)
      case .connected(let transport, _, _):
        loop.remove(transport.descriptor)
        transport.close()
        tell(nil)
      }
    }
    dialer.start()
  }
}
