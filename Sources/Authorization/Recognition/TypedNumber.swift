import Identifiers

/// A number as people type it.
public enum TypedNumber {
  /// Reads `+33 6 12 34 56 78`, `0033612345678`, and `06 12 34 56 78` where the operator's country code is configured. Blanks, dots,
  /// hyphens, slashes and brackets are for the eye.
  ///
  /// - Parameter countryCode: digits, without a plus: `33`.
  public static func read(_ text: String, countryCode: String?) -> MSISDN? {
    guard text.utf8.count <= 64 else { return nil }
    let digits = String(text.unicodeScalars.filter { !" \u{A0}\u{202F}.-/()".unicodeScalars.contains($0) })
    if digits.hasPrefix("+") { return MSISDN(e164: digits) }
    if digits.hasPrefix("00") { return MSISDN(e164: "+" + digits.dropFirst(2)) }
    guard let countryCode, digits.hasPrefix("0") else { return nil }
    return MSISDN(e164: "+" + countryCode + digits.dropFirst())
  }
}
