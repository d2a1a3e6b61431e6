import JOSE
import Telemetry

/// The tokens that one loop has verified, by fingerprint, so that a signature is checked once. The tokens themselves are not kept.
///
/// It holds claims, never decisions: scope, purpose, consent and limits are looked at on every call (A8). Bounded: two
/// generations of half the size each; when the young one is full it becomes the old one, and what was not used since then
/// falls out. Nothing is scanned. Confined to its loop.
struct TokenMemory {
  private var young: [Fingerprint: AccessToken] = [:]
  private var old: [Fingerprint: AccessToken] = [:]
  private var generationCountMaximum: Int
  private let fingerprints = Fingerprints()
  private let meter: MemoryMeter

  /// - Parameter countMaximum: tokens held at most, 2 or more.
  init(countMaximum: Int, meter: MemoryMeter = MemoryMeter()) {
    self.meter = meter
    generationCountMaximum = max(1, countMaximum / 2)
    young.reserveCapacity(min(generationCountMaximum, 1024))
  }

  /// From now on it holds so many at most; those that are too many fall out as they grow old.
  mutating func setCountMaximum(_ countMaximum: Int) { generationCountMaximum = max(1, countMaximum / 2) }

  func fingerprint(_ text: Span<UInt8>) -> Fingerprint { fingerprints.fingerprint(text) }

  /// The token with this fingerprint, when it was verified before and is still held.
  mutating func token(_ fingerprint: Fingerprint) -> AccessToken? {
    if let token = young[fingerprint] {
      meter.count(hit: true)
      return token
    }
    let token = old[fingerprint]
    meter.count(hit: token != nil)
    if let token { remember(token, fingerprint) }
    return token
  }

  mutating func remember(_ token: AccessToken, _ fingerprint: Fingerprint) {
    if young.count >= generationCountMaximum {
      old = young
      young = [:]
      young.reserveCapacity(min(generationCountMaximum, old.count))
    }
    young[fingerprint] = token
  }

  mutating func forget(_ fingerprint: Fingerprint) {
    young[fingerprint] = nil
    old[fingerprint] = nil
  }
}
