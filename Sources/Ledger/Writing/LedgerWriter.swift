import Bytes
import Dispatch
import Glibc
import Store
import Synchronization
import Telemetry

/// The one writer of a ledger: a thread that makes everything durable that all lanes and the control plane hold, with one write
/// and one flush per batch.
///
/// What it guarantees:
/// - An entry that is reported durable is in the chain, and stays there.
/// - An entry that is not reported durable may be answered with an error at once: nothing of it is in the chain. (A disk that
///   refuses the flush *and* the cut until the process ends can leave such an entry behind: too much, never too little.)
/// - After a fault (full or failing disk, directory gone) it tries again by itself, at the next entry and every 200 ms, and
///   goes on without a gap; the chain then has an entry `ledger.recovered` that says how much was refused.
///
/// One process at a time: a second writer is refused. Readers need nothing from it.
public final class LedgerWriter: Sendable {
  /// Entries of the control plane that may wait.
  public static let pendingMaximum = 20_000
  static let retryMilliseconds = 200

  public let directory: String
  /// What its entries count as, for `UsageProjection`.
  public let usage: LiveUsage
  private let core: Core
  private let keepsCalls: Bool
  private let thread: Mutex<WorkerThread?>

  /// Opens the ledger, makes its directory when it is not there (0700), and mends what a crash left unfinished.
  /// - Parameters:
  ///   - faults: breaks the disk, in tests.
  ///   - told: hears on the writer's thread why nothing can be written any more, once, and nil when it can again. It must not block.
  /// - Throws: `LedgerError` when the directory cannot be used or another process writes to it.
  public init(
    directory: String, time: any TimeSource, options: LedgerOptions = LedgerOptions(), faults: (any FileFaults)? = nil,
    told: @escaping @Sendable (String?) -> Void = { _ in }
  ) throws(LedgerError) {
    self.directory = directory
    if mkdir(directory, 0o700) != 0, errno != EEXIST {
      throw .cannotOpen(path: directory, reason: String(cString: strerror(errno)))
    }
    let lock = try LedgerLock(directory: directory)
    let recovered = try LedgerRecovery(directory: directory).run()
    let core = Core(sequence: recovered.sequence, told: told)
    let log = try LedgerLog(
      directory: directory, recovered: recovered, lock: lock, options: options, time: time, meter: core.meter, faults: faults)
    keepsCalls = options.durability != .none
    usage = log.usage
    self.core = core
    let running = Running(core: core, log: log, notes: recovered.notes)
    guard let worker = WorkerThread({ running.run() }) else {
      throw .cannotOpen(path: directory, reason: "the system has no thread left")
    }
    thread = Mutex(worker)
  }

  deinit { close() }

  /// True while a process writes to the ledger of that directory.
  public static func isInUse(directory: String) -> Bool { LedgerLock.isHeld(directory: directory) }

  /// A lane for one event loop.
  /// - Parameter notify: called on the writer's thread after each batch that held entries of this lane; it makes the loop call
  ///   `drain()`, and must not block.
  public func makeLane(notify: @escaping @Sendable () -> Void) -> LedgerLane {
    let lane = LedgerLane(isKept: keepsCalls, notify: notify, wakeWriter: { [signal = core.signal] in signal.wake() })
    let isClosed = core.state.withLock { state in
      if !state.isClosed { state.lanes.append(lane) }
      return state.isClosed
    }
    if isClosed { lane.close() }
    return lane
  }

  /// Writes an entry; gives its number when it is durable.
  @discardableResult
  public func append(_ entry: LedgerEntry) async throws(LedgerError) -> UInt64 {
    var members: [UInt8] = []
    entry.encode(into: &members)
    let encoded = members
    return try await withUnsafeContinuation { continuation in
      submit(encoded, entry.usage) { continuation.resume(returning: $0) }
    }.get()
  }

