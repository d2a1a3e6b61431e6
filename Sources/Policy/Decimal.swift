/// A decimal number as it is written, without the rounding of a binary fraction: an amount of 0.003 is three times 0.001.
struct Decimal: Sendable, Equatable {
  /// Not divisible by ten, unless the number is 0.
  private let digits: UInt64
  private let exponent: Int

  /// Reads a number as JSON writes one; its sign is of no matter here. Nil for more than 18 digits between the first and the last
  /// that is not zero.
  init?(_ literal: String) {
    var (digits, exponent, shift, isFraction): (UInt64, Int, Int, Bool) = (0, 0, 0, false)
    var rest = literal.utf8[...]
    if rest.first == 0x2D { rest = rest.dropFirst() }
    // Zeros count only when another digit follows them.
    var zeros = 0
    while let byte = rest.first, byte != 0x65, byte != 0x45 {
      rest = rest.dropFirst()
      guard byte != 0x2E else { isFraction = true; continue }
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      if isFraction { shift -= 1 }
      if byte == 0x30 {
        if digits != 0 { zeros += 1 }
        continue
      }
      for _ in 0..<zeros + 1 {
        guard digits < 100_000_000_000_000_000 else { return nil }
        digits *= 10
      }
      zeros = 0
      digits += UInt64(byte - 0x30)
    }
    if !rest.isEmpty {
      guard let written = Int(String(Substring(rest.dropFirst()))), (-99_999...99_999).contains(written) else {
        return nil
      }
      exponent = written
    }
    self.digits = digits
    // Zeros at the end stand for places that the digits do not have.
    self.exponent = digits == 0 ? 0 : exponent + shift + zeros
  }

  func isMultiple(of step: Decimal) -> Bool {
    guard digits != 0 else { return true }
    guard step.digits != 0, exponent >= step.exponent else {
      // A number without zeros at its end is no multiple of one with more places before the point.
      return false
    }
    var remainder = UInt128(digits) % UInt128(step.digits)
    for _ in 0..<exponent - step.exponent where remainder != 0 { remainder = remainder * 10 % UInt128(step.digits) }
    return remainder == 0
  }
}
