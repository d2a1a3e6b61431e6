import Bytes
import COpenSSLSystem
import Synchronization

/// The keys of session tickets, shared by all loops of a listener and kept in memory alone: with the process go the keys, so a stolen disk
/// or ticket opens no recorded connection (RFC 5077 §5.5).
///
/// A key makes tickets for as long as a session lives, and is known for as long again, so that each ticket can be used to its end.
public final class TLSTicketKeys: Sendable {
  /// Name, key for AES-256, key for HMAC-SHA-256.
  static let byteCount = 16 + 32 + 32

  private final class Key: Sendable {
    let bytes: [UInt8]
    let madeAtNanoseconds: UInt64

    init?(madeAtNanoseconds: UInt64) {
      var bytes = [UInt8](repeating: 0, count: TLSTicketKeys.byteCount)
      // Private: these must not share a generator's output with what is sent in the clear.
      guard RAND_priv_bytes(&bytes, Int32(bytes.count)) == 1 else { return nil }
      self.bytes = bytes
      self.madeAtNanoseconds = madeAtNanoseconds
    }

    deinit { bytes.withUnsafeBytes { OPENSSL_cleanse(UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count) } }
  }

  private let time: any TimeSource
  private let lifetimeNanoseconds: UInt64
  /// The newest first.
  private let keys = Mutex<[Key]>([])

  /// - Parameter lifetimeSeconds: of a session, 1 or more.
  public init(lifetimeSeconds: Int, time: any TimeSource) {
    self.time = time
    lifetimeNanoseconds = UInt64(lifetimeSeconds) * 1_000_000_000
  }

  /// Makes the next key now. Tickets of the present one stay good.
  public func rotate() {
    let now = time.monotonicNanoseconds()
    keys.withLock { keys in if let key = Key(madeAtNanoseconds: now) { keys.insert(key, at: 0) } }
  }

  /// Writes the key for new tickets; false without randomness.
  func copyCurrent(to target: UnsafeMutablePointer<UInt8>) -> Bool {
    let now = time.monotonicNanoseconds()
    return keys.withLock { keys in
      dropOld(&keys, now)
      if keys.first.map({ now - $0.madeAtNanoseconds >= lifetimeNanoseconds }) ?? true {
        guard let key = Key(madeAtNanoseconds: now) else { return false }
        keys.insert(key, at: 0)
      }
      target.update(from: keys[0].bytes, count: Self.byteCount)
      return true
    }
  }

  enum Age: Int32 { case unknown = 0, current, older }

  /// Writes the key with a name of 16 bytes.
  func copy(named name: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>) -> Age {
    let now = time.monotonicNanoseconds()
    return keys.withLock { keys in
      dropOld(&keys, now)
      for (index, key) in keys.enumerated() where key.bytes[..<16].elementsEqual(UnsafeBufferPointer(start: name, count: 16)) {
        target.update(from: key.bytes, count: Self.byteCount)
        return index == 0 ? .current : .older
      }
      return .unknown
    }
  }

  private func dropOld(_ keys: inout [Key], _ now: UInt64) {
    while let last = keys.last, now - last.madeAtNanoseconds >= 2 * lifetimeNanoseconds { keys.removeLast() }
  }
}
