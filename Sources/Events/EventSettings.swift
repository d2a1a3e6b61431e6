/// What the operator sets (`events` of the configuration).
public struct EventSettings: Sendable {
  /// Where the gateway's APIs are, without a slash at the end: `https://gateway.example`. Events name it as their source.
  public var apiAddress: String
  /// What sinks are asked about and told (`WebHook-Request-Origin`): the gateway's host.
  public var originName: String
  /// Sinks without TLS: for tests and the demo.
  public var allowsPlainHTTP = false
  /// Events of one subscription that wait, and of all together.
  public var waitingPerSubscription = 1000
  public var waitingMaximum = 1_000_000
  /// After so many tries, or so many hours since it came, an event goes to the dead letters.
  public var attemptsMaximum = 20
  public var attemptHours = 24
  /// Under way at a time, in all.
  public var deliveriesAtOnce = 256
  /// Of one delivery: look-up, connection, handshake, answer.
  public var timeoutMilliseconds = 10_000
  /// A subscription ends so long before its sink's token runs out, so that the sink can still be told.
  public var tokenLeadSeconds = 30

  public init(apiAddress: String, originName: String) {
    self.apiAddress = apiAddress
    self.originName = originName
  }
}
