import Synchronization
import Testing

@testable import Events

/// So many at a time, in their order.
@Suite struct TurnstileTests {
  private final class Inside: Sendable {
    private let count = Mutex<(now: Int, most: Int)>((0, 0))
    var now: Int { count.withLock { $0.now } }
    var most: Int { count.withLock { $0.most } }
    func enter() { count.withLock { ($0.now, $0.most) = ($0.now + 1, max($0.most, $0.now + 1)) } }
    func leave() { count.withLock { $0.now -= 1 } }
  }

  @Test(arguments: [1, 3]) func noMoreThanItsPlacesAreIn(_ places: Int) async {
    let door = Turnstile(places: places)
    let inside = Inside()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<3000 {
        group.addTask {
          await door.enter()
          inside.enter()
          await Task.yield()
          inside.leave()
          door.leave()
        }
      }
    }
    #expect(inside.now == 0 && inside.most <= places)
    // All places are there again.
    for _ in 0..<places { await door.enter() }
    for _ in 0..<places { door.leave() }
  }

  @Test func whoCameFirstGoesFirst() async throws {
    let world = try await World()
    let door = Turnstile(places: 1)
    await door.enter()
    let order = Notes()
    // On a loop they come one after the other, each as far as the door.
    for number in 0..<5 {
      world.loop.spawn {
        await door.enter()
        order.add("\(number)")
        door.leave()
      }
    }
    try await world.onLoop {}
    #expect(order.all.isEmpty)
    door.leave()
    let areThrough = await world.eventually { order.all.count == 5 }
    #expect(areThrough)
    #expect(order.all == ["0", "1", "2", "3", "4"])
  }
}
