import Store
import Synchronization

/// Work on the ledger's files that is done now and then on a thread of its own, which gives way to those that answer calls.
public final class RepeatedPass: Sendable {
  /// Asked by the work between its steps: true when it is to end.
  public typealias IsStopped = @Sendable () -> Bool

  private let periodMilliseconds: Int
  private let told: @Sendable (String?) -> Void
  private let work: @Sendable (IsStopped) throws -> Void
  private let state = Mutex(State())
  private let signal = WakeSignal()

  private struct State {
    var thread: WorkerThread?
    var isStopped = false
    var fault: String?
  }

  /// - Parameters:
  ///   - told: gets a fault when it is not the one of the pass before, and nil when there was one and is none any more. On the
  ///     thread of the passes.
  ///   - work: one pass; what it throws is the `fault` until the next.
  public init(
    everyMilliseconds: Int, told: @escaping @Sendable (String?) -> Void = { _ in },
    work: @escaping @Sendable (IsStopped) throws -> Void
  ) {
    periodMilliseconds = everyMilliseconds
    self.told = told
    self.work = work
  }

  /// Begins with a pass at once. Once.
  public func start() {
    state.withLock { state in
      guard state.thread == nil, !state.isStopped else { return }
      state.thread = WorkerThread(givesWay: true) { [self] in
        while !isStopped {
          pass()
          signal.wait(milliseconds: periodMilliseconds)
        }
      }
    }
  }

  private var isStopped: Bool { state.withLock { $0.isStopped } }

  private func pass() {
    var fault: String?
    do { try work { [self] in isStopped } } catch { fault = "\(error)" }
    let before = state.withLock { state in
      defer { state.fault = fault }
      return state.fault
    }
    if fault != before { told(fault) }
  }

  /// Why the last pass failed; nil when it did not.
  public var fault: String? { state.withLock { $0.fault } }

  /// Waits for the pass that runs.
  ///
  /// - Parameter finishing: does one more pass afterwards, on the thread of the caller, when there have been any.
  public func stop(finishing: Bool = false) {
    let thread = state.withLock { state in
      state.isStopped = true
      defer { state.thread = nil }
      return state.thread
    }
    signal.wake()
    thread?.join()
    if finishing, thread != nil { pass() }
  }
}
