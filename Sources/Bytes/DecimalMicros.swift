/// Decimals such as `0.02`, read and written as millionths: money never goes through a binary fraction.
public enum DecimalMicros {
  /// Digits before the point at most: a price is below a billion.
  static let wholeDigitsMaximum = 9
  static let fractionDigits = 6

  /// Reads digits with at most six behind a point, without sign, exponent or spaces; nil for anything else.
  public static func parse(_ text: String) -> Int? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let fraction = parts.count == 2 ? parts[1] : ""
    guard parts.count <= 2, (1...wholeDigitsMaximum).contains(parts[0].utf8.count), fraction.utf8.count <= fractionDigits,
      parts.count == 1 || !fraction.isEmpty, (parts[0] + fraction).utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    return Int(parts[0] + fraction + String(repeating: "0", count: fractionDigits - fraction.utf8.count))
  }

  /// The decimal of so many millionths, with as many digits behind the point as it needs, and at least `places` (0 to 6).
  public static func text(_ micros: Int128, places: Int = 0) -> String {
    let (whole, rest) = micros.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
    var digits = String(rest)
    digits = String(repeating: "0", count: fractionDigits - digits.utf8.count) + digits
    while digits.hasSuffix("0"), digits.utf8.count > places { digits.removeLast() }
    return (micros < 0 ? "-" : "") + String(whole) + (digits.isEmpty ? "" : "." + digits)
  }
}
