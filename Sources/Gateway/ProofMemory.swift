import Bytes
import JOSE
import Synchronization

/// The DPoP proofs that were used, for as long as they could be used again: each works once, on whatever loop
/// (CAMARA profile item 7, RFC 9449 §11.1).
///
/// Two generations by time: when the young one has lasted as long as a proof can be good, the old one is forgotten and the
/// young one takes its place; nothing is scanned. What is forgotten never comes back, whatever the clock does: proofs from
/// before the latest of the forgotten ones are refused. For the same reason proofs from before the second in which the process
/// started are: a restart forgets everything. (One of that same second, or that its sender dated ahead by up to
/// `DPoPProof.skewSeconds`, and that was used before the restart, is the rest that this leaves.)
///
/// Bounded, and closed when full: a call is refused rather than a proof forgotten. In shards, each under a lock of its own; which
/// one a proof falls into depends on a seed of the process, so that nobody can fill one on purpose. Safe from any thread.
final class ProofMemory: Sendable {
  /// What the memory says of a proof.
  enum Verdict: Equatable {
    /// It was not used before, and is from now on.
    case fresh
    case replayed
    /// It may have been used before the process started, or before what is remembered.
    case beforeMemory
    /// There is no room to remember it.
    case full
  }

  /// One more than the seconds for which a proof that was just used could be used again.
  static let generationSeconds = DPoPProof.ageSecondsMaximum + DPoPProof.skewSeconds + 1

  private let shards: [Shard]

  /// - Parameters:
  ///   - countMaximum: proofs held at most; 64 bytes each, roughly.
  ///   - start: of the process.
  init(countMaximum: Int, start: Timestamp, shardCount: Int = 64) {
    let room = max(1, countMaximum / shardCount)
    shards = (0..<shardCount).map { _ in
      Shard(Generations(countMaximum: room, youngSince: start.seconds, earliest: start.seconds))
    }
  }

  /// Notes that a proof is used. Of many that ask with the same proof, one is told that it is fresh.
  ///
  /// - Precondition: the proof is neither too old nor in the future (`DPoPProof.fault`).
  func use(_ proof: DPoPProof, now: Timestamp) -> Verdict {
    use(Self.digest(proof.thumbprint, proof.jti), issuedAt: proof.issuedAt, now: now.seconds)
  }

  func use(_ digest: Digest32, issuedAt: Int64, now: Int64) -> Verdict {
    let shard = shards[Int(UInt(bitPattern: digest.hashValue) % UInt(shards.count))]
    return shard.generations.withLock { $0.use(digest, issuedAt: issuedAt, now: now) }
  }

  /// What a proof is known by. A thumbprint has 43 characters always: no two pairs are read alike.
  static func digest(_ thumbprint: String, _ jti: String) -> Digest32 {
    SHA256.digest(Array(thumbprint.utf8) + Array(jti.utf8))
  }

  private final class Shard: Sendable {
    let generations: Mutex<Generations>
    init(_ generations: sending Generations) { self.generations = Mutex(generations) }
  }

  private struct Generations {
    let countMaximum: Int
    /// When the young generation began.
    var youngSince: Int64
    /// Proofs from before are refused.
    var earliest: Int64
    private var young: Set<Digest32> = []
    private var old: Set<Digest32> = []
    /// The latest `iat` of each generation.
    private var youngLatest = Int64.min
    private var oldLatest = Int64.min

    init(countMaximum: Int, youngSince: Int64, earliest: Int64) {
      self.countMaximum = countMaximum
      self.youngSince = youngSince
      self.earliest = earliest
    }

    mutating func use(_ digest: Digest32, issuedAt: Int64, now: Int64) -> Verdict {
      let ageSeconds = now - youngSince
      if ageSeconds >= ProofMemory.generationSeconds { age(now) }
      // After a quiet time there is nothing left that could come again.
      if ageSeconds >= 2 * ProofMemory.generationSeconds { age(now) }
      guard issuedAt >= earliest else { return .beforeMemory }
      guard !young.contains(digest), !old.contains(digest) else { return .replayed }
      guard young.count + old.count < countMaximum else { return .full }
      young.insert(digest)
      youngLatest = max(youngLatest, issuedAt)
      return .fresh
    }

    private mutating func age(_ now: Int64) {
      // What is forgotten could not be told from what is new.
      if oldLatest >= earliest { earliest = oldLatest + 1 }
      (old, oldLatest) = (young, youngLatest)
      (young, youngLatest) = ([], .min)
      youngSince = now
    }
  }
}
