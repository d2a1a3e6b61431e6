import Glibc

extension Span where Element == UInt8 {
  /// The part at a place.
  @inlinable
  @_lifetime(copy self)
  public func slice(_ range: ByteRange) -> Span<UInt8> { extracting(range.lower..<range.upper) }

  /// True when the bytes are those of a literal.
  @inlinable
  public func equals(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    // Sound: both sides have `count` bytes, and neither is kept beyond the call.
    return unsafe withUnsafeBufferPointer { unsafe $0.isEmpty || memcmp($0.baseAddress!, text.utf8Start, $0.count) == 0 }
  }

  /// True when both have the same bytes. Not for secrets: it stops at the first difference.
  @inlinable
  public func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    return unsafe withUnsafeBufferPointer { left in
      unsafe other.withUnsafeBufferPointer { right in
        unsafe left.isEmpty || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0
      }
    }
  }

  /// The same, for names: they are short, and a call costs more than the comparison.
  @inlinable
  @inline(__always)
  public func equals(name other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    // Sound: both sides have `count` bytes, each load ends within them, and neither is kept beyond the call.
    return unsafe withUnsafeBytes { left in
      unsafe other.withUnsafeBytes { right in
        guard left.count >= 8 else {
          for place in 0..<left.count where unsafe left[place] != right[place] { return false }
          return true
        }
        let last = left.count - 8
        var place = 0
        while place < last {
          if unsafe left.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            != right.loadUnaligned(fromByteOffset: place, as: UInt64.self)
          {
            return false
          }
          place += 8
        }
        return unsafe left.loadUnaligned(fromByteOffset: last, as: UInt64.self)
          == right.loadUnaligned(fromByteOffset: last, as: UInt64.self)
      }
    }
  }

  /// True when the bytes are those of a literal in lower case, ASCII letters compared without case (RFC 9110 §5.1).
  @inlinable
  public func equalsIgnoringASCIICase(_ lowercased: StaticString) -> Bool {
    guard count == lowercased.utf8CodeUnitCount else { return false }
    for index in 0..<count {
      let byte = self[index]
      let folded = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
      guard unsafe folded == lowercased.utf8Start[index] else { return false }
    }
    return true
  }

  /// True when the bytes are those of a text in lower case, ASCII letters compared without case.
  @inlinable
  public func equalsIgnoringASCIICase(_ lowercased: Span<UInt8>) -> Bool {
    guard count == lowercased.count else { return false }
    for index in indices {
      let byte = self[index]
      guard (byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte) == lowercased[index] else { return false }
    }
    return true
  }

  /// The place of a byte, at or after `from`; by `memchr`.
  @inlinable
  public func firstIndex(of byte: UInt8, from: Int = 0) -> Int? {
    guard from < count else { return nil }
    return unsafe withUnsafeBufferPointer { buffer in
      guard let found = unsafe memchr(buffer.baseAddress! + from, Int32(byte), buffer.count - from) else { return nil }
      return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(buffer.baseAddress!)
    }
  }

  /// The bytes as text; what is not UTF-8 is replaced.
  public func string() -> String { unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) } }

  /// A copy of the bytes.
  public func bytes() -> [UInt8] { unsafe withUnsafeBufferPointer { unsafe Array($0) } }
}
