/// Which calls are traced, and where their spans go. Immutable but for the queue; safe from any thread.
public final class Tracing: Sendable {
  /// The client's `traceparent` is the parent of our span, and decides whether the trace is recorded. Otherwise a trace of our own
  /// begins, which names the client's in a link.
  public let trustsParents: Bool
  public let queue: SpanQueue
  /// Of the 2^56 values of a trace id's last seven bytes, those below this one are not recorded (OpenTelemetry, probability sampling).
  private let threshold: UInt64

  /// - Parameter sampleRatio: 0 to 1, of traces that nobody has decided about.
  public init(sampleRatio: Double, trustsParents: Bool, queue: SpanQueue) {
    self.trustsParents = trustsParents
    self.queue = queue
    threshold = UInt64((1 - min(max(sampleRatio, 0), 1)) * Double(1 << 56))
  }

  /// The same for a trace wherever it is asked.
  public func samples(_ trace: TraceID) -> Bool { trace.low & (1 << 56 - 1) >= threshold }
}
