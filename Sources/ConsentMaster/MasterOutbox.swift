import Bytes
import Consent
import Identifiers
import Store
import Synchronization
import Wire

/// Tells the master what was decided here: each change once it is durable, those of one record in their order, again and again until
/// it takes them. Nothing is given up, also not what it refuses: until an operator has settled it, that record waits and the others go on.
/// So they do when the master fails over one record alone.
///
/// Works on its loop; `wake` and `delivered` are for any thread.
public final class MasterOutbox: TimerTarget, @unchecked Sendable {
  /// Between attempts while the master cannot be reached.
  static let pauseMilliseconds = 500...30_000
  /// Between attempts at what it fails over, for as long as it takes others.
  static let failedMilliseconds: ClosedRange<Int64> = 500...30_000
  /// Between attempts at what it refuses.
  static let refusedSeconds: ClosedRange<Int64> = 30...3600
  private static let tickNanoseconds: UInt64 = 20_000_000

  /// What an operator can look at.
  public struct State: Sendable {
    public var count: Int
    public var oldest: Timestamp?
    /// Why the last attempt failed; nil when it did not.
    public var problem: String?
  }

  private enum Wanted: Equatable {
    case record(ConsentKey)
    case subject(SubjectPseudonym)
  }

  private struct Waiter {
    let wanted: Wanted
    let deadlineNanoseconds: UInt64
    let continuation: CheckedContinuation<Void, Never>
  }

  private let connection: MasterConnection
  private let store: any ConsentOutboxStore
  private let subjects: any SubjectStore
  private let changes: ChangeBoard
  private let time: any TimeSource
  private let loop: EventLoop
  private let timeoutMilliseconds: Int
  private let complain: @Sendable (String) -> Void
  private let problem = Mutex<String?>(nil)
  private let isStopped = Atomic<Bool>(false)

  // Confined to the loop.
  private var isBusy = false
  private var isWoken = false
  private var waiters: [Waiter] = []
  /// Those that were put off and wait still: as long as there are any, there is a problem to look at.
  private var putOffNumbers: Set<Int> = []
  private var pauseMilliseconds = MasterOutbox.pauseMilliseconds.lowerBound
  private lazy var retryTimer = LoopTimer(self)
  private lazy var waitTimer = LoopTimer(self)

  init(
    connection: MasterConnection, store: any ConsentOutboxStore, subjects: any SubjectStore, changes: ChangeBoard,
    time: any TimeSource, loop: EventLoop, timeoutMilliseconds: Int, complain: @escaping @Sendable (String) -> Void
  ) {
    self.connection = connection
    self.store = store
    self.subjects = subjects
    self.changes = changes
    self.time = time
    self.loop = loop
    self.timeoutMilliseconds = timeoutMilliseconds
    self.complain = complain
  }

  public func state() throws -> State {
    let (count, oldest) = try store.backlog(subject: nil)
    return State(count: count, oldest: oldest, problem: problem.withLock { $0 })
  }

  /// There may be something to tell; also what waited over a restart.
  public func wake() { loop.execute { self.work() } }

  /// Nothing more is begun; what was not taken waits in the store.
  public func stop() { isStopped.store(true, ordering: .releasing) }

  /// Returns when nothing of the record waits any more, or when that takes longer than one question to the master may.
  func delivered(_ key: ConsentKey) async { await wait(.record(key)) }

  /// The same, of everything about a subscriber.
  func delivered(_ subject: SubjectPseudonym) async { await wait(.subject(subject)) }

