import Dispatch
import Glibc
import Ledger
import Store
import Synchronization
import Wire

/// Tells the service manager that the gateway is alive, twice in the time that it gave (`WATCHDOG_USEC`), and only when that is true: every
/// event loop turned, and the ledger's writer went round, since the look began. A gateway that hangs is then started anew.
final class Watchdog: Sendable {
  private let manager: ServiceManager
  private let loops: [EventLoop]
  private let ledger: LedgerWriter
  private let intervalMicroseconds: UInt64
  private let isStopped = Atomic<Bool>(false)
  private let ended = DispatchSemaphore(value: 0)

  /// Nil where nobody waits for it: `WATCHDOG_USEC` is not set, or is meant for another process (`WATCHDOG_PID`).
  init?(_ manager: ServiceManager, loops: [EventLoop], ledger: LedgerWriter) {
    func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
    guard let microseconds = number("WATCHDOG_USEC"), microseconds > 0, number("WATCHDOG_PID").map({ $0 == getpid() }) ?? true
    else { return nil }
    self.manager = manager
    self.loops = loops
    self.ledger = ledger
    intervalMicroseconds = microseconds / 2
  }

  /// Once.
  func start() {
    _ = WorkerThread { [self] in
      while !isStopped.load(ordering: .acquiring) {
        if everythingTurns() { manager.alive() }
        _ = ended.wait(timeout: .now() + .microseconds(Int(intervalMicroseconds)))
      }
    }
  }

  /// It is no longer looked; who waits for it must have been told that the gateway stops.
  func stop() {
    isStopped.store(true, ordering: .releasing)
    ended.signal()
  }

  /// False when a loop or the ledger has not answered within half the interval.
  private func everythingTurns() -> Bool {
    let turned = DispatchSemaphore(value: 0)
    let end = DispatchTime.now() + .microseconds(Int(intervalMicroseconds / 2))
    for loop in loops { loop.execute { turned.signal() } }
    for _ in loops { guard turned.wait(timeout: end) == .success else { return false } }
    return ledger.goesRound(until: end)
  }
}
