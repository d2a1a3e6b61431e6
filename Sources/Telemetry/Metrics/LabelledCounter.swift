import Synchronization

/// A counter with labels, for what happens beside the calls of APIs: one short lock an addition. Safe from any thread.
///
/// Bounded: further combinations of values than the first so many are counted together, under `other`.
public final class LabelledCounter: Sendable {
  private let name: String
  private let help: String
  private let labels: [String]
  private let seriesMaximum: Int
  private let counts = Mutex<[[String]: UInt64]>([:])

  public init(_ name: String, help: String, labels: [String], seriesMaximum: Int = 1000) {
    self.name = name
    self.help = help
    self.labels = labels
    self.seriesMaximum = seriesMaximum
  }

  /// - Precondition: as many values as there are labels.
  public func count(_ values: String...) {
    precondition(values.count == labels.count, "a value for each label")
    counts.withLock { counts in
      let isNew = counts[values] == nil
      let key = isNew && counts.count >= seriesMaximum ? labels.map { _ in "other" } : values
      counts[key, default: 0] &+= 1
    }
  }

  public var family: MetricFamily {
    let rows = counts.withLock { $0 }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    return MetricFamily(
      name, .counter, help: help,
      series: rows.map { row in
        MetricFamily.Series(labels: zip(labels, row.key).map { (name: $0, value: $1) }, value: .count(row.value))
      })
  }
}
