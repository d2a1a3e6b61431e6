import Bytes

/// Times of the data file: RFC 3339, or `"3d ago"`, counted from the start of the simulator.
enum Moment {
  static func read(_ value: JSONValue, now: Timestamp) throws(DocumentError) -> Timestamp {
    guard let text = value.string else { throw value.error("a time was expected: RFC 3339, or such as \"3d ago\"") }
    if let time = Timestamp(rfc3339: text) { return time }
    guard text.hasSuffix(" ago"), let seconds = seconds(String(text.dropLast(4))) else {
      throw value.error("a time was expected: RFC 3339, or such as \"90s ago\", \"15m ago\", \"6h ago\", \"3d ago\"")
    }
    return now.adding(seconds: -Int64(seconds))
  }

  /// A length of time such as `90s`, `15m`, `6h`, `3d`.
  static func duration(_ value: JSONValue, in range: ClosedRange<Int>) throws(DocumentError) -> Int {
    guard let seconds = value.string.flatMap(seconds), range.contains(seconds) else {
      throw value.error("a length of time was expected, such as \"90s\", \"15m\", \"6h\", \"3d\"")
    }
    return seconds
  }

  private static func seconds(_ text: String) -> Int? {
    let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()), (0...100_000).contains(count) else {
      return nil
    }
    return count * unit
  }
}

extension ObjectReader {
  /// A length of time such as `90s`, in seconds.
  mutating func duration(_ key: String, in range: ClosedRange<Int>, default fallback: Int) throws(DocumentError) -> Int {
    guard let value = value(key) else { return fallback }
    return try Moment.duration(value, in: range)
  }

  /// One of a few words.
  mutating func choice(_ key: String, of words: [String], default fallback: String? = nil) throws(DocumentError) -> String {
    guard let value = value(key) else {
      guard let fallback else { throw error("\"\(key)\" is missing") }
      return fallback
    }
    guard let word = value.string, words.contains(word) else {
      throw value.error("\"\(key)\" wants one of \(words.joined(separator: ", "))")
    }
    return word
  }

  mutating func number(_ key: String, in range: ClosedRange<Double>) throws(DocumentError) -> Double {
    let value = try required(key)
    guard let number = value.double, range.contains(number) else {
      throw value.error("\"\(key)\" wants a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
