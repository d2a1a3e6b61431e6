import Bytes

/// A calendar month of UTC.
public struct Month: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let year: Int
  /// 1 to 12.
  public let month: Int

  /// Reads `2026-11`.
  public init?(_ text: String) {
    guard text.utf8.count == 7, let first = Timestamp(rfc3339: text + "-01T00:00:00Z") else { return nil }
    self.init(containing: first)
  }

  public init(containing time: Timestamp) {
    let date = time.date
    (year, month) = (date.year, date.month)
  }

  /// - Parameter hour: hours since 1970 UTC.
  init(containing hour: Int) { self.init(containing: Timestamp(seconds: Int64(hour) * 3600)) }

  /// The first hour, since 1970 UTC.
  public var startHour: Int { Timestamp.days(year: year, month: month, day: 1) * 24 }
  /// The first hour of the month after.
  public var endHour: Int { next.startHour }
  public var days: Int { (endHour - startHour) / 24 }
  public var next: Month { month == 12 ? Month(year: year + 1, month: 1) : Month(year: year, month: month + 1) }

  private init(year: Int, month: Int) { (self.year, self.month) = (year, month) }

  /// `2026-11`; years before 0 and after 9999, which only zones of times at the ends can lead to, have their sign and all their digits.
  public var description: String {
    let digits = String(year.magnitude)
    return (year < 0 ? "-" : "") + String(repeating: "0", count: 4 - min(4, digits.count)) + digits + (month < 10 ? "-0" : "-")
      + "\(month)"
  }
  public static func < (left: Month, right: Month) -> Bool { (left.year, left.month) < (right.year, right.month) }
}
