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
  public static func appendUUID(to text: inout [UInt8]) {
    var value = bytes(16)
    value[6] = value[6] & 0x0F | 0x40
    value[8] = value[8] & 0x3F | 0x80
    for (index, part) in [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].enumerated() {
      if index > 0 { text.append(0x2D) }
      Hex.append(value.span.extracting(part), to: &text)
    }
  }
}
