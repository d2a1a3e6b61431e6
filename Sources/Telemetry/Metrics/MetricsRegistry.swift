import Synchronization

/// Where all metrics of a process come together. Safe from any thread.
public final class MetricsRegistry: Sendable {
  public typealias Source = @Sendable () -> [MetricFamily]

  private let sources = Mutex<[(name: String, source: Source)]>([])

  public init() {}

  /// Adds a source, or puts it in the place of the one that had this name.
  public func set(_ name: String, _ source: @escaping Source) {
    sources.withLock { sources in
      if let place = sources.firstIndex(where: { $0.name == name }) {
        sources[place].source = source
      } else {
        sources.append((name, source))
      }
    }
  }

  /// All metrics as they are now, in the order of their sources. Series of one metric from several sources stand together.
  public func collect() -> [MetricFamily] {
    var families: [MetricFamily] = []
    var places: [String: Int] = [:]
    for (_, source) in sources.withLock({ $0 }) {
      for family in source() {
        if let place = places[family.name] {
          families[place].series += family.series
        } else {
          places[family.name] = families.count
          families.append(family)
        }
      }
    }
    return families
  }
}
