import Bytes
import Store
import Synchronization

/// Who waits for an entry to be durable. Confined to the loop of its lane.
public protocol LedgerTicket: AnyObject {
  /// Called once, on the loop, in the order of the entries: only now may the answer leave. False: the entry is not in the
  /// ledger, and nothing may be released.
  func ledgerSettled(_ durable: Bool)
}

/// One event loop's way into the ledger: the loop appends, the writer's thread takes all that is there at once, and tells the
/// loop once per batch. Confined to its loop, but for what the writer's thread calls.
///
/// The two sides meet only in one short lock, in which buffers are swapped; entries are copied once, and nothing is allocated
/// when the buffers are warm. Every ticket is settled, whatever happens: also when the lane is full or the writer has closed.
public final class LedgerLane: @unchecked Sendable {
  /// Bytes and entries that may wait; what comes beyond is settled as not durable.
  public static let pendingBytesMaximum = 8 << 20
  public static let pendingEntriesMaximum = 65_536
  private static let unannouncedMaximum = 32

  /// Entries' members back to back, and where each ends. An entry without bytes is one that was not taken.
  struct Pending {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    /// What each counts as.
    var marks: [UsageMark] = []

    mutating func removeAll() {
      // A burst may have made the buffer large; it is not kept so for ever.
      if bytes.capacity > 1 << 20 { bytes = [] } else { bytes.removeAll(keepingCapacity: true) }
      ends.removeAll(keepingCapacity: true)
      marks.removeAll(keepingCapacity: true)
    }
  }

  private struct Shared {
    var pending = Pending()
    /// Runs of settled entries, oldest first: a positive count is durable, a negative one is not.
    var runs: [Int] = []
    var isClosed = false
  }

  private let shared = Mutex(Shared())
  private let isKept: Bool
  private let notify: @Sendable () -> Void
  private let wakeWriter: @Sendable () -> Void

  // The loop's own.
  private var tickets: [(any LedgerTicket)?] = []
  private var settledCount = 0
  private var settling: [Int] = []
  private var isDraining = false
  /// Entries that the writer has not been woken for.
  private var unannouncedCount = 0

  // The writer's own.
  private var taken = Pending()
  private var takenRuns: [Int] = []

  /// - Parameter isKept: false where entries are settled at once and forgotten (`LedgerOptions.Durability.none`).
  init(isKept: Bool = true, notify: @escaping @Sendable () -> Void, wakeWriter: @escaping @Sendable () -> Void) {
    self.isKept = isKept
    self.notify = notify
    self.wakeWriter = wakeWriter
  }

  // MARK: - The loop's side

  /// Hands an entry over.
  /// - Parameters:
  ///   - members: the entry as JSON members without braces, as `LedgerEntry.encode` gives them. Copied.
  ///   - usage: what it counts as; whoever does not know says `unknown`.
  ///   - ticket: kept until it is settled.
  ///   - wakes: false when `flush()` follows soon, so that the entries of one turn of the loop share one wake. Of a long turn
  ///     some are announced before it ends, so that the disk works meanwhile.
  public func append(members: Span<UInt8>, usage: UsageMark = .unknown, ticket: any LedgerTicket, wakes: Bool = true) {
    guard isKept else { ticket.ledgerSettled(true); return }
    tickets.append(ticket)
    let isOpen = shared.withLock { shared in
      guard !shared.isClosed else {
        Self.add(-1, to: &shared.runs)
        return false
      }
      let pending = shared.pending
      let fits =
        pending.bytes.count + members.count <= Self.pendingBytesMaximum && pending.ends.count < Self.pendingEntriesMaximum
      // Sound: the span is only read, within the call.
      if fits { unsafe members.withUnsafeBufferPointer { unsafe shared.pending.bytes.append(contentsOf: $0) } }
      shared.pending.ends.append(shared.pending.bytes.count)
      shared.pending.marks.append(usage)
      return true
    }
    unannouncedCount += 1
    if !isOpen { notify() } else if wakes || unannouncedCount >= Self.unannouncedMaximum { flush() }
  }

  /// Wakes the writer for what was appended without waking it. On the loop.
  public func flush() {
    guard unannouncedCount > 0 else { return }
    unannouncedCount = 0
    wakeWriter()
  }

  /// Settles what the writer has decided. On the loop, after `notify`; calling it more often does no harm.
  public func drain() {
    guard !isDraining else { return }  // a ticket that drains again is served by the loop below, in its order
    isDraining = true
    defer { isDraining = false }
    while true {
      settling.removeAll(keepingCapacity: true)
      shared.withLock { swap(&$0.runs, &settling) }
      guard !settling.isEmpty else { break }
      for index in settling.indices { settle(run: settling[index]) }
    }
    if settledCount == tickets.count {
      tickets.removeAll(keepingCapacity: true)
      settledCount = 0
    } else if settledCount > 4096 {
      tickets.removeSubrange(0..<settledCount)
      settledCount = 0
    }
  }

  private func settle(run: Int) {
    for _ in 0..<abs(run) {
      guard let ticket = tickets[settledCount] else { preconditionFailure("a ticket is settled twice") }
      // Out of the queue before it is called: the ticket may append its next entry at once.
      tickets[settledCount] = nil
      settledCount += 1
      ticket.ledgerSettled(run > 0)
    }
  }

  // MARK: - The writer's side

  /// Takes what waits and puts it into the log's batch. Gives the number of entries taken.
  func take(into log: LedgerLog) -> Int {
    shared.withLock { swap(&$0.pending, &taken) }
    let bytes = taken.bytes
    var start = 0
    for (index, end) in taken.ends.enumerated() {
      let isTaken = log.add(bytes.span.extracting(start..<end), usage: taken.marks[index]) != nil
      Self.add(isTaken ? 1 : -1, to: &takenRuns)
      start = end
    }
    return taken.ends.count
  }

  /// Tells the loop what became of the entries taken last.
  func settle(durable: Bool) {
    guard !taken.ends.isEmpty else { return }
    if !durable { takenRuns = [-taken.ends.count] }
    shared.withLock { shared in
      for run in takenRuns { Self.add(run, to: &shared.runs) }
    }
    takenRuns.removeAll(keepingCapacity: true)
    taken.removeAll()
    notify()
  }

  /// Entries that the writer has not taken yet. Any thread.
  var pendingCount: Int { shared.withLock { $0.pending.ends.count } }

  /// No more entries: what waits and what comes is settled as not durable.
  func close() {
    let refusedCount = shared.withLock { shared in
      defer { shared.pending.removeAll() }
      shared.isClosed = true
      Self.add(-shared.pending.ends.count, to: &shared.runs)
      return shared.pending.ends.count
    }
    if refusedCount > 0 { notify() }
  }

  private static func add(_ run: Int, to runs: inout [Int]) {
    guard run != 0 else { return }
    if let last = runs.last, (last > 0) == (run > 0) { runs[runs.count - 1] += run } else { runs.append(run) }
  }
}
