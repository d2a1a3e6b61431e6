/// How many requests one loop works on at once, learnt from how long it lets what is ready wait.
///
/// A request too many is better refused at once than kept in a queue in which all wait: its client can go elsewhere, and the others
/// are answered in time. The maximum follows the loop's lag (`LagProbe`): when all lags of a while were too long, it comes down in
/// proportion, to what was really under way; when it was reached and the lags are short, it rises again. A backend that is slow makes
/// no lag, and so does not lower it. Confined to its loop.
public final class Admission {
  /// What a loop is told.
  public struct Settings: Sendable, Equatable {
    /// Never more at once than these.
    public var requestsMaximum = 8192
    /// The lag that is too long, in milliseconds.
    public var lagMillisecondsMaximum = 50

    /// As documented in `deploy/passerelle.example.json`.
    public init() {}

    /// What one of so many loops may have of it; `count` is 1 or more.
    public func share(ofLoops count: Int) -> Settings {
      var share = self
      share.requestsMaximum = (requestsMaximum + count - 1) / count
      return share
    }
  }

  /// However long the lag, so many are admitted: a loop that only refuses would never find out that the load is gone.
  static let requestsMinimum = 32
  /// How long lags are gathered before the maximum moves.
  private static let windowNanoseconds: UInt64 = 100_000_000
  /// A single long turn is no overload.
  private static let lagsMinimum = 2

  /// Requests that were admitted and are not answered yet.
  public private(set) var underWay = 0
  /// How many may be.
  public private(set) var maximum: Int
  /// Requests that were refused because of it, since the start.
  public private(set) var refusedCount = 0
  /// The last lag that was measured.
  public private(set) var lagNanoseconds: UInt64 = 0
  private var settings: Settings
  private var peak = 0
  private var wasReached = false
  private var windowEnd: UInt64 = 0
  private var lagCount = 0
  private var shortestLag = UInt64.max

  init(_ settings: Settings = Settings()) {
    self.settings = settings
    maximum = settings.requestsMaximum
  }

  /// On the loop, or before it runs.
  public func configure(_ settings: Settings) {
    self.settings = settings
    maximum = settings.requestsMaximum
  }

  /// False for a request too many. Each that is true is ended by one `end`.
  func begin() -> Bool {
    guard underWay < maximum else {
      wasReached = true
      refusedCount += 1
      return false
    }
    underWay += 1
    if underWay > peak { peak = underWay }
    return true
  }

  func end() { underWay -= 1 }

  /// One who may have at most a part of the room did not get in.
  public func countShare() {
    wasReached = true
    refusedCount += 1
  }

  /// What is ready waits so long for its turn.
  func note(lagNanoseconds lag: UInt64, at now: UInt64) {
    lagNanoseconds = lag
    shortestLag = min(shortestLag, lag)
    lagCount += 1
    guard now >= windowEnd, lagCount >= Self.lagsMinimum else { return }
    adapt()
    windowEnd = now + Self.windowNanoseconds
    (peak, wasReached, lagCount, shortestLag) = (underWay, false, 0, .max)
  }

  private func adapt() {
    let target = UInt64(settings.lagMillisecondsMaximum) * 1_000_000
    if shortestLag > target {
      // At most halved at once: what is measured under such a load is rough.
      let part = max(0.5, Double(target) / Double(shortestLag))
      maximum = max(min(Self.requestsMinimum, settings.requestsMaximum), Int(Double(min(peak, maximum)) * part))
    } else if wasReached, shortestLag < target / 2 {
      maximum = min(settings.requestsMaximum, maximum + max(8, maximum / 8))
    }
  }
}
