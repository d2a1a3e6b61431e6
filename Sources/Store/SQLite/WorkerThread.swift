import Dispatch
import Glibc
import Synchronization

/// A thread of our own for work that blocks on the disk, so that neither a loop nor the shared pool ever does.
package final class WorkerThread: @unchecked Sendable {
  private let thread: pthread_t

  /// Starts the thread at once. Nil when the system has no thread left to give.
  /// - Parameter givesWay: nobody waits for what it does; calls that come meanwhile have the processor first.
  package init?(givesWay: Bool = false, _ body: @escaping @Sendable () -> Void) {
    final class Body {
      let run: @Sendable () -> Void
      init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var created = pthread_t()
    // The new thread takes over the one reference to the box.
    let box = Unmanaged.passRetained(
      Body {
        // Of this thread alone: Linux takes the calling thread for the process. Refused, it costs calls some time and nothing else.
        if givesWay { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10) }
        body()
      })
    let code = pthread_create(
      &created, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, box.toOpaque())
    guard code == 0 else {
      box.release()
      return nil
    }
    thread = created
  }

  /// Waits for the body to end. Once only, and never from the thread itself.
  package func join() { pthread_join(thread, nil) }

  /// True on this very thread.
  package var isCurrent: Bool { pthread_equal(pthread_self(), thread) != 0 }
}

/// Wakes one sleeping thread. Wakes that come while it is awake are one wake: the cost of a burst is one system call.
package final class WakeSignal: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)
  private let isSet = Atomic<Bool>(false)

  package init() {}

  /// Any thread. After it, the sleeper looks at its work at least once more.
  package func wake() {
    if !isSet.exchange(true, ordering: .acquiringAndReleasing) { semaphore.signal() }
  }

  /// The sleeper only. Returns after a wake, or after the given milliseconds.
  package func wait(milliseconds: Int? = nil) {
    if let milliseconds {
      guard semaphore.wait(timeout: .now() + .milliseconds(milliseconds)) == .success else { return }
    } else {
      semaphore.wait()
    }
    isSet.store(false, ordering: .sequentiallyConsistent)
  }
}
