import Bytes
import COpenSSLSystem

/// Randomness for secrets, from OpenSSL's generator.
public enum Random {
  public static func bytes(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    // Without randomness nothing secret can be made; going on would be worse than ending.
    precondition(RAND_bytes(&bytes, Int32(count)) == 1, "no randomness")
    return bytes
  }

  /// A secret to be handed out, in base64url. 32 bytes cannot be guessed; 16 are enough for an identifier.
  public static func token(byteCount: Int = 32) -> String { Base64URL.encode(bytes(byteCount)) }

  /// A version 4 UUID (RFC 9562 §5.4), 36 characters in lower case.
  public static func uuid() -> String {
    var text: [UInt8] = []
    appendUUID(to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// Appends a version 4 UUID.
  public static func appendUUID(to text: inout [UInt8]) { pool.value.appendUUID(to: &text) }

  /// 64 bits that are not all zero: names of spans and traces.
  public static func identifier() -> UInt64 { pool.value.identifier() }

  private static let pool = ThreadLocal { UUIDPool() }
}

/// Random bytes for the UUIDs of one thread, fetched for many at once: asking OpenSSL for sixteen costs as much as for a
/// thousand. UUIDs name things and are no secrets; what must not be guessed comes from `Random.bytes`.
private final class UUIDPool {
  private var bytes = [UInt8](repeating: 0, count: 1024)
  private var used = 1024

  func appendUUID(to text: inout [UInt8]) {
    refillIfEmpty()
    bytes[used + 6] = bytes[used + 6] & 0x0F | 0x40
    bytes[used + 8] = bytes[used + 8] & 0x3F | 0x80
    for index in 0..<16 {
      if index == 4 || index == 6 || index == 8 || index == 10 { text.append(0x2D) }
      let byte = bytes[used + index]
      text.append(Hex.digit(byte >> 4))
      text.append(Hex.digit(byte & 15))
    }
    used += 16
  }

  func identifier() -> UInt64 {
    var value: UInt64 = 0
    while value == 0 {
      refillIfEmpty()
      for index in 0..<8 { value = value << 8 | UInt64(bytes[used + index]) }
      // The same steps as UUIDs, so that those always find sixteen bytes.
      used += 16
    }
    return value
  }

  private func refillIfEmpty() {
    guard used == bytes.count else { return }
    precondition(RAND_bytes(&bytes, Int32(bytes.count)) == 1, "no randomness")
    used = 0
  }
}
