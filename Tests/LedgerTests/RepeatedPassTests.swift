import Dispatch
import Synchronization
import Testing

@testable import Ledger

@Suite("Repeated passes")
struct RepeatedPassTests {
  private struct Fault: Error, CustomStringConvertible { let description: String }

  /// What a pass throws, one after another; nil for one that goes well.
  private final class Script: Sendable {
    let told = Mutex<[String?]>([])
    let passes = Mutex(0)

    func run(_ faults: [String?], finishing: Bool = false) -> RepeatedPass {
      let done = DispatchSemaphore(value: 0)
      let pass = RepeatedPass(everyMilliseconds: 1, told: { fault in self.told.withLock { $0.append(fault) } }) { _ in
        let number = self.passes.withLock { passes in
          defer { passes += 1 }
          return passes
        }
        if number == faults.count - 1 { done.signal() }
        if let fault = faults[min(number, faults.count - 1)] { throw Fault(description: fault) }
      }
      pass.start()
      done.wait()
      pass.stop(finishing: finishing)
      return pass
    }
  }

  @Test("a fault is told when it comes, when it changes, and when it is over, and not at each pass")
  func tells() {
    let script = Script()
    let pass = script.run([nil, "a", "a", "b", nil, nil, "c"])
    #expect(script.told.withLock { $0 } == ["a", "b", nil, "c"])
    #expect(pass.fault == "c")
  }

  @Test("after stopping there is no pass but the one that finishes")
  func stops() async throws {
    let script = Script()
    _ = script.run([nil], finishing: false)
    let count = script.passes.withLock { $0 }
    try await Task.sleep(for: .milliseconds(30))
    #expect(script.passes.withLock { $0 } == count)
    let finished = Script()
    let pass = finished.run([nil], finishing: true)
    let after = finished.passes.withLock { $0 }
    #expect(after >= 2)
    pass.stop(finishing: true)
    pass.start()
    #expect(finished.passes.withLock { $0 } == after, "it ends once, and does not begin again")
  }
}
