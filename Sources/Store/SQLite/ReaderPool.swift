import Synchronization

/// Connections for reading. Each thread that reads at the same time has one; idle ones are kept up to a number.
///
/// Their number is bounded by the threads of the process (the loops and a few more), so nobody ever waits for one.
final class ReaderPool: Sendable {
  static let idleMaximum = 8

  private struct State: ~Copyable {
    var idle: [Connection] = []
    var isClosed = false
  }

  private let path: String
  private let state = Mutex(State())

  init(path: String) { self.path = path }

  func take() throws(StoreError) -> Connection {
    let (kept, isClosed) = state.withLock { state in
      let kept = Handover(state.idle.popLast())
      return (kept, state.isClosed)
    }
    guard !isClosed else { throw .closed }
    if let connection = kept.connection { return connection }
    return try Connection(path: path, role: .reader)
  }

  func give(_ connection: Connection) {
    connection.resetStatements()
    let handed = Handover(connection)
    state.withLock { state in
      guard !state.isClosed, state.idle.count < Self.idleMaximum, let connection = handed.connection else { return }
      state.idle.append(connection)
    }
  }

  func close() {
    state.withLock { state in
      state.isClosed = true
      state.idle = []
    }
  }

  /// A connection between two owners; the pool's lock orders what they do to it.
  private struct Handover: @unchecked Sendable {
    let connection: Connection?
    init(_ connection: Connection?) { self.connection = connection }
  }
}

extension Connection {
  /// Runs the closure in one read transaction, so that several statements see the same state.
  func snapshot<Value>(_ body: () throws -> Value) throws -> Value {
    // DEFERRED costs no lock: the snapshot is taken by the first SELECT.
    try statement("BEGIN").run()
    defer {
      resetStatements()
      _ = try? statement("COMMIT").run()
    }
    return try body()
  }
}
