import COpenSSLSystem

/// 128 bits that stand for some bytes, within the memory of one process.
public struct Fingerprint: Hashable, Sendable {
  fileprivate var words: (UInt64, UInt64)

  public static func == (left: Fingerprint, right: Fingerprint) -> Bool { left.words == right.words }
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

/// Fingerprints by Poly1305 (RFC 8439 §2.5) under a random key of this object, several times as fast as SHA-256 where the processor has
/// no instructions for that.
///
/// Used as what it is built on, a universal hash: whoever does not know the key finds two texts of 8 KiB with one fingerprint by
/// a chance below 2^-94 a try. For that no fingerprint may ever leave the process, and none does: as an authenticator of
/// messages the key would be good once. Belongs to one thread at a time.
public final class Fingerprints {
  private let context: OpaquePointer
  private let key: [UInt8]
  // Fetched once: looking an algorithm up by name costs more than the fingerprint.
  private nonisolated(unsafe) static let algorithm: OpaquePointer = EVP_MAC_fetch(nil, "POLY1305", nil)!

  public init() {
    context = EVP_MAC_CTX_new(Self.algorithm)!
    key = Random.bytes(32)
  }

  deinit { EVP_MAC_CTX_free(context) }

  public func fingerprint(_ bytes: Span<UInt8>) -> Fingerprint {
    var result = Fingerprint(words: (0, 0))
    var count = 0
    // Sound: the bytes are read during the calls; the result has the room of 16 that is told.
    let isDone = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe withUnsafeMutableBytes(of: &result.words) { result in
        unsafe EVP_MAC_init(context, key, key.count, nil) == 1
          && EVP_MAC_update(context, bytes.baseAddress, bytes.count) == 1
          && EVP_MAC_final(context, result.baseAddress!.assumingMemoryBound(to: UInt8.self), &count, result.count) == 1
      }
    }
    precondition(isDone && count == 16, "Poly1305 failed")
    return result
  }
}
