import Bytes
import JOSE
import Ledger
import Telemetry
import Wire

/// Lets the next signing key sign when the current one has signed for long enough. Looks once an hour, on its loop.
final class KeyRotation: TimerTarget, @unchecked Sendable {
  private static let periodNanoseconds: UInt64 = 3600 * 1_000_000_000

  private let keys: KeyRing
  private let ledger: LedgerWriter
  private let time: any TimeSource
  /// Confined to the loop; 0: never.
  private var ageSeconds: Int64
  private let loop: EventLoop
  private lazy var timer = LoopTimer(self)

  /// - Parameter days: 0 never rotates.
  init(keys: KeyRing, ledger: LedgerWriter, time: any TimeSource, days: Int, loop: EventLoop) {
    self.keys = keys
    self.ledger = ledger
    self.time = time
    ageSeconds = Int64(days) * 86_400
    self.loop = loop
  }

  /// Once, from any thread.
  func start() { loop.execute { self.look() } }

  /// From now on a key signs for so many days; 0 never rotates. Any thread.
  func setDays(_ days: Int) {
    loop.execute {
      guard self.ageSeconds != Int64(days) * 86_400 else { return }
      self.ageSeconds = Int64(days) * 86_400
      self.look()
    }
  }

  func timerFired(_ timer: LoopTimer) { look() }

  private func look() {
    loop.setTimer(timer, afterNanoseconds: Self.periodNanoseconds)
    guard ageSeconds > 0, time.now().seconds - keys.currentSince.seconds >= ageSeconds else { return }
    do { try keys.rotate() } catch {
      return Log.process.error("key.not_rotated", "the signing key could not be rotated: \(error)")
    }
    loop.spawn { [ledger, keys] in
      let detail = [LedgerEntry.Detail("kid", keys.current.kid), LedgerEntry.Detail("because", "age")]
      do { try await ledger.append(LedgerEntry(event: "key.rotated", detail: detail)) } catch {
        Log.process.error(
          "key.rotation_not_recorded", "the signing key was rotated, but the ledger could not be written: \(error)")
      }
    }
  }
}
