import Synchronization

/// One address of one target. What the loops share of it; everything here is for any thread.
final class UpstreamEndpoint: Sendable {
  let target: UpstreamTarget
  let address: SocketAddress
  /// The place of its target in the settings.
  let targetIndex: Int
  let weight: Int
  /// Something speaks against it: answers are told to the breaker too, and not faults alone.
  let isSuspect = Atomic<Bool>(false)
  private let counts = Mutex<[UpstreamCounts]>([])

  init(_ settings: UpstreamSettings.Target, targetIndex: Int, address: SocketAddress) {
    target = settings.target
    weight = settings.weight
    self.targetIndex = targetIndex
    self.address = address
  }

  /// As operators know it: the address beside a name.
  var label: String {
    address.host == target.host ? target.authority : "\(target.authority) (\(address.host))"
  }

  /// Counters for one loop, which alone writes them.
  func makeCounts() -> UpstreamCounts {
    let made = UpstreamCounts()
    counts.withLock { $0.append(made) }
    return made
  }

  /// The sum over all loops.
  var totals: UpstreamCounts.Values {
    counts.withLock { counts in
      counts.reduce(into: UpstreamCounts.Values()) { $0.add($1) }
    }
  }
}

/// What one loop counts of one endpoint. One thread writes, all may read: so no addition has to be atomic, and none costs more than two
/// plain accesses to memory.
final class UpstreamCounts: Sendable {
  struct Values {
    var connections = 0
    var underWay = 0
    var answered = 0
    var failed = 0
    var retried = 0

    mutating func add(_ counts: UpstreamCounts) {
      connections += counts.connections.load(ordering: .relaxed)
      underWay += counts.underWay.load(ordering: .relaxed)
      answered += counts.answered.load(ordering: .relaxed)
      failed += counts.failed.load(ordering: .relaxed)
      retried += counts.retried.load(ordering: .relaxed)
    }
  }

  let connections = Atomic<Int>(0)
  let underWay = Atomic<Int>(0)
  let answered = Atomic<Int>(0)
  let failed = Atomic<Int>(0)
  let retried = Atomic<Int>(0)

  func countAnswer() { answered.store(answered.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
  func countFailure() { failed.store(failed.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
  func countRetry() { retried.store(retried.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
}
