/// Ends a subscription with all that belongs to it: its queue is dropped, its client and its backend are told, the ledger says so.
///
/// It is implemented where events are delivered; here it is only asked for.
public protocol SubscriptionEnding: Sendable {
  /// Ends one that lives; it is over, durably, when this returns. Any thread.
  ///
  /// - Parameter id: `SubscriptionRecord.id`.
  /// - Returns: false when it had ended before, or is not known; nothing was done then.
  /// - Throws: what the store throws; it lives on then.
  func end(_ id: String, for cause: SubscriptionEndCause) async throws -> Bool
}

/// Why an administrator's act ends a subscription.
public enum SubscriptionEndCause: Sendable, Equatable {
  /// The operator named it.
  ///
  /// - description: what its client is told with the event that ends it, 1 to 256 bytes of UTF-8; nil tells no more than that it ended.
  case operatorsAct(description: String?)
  /// The subscriber was erased.
  case subjectErased

  /// Of a description.
  public static let descriptionBytesMaximum = 256
}
