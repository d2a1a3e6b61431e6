import Bytes

/// When an event that did not reach its sink is tried again: exponential, with full jitter, so that the events of a sink that was away do
/// not come back all at once.
enum Backoff {
  static let firstSeconds: Int64 = 1
  static let secondsMaximum: Int64 = 3600
  /// Between two tries at least, however the dice fall.
  static let millisecondsMinimum: Int64 = 100

  /// - Parameters:
  ///   - attempts: those that failed, 1 or more.
  ///   - retryAfterSeconds: what the sink asked for; it waits at least so long, up to the maximum.
  static func due(
    after attempts: Int, retryAfterSeconds: Int? = nil, now: Timestamp, using random: inout some RandomNumberGenerator
  ) -> Timestamp {
    let ceiling = min(secondsMaximum, firstSeconds << Int64(min(max(0, attempts - 1), 20)))
    var milliseconds = Int64.random(in: millisecondsMinimum...ceiling * 1000, using: &random)
    if let retryAfterSeconds { milliseconds += min(secondsMaximum, Int64(max(0, retryAfterSeconds))) * 1000 }
    return Timestamp(microseconds: now.microseconds + milliseconds * 1000)
  }
}
