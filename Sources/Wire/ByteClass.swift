import Bytes

/// Which bytes may stand where (RFC 9110 §5.5 and §5.6.2, RFC 3986 §2).
enum ByteClass {
  /// Letters, digits and ``!#$%&'*+-.^_`|~``.
  static let token = ASCIISet(low: 0x03FF6CFA00000000, high: 0x57FFFFFFC7FFFFFE)
  /// Letters, digits and `-._~:/?[]@!$&'()*+,;=%`.
  static let target = ASCIISet(low: 0xAFFFFFF200000000, high: 0x47FFFFFEAFFFFFFF)

  static func isToken(_ bytes: Span<UInt8>) -> Bool { !bytes.isEmpty && token.containsAll(bytes) }

  /// What a request target may hold; no fragment, no quotes, no backslash, nothing above ASCII.
  static func isTarget(_ bytes: Span<UInt8>) -> Bool { target.containsAll(bytes) }

  /// Visible ASCII, space, tab, and what older texts call obs-text; no other control character.
  static func isValue(_ bytes: Span<UInt8>) -> Bool {
    // Sound: each read of eight bytes ends at or before `count`.
    unsafe bytes.withUnsafeBytes { buffer in
      var index = 0
      // Eight at once: a token alone is some hundred bytes, and has nothing to be looked at twice.
      while index + 8 <= buffer.count {
        let eight = unsafe buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        guard hasControl(eight) else { index += 8; continue }
        for place in index..<index + 8 where unsafe !isValue(buffer[place]) { return false }
        index += 8
      }
      while index < buffer.count {
        guard unsafe isValue(buffer[index]) else { return false }
        index += 1
      }
      return true
    }
  }

  private static func isValue(_ byte: UInt8) -> Bool { byte == 0x09 || (byte >= 0x20 && byte != 0x7F) }

  /// True when one of the eight bytes is below 0x20 or is DEL; now and then also when none is.
  private static func hasControl(_ eight: UInt64) -> Bool {
    let (ones, high): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
    let below = (eight &- ones &* 0x20) & ~eight & high
    let delete = eight ^ (ones &* 0x7F)
    return below | ((delete &- ones) & ~delete & high) != 0
  }
}
