import Synchronization

/// The faults that are in force, and how often each has come. Safe from all threads.
///
/// Which calls a share of less than all meets is counted, not drawn: of `@25%` it is every fourth, so that a test can rely on it.
final class FaultBoard: Sendable {
  struct Entry: Sendable {
    let fault: Fault
    /// Calls that it concerns.
    var calls = 0
    /// Those that it met.
    var hits = 0

    var json: JSON { ["fault": .string(fault.text), "calls": .integer(calls), "hits": .integer(hits)] }
  }

  private let entries: Mutex<[Entry]>

  init(_ faults: [Fault]) { entries = Mutex(faults.map { Entry(fault: $0) }) }

  var json: JSON { ["faults": .array(entries.withLock { $0.map(\.json) })] }

  func replace(with faults: [Fault]) { entries.withLock { $0 = faults.map { Entry(fault: $0) } } }

  /// What meets this call: waiting first, then at most one thing that spoils the answer.
  func next(_ api: SimulatedAPI, _ route: Route) -> [Fault.Kind] {
    entries.withLock { entries in
      var delays: [Fault.Kind] = []
      var spoiling: Fault.Kind?
      for index in entries.indices where entries[index].fault.concerns(api, route) {
        entries[index].calls += 1
        let (count, share) = (entries[index].calls, entries[index].fault.sharePercent)
        guard count * share / 100 > (count - 1) * share / 100 else { continue }
        entries[index].hits += 1
        if case .delay = entries[index].fault.kind {
          delays.append(entries[index].fault.kind)
        } else if spoiling == nil {
          spoiling = entries[index].fault.kind
        }
      }
      return delays + (spoiling.map { [$0] } ?? [])
    }
  }
}
