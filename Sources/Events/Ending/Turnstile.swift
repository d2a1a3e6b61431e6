import Synchronization

/// Lets so many in at a time; the others wait, who came first goes first. Any thread.
final class Turnstile: Sendable {
  private struct State {
    var free: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
    var head = 0
  }

  private let state: Mutex<State>

  init(places: Int) { state = Mutex(State(free: places)) }

  /// Returns inside; `leave` has to follow.
  func enter() async {
    await withCheckedContinuation { continuation in
      let isIn = state.withLock { state in
        guard state.free == 0 else {
          state.free -= 1
          return true
        }
        state.waiting.append(continuation)
        return false
      }
      if isIn { continuation.resume() }
    }
  }

  func leave() {
    let next: CheckedContinuation<Void, Never>? = state.withLock { state in
      guard state.head < state.waiting.count else {
        (state.waiting, state.head) = ([], 0)
        state.free += 1
        return nil
      }
      defer {
        state.head += 1
        if state.head > 1024, state.head * 2 > state.waiting.count {
          state.waiting.removeFirst(state.head)
          state.head = 0
        }
      }
      return state.waiting[state.head]
    }
    next?.resume()
  }
}
