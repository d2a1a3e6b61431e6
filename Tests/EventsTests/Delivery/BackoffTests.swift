import Bytes
import Testing

@testable import Events

@Suite struct BackoffTests {
  private let now = Timestamp(seconds: 1_700_000_000)

  /// Milliseconds from now.
  private func wait(_ attempts: Int, _ retryAfter: Int? = nil, _ random: inout some RandomNumberGenerator) -> Int64 {
    (Backoff.due(after: attempts, retryAfterSeconds: retryAfter, now: now, using: &random).microseconds - now.microseconds) / 1000
  }

  @Test func itLiesBetweenItsBoundsWhateverIsAsked() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      let attempts = [1, 2, 3, 11, 12, 13, 20, 64, Int.max, 0, -1].randomElement(using: &random)!
      let asked = [nil, 0, 1, 3600, 3601, Int.max, -5].randomElement(using: &random)!
      let doublings = min(max(attempts - 1, 0), 12)
      let ceiling = min(3600, Int64(1) << Int64(doublings)) * 1000
      let least = Int64(min(3600, max(0, asked ?? 0))) * 1000
      let wait = wait(attempts, asked, &random)
      #expect(wait >= least + 100 && wait <= least + ceiling, "\(attempts) \(String(describing: asked)): \(wait)")
    }
  }

  /// What was not tried comes when its server's rest is over, and the longer it has waited the more it is spread: those of a server that is
  /// away for hours are not looked at each second, and come when it is back.
  @Test func whatWasNotTriedWaitsForItsServer() {
    var random = SystemRandomNumberGenerator()
    for (waited, ceiling) in [(Int64(0), Int64(1000)), (1, 1000), (40, 40_000), (300, 300_000), (86_000, 300_000), (-5, 1000)] {
      let waits = (0..<2000).map { _ in
        (Backoff.dueUntried(
          acceptedAt: now.adding(seconds: -waited), restNanoseconds: 7_000_000_000, now: now, using: &random
        ).microseconds - now.microseconds) / 1000 - 7000
      }
      #expect(waits.allSatisfy { $0 >= 100 && $0 <= ceiling } && waits.max()! > ceiling * 3 / 4 && waits.min()! < ceiling / 4)
    }
  }

  /// Full jitter: those that failed together come back spread over the whole time.
  @Test func itIsSpreadOverTheWholeTime() {
    for (attempts, ceiling) in [(1, Int64(1000)), (5, 16_000), (12, 2_048_000), (13, 3_600_000), (30, 3_600_000)] {
      var random = SystemRandomNumberGenerator()
      let waits = (0..<2000).map { _ in wait(attempts, nil, &random) }
      #expect(waits.min()! < ceiling / 4 && waits.max()! > ceiling * 3 / 4 && waits.allSatisfy { $0 >= 100 && $0 <= ceiling })
    }
  }
}
