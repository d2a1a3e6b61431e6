/// A decimal number as it is written, without the rounding of a binary fraction: an amount of 0.003 is three times 0.001.
struct Decimal: Sendable {
  /// Not divisible by ten, unless the number is 0.
  private let digits: UInt64
  private let exponent: Int
  private let isNegative: Bool

  /// Reads a number as JSON writes one. Nil for more than 18 digits between the first and the last that is not zero.
  init?(_ literal: Span<UInt8>) {
    isNegative = !literal.isEmpty && literal[0] == 0x2D
    var (digits, shift, isFraction, place): (UInt64, Int, Bool, Int) = (0, 0, false, isNegative ? 1 : 0)
    // Zeros count only when another digit follows them.
    var zeros = 0
    while place < literal.count, literal[place] | 0x20 != 0x65 {
      let byte = literal[place]
      place += 1
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
    var exponent = 0
    if place < literal.count {
      guard let written = Self.exponent(literal.extracting(place + 1..<literal.count)) else { return nil }
      exponent = written
    }
    self.digits = digits
    // Zeros at the end stand for places that the digits do not have.
    self.exponent = digits == 0 ? 0 : exponent + shift + zeros
  }

  init?(_ literal: String) { self.init(literal.utf8.span) }

  /// What stands behind the letter; nil beyond five digits.
  private static func exponent(_ text: Span<UInt8>) -> Int? {
    let isNegative = !text.isEmpty && text[0] == 0x2D
    let first = isNegative || !text.isEmpty && text[0] == 0x2B ? 1 : 0
    guard first < text.count else { return nil }
    var value = 0
    for index in first..<text.count {
      guard text[index] >= 0x30, text[index] <= 0x39 else { return nil }
      value = value * 10 + Int(text[index] - 0x30)
      guard value <= 99_999 else { return nil }
    }
    return isNegative ? -value : value
  }

  /// The nearest double, where one multiplication or division of exact numbers gives it (Clinger 1990); nil where it takes more.
  var double: Double? {
    guard digits <= 9_007_199_254_740_992, exponent >= -22, exponent <= 22 else { return nil }
    let whole = isNegative ? -Double(digits) : Double(digits)
    return exponent < 0 ? whole / Self.powersOfTen[-exponent] : whole * Self.powersOfTen[exponent]
  }

  /// All that a double holds exactly.
  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

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
