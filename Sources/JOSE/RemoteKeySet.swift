import Bytes
import Synchronization

/// The keys that somebody else publishes: a JWK set that is fetched when it is needed and remembered. Safe from any thread.
///
/// A set is kept for its lifetime, and fetched before that only for a key that is not in it: whoever publishes it has changed
/// keys. There are never more than two fetches in 30 s, so that forged `kid`s cannot make us hammer somebody (A20), but a key that
/// was changed just after the first fetch is found; and there is never more than one at a time: callers wait for the one that is under way. When a fetch fails the last good set serves on, for up to a
/// day from when it was fetched.
public final class RemoteKeySet: Sendable {
  /// In so many seconds there are at most two fetches, whatever becomes of them.
  public static let refetchSecondsMinimum = 30
  /// After this a set that could not be renewed is no longer believed.
  public static let staleSecondsMaximum = 86_400
  /// Of the document that is fetched.
  public static let documentBytesMaximum = 1 << 18

  /// What is known of the set; for people.
  public struct State: Sendable, Equatable {
    /// Since the set was fetched; nil as long as none has been.
    public var ageSeconds: Int?
    public var keyCount: Int
    /// What was wrong with the last fetch, in a word; nil when it was good, or when there has been none.
    public var lastError: String?
  }

  private enum Problem: String { case unreachable, malformed }

  private struct Memory {
    var set: JWKSet?
    var fetchedNanoseconds: UInt64 = 0
    /// The beginnings of the last fetch and of the one before.
    var attemptedNanoseconds: (last: UInt64?, before: UInt64?)
    var lastProblem: Problem?
    var isFetching = false
    var waiting: [CheckedContinuation<Void, Never>] = []

    /// The key, when the set is younger than so many seconds.
    ///
    /// - Parameter now: read under the lock; a time from before it could lie before the fetch of another thread.
    func key(_ kid: String?, _ algorithm: SignatureAlgorithm, youngerThan seconds: Int, at now: UInt64) -> VerificationKey? {
      guard let set, now - fetchedNanoseconds < UInt64(seconds) * 1_000_000_000 else { return nil }
      return set.key(kid: kid, algorithm: algorithm)
    }
  }

  private enum Step {
    case settled(VerificationKey?)
    case fetch
    case wait
  }

  private static let waitingMaximum = 1024
  private let lifetimeSeconds: Int
  private let time: any TimeSource
  private let fetch: @Sendable () async throws -> [UInt8]
  private let memory = Mutex(Memory())

  /// - Parameters:
  ///   - lifetimeSeconds: how long a set serves without being fetched again; a day at most.
  ///   - fetch: gets the document. It must end by itself, within a time that callers can wait.
  public init(
    lifetimeSeconds: Int = 3600, time: any TimeSource = SystemTime(), fetch: @escaping @Sendable () async throws -> [UInt8]
  ) {
    self.lifetimeSeconds = min(max(0, lifetimeSeconds), Self.staleSecondsMaximum)
    self.time = time
    self.fetch = fetch
  }

  /// The key that a header names, as `JWKSet.key` finds it; fetches the set when it is too old or does not have the key, unless
  /// that was tried a moment ago. Nil when there is no such key.
  public func key(kid: String?, algorithm: SignatureAlgorithm) async -> VerificationKey? {
    switch step(kid, algorithm) {
    case .settled(let key): return key
    case .fetch: await renew()
    case .wait: await waitForFetch()
    }
    return memory.withLock { $0.key(kid, algorithm, youngerThan: Self.staleSecondsMaximum, at: time.monotonicNanoseconds()) }
  }

  /// The key from a set that is within its lifetime, without waiting. Nil says only that `key` must be asked.
  public func cachedKey(kid: String?, algorithm: SignatureAlgorithm) -> VerificationKey? {
    memory.withLock { $0.key(kid, algorithm, youngerThan: lifetimeSeconds, at: time.monotonicNanoseconds()) }
  }

  public var state: State {
    memory.withLock { memory in
      State(
        ageSeconds: memory.set.map { _ in Int((time.monotonicNanoseconds() - memory.fetchedNanoseconds) / 1_000_000_000) },
        keyCount: memory.set?.keys.count ?? 0, lastError: memory.lastProblem?.rawValue)
    }
  }

  // MARK: Fetching

  /// Decides, and for `fetch` takes the fetch upon the caller, in one go.
  private func step(_ kid: String?, _ algorithm: SignatureAlgorithm) -> Step {
    memory.withLock { memory in
      let now = time.monotonicNanoseconds()
      if let key = memory.key(kid, algorithm, youngerThan: lifetimeSeconds, at: now) { return .settled(key) }
      if memory.isFetching { return .wait }
      // One more after a good fetch; none too soon after a bad one.
      let attempts = memory.attemptedNanoseconds
      let decisive = memory.lastProblem == nil ? attempts.before : attempts.last
      if let decisive, now - decisive < UInt64(Self.refetchSecondsMinimum) * 1_000_000_000 {
        return .settled(memory.key(kid, algorithm, youngerThan: Self.staleSecondsMaximum, at: now))
      }
      memory.isFetching = true
      memory.attemptedNanoseconds = (now, memory.attemptedNanoseconds.last)
      return .fetch
    }
  }

  private func renew() async {
    let result = await fetchedSet()
    let waiting = memory.withLock { memory in
      switch result {
      case .success(let set):
        (memory.set, memory.fetchedNanoseconds, memory.lastProblem) = (set, time.monotonicNanoseconds(), nil)
      case .failure(let failure): memory.lastProblem = failure.problem
      }
      memory.isFetching = false
      defer { memory.waiting = [] }
      return memory.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  private struct FetchFailure: Error { var problem: Problem }

  private func fetchedSet() async -> Result<JWKSet, FetchFailure> {
    let bytes: [UInt8]
    do { bytes = try await fetch() } catch { return .failure(FetchFailure(problem: .unreachable)) }
    guard bytes.count <= Self.documentBytesMaximum, let document = try? JSONDocument(bytes),
      let set = try? JWKSet(json: document.root)
    else { return .failure(FetchFailure(problem: .malformed)) }
    return .success(set)
  }

  /// Returns when the fetch that is under way has ended; at once when there is none any more, or too many wait.
  private func waitForFetch() async {
    await withCheckedContinuation { continuation in
      let waits = memory.withLock { memory in
        guard memory.isFetching, memory.waiting.count < Self.waitingMaximum else { return false }
        memory.waiting.append(continuation)
        return true
      }
      if !waits { continuation.resume() }
    }
  }
}
