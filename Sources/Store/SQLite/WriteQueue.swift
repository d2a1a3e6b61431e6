import Synchronization

/// The one writer: a thread that gathers what waits into transactions (group commit).
///
/// A durable commit costs one flush of the disk however many rows it holds (203 µs for one row, 3 µs each for 256 on the
/// machine of the measurements), so all writes that wait share the next one. Each job runs in a savepoint of its own: one that
/// fails takes back its own rows and nobody else's. No job is told that it succeeded before the commit is on the disk.
final class WriteQueue: Sendable {
  /// Jobs that share one transaction at most; it bounds how long a reader in another process may have to wait.
  static let batchMaximum = 256

  private struct State {
    var waiting: [WriteJob] = []
    var isClosed = false
  }

  private let state = Mutex(State())
  private let signal = WakeSignal()

  /// Hands a job over; nil, or the reason why it will never run.
  func submit(_ job: WriteJob) -> StoreError? {
    let refusal: StoreError? = state.withLock { state in
      guard !state.isClosed else { return .closed }
      guard state.waiting.count < Database.jobsMaximum else { return .overloaded }
      state.waiting.append(job)
      return nil
    }
    if refusal == nil { signal.wake() }
    return refusal
  }

  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// No more jobs; what waits is still written, then `run` returns.
  func close() {
    state.withLock { $0.isClosed = true }
    signal.wake()
  }

  /// The writer thread's body.
  /// - Parameter idle: called between batches; gives the milliseconds after which it wants to be called again, or nil.
  func run(on connection: Connection, idle: () -> Int?) {
    while true {
      let (jobs, isClosed) = state.withLock { state in
        defer { state.waiting = [] }
        return (state.waiting, state.isClosed)
      }
      if jobs.isEmpty {
        if isClosed { return }
        signal.wait(milliseconds: idle())
        continue
      }
      var rest = jobs[...]
      while !rest.isEmpty {
        commit(rest.prefix(Self.batchMaximum), on: connection)
        rest = rest.dropFirst(Self.batchMaximum)
      }
      _ = idle()
    }
  }

  private func commit(_ jobs: ArraySlice<WriteJob>, on connection: Connection) {
    var done: [WriteJob] = []
    var failure: (any Error)?
    do {
      // IMMEDIATE: the write lock is taken now, across processes. A look and a change in one job are one act.
      try connection.statement("BEGIN IMMEDIATE").run()
      for job in jobs {
        try connection.statement("SAVEPOINT job").run()
        let succeeded = job.run(connection)
        connection.resetStatements()
        done.append(job)
        // A full or failing disk makes SQLite take back the whole transaction, and with it the jobs before this one.
        guard connection.isInTransaction else { throw job.failure ?? StoreError.closed }
        if !succeeded { try connection.statement("ROLLBACK TO job").run() }
        try connection.statement("RELEASE job").run()
      }
      try connection.statement("COMMIT").run()
    } catch {
      failure = error
      if connection.isInTransaction { try? connection.statement("ROLLBACK").run() }
    }
    connection.resetStatements()
    for job in jobs { job.settle(failure: failure) }
  }
}

/// What one caller wants written. Handed from the caller to the writer thread and touched by one of them at a time.
class WriteJob: @unchecked Sendable {
  /// Runs the caller's closure; false when it threw.
  func run(_ connection: Connection) -> Bool { false }
  /// What the closure threw.
  var failure: (any Error)? { nil }
  /// Tells the caller, once: its own result, or the failure of the transaction.
  func settle(failure: (any Error)?) {}
}

final class TypedWriteJob<Value: Sendable>: WriteJob, @unchecked Sendable {
  private let body: @Sendable (Connection) throws -> Value
  private let completion: @Sendable (Result<Value, any Error>) -> Void
  private var result: Result<Value, any Error>?

  init(
    _ body: @escaping @Sendable (Connection) throws -> Value,
    completion: @escaping @Sendable (Result<Value, any Error>) -> Void
  ) {
    self.body = body
    self.completion = completion
  }

  override func run(_ connection: Connection) -> Bool {
    let result = Result { try body(connection) }
    self.result = result
    if case .success = result { return true }
    return false
  }

  override var failure: (any Error)? {
    if case .failure(let error) = result { return error }
    return nil
  }

  override func settle(failure: (any Error)?) {
    // What the closure itself threw is the better answer when there is one.
    if let own = self.failure { return completion(.failure(own)) }
    if let failure { return completion(.failure(failure)) }
    completion(result ?? .failure(StoreError.closed))
  }
}
