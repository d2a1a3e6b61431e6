import Bytes
import Identifiers
import JOSE

/// A one-time code that is about to be sent, and what it counts against.
public struct OneTimeCodeRequest: Sendable {
  /// Digest of the handle of the request that waits: the code is good there and nowhere else.
  public var interaction: Digest32
  public var number: MSISDN
  /// Where the person is, for the limit alone; kept as a keyed digest.
  public var source: String
  public var createdAt: Timestamp
  public var expiresAt: Timestamp

  public init(interaction: Digest32, number: MSISDN, source: String, createdAt: Timestamp, expiresAt: Timestamp) {
    self.interaction = interaction
    self.number = number
    self.source = source
    self.createdAt = createdAt
    self.expiresAt = expiresAt
  }
}

/// How many codes there may be.
public struct OneTimeCodeLimits: Sendable, Equatable {
  /// For one waiting request.
  public var codesPerInteraction = 3
  /// Wrong and right ones together.
  public var attemptsPerCode = 5
  /// Within any hour.
  public var codesPerNumberAndHour = 5
  public var codesPerSourceAndHour = 20

  public init() {}
}

public enum OneTimeCodeIssue: Sendable, Equatable {
  /// Its number within the interaction, from 1. Nothing is right yet: see `arm`.
  case issued(serial: Int)
  case tooManyForInteraction
  case tooManyForNumber
  case tooManyFromSource
}

public enum OneTimeCodeAttempt: Sendable, Equatable {
  /// The one time that the code is good.
  case right(MSISDN)
  case wrong
  /// No more attempts with this code, whatever is typed.
  case exhausted
  case expired
  /// It was right before.
  case used
  /// No code was asked for.
  case none
}
