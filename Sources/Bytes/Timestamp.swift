/// A moment, in microseconds since 1970 (UTC, no leap seconds).
public struct Timestamp: Hashable, Comparable, Sendable {
  public var microseconds: Int64

  public init(microseconds: Int64) { self.microseconds = microseconds }
  /// Clamped to what microseconds can hold, so that a hostile number in a token cannot trap.
  public init(seconds: Int64) {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    microseconds = overflow ? (seconds < 0 ? .min : .max) : product
  }

  /// Whole seconds since 1970, rounded down.
  public var seconds: Int64 { Self.floorDivide(microseconds, 1_000_000) }

  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }
  /// The time between, in microseconds. Clamped at both ends: a moment far off never seems near.
  public static func - (left: Timestamp, right: Timestamp) -> Int64 {
    let (difference, overflow) = left.microseconds.subtractingReportingOverflow(right.microseconds)
    return overflow ? (left < right ? .min : .max) : difference
  }

  /// Clamped at both ends.
  public func adding(seconds: Int64) -> Timestamp {
    let (sum, overflow) = microseconds.addingReportingOverflow(Timestamp(seconds: seconds).microseconds)
    return Timestamp(microseconds: overflow ? (seconds < 0 ? .min : .max) : sum)
  }

  /// The calendar day in UTC.
  public var date: (year: Int, month: Int, day: Int) { Self.civil(daysSince1970: Int(Self.floorDivide(seconds, 86_400))) }
  public var year: Int { date.year }
  /// 1 to 12.
  public var month: Int { date.month }
  /// 1 to 31.
  public var day: Int { date.day }
  /// 0 to 23, UTC.
  public var hour: Int { Int(Self.floorRemainder(seconds, 86_400)) / 3600 }

  /// `2026-01-02T03:04:05.678901Z` (RFC 3339).
  public var rfc3339: String {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends the RFC 3339 form, always with six digits of a second.
  public func append(to bytes: inout [UInt8]) {
    let (year, month, day) = date
    let rest = Int(Self.floorRemainder(seconds, 86_400))
    let micros = Int(Self.floorRemainder(microseconds, 1_000_000))
    func digits(_ value: Int, _ count: Int) {
      var divisor = 1
      for _ in 1..<count { divisor *= 10 }
      while divisor > 0 {
        bytes.append(UInt8(0x30 + value / divisor % 10))
        divisor /= 10
      }
    }
    digits(max(0, min(9999, year)), 4)
    bytes.append(0x2D)
    digits(month, 2)
    bytes.append(0x2D)
    digits(day, 2)
    bytes.append(0x54)
    digits(rest / 3600, 2)
    bytes.append(0x3A)
    digits(rest / 60 % 60, 2)
    bytes.append(0x3A)
    digits(rest % 60, 2)
    bytes.append(0x2E)
    digits(micros, 6)
    bytes.append(0x5A)
  }

  /// Reads RFC 3339 §5.6: date, `T`, time, optional fraction, and a zone, which must be there. Digits beyond microseconds are
  /// dropped; a leap second is the last of its minute.
  public init?(rfc3339 text: Span<UInt8>) {
    var reader = DateReader(text)
    guard let days = reader.date(), reader.take(0x54) || reader.take(0x74), let hour = reader.digits(2), reader.take(0x3A),
      let minute = reader.digits(2), reader.take(0x3A), let second = reader.digits(2), let fraction = reader.fraction(),
      let zoneMinutes = reader.zone(), reader.isAtEnd, hour < 24, minute < 60, second <= 60
    else { return nil }
    let seconds = Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + min(second, 59)) - Int64(zoneMinutes) * 60
    microseconds = seconds * 1_000_000 + Int64(fraction)
  }

  public init?(rfc3339 text: String) { self.init(rfc3339: text.utf8.span) }

  /// Reads a date alone (`full-date` of RFC 3339 §5.6): the moment at which it begins in UTC.
  public init?(fullDate text: Span<UInt8>) {
    var reader = DateReader(text)
    guard let days = reader.date(), reader.isAtEnd else { return nil }
    microseconds = Int64(days) * 86_400_000_000
  }

  // Howard Hinnant's "chrono-compatible low-level date algorithms": exact for the proleptic Gregorian calendar.
  private static func civil(daysSince1970: Int) -> (year: Int, month: Int, day: Int) {
    let z = daysSince1970 + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  /// Days since 1970 UTC of a day of the proleptic Gregorian calendar; any year.
  public static func days(year: Int, month: Int, day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  fileprivate static func daysInMonth(_ year: Int, _ month: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    switch month {
    case 2: return isLeap ? 29 : 28
    case 4, 6, 9, 11: return 30
    default: return 31
    }
  }

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    value / divisor - (value % divisor < 0 ? 1 : 0)
  }

  private static func floorRemainder(_ value: Int64, _ divisor: Int64) -> Int64 {
    let remainder = value % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }
}

/// Reads the fixed fields of a date from left to right.
private struct DateReader: ~Escapable {
  private let text: Span<UInt8>
  private var place = 0

  @_lifetime(copy text)
  init(_ text: Span<UInt8>) { self.text = text }

  var isAtEnd: Bool { place == text.count }

  @_lifetime(self: copy self)
  mutating func take(_ byte: UInt8) -> Bool {
    guard place < text.count, text[place] == byte else { return false }
    place += 1
    return true
  }

  @_lifetime(self: copy self)
  mutating func digits(_ count: Int) -> Int? {
    guard text.count - place >= count else { return nil }
    var value = 0
    for index in place..<place + count {
      guard text[index] >= 0x30, text[index] <= 0x39 else { return nil }
      value = value * 10 + Int(text[index] - 0x30)
    }
    place += count
    return value
  }

  /// Days since 1970, of a day that there is.
  @_lifetime(self: copy self)
  mutating func date() -> Int? {
    guard let year = digits(4), take(0x2D), let month = digits(2), take(0x2D), let day = digits(2),
      (1...12).contains(month), day >= 1, day <= Timestamp.daysInMonth(year, month)
    else { return nil }
    return Timestamp.days(year: year, month: month, day: day)
  }

  /// Microseconds; 0 when there is no fraction, nil when it has no digit.
  @_lifetime(self: copy self)
  mutating func fraction() -> Int? {
    guard take(0x2E) else { return 0 }
    var (value, count) = (0, 0)
    while let digit = digits(1) {
      if count < 6 { value = value * 10 + digit }
      count += 1
    }
    guard count > 0 else { return nil }
    while count < 6 {
      value *= 10
      count += 1
    }
    return value
  }

  /// Minutes east of UTC.
  @_lifetime(self: copy self)
  mutating func zone() -> Int? {
    if take(0x5A) || take(0x7A) { return 0 }
    let sign: Int
    if take(0x2B) { sign = 1 } else if take(0x2D) { sign = -1 } else { return nil }
    guard let hours = digits(2), take(0x3A), let minutes = digits(2), hours < 24, minutes < 60 else { return nil }
    return sign * (hours * 60 + minutes)
  }
}
