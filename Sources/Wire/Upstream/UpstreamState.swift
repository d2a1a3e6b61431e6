import Bytes

/// How it stands with the targets of an API, at one moment. Plain values.
public struct UpstreamState: Sendable {
  /// The API's name in the configuration; `*` for all that are not named there.
  public let name: String
  /// Calls that wait for a connection, over all loops.
  public let waitingCalls: Int
  public let targets: [UpstreamTargetState]
}

/// How it stands with one address of a target. What is counted is counted since the target came.
public struct UpstreamTargetState: Sendable {
  public enum Standing: String, Sendable {
    case healthy
    /// Its time is over: one call at a time is let through.
    case probing
    /// It gets no calls.
    case ejected
    /// Its name does not stand for it any more, or the configuration does not name it: it gets no new calls.
    case draining
  }

  /// Host and port, as in the configuration.
  public let target: String
  /// The numeric address; empty for a name that stands for none.
  public let address: String
  public let standing: Standing
  public let openConnections: Int
  public let callsUnderWay: Int
  /// Whatever was answered, 5xx too.
  public let callsAnswered: Int
  /// Without an answer: no connection, broken, too late, too large.
  public let callsFailed: Int
  /// Of those that failed the ones that were sent again, here or elsewhere.
  public let callsRetried: Int
  /// How often it was taken out.
  public let ejections: Int
  /// What was wrong last; nil when nothing ever was.
  public let lastFault: String?
}
