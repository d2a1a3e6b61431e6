import Synchronization

/// Spans on their way out: bounded, and never waited for. When it is full, further ones are dropped and counted. Safe from any thread.
public final class SpanQueue: Sendable {
  private struct State {
    var waiting: [FinishedSpan] = []
    var droppedCount: UInt64 = 0
  }

  private let countMaximum: Int
  private let state = Mutex(State())

  public init(countMaximum: Int) { self.countMaximum = countMaximum }

  /// Keeps it, or drops and counts it where there is no room. Any thread; never waits.
  public func offer(_ span: FinishedSpan) {
    state.withLock { state in
      guard state.waiting.count < countMaximum else {
        state.droppedCount &+= 1
        return
      }
      state.waiting.append(span)
    }
  }

  /// The oldest, at most so many.
  public func take(_ maximum: Int) -> [FinishedSpan] {
    state.withLock { state in
      let taken = Array(state.waiting.prefix(maximum))
      state.waiting.removeFirst(taken.count)
      return taken
    }
  }

  public var waitingCount: Int { state.withLock { $0.waiting.count } }
  public var droppedCount: UInt64 { state.withLock { $0.droppedCount } }
}
