/// How long something took, in fixed classes from 0.1 ms to 10 s. One thread observes, any thread reads.
public struct DurationHistogram: ~Copyable, Sendable {
  /// The classes, the one above all bounds included, and the sum in nanoseconds.
  private let cells = Counters<18>()

  public init() {}

  /// - Parameter nanoseconds: counted in the first class whose bound is not below it.
  public func observe(nanoseconds: UInt64) {
    cells.add(at: Self.place(of: nanoseconds))
    cells.add(nanoseconds, at: 17)
  }

  public var snapshot: HistogramSnapshot {
    var snapshot = HistogramSnapshot()
    snapshot.add(self)
    return snapshot
  }

  fileprivate func count(at place: Int) -> UInt64 { cells.value(at: place) }
  fileprivate var sumNanoseconds: UInt64 { cells.value(at: 17) }

  /// A chain of comparisons, of which most calls need two or three.
  private static func place(of nanoseconds: UInt64) -> Int {
    switch nanoseconds {
    case ...100_000: 0
    case ...250_000: 1
    case ...500_000: 2
    case ...1_000_000: 3
    case ...2_500_000: 4
    case ...5_000_000: 5
    case ...10_000_000: 6
    case ...25_000_000: 7
    case ...50_000_000: 8
    case ...100_000_000: 9
    case ...250_000_000: 10
    case ...500_000_000: 11
    case ...1_000_000_000: 12
    case ...2_500_000_000: 13
    case ...5_000_000_000: 14
    case ...10_000_000_000: 15
    default: 16
    }
  }
}

/// What a histogram held at a moment; several can be added up.
public struct HistogramSnapshot: Sendable, Equatable {
  /// The bounds in seconds, as they are written.
  public static let bounds = [
    "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0",
    "10.0",
  ]

  /// By class, each for itself; the last is above all bounds.
  public private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
  public private(set) var sumNanoseconds: UInt64 = 0

  public init() {}

  public mutating func add(_ histogram: borrowing DurationHistogram) {
    for place in counts.indices { counts[place] &+= histogram.count(at: place) }
    sumNanoseconds &+= histogram.sumNanoseconds
  }

  public mutating func add(_ other: HistogramSnapshot) {
    for place in counts.indices { counts[place] &+= other.counts[place] }
    sumNanoseconds &+= other.sumNanoseconds
  }

  /// All that was observed.
  public var count: UInt64 { counts.reduce(0, &+) }
}
