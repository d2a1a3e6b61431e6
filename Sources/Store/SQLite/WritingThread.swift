import Bytes
import Synchronization

/// What the writer thread does: the queue's batches, and between them sweeping and the look for other processes' commits.
final class WritingThread: @unchecked Sendable {
  /// Confined to the thread from here on.
  private let connection: Connection
  private let queue: WriteQueue
  private let watch: ForeignCommitWatch
  private let sweeper: Sweeper

  init(connection: Connection, queue: WriteQueue, watch: ForeignCommitWatch, sweeper: Sweeper) {
    self.connection = connection
    self.queue = queue
    self.watch = watch
    self.sweeper = sweeper
  }

  func run() {
    queue.run(on: connection) {
      let lookAgain = watch.look(connection)
      let sweepAgain = sweeper.sweepIfDue(connection)
      return lookAgain.map { min($0, sweepAgain) } ?? sweepAgain
    }
  }
}

/// Notices that another process committed: a command that withdraws a consent beside a running gateway.
///
/// SQLite counts commits in shared memory, and `PRAGMA data_version` of a connection moves only when *another* connection
/// committed. All commits of this process go through the writer's connection, so its counter moves for strangers only.
final class ForeignCommitWatch: Sendable {
  /// Between two looks: short enough that a withdrawal from outside bites within the 10 ms that one from inside needs.
  static let periodMilliseconds = 5

  private struct State {
    var handlers: [@Sendable () -> Void] = []
    var version: Int?
  }

  private let state = Mutex(State())

  /// Learns the number from which strangers' commits count; before the writer thread runs.
  func begin(_ connection: Connection) {
    let version = Self.version(connection)
    state.withLock { $0.version = version }
  }

  func add(_ handler: @escaping @Sendable () -> Void) { state.withLock { $0.handlers.append(handler) } }

  /// The writer thread only. Gives the milliseconds to the next look; nil when nobody asked to be told.
  func look(_ connection: Connection) -> Int? {
    guard state.withLock({ !$0.handlers.isEmpty }) else { return nil }
    guard let version = Self.version(connection) else { return Self.periodMilliseconds }
    let handlers = state.withLock { state -> [@Sendable () -> Void] in
      defer { state.version = version }
      return state.version == version ? [] : state.handlers
    }
    for handler in handlers { handler() }
    return Self.periodMilliseconds
  }

  private static func version(_ connection: Connection) -> Int? {
    defer { connection.resetStatements() }
    guard let statement = try? connection.statement("PRAGMA data_version"), (try? statement.step()) == true else { return nil }
    return statement.integer(0)
  }
}
