/// One metric with all its series, as it stood at a moment.
public struct MetricFamily: Sendable {
  /// What its values mean; the raw value is the type in both formats.
  public enum Kind: String, Sendable {
    /// Only rises, until the process starts anew.
    case counter
    case gauge
    case histogram
    /// Says something by its labels; its value is 1.
    case info
  }

  /// Of one series.
  public enum Value: Sendable {
    case count(UInt64)
    case number(Double)
    case histogram(HistogramSnapshot)
  }

  public struct Series: Sendable {
    public let labels: [(name: String, value: String)]
    public let value: Value

    public init(labels: [(name: String, value: String)], value: Value) {
      self.labels = labels
      self.value = value
    }
  }

  /// Without `_total` and `_info`, which the kind brings along; with its unit, when it has one.
  public let name: String
  public let kind: Kind
  /// The last part of the name, in base units: `seconds`, `bytes`.
  public let unit: String?
  /// One line.
  public let help: String
  public var series: [Series]

  /// - Precondition: the name ends with the unit; a histogram is one of seconds.
  public init(_ name: String, _ kind: Kind, unit: String? = nil, help: String, series: [Series] = []) {
    precondition(unit.map { name.hasSuffix("_" + $0) } ?? true, "a name ends with its unit")
    self.name = name
    self.kind = kind
    self.unit = unit
    self.help = help
    self.series = series
  }

  /// Adds a series. Labels of one metric have the same names, in the same order, in all its series.
  public mutating func add(_ value: Value, _ labels: (String, String)...) {
    series.append(Series(labels: labels.map { (name: $0.0, value: $0.1) }, value: value))
  }

  /// A metric of one series without labels.
  public static func single(_ name: String, _ kind: Kind, unit: String? = nil, help: String, _ value: Value) -> MetricFamily {
    MetricFamily(name, kind, unit: unit, help: help, series: [Series(labels: [], value: value)])
  }
}
