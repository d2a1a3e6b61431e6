import Glibc
import Synchronization

/// Where times come from. Injected wherever time matters, so that tests can move it.
public protocol TimeSource: Sendable {
  /// The wall clock.
  func now() -> Timestamp
  /// A clock that never steps back, in nanoseconds from some start; for limits and timeouts.
  func monotonicNanoseconds() -> UInt64
}

/// The machine's clocks.
public struct SystemTime: TimeSource {
  public init() {}

  public func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }

  public func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Clocks that stand still until they are moved; for tests.
public final class ManualTime: TimeSource {
  private let state: Mutex<(now: Timestamp, monotonic: UInt64)>

  public init(_ now: Timestamp = Timestamp(seconds: 1_700_000_000), monotonicNanoseconds: UInt64 = 1_000_000_000) {
    state = Mutex((now, monotonicNanoseconds))
  }

  public func now() -> Timestamp { state.withLock { $0.now } }
  public func monotonicNanoseconds() -> UInt64 { state.withLock { $0.monotonic } }

  /// Moves both clocks forward.
  public func advance(seconds: Double) {
    state.withLock {
      $0.now.microseconds += Int64(seconds * 1_000_000)
      $0.monotonic += UInt64(seconds * 1_000_000_000)
    }
  }

  /// Sets the wall clock alone, also backwards; the monotonic one does not care.
  public func set(_ now: Timestamp) { state.withLock { $0.now = now } }
}
