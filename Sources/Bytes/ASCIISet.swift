/// Some of the 128 ASCII characters, one bit each.
///
/// Written as two numbers and not as the characters, so that the compiler lays it out and no look-up has to ask first whether it
/// was made already: that question was a twentieth of the processor time of a call. Tests hold each set against its characters.
public struct ASCIISet: Sendable {
  @usableFromInline let low: UInt64
  @usableFromInline let high: UInt64

  /// - Parameters:
  ///   - low: the characters 0 to 63, the lowest bit first.
  ///   - high: the characters 64 to 127.
  @inlinable
  public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  @inlinable
  public func contains(_ byte: UInt8) -> Bool {
    byte < 0x80 && (byte < 0x40 ? low : high) >> UInt64(byte & 0x3F) & 1 == 1
  }

  /// True when all bytes are of the set.
  @inlinable
  public func containsAll(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices where !contains(bytes[index]) { return false }
    return true
  }
}
