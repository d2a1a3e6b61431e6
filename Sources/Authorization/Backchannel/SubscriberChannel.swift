import Bytes
import Identifiers

/// A question that waits for a subscriber who is not in front of a browser of ours (CIBA Core §7; profile item 29).
public struct SubscriberQuestion: Sendable {
  public let number: MSISDN
  /// The page on which it is answered. Who has the address can answer, once, so it goes to the subscriber alone.
  public let address: String
  /// The handle in that address.
  public let handle: String
  public let clientName: String
  public let purpose: Purpose
  /// Best first; empty when nobody said.
  public let languages: [String]
  public let expiresAt: Timestamp
}

/// A way to reach a subscriber: a push message, an SMS, the demo's simulated phone.
public protocol SubscriberChannel: Sendable {
  /// Brings the question on its way; ends within a bounded time.
  ///
  /// - Throws: `SubscriberChannelFailure` when it did not go out.
  func ask(_ question: SubscriberQuestion) async throws(SubscriberChannelFailure)
}

/// Why a question did not go out: a sentence that a client may read, without personal data.
public struct SubscriberChannelFailure: Error, Sendable {
  public let reason: String
  public init(reason: String) { self.reason = reason }
}