  /// The same, blocking the thread: for commands and the start, never on a loop.
  @discardableResult
  public func appendNow(_ entry: LedgerEntry) throws(LedgerError) -> UInt64 {
    var members: [UInt8] = []
    entry.encode(into: &members)
    final class Outcome: Sendable {
      let result = Mutex<Result<UInt64, LedgerError>>(.failure(.closed))
      let done = DispatchSemaphore(value: 0)
    }
    let outcome = Outcome()
    submit(members, entry.usage) { result in
      outcome.result.withLock { $0 = result }
      outcome.done.signal()
    }
    outcome.done.wait()
    return try outcome.result.withLock { $0 }.get()
  }

  /// False from a failed batch until one succeeds again. Any thread; one load.
  public var isHealthy: Bool { core.isHealthy.load(ordering: .acquiring) }
  /// Why it is not healthy; nil when it is.
  public var fault: String? { core.fault.withLock { $0 } }
  /// True when the writer's thread takes up its work anew before that time: false when it hangs, on a disk or elsewhere. Blocks; never on a
  /// loop.
  public func goesRound(until end: DispatchTime) -> Bool {
    let before = core.rounds.load(ordering: .acquiring)
    core.signal.wake()
    while core.rounds.load(ordering: .acquiring) == before {
      guard DispatchTime.now() < end else { return false }
      usleep(1000)
    }
    return true
  }
  /// The number of the last durable entry. Any thread; one load.
  public var lastSequence: UInt64 { core.lastSequence.load(ordering: .acquiring) }

  /// What is counted of the writing, and how it stands now. Any thread.
  public func metrics() -> [MetricFamily] {
    let (lanes, waiting) = core.state.withLock { ($0.lanes, $0.waiting.count) }
    return core.meter.families + [
      .single(
        "passerelle_ledger_waiting_entries", .gauge, help: "Entries that the writer has not begun to write.",
        .count(UInt64(lanes.reduce(waiting) { $0 + $1.pendingCount }))),
      .single(
        "passerelle_ledger_healthy", .gauge, help: "1 while the ledger can be written; 0: calls are answered 503.",
        .count(isHealthy ? 1 : 0)),
      .single("passerelle_ledger_last_sequence", .gauge, help: "The number of the last durable entry.", .count(lastSequence)),
    ]
  }

  /// Makes durable what waits, then ends. Whatever comes later is settled as not durable.
  public func close() {
    core.state.withLock { $0.isClosed = true }
    core.signal.wake()
    let worker = thread.withLock { worker in
      defer { worker = nil }
      return worker
    }
    worker?.join()
  }

  private func submit(
    _ members: [UInt8], _ usage: UsageMark, _ completion: @escaping @Sendable (Result<UInt64, LedgerError>) -> Void
  ) {
    let refusal: LedgerError? = core.state.withLock { state in
      guard !state.isClosed else { return .closed }
      guard state.waiting.count < Self.pendingMaximum else { return .overloaded }
      state.waiting.append(Core.Control(members: members, usage: usage, completion: completion))
      return nil
    }
    if let refusal { completion(.failure(refusal)) } else { core.signal.wake() }
  }

  /// What the writer's thread shares with everyone else.
  final class Core: Sendable {
    struct Control: Sendable {
      var members: [UInt8]
      var usage: UsageMark
      var completion: @Sendable (Result<UInt64, LedgerError>) -> Void
    }

    struct State {
      var lanes: [LedgerLane] = []
      var waiting: [Control] = []
      var isClosed = false
    }

    let state = Mutex(State())
    let signal = WakeSignal()
    let isHealthy = Atomic<Bool>(true)
    /// How often the thread has looked for work.
    let rounds = Atomic<UInt64>(0)
    let lastSequence: Atomic<UInt64>
    let fault = Mutex<String?>(nil)
    let meter = LedgerMeter()

    let told: @Sendable (String?) -> Void

    init(sequence: UInt64, told: @escaping @Sendable (String?) -> Void) {
      lastSequence = Atomic(sequence)
      self.told = told
    }
  }
}

extension LedgerEntry {
  /// Calls come over lanes, which say what they are. One that does not has to be read.
  fileprivate var usage: UsageMark { event == "api.call" ? .unknown : .nothing }
}
