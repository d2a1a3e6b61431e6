import Synchronization
import Telemetry
import Wire

/// What one loop counts. A call finds its row through its token, so that it adds without looking anything up; the locks here are taken
/// when a row is made, for refusals, and by a scrape.
final class LoopMeter: Sendable {
  struct RowKey: Hashable {
    var operation: Int
    var client: Int
  }

  let tokens = MemoryMeter()
  let consents = MemoryMeter()
  /// What the decision function said: permitted, refused.
  let decisions = Counters<2>()
  /// How the loop's admission stands: under way, maximum, refused since the start, lag in nanoseconds.
  private let admission = Counters<4>()
  private let rows = Mutex<[RowKey: CallRow]>([:])
  private let refusals = Mutex<[RefusalKey: UInt64]>([:])
  private let brokenAnswers = Mutex<[Int: UInt64]>([:])

  /// Reasons are literals, a few dozen, so that a place in memory stands for one.
  private struct RefusalKey: Hashable {
    /// Nil where the path leads to no operation.
    var operation: Int?
    var reason: StaticString

    static func == (left: Self, right: Self) -> Bool {
      left.operation == right.operation && left.reason.utf8Start == right.reason.utf8Start
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(operation)
      hasher.combine(reason.utf8Start)
    }
  }

  /// The row of an operation and a client, made when it is not there.
  func row(_ key: RowKey) -> CallRow {
    rows.withLock { rows in
      if let row = rows[key] { return row }
      let row = CallRow()
      rows[key] = row
      return row
    }
  }

  func countRefusal(operation: Int?, reason: StaticString) {
    refusals.withLock { $0[RefusalKey(operation: operation, reason: reason), default: 0] &+= 1 }
  }

  /// An answer that breaks its API's schema, released or not.
  func countBrokenAnswer(operation: Int) { brokenAnswers.withLock { $0[operation, default: 0] &+= 1 } }

  /// At the end of a turn.
  func note(_ admission: Admission) {
    self.admission.set(UInt64(max(0, admission.underWay)), at: 0)
    self.admission.set(UInt64(max(0, admission.maximum)), at: 1)
    self.admission.set(UInt64(max(0, admission.refusedCount)), at: 2)
    self.admission.set(admission.lagNanoseconds, at: 3)
  }

  // MARK: For a scrape, from any thread

  var underWayCount: UInt64 { admission.value(at: 0) }
  var underWayMaximum: UInt64 { admission.value(at: 1) }
  var shedCount: UInt64 { admission.value(at: 2) }
  var lagNanoseconds: UInt64 { admission.value(at: 3) }

  var allRows: [RowKey: CallRow] { rows.withLock { $0 } }

  /// By operation.
  var allBrokenAnswers: [Int: UInt64] { brokenAnswers.withLock { $0 } }

  /// By operation (nil: none) and reason.
  var allRefusals: [(operation: Int?, reason: String, count: UInt64)] {
    refusals.withLock { $0 }.map { ($0.key.operation, $0.key.reason.description, $0.value) }
  }
}

/// The calls of one client to one operation on one loop.
final class CallRow: Sendable {
  /// How a call ended: by verdict, and in it by the class of the status, 2xx to 5xx.
  let outcomes = Counters<12>()
  /// From the complete head of the request to its answer, the flush of the ledger included.
  let durations = DurationHistogram()
  /// From the moment at which the call went to its backend, or into the queue before it, to the complete answer.
  let upstream = DurationHistogram()
  /// Refusals by limits.
  let limits = Counters<3>()

  static let verdicts: [CallRecord.Verdict] = [.allowed, .refused, .failed]
  static let statusClasses = ["2xx", "3xx", "4xx", "5xx"]
  static let limitReasons: [StaticString] = ["rate_limit", "quota_day", "quota_month"]

  static func place(_ verdict: CallRecord.Verdict, status: Int) -> Int {
    let row =
      switch verdict {
      case .allowed: 0
      case .refused: 1
      case .failed: 2
      }
    return row * 4 + min(max(status / 100 - 2, 0), 3)
  }
}
