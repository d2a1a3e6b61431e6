import Bytes
import Ledger
import Synchronization
import Wire

/// Refusals that have no entry of their own in the ledger, because anybody could cause any number of them: one entry a minute says how
/// many there were. Safe from any thread.
final class CountedRefusals: Sendable {
  private let event: String
  private let reason: String
  private let status: Int
  private let ledger: LedgerWriter
  /// Refusals without an entry since the last one that told of them.
  private let untold = Atomic<Int>(0)
  private let isTellingSoon = Atomic<Bool>(false)

  /// - Parameters:
  ///   - event: of the entry that tells of them; reason and status are those that each of them had.
  init(event: String, reason: String, status: Int, ledger: LedgerWriter) {
    self.event = event
    self.reason = reason
    self.status = status
    self.ledger = ledger
  }

  /// Counts one; the loop tells of it within a minute.
  func count(on loop: EventLoop) {
    untold.add(1, ordering: .relaxed)
    guard !isTellingSoon.exchange(true, ordering: .acquiringAndReleasing) else { return }
    loop.spawn { [self] in
      try? await Task.sleep(for: .seconds(60))
      isTellingSoon.store(false, ordering: .releasing)
      await tell()
    }
  }

  /// Writes the entry that says how many there were, when there were any. What the ledger does not take is told with the next.
  func tell() async {
    let count = untold.exchange(0, ordering: .acquiringAndReleasing)
    guard count > 0 else { return }
    do {
      try await ledger.append(
        LedgerEntry(
          event: event, decision: "refused", reason: reason, status: status,
          detail: [LedgerEntry.Detail("count", String(count))]))
    } catch { untold.add(count, ordering: .relaxed) }
  }
}
