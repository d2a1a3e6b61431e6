import Store

/// Why a subscription ends, and what follows for its client and its backend.
public enum EndCause: Sendable, Equatable {
  /// Its time is over.
  case expired
  /// As many events as it was for have been told.
  case eventsReached
  /// The sink's token runs out: nothing could be delivered any more.
  case sinkTokenExpired
  /// Its client deleted it, and the backend knows.
  case deleted
  /// Its sink answered 410: it wants no more, and hears no more.
  case sinkGone
  /// The subscriber withdrew consent, or objected.
  case consentWithdrawn
  case clientDisabled
  /// - description: told to the client; nil tells nothing.
  case byOperator(description: String?)
  /// Its backend never said that it made it, and nobody waits for that any more.
  case neverMade
  /// The backend said so.
  case byBackend(terminationReason: String, description: String?)

  private static let reasons = [
    "NETWORK_TERMINATED", "SUBSCRIPTION_EXPIRED", "MAX_EVENTS_REACHED", "ACCESS_TOKEN_EXPIRED", "SUBSCRIPTION_DELETED",
  ]
  /// Of a description.
  private static let descriptionBytesMaximum = 256

  /// CAMARA's. It has none for consent that was withdrawn (event guide, section 3.2): INACTIVE and NETWORK_TERMINATED come nearest.
  public var terminationReason: String {
    switch self {
    case .expired: "SUBSCRIPTION_EXPIRED"
    case .eventsReached: "MAX_EVENTS_REACHED"
    case .sinkTokenExpired: "ACCESS_TOKEN_EXPIRED"
    case .deleted, .sinkGone: "SUBSCRIPTION_DELETED"
    case .consentWithdrawn, .clientDisabled, .byOperator, .neverMade: "NETWORK_TERMINATED"
    case .byBackend(let reason, _): Self.reasons.contains(reason) ? reason : "NETWORK_TERMINATED"
    }
  }

  /// How it stands afterwards.
  public var status: SubscriptionRecord.Status {
    switch terminationReason {
    case "SUBSCRIPTION_EXPIRED", "MAX_EVENTS_REACHED", "ACCESS_TOKEN_EXPIRED": .expired
    case "SUBSCRIPTION_DELETED": .deleted
    default: .inactive
    }
  }

  /// The ledger's word.
  public var word: String {
    switch self {
    case .expired: "expired"
    case .eventsReached: "events_reached"
    case .sinkTokenExpired: "sink_token_expired"
    case .deleted: "deleted"
    case .sinkGone: "sink_gone"
    case .consentWithdrawn: "consent_withdrawn"
    case .clientDisabled: "client_disabled"
    case .byOperator: "operator"
    case .neverMade: "never_made"
    case .byBackend: "backend"
    }
  }

  var description: String? {
    switch self {
    case .consentWithdrawn, .clientDisabled: "The subscription is not permitted any more"
    case .byOperator(let description), .byBackend(_, let description):
      description.flatMap { $0.utf8.count <= Self.descriptionBytesMaximum ? $0 : nil }
    case .expired, .eventsReached, .sinkTokenExpired, .deleted, .sinkGone, .neverMade: nil
    }
  }

  var tellsSink: Bool { self != .sinkGone }

  /// - Parameter isImplicit: the backend would not end the telling alone but what is told of, a session or a payment. That ends only when
  ///   nothing of it is permitted any more; for whom nobody listens it goes on.
  func tellsBackend(isImplicit: Bool) -> Bool {
    switch self {
    case .deleted, .byBackend, .neverMade: false
    case .consentWithdrawn, .clientDisabled, .byOperator: true
    case .expired, .eventsReached, .sinkTokenExpired, .sinkGone: !isImplicit
    }
  }
}
