/// A command line that cannot be understood: the message says what is wrong; the command exits with status 2.
struct UsageError: Error {
  let message: String
  init(_ message: String) { self.message = message }
}

/// One option of a verb.
struct OptionDefinition {
  /// With its dashes: `--config`.
  let name: String
  /// What stands for the value in the help; nil for a switch.
  let value: String?
  let help: String

  static func value(_ name: String, _ value: String, _ help: String) -> OptionDefinition {
    OptionDefinition(name: name, value: value, help: help)
  }

  static func flag(_ name: String, _ help: String) -> OptionDefinition { OptionDefinition(name: name, value: nil, help: help) }

  static let config = value("--config", "FILE", "the configuration of the gateway (passerelle.json)")
  static let json = flag("--json", "print JSON instead of text")
}

/// The words after the verb, read against its definition: options known and given once, values there.
struct Arguments {
  private(set) var positional: [String] = []
  private var values: [String: String] = [:]
  private var flags: Set<String> = []

  /// - Throws: `UsageError` for an unknown option, a missing value, or an option given twice.
  init(_ words: [String], options: [OptionDefinition]) throws(UsageError) {
    var rest = words[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("--"), word != "--" else {
        if word == "--" { positional += rest; break }
        positional.append(word)
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let option = options.first(where: { $0.name == parts[0] }) else {
        let nearest = Nearest.name(to: parts[0], among: options.map(\.name))
        throw UsageError("unknown option \(parts[0])" + (nearest.map { "; did you mean \($0)?" } ?? ""))
      }
      guard values[option.name] == nil, !flags.contains(option.name) else { throw UsageError("\(option.name) is given twice") }
      if option.value == nil {
        guard parts.count == 1 else { throw UsageError("\(option.name) takes no value") }
        flags.insert(option.name)
      } else if parts.count == 2 {
        values[option.name] = parts[1]
      } else {
        guard let value = rest.popFirst() else {
          throw UsageError("\(option.name) wants a value: \(option.name) \(option.value!)")
        }
        values[option.name] = value
      }
    }
  }

  func value(_ name: String) -> String? { values[name] }
  func flag(_ name: String) -> Bool { flags.contains(name) }

  /// - Throws: `UsageError` when the option is missing.
  func required(_ name: String) throws(UsageError) -> String {
    guard let value = values[name] else { throw UsageError("\(name) is missing") }
    return value
  }

  /// - Throws: `UsageError` when the value is not a whole number in the range.
  func integer(_ name: String, default fallback: Int, in range: ClosedRange<Int>) throws(UsageError) -> Int {
    guard let text = values[name] else { return fallback }
    guard let number = Int(text), range.contains(number) else {
      throw UsageError("\(name) wants a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A length of time such as `90s`, `15m`, `1h`, `30d`, in seconds.
  func seconds(_ name: String, default fallback: Int, maximum: Int) throws(UsageError) -> Int {
    guard let text = values[name] else { return fallback }
    let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    let unit = text.last.flatMap { units[$0] }
    guard let number = Int(unit == nil ? text : String(text.dropLast())), number > 0,
      case let (seconds, overflow) = number.multipliedReportingOverflow(by: unit ?? 1), !overflow, seconds <= maximum
    else { throw UsageError("\(name) wants a length of time up to \(maximum) s, such as 90s, 15m, 1h") }
    return seconds
  }

  /// - Throws: `UsageError` unless there are exactly so many words that are no options.
  func positional(exactly count: Int, _ what: String) throws(UsageError) -> [String] {
    guard positional.count == count else {
      throw UsageError(positional.count < count ? "\(what) is missing" : "unexpected \"\(positional[count])\"")
    }
    return positional
  }
}

/// The known name that is most like a mistyped one.
enum Nearest {
  static func name(to word: String, among names: [String]) -> String? {
    names.map { ($0, distance(Array(word.utf8), Array($0.utf8))) }
      .filter { $0.1 <= max(2, word.utf8.count / 3) }
      .min { $0.1 < $1.1 }?.0
  }

  /// Levenshtein's distance, in bytes.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for i in 0..<a.count {
      var diagonal = row[0]
      row[0] = i + 1
      for j in 0..<b.count {
        let cost = min(row[j + 1] + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
        diagonal = row[j + 1]
        row[j + 1] = cost
      }
    }
    return row[b.count]
  }
}
