import Bytes
import COpenSSLSystem

/// 32 bytes: a SHA-256 digest or an HMAC-SHA-256. Four words, so that it hashes and compares fast as a dictionary's key.
public struct Digest32: Hashable, Sendable, CustomStringConvertible {
  private var words: (UInt64, UInt64, UInt64, UInt64)

  init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  /// Nil unless there are exactly 32 bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    words = (0, 0, 0, 0)
    unsafe withUnsafeMutableBytes(of: &words) { unsafe $0.copyBytes(from: bytes) }
  }

  public var bytes: [UInt8] { withBytes { $0.bytes() } }

  /// Lends the 32 bytes.
  public func withBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
    // Sound: the copy outlives the call.
    unsafe withUnsafeBytes(of: words) { unsafe body($0.bindMemory(to: UInt8.self).span) }
  }

  /// 64 digits in lower case.
  public var hex: String { Hex.encode(bytes) }
  public var base64url: String { Base64URL.encode(bytes) }
  public var description: String { hex }

  /// Appends the 64 hexadecimal digits.
  public func appendHex(to text: inout [UInt8]) { withBytes { Hex.append($0, to: &text) } }

  public static func == (left: Digest32, right: Digest32) -> Bool {
    left.words.0 == right.words.0 && left.words.1 == right.words.1 && left.words.2 == right.words.2
      && left.words.3 == right.words.3
  }

  /// Digests of secrets are as good as random; one word of them is a good hash, mixed with the seed of the process.
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

/// SHA-256 (FIPS 180-4).
public enum SHA256 {
  public static func digest(_ bytes: Span<UInt8>) -> Digest32 {
    let stream = SHA256Stream.ofThisThread
    stream.update(bytes)
    return stream.finish()
  }

  /// - Parameter start: 0 or more, and at most the number of bytes: what is digested begins there.
  public static func digest(_ bytes: [UInt8], from start: Int = 0) -> Digest32 {
    digest(bytes.span.extracting(start..<bytes.count))
  }
}

/// SHA-256 of bytes that come piece by piece. Belongs to one thread at a time; ready for the next digest after `finish`.
public final class SHA256Stream {
  private let context: OpaquePointer
  // Fetched once: looking an algorithm up by name costs more than digesting a token.
  private nonisolated(unsafe) static let algorithm: OpaquePointer = EVP_MD_fetch(nil, "SHA256", nil)!

  private static let threadLocal = ThreadLocal { SHA256Stream() }
  /// The stream of the calling thread; not to be kept across another digest.
  static var ofThisThread: SHA256Stream { threadLocal.value }

  public init() {
    context = EVP_MD_CTX_new()!
    begin()
  }

  deinit { EVP_MD_CTX_free(context) }

  public func update(_ bytes: Span<UInt8>) {
    // Sound: the bytes are read during the call and not kept.
    let done = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    precondition(done == 1, "SHA-256 failed")
  }

  public func finish() -> Digest32 {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    let done = unsafe withUnsafeMutableBytes(of: &words) {
      unsafe EVP_DigestFinal_ex(context, $0.baseAddress!.assumingMemoryBound(to: UInt8.self), nil)
    }
    precondition(done == 1, "SHA-256 failed")
    begin()
    return Digest32(words: words)
  }

  private func begin() {
    precondition(EVP_DigestInit_ex2(context, Self.algorithm, nil) == 1, "SHA-256 is not available")
  }
}
