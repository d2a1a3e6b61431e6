/// How many calls may be sent again: a share of all calls. When a backend fails as a whole, sending everything again would only double
/// its load.
///
/// Each call brings a part of a retry, a retry takes a whole one, and a few can be saved up. So in any stretch of time there are no
/// more retries than `percent` of its calls and `burst`. It is a loop's own: what holds on each holds for all. Confined to its loop.
struct RetryBudget {
  private let percent: Int
  private let savedMaximum: Int
  /// In hundredths of a retry.
  private var saved: Int

  init(_ settings: UpstreamSettings.Retries) {
    percent = settings.percent
    savedMaximum = settings.burst * 100
    saved = savedMaximum
  }

  /// A call was made.
  mutating func called() { saved = min(savedMaximum, saved + percent) }

  /// Takes a retry; false when there is none.
  mutating func take() -> Bool {
    guard percent > 0, saved >= 100 else { return false }
    saved -= 100
    return true
  }
}
