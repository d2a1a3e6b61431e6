/// What is written on the way of a call: straight into bytes that are used again, without a `String` between.
extension [UInt8] {
  /// Appends the bytes of a literal.
  @inlinable
  public mutating func append(_ text: StaticString) {
    unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends bytes that somebody else owns.
  @inlinable
  public mutating func append(_ span: Span<UInt8>) {
    // Sound: the bytes are copied within the call.
    unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }

  /// Appends the bytes of a text.
  @inlinable
  public mutating func append(text: String) {
    // Contiguous for every text that Swift itself makes; anything else comes byte by byte.
    if unsafe text.utf8.withContiguousStorageIfAvailable({ unsafe append(contentsOf: $0) }) == nil {
      append(contentsOf: text.utf8)
    }
  }

  /// Appends the digits of a number.
  public mutating func append(decimal value: Int) {
    if value < 0 { append(0x2D) }
    append(decimal: UInt64(value.magnitude))
  }

  /// Appends the digits of a number.
  public mutating func append(decimal value: UInt64) {
    // 20 digits at most, written from the end.
    var digits: InlineArray<20, UInt8> = .init(repeating: 0x30)
    var (rest, start) = (value, 20)
    repeat {
      start -= 1
      digits[start] = UInt8(truncatingIfNeeded: rest % 10) | 0x30
      rest /= 10
    } while rest > 0
    append(digits.span.extracting(start..<20))
  }
}
