import Bytes

/// The `Date` field (RFC 9110 §6.6.1), written once a second.
struct HTTPDate {
  private var second: Int64 = .min
  private(set) var field: [UInt8] = []

  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// Brings `field` up to the time: `Date: Sat, 21 Nov 2026 04:28:01 GMT` and the line end.
  mutating func refresh(_ now: Timestamp) {
    let second = now.seconds
    guard second != self.second else { return }
    self.second = second
    let (year, month, day) = now.date
    let inDay = Int(second % 86_400)
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let time = "\(two(inDay / 3600)):\(two(inDay / 60 % 60)):\(two(inDay % 60))"
    let weekday = Self.days[Int(second / 86_400 % 7)]
    field = Array("Date: \(weekday), \(two(day)) \(Self.months[month - 1]) \(year) \(time) GMT\r\n".utf8)
  }
}
