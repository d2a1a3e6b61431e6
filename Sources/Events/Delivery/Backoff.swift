import Bytes

/// When an event that did not reach its sink is tried again: exponential, with full jitter, so that the events of a sink that was away do
/// not come back all at once.
enum Backoff {
  static let firstSeconds: Int64 = 1
  static let secondsMaximum: Int64 = 3600
  /// Between two tries at least, however the dice fall.
  static let millisecondsMinimum: Int64 = 100
  /// Beyond the rest of its server, for what was not tried.
  static let untriedSecondsMaximum: Int64 = 300

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

  /// Of an event that was not tried because its server rests: when that rest is over and then, spread, up to as long again as the event has
  /// waited already. No try has failed that could be counted, and all that wait for one server are not to be looked at each second.
  ///
  /// - Parameter restNanoseconds: what is left of the server's rest.
  static func dueUntried(
    acceptedAt: Timestamp, restNanoseconds: UInt64, now: Timestamp, using random: inout some RandomNumberGenerator
  ) -> Timestamp {
    let waited = (now.microseconds - acceptedAt.microseconds) / 1000
    let ceiling = min(untriedSecondsMaximum * 1000, max(firstSeconds * 1000, waited))
    let milliseconds = Int64.random(in: millisecondsMinimum...ceiling, using: &random)
    return Timestamp(microseconds: now.microseconds + Int64(restNanoseconds / 1000) + milliseconds * 1000)
  }
}
