import Bytes
import Dispatch
import Glibc
import Synchronization

/// The database file: one writer thread with group commit, as many readers as there are threads that read.
///
/// What it guarantees:
/// - `write` returns when the rows are on the disk (WAL, `synchronous=FULL`), or throws and none of the job's rows are there.
/// - A job sees all that was committed before it, here and by other processes, and nobody writes while it runs.
/// - `read` sees one consistent state for the length of its closure, and waits for no writer.
///
/// Several processes may have the same file open: commands beside a running gateway.
public final class Database: Sendable {
  /// Writes that may wait; one more is refused with `StoreError.overloaded`.
  public static let jobsMaximum = 20_000

  public let path: String
  public let time: any TimeSource
  private let queue = WriteQueue()
  private let readers: ReaderPool
  private let watch = ForeignCommitWatch()
  private let thread: Mutex<WorkerThread?>

  /// Opens the file, makes it when it is not there (mode 0600), and brings its schema up to date.
  /// - Parameter time: what the stores take as "now"; injected so that tests can move it.
  /// - Throws: `StoreError` with a line that says what is wrong with the file; nothing was changed then.
  public init(path: String, time: any TimeSource) throws(StoreError) {
    self.path = path
    self.time = time
    try Self.prepareFile(path)
    let connection = try Self.openWriter(path)
    watch.begin(connection)
    readers = ReaderPool(path: path)
    let sweeper = Sweeper(time: time)
    // The thread holds the queue and the watch, never the database: a database that is let go of closes itself.
    let writing = WritingThread(connection: connection, queue: queue, watch: watch, sweeper: sweeper)
    guard let worker = WorkerThread({ writing.run() }) else {
      throw .cannotOpen(path: path, reason: "the system has no thread left")
    }
    thread = Mutex(worker)
  }

  deinit { close() }

  /// Writes, and resumes when the commit is durable.
  /// - Parameter whenDurable: called with the result after the commit, on the writer's thread and before the caller resumes,
  ///   which may take long: its executor can be busy. For what others must learn at once.
  /// - Throws: what the closure threw (its rows are taken back), or `StoreError`.
  public func write<Value: Sendable>(
    _ body: @escaping @Sendable (Connection) throws -> Value, whenDurable: @escaping @Sendable (Value) -> Void = { _ in }
  ) async throws -> Value {
    try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Value, any Error>) in
      let job = TypedWriteJob(body) { result in
        if case .success(let value) = result { whenDurable(value) }
        continuation.resume(with: result)
      }
      if let refusal = queue.submit(job) { continuation.resume(throwing: refusal) }
    }
  }

  /// The same, blocking the thread: for commands and the start, never on a loop.
  public func writeNow<Value: Sendable>(_ body: @escaping @Sendable (Connection) throws -> Value) throws -> Value {
    precondition(thread.withLock { $0?.isCurrent } != true, "a write inside a write would wait for itself")
    let outcome = Outcome<Value>()
    let job = TypedWriteJob(body) { result in
      outcome.result.withLock { $0 = result }
      outcome.done.signal()
    }
    if let refusal = queue.submit(job) { throw refusal }
    outcome.done.wait()
    guard let result = outcome.result.withLock({ $0 }) else { throw StoreError.closed }
    return try result.get()
  }

  private final class Outcome<Value: Sendable>: Sendable {
    let result = Mutex<Result<Value, any Error>?>(nil)
    let done = DispatchSemaphore(value: 0)
  }

  /// Writes that wait for their turn. Any thread.
  public var waitingCount: Int { queue.waitingCount }

  /// Reads one consistent state. Blocks for microseconds; any thread.
  public func read<Value>(_ body: (Connection) throws -> Value) throws -> Value {
    let connection = try readers.take()
    defer { readers.give(connection) }
    return try connection.snapshot { try body(connection) }
  }

  /// Calls the handler, on the writer's thread, soon after another process committed something to this file: what memories
  /// hold may then be out of date. The first handler starts the watch, which costs one read of shared memory per period.
  public func onForeignCommit(_ handler: @escaping @Sendable () -> Void) {
    watch.add(handler)
    _ = queue.submit(TypedWriteJob({ _ in }, completion: { _ in }))  // wakes the thread, so that it begins to look
  }

  /// Deletes one portion of what has expired, as the writer does by itself now and then.
  /// - Returns: the number of rows deleted.
  @discardableResult
  public func sweep() throws -> Int {
    let now = time.now()
    return try writeNow { try Sweeper.sweep($0, now: now) }
  }

  /// Copies the write-ahead log into the database and empties it, so that it holds no row as it was before. Waits for readers, up
  /// to `Connection.busyMillisecondsMaximum`; blocks the thread.
  /// - Throws: `StoreError.busy` when somebody reads all the time.
  func truncateLog() throws {
    let connection = try Connection(path: path, role: .writer)
    let row = try connection.statement("PRAGMA wal_checkpoint(TRUNCATE)")
    guard try row.step(), row.integer(0) == 0 else { throw StoreError.busy(path: path) }
  }

  /// Writes what waits, then closes. Later writes throw `StoreError.closed`.
  public func close() {
    queue.close()
    let worker = thread.withLock { worker in
      defer { worker = nil }
      return worker
    }
    worker?.join()
    readers.close()
  }

  /// Making a file a write-ahead one takes it whole for a moment, and SQLite does not wait for that by itself: of several that
  /// open a new file at once, all but one are told "busy" and have to come again.
  private static func openWriter(_ path: String) throws(StoreError) -> Connection {
    let stepMilliseconds: Int32 = 10
    for _ in 0..<Connection.busyMillisecondsMaximum / stepMilliseconds {
      do {
        let connection = try Connection(path: path, role: .writer)
        try Schema.checkAndMigrate(connection)
        return connection
      } catch {
        guard case .busy = error else { throw error }
        usleep(UInt32(stepMilliseconds) * 1000)
      }
    }
    throw .busy(path: path)
  }

  /// Makes an absent file with mode 0600 (SQLite would take 0644) and says plainly what is wrong with one that is unusable.
  ///
  /// A file that is there is not opened: closing it would give up the POSIX locks that SQLite holds on it elsewhere in this
  /// process (sqlite.org/howtocorrupt.html, section 2.2).
  private static func prepareFile(_ path: String) throws(StoreError) {
    func refuse(_ number: Int32) -> StoreError { .cannotOpen(path: path, reason: String(cString: strerror(number))) }
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if descriptor >= 0 {
      _ = Glibc.close(descriptor)
      return
    }
    guard errno == EEXIST else { throw refuse(errno) }
    var status = stat()
    guard stat(path, &status) == 0 else { throw refuse(errno) }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw refuse(EISDIR) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .cannotOpen(path: path, reason: "not a regular file") }
    guard access(path, R_OK | W_OK) == 0 else { throw refuse(errno) }
  }
}
