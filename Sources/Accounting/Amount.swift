import Bytes
import Identifiers

/// Money, in millionths of the currency's unit, exact: a price below a billion times as many calls as an integer counts fits.
public struct Amount: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var micros: Int128

  public static let zero = Amount(micros: 0)

  public init(micros: Int128) { self.micros = micros }

  /// Nil for anything but digits with at most nine before the point and six behind it.
  public init?(decimal text: String) {
    guard let micros = DecimalMicros.parse(text) else { return nil }
    self.micros = Int128(micros)
  }

  public static func + (left: Amount, right: Amount) -> Amount { Amount(micros: left.micros + right.micros) }
  public static func += (left: inout Amount, right: Amount) { left = left + right }
  public static func * (price: Amount, count: Int) -> Amount { Amount(micros: price.micros * Int128(count)) }
  public static func < (left: Amount, right: Amount) -> Bool { left.micros < right.micros }

  /// To the smallest amount that can be paid in the currency; half of it goes away from zero.
  public func rounded(to currency: Currency) -> Amount {
    var unit: Int128 = 1
    for _ in currency.minorDigits..<6 { unit *= 10 }
    let half = unit / 2
    let units = (micros.magnitude + half.magnitude) / unit.magnitude
    return Amount(micros: Int128(units) * unit * (micros < 0 ? -1 : 1))
  }

  /// As many digits behind the point as it needs.
  public var description: String { DecimalMicros.text(micros) }

  /// At least the digits that the currency has.
  public func text(in currency: Currency) -> String { DecimalMicros.text(micros, places: currency.minorDigits) }
}
