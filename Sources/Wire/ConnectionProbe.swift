/// Finds out whether a backend takes connections, its TLS included; nothing is sent to it.
public enum ConnectionProbe {
  /// Returns when a connection was there, which is closed at once. Any thread.
  ///
  /// - Parameter loop: does the work; running.
  /// - Throws: why there is none.
  public static func connect(to target: UpstreamTarget, timeoutSeconds: Int, loop: EventLoop) async throws(UpstreamFailure) {
    let failure = await withCheckedContinuation { (continuation: CheckedContinuation<UpstreamFailure?, Never>) in
      NameLookup.forBackends.addresses(of: target.host, port: target.port) { addresses in
        loop.execute { dial(target, addresses, timeoutSeconds, loop) { continuation.resume(returning: $0) } }
      }
    }
    if let failure { throw failure }
  }

  /// The loop holds the dialer as long as there is something to wait for.
  private static func dial(
    _ target: UpstreamTarget, _ addresses: [SocketAddress], _ seconds: Int, _ loop: EventLoop,
    _ tell: @escaping @Sendable (UpstreamFailure?) -> Void
  ) {
    let dialer = Dialer(
      loop: loop, target: target, addresses: addresses, secondsMaximum: seconds,
      deadlineNanoseconds: loop.nowNanoseconds + UInt64(seconds) * 1_000_000_000
    ) { outcome in
      switch outcome {
      case .connected(let transport, _, _):
        loop.remove(transport.descriptor)
        transport.close()
        tell(nil)
      case .failed(let failure): tell(failure)
      }
    }
    dialer.start()
  }
}
