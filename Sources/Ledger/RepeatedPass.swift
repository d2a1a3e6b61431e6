import Glibc
import Store
import Synchronization

/// Work on the ledger's files that is done now and then on a thread of its own, behind everything else: the thread has a lower priority
/// than those that answer calls.
public final class RepeatedPass: Sendable {
  /// Asked by the work between its steps: true when it is to end.
  public typealias IsStopped = @Sendable () -> Bool
  private static let niceness: Int32 = 10

  private let periodMilliseconds: Int
  private let work: @Sendable (IsStopped) throws -> Void
  private let state = Mutex(State())
  private let signal = WakeSignal()

  private struct State {
    var thread: WorkerThread?
    var isStopped = false
    var fault: String?
  }

  /// - Parameter work: one pass; what it throws is the `fault` until the next.
  public init(everyMilliseconds: Int, work: @escaping @Sendable (IsStopped) throws -> Void) {
    periodMilliseconds = everyMilliseconds
    self.work = work
  }

  /// Begins with a pass at once. Once.
  public func start() {
    state.withLock { state in
      guard state.thread == nil, !state.isStopped else { return }
      state.thread = WorkerThread { [self] in
        // Of this thread alone: Linux takes the calling thread for the process.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
        let isStopped: IsStopped = { [self] in self.state.withLock { $0.isStopped } }
        while !isStopped() {
          let fault: String?
          do {
            try work(isStopped)
            fault = nil
          } catch { fault = "\(error)" }
          self.state.withLock { $0.fault = fault }
          signal.wait(milliseconds: periodMilliseconds)
        }
      }
    }
  }

  /// Why the last pass failed; nil when it did not.
  public var fault: String? { state.withLock { $0.fault } }

  /// Waits for the pass that runs.
  public func stop() {
    let thread = state.withLock { state in
      state.isStopped = true
      defer { state.thread = nil }
      return state.thread
    }
    signal.wake()
    thread?.join()
  }
}