  private func wait(_ wanted: Wanted) async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      loop.execute { [self] in
        let deadline = loop.nowNanoseconds + UInt64(timeoutMilliseconds) * 1_000_000
        waiters.append(Waiter(wanted: wanted, deadlineNanoseconds: deadline, continuation: continuation))
        release()
        work()
      }
    }
  }

  // MARK: On the loop

  public func timerFired(_ timer: LoopTimer) {
    if timer === waitTimer { return release() }
    work()
  }

  private func work() {
    guard !isStopped.load(ordering: .acquiring) else { return }
    guard !isBusy else { isWoken = true; return }
    isBusy = true
    loop.cancelTimer(retryTimer)
    loop.spawn { [self] in
      await tellAll()
      isBusy = false
      if isWoken {
        isWoken = false
        work()
      }
    }
  }

  /// Everything that is due, until there is nothing or the master cannot be reached. What fails is put off, so that the change of
  /// another record has its turn; when that fails, too, it is the master, and everything waits.
  private func tellAll() async {
    var hasFailed = false
    while !isStopped.load(ordering: .acquiring) {
      do {
        guard let item = try store.next() else { return try rest() }
        do {
          try await tell(item)
          hasFailed = false
          release()
        } catch {
          note("\(error)")
          let delay = min(Self.failedMilliseconds.lowerBound << min(Int64(item.attempts), 10), Self.failedMilliseconds.upperBound)
          try await putOff(item, milliseconds: delay)
          guard !hasFailed else { return pause() }
          hasFailed = true
        }
      } catch {
        note("\(error)")
        return pause()
      }
    }
  }

  private func pause() {
    release(isHopeless: { _ in true })
    loop.setTimer(retryTimer, afterNanoseconds: UInt64(pauseMilliseconds) * 1_000_000)
    pauseMilliseconds = min(pauseMilliseconds * 2, Self.pauseMilliseconds.upperBound)
    // Who wakes us now waits for the timer: that is what the pause is for.
    isWoken = false
  }

  private func putOff(_ item: ConsentOutboxItem, milliseconds: Int64) async throws {
    putOffNumbers.insert(item.number)
    try await store.putOff(
      item.number, dueAt: Timestamp(microseconds: time.now().microseconds + milliseconds * 1000))
    let key = ConsentKey(subject: item.event.subject, client: item.event.client, purpose: item.event.purpose)
    release { $0 == .record(key) || $0 == .subject(key.subject) }
  }

  private func rest() throws {
    release()
    guard let due = try store.nextDue() else { return }
    let microseconds = due.microseconds - time.now().microseconds
    loop.setTimer(retryTimer, afterNanoseconds: UInt64(max(1000, microseconds)) * 1000)
  }

  private func tell(_ item: ConsentOutboxItem) async throws {
    let event = item.event
    guard let number = try subjects.number(of: event.subject) else { return try await taken(item) }
    do throws(MasterFailure) { try await connection.tell(item, number) } catch {
      guard case .refused = error else { throw error }
      let delay = min(Self.refusedSeconds.lowerBound << min(Int64(item.attempts), 10), Self.refusedSeconds.upperBound)
      try await putOff(item, milliseconds: delay * 1000)
      note("\(error): event \(event.consent.rawValue)-\(item.number)")
      return
    }
    try await taken(item)
    // What its answers say from now on is something else than before.
    changes.changed(ConsentKey(subject: event.subject, client: event.client, purpose: event.purpose).changeHash)
    pauseMilliseconds = Self.pauseMilliseconds.lowerBound
  }

  private func taken(_ item: ConsentOutboxItem) async throws {
    try await store.taken(item.number)
    putOffNumbers.remove(item.number)
    if putOffNumbers.isEmpty { problem.withLock { $0 = nil } }
  }

  private func note(_ text: String) {
    let isNew = problem.withLock { problem in
      defer { problem = text }
      return problem != text
    }
    if isNew { complain(text) }
  }

  /// Lets go of those whose change has arrived, whose time is over, or for whom there is no hope now.
  private func release(isHopeless: (Wanted) -> Bool = { _ in false }) {
    guard !waiters.isEmpty else { return }
    let now = loop.nowNanoseconds
    waiters.removeAll { waiter in
      let isDone = isHopeless(waiter.wanted) || waiter.deadlineNanoseconds <= now || isDelivered(waiter.wanted)
      if isDone { waiter.continuation.resume() }
      return isDone
    }
    if !waiters.isEmpty { loop.setTimer(waitTimer, afterNanoseconds: Self.tickNanoseconds) }
  }

  private func isDelivered(_ wanted: Wanted) -> Bool {
    switch wanted {
    case .record(let key):
      (try? store.waiting(subject: key.subject, client: key.client, purpose: key.purpose).isEmpty) ?? true
    case .subject(let subject): (try? store.backlog(subject: subject).count == 0) ?? true
    }
  }
}
