import JOSE

/// The tokens that one loop has verified, by digest, so that a signature is checked once.
///
/// It holds claims, never decisions: scope, purpose, consent and limits are looked at on every call (A8). Bounded: two
/// generations of half the size each; when the young one is full it becomes the old one, and what was not used since then
/// falls out. Nothing is scanned. Confined to its loop.
struct TokenMemory {
  private var young: [Digest32: AccessToken] = [:]
  private var old: [Digest32: AccessToken] = [:]
  private let generationCountMaximum: Int

  /// - Parameter countMaximum: tokens held at most, 2 or more.
  init(countMaximum: Int) {
    generationCountMaximum = max(1, countMaximum / 2)
    young.reserveCapacity(min(generationCountMaximum, 1024))
  }

  /// The token with this digest, when it was verified before and is still held.
  mutating func token(_ digest: Digest32) -> AccessToken? {
    if let token = young[digest] { return token }
    guard let token = old[digest] else { return nil }
    remember(token, digest)
    return token
  }

  mutating func remember(_ token: AccessToken, _ digest: Digest32) {
    if young.count >= generationCountMaximum {
      old = young
      young = [:]
      young.reserveCapacity(min(generationCountMaximum, old.count))
    }
    young[digest] = token
  }

  mutating func forget(_ digest: Digest32) {
    young[digest] = nil
    old[digest] = nil
  }
}
