import Bytes

/// When a SIM card or a phone was last changed, and how far back the operator looks.
struct LastChange: Sendable {
  /// Nil when there was none, or when it may not be told.
  let time: Timestamp?
  /// Changes before that many days are not told; nil where there is no such rule.
  let monitoredDays: Int?

  init(at time: Timestamp) {
    self.time = time
    monitoredDays = nil
  }

  /// Reads a time, or `{ "monitoredDays": 120 }` alone: nothing in that time.
  init(_ value: JSONValue, now: Timestamp) throws(DocumentError) {
    guard value.kind == .object else {
      time = try Moment.read(value, now: now)
      monitoredDays = nil
      return
    }
    var reader = try ObjectReader(value)
    time = nil
    monitoredDays = try reader.integer("monitoredDays", in: 1...3650)
    try reader.finish()
  }

  func isWithin(hours: Int, of now: Timestamp) -> Bool {
    guard let time else { return false }
    return now - time <= Int64(hours) * 3_600_000_000
  }
}
