import Bytes
import Foundation
import Testing

@testable import Store

/// What the queue costs, on the disk of the day: told, and nothing is demanded of it. `swift test -c release --filter EventSpeed` gives
/// the figures that count.
@Suite("The speed of the queue of events", .serialized)
struct EventSpeedTests {
  @Test("events accepted and settled by several at once")
  func throughput() async throws {
    let (fixture, workers, each) = (try Fixture(), 64, 60)
    for worker in 0..<workers { try await fixture.active("s\(worker)") }
    let start = ContinuousClock.now
    await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<workers {
        group.addTask {
          for number in 0..<each {
            #expect(try await fixture.accept("s\(worker)", number) == .queued)
            let head = try #require(try fixture.stores.events.first("s\(worker)", limit: 1).first)
            _ = try await fixture.stores.events.settle(head, counts: true)
          }
        }
      }
    }
    tell("accepted and settled", workers * each, ContinuousClock.now - start)
    #expect(try fixture.stores.events.depths().waiting == 0)
  }

  @Test("what is due is found as fast behind 100,000 events of dead sinks")
  func dueBehindDeadSinks() async throws {
    let fixture = try Fixture()
    for name in ["dead1", "dead2", "live"] { try await fixture.active(name) }
    // Rows without an event that could be read: the heads are all that is looked at.
    try fixture.database.writeNow { connection in
      for dead in 1...2 {
        for number in 1...50_000 {
          try connection.statement(
            """
            INSERT INTO queued_events SELECT last_number + 1, ?1, randomblob(16), 't', 0, 0, 0, 0, 0, ?2, NULL, x'' FROM event_totals
            """
          ).bind(dead, number == 1 ? fixture.now(plus: 600) : fixture.now()).run()
        }
      }
    }
    #expect(try await fixture.accept("live", 1, totalMaximum: 1_000_000) == .queued)
    let start = ContinuousClock.now
    for _ in 0..<1000 {
      #expect(try fixture.stores.events.due(at: fixture.now(), excluding: [], limit: 10) == ["live"])
    }
    tell("looks for what is due", 1000, ContinuousClock.now - start)
    #expect(try fixture.stores.events.depths().waiting == 100_001)
  }

  private func tell(_ what: String, _ count: Int, _ time: Duration) {
    let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
    print("\(count) \(what): \(Int(Double(count) / seconds)) a second")
  }
}
