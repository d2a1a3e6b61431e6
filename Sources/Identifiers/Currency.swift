/// A currency by its code of three capital letters (ISO 4217).
public struct Currency: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: String

  public init?(rawValue: String) {
    guard rawValue.utf8.count == 3, rawValue.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else { return nil }
    self.rawValue = rawValue
  }

  public var description: String { rawValue }
  public static func < (left: Currency, right: Currency) -> Bool { left.rawValue < right.rawValue }

  /// Digits behind the point of the smallest amount that can be paid (ISO 4217, "minor unit"): 2 for all but these.
  public var minorDigits: Int {
    switch rawValue {
    case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF": 0
    case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND": 3
    case "CLF", "UYW": 4
    default: 2
    }
  }
}
