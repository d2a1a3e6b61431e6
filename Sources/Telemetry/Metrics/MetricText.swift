import Bytes

/// The formats in which Prometheus reads metrics.
public enum MetricFormat: Sendable {
  /// Prometheus text format 0.0.4.
  case text
  /// OpenMetrics 1.0.
  case openMetrics

  public var contentType: String {
    switch self {
    case .text: "text/plain; version=0.0.4; charset=utf-8"
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
  }

  /// What a client prefers (RFC 9110 §12.5.1): OpenMetrics where it names it and gives it no less weight than the text format.
  public init(accept: String?) {
    var openMetrics = 0.0
    var text = 0.0
    for range in (accept ?? "").lowercased().split(separator: ",") {
      let parts = range.split(separator: ";").map { String($0.filter { $0 != " " && $0 != "\t" }) }
      let version = parts.dropFirst().first { $0.hasPrefix("version=") }?.dropFirst(8).filter { $0 != "\"" }
      let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
      switch (parts.first, version) {
      case ("application/openmetrics-text", nil), ("application/openmetrics-text", "1.0.0"):
        openMetrics = max(openMetrics, weight)
      case ("text/plain", nil), ("text/plain", "0.0.4"), ("text/*", _): text = max(text, weight)
      default: continue
      }
    }
    self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
  }
}

/// Writes metrics for a scrape.
public struct MetricText {
  public private(set) var bytes: [UInt8] = []
  private let format: MetricFormat

  /// - Returns: the whole document, in UTF-8; families without a series are left out.
  public static func write(_ families: [MetricFamily], as format: MetricFormat) -> [UInt8] {
    var text = MetricText(format)
    for family in families where !family.series.isEmpty { text.add(family) }
    if format == .openMetrics { text.bytes.append("# EOF\n") }
    return text.bytes
  }

  private init(_ format: MetricFormat) { self.format = format }

  /// OpenMetrics names a metric without the suffix of its samples, the older format by its samples.
  private mutating func add(_ family: MetricFamily) {
    let sampleName: String
    switch family.kind {
    case .counter: sampleName = family.name + "_total"
    case .info: sampleName = family.name + "_info"
    case .gauge, .histogram: sampleName = family.name
    }
    let isOpen = format == .openMetrics
    let name = isOpen ? family.name : sampleName
    let kind = isOpen || family.kind != .info ? family.kind.rawValue : "gauge"
    line("# HELP \(name) \(Self.escape(family.help, quotes: isOpen))")
    line("# TYPE \(name) \(kind)")
    if isOpen, let unit = family.unit { line("# UNIT \(name) \(unit)") }
    for series in family.series { add(series, sampleName) }
  }

  private mutating func add(_ series: MetricFamily.Series, _ name: String) {
    switch series.value {
    case .count(let count): sample(name, series.labels, "\(count)")
    case .number(let number): sample(name, series.labels, "\(number)")
    case .histogram(let histogram):
      var total: UInt64 = 0
      for (bound, count) in zip(HistogramSnapshot.bounds + ["+Inf"], histogram.counts) {
        total &+= count
        sample(name + "_bucket", series.labels + [(name: "le", value: bound)], "\(total)")
      }
      sample(name + "_sum", series.labels, "\(Double(histogram.sumNanoseconds) / 1e9)")
      sample(name + "_count", series.labels, "\(total)")
    }
  }

  private mutating func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: String) {
    let list = labels.map { "\($0.name)=\"\(Self.escape($0.value, quotes: true))\"" }.joined(separator: ",")
    line(list.isEmpty ? "\(name) \(value)" : "\(name){\(list)} \(value)")
  }

  private mutating func line(_ text: String) {
    bytes.append(text: text)
    bytes.append(0x0A)
  }

  /// Both formats: a backslash, a line end and, where the text stands in quotes, a quote. Of other control characters neither has an
  /// escape, and no name has one.
  static func escape(_ text: String, quotes: Bool) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x5C || $0 == 0x22 || $0 == 0x7F }) else { return text }
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      case _ where scalar.value < 0x20 || scalar.value == 0x7F: escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
