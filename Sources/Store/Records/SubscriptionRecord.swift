import Bytes
import Identifiers

/// A subscription to events: what a client asked for, where its events go, and how it stands.
///
/// It is there before the backend is asked: an event may come before the answer that tells the backend's name for it.
public struct SubscriptionRecord: Sendable, Equatable {
  public enum Status: String, Sendable, CaseIterable {
    /// The backend has not answered yet, or has answered 202.
    case requested
    case active
    /// Consent was withdrawn, or the operator ended it.
    case inactive
    /// Its time, its number of events or the sink's token ran out.
    case expired
    case deleted

    public var isLive: Bool { self == .requested || self == .active }
  }

  /// Ours, unguessable; never told to anybody but operators.
  public var id: String
  /// Of the resource that it is: `sim-swap-subscriptions:subscriptions`.
  public var kind: String
  /// The backend's name for it, which the client knows; nil until the backend has answered.
  public var backendID: String?
  public var api: APIName
  public var version: String
  /// The operation that made it.
  public var operation: OperationID
  public var client: ClientID
  /// Nil for one that is about nobody.
  public var subject: SubjectPseudonym?
  /// The client named the subscriber itself, so that events may name them too.
  public var isNamedByClient: Bool
  /// When the grant of the token was made; nil for a token without a subscriber.
  public var grantedAt: Timestamp?
  public var purpose: Purpose?
  /// Of the token.
  public var scopes: ScopeSet
  /// Types of events that were asked for; empty where the API has no choice of types.
  public var types: [String]
  /// The client's own, an absolute `https` URL. The backend never learns it.
  public var sink: String
  public var credential: SinkCredential?
  public var status: Status
  /// What the backend said of it when it was made, with the client's own sink: what its client may still read when it is over. Sealed at rest.
  public var document: [UInt8]?
  public var createdAt: Timestamp
  public var expiresAt: Timestamp?
  /// Events after which it ends; nil for no such end.
  public var eventsMaximum: Int?
  /// Events that count towards `eventsMaximum` and have been delivered, or buried.
  public var eventCount: Int
  /// CAMARA's `terminationReason`; nil while it lives.
  public var endReason: String?
  public var endedAt: Timestamp?

  public init(
    id: String, kind: String, backendID: String? = nil, api: APIName, version: String, operation: OperationID, client: ClientID,
    subject: SubjectPseudonym?, isNamedByClient: Bool, grantedAt: Timestamp?, purpose: Purpose?, scopes: ScopeSet,
    types: [String], sink: String, credential: SinkCredential?, status: Status = .requested, document: [UInt8]? = nil,
    createdAt: Timestamp,
    expiresAt: Timestamp? = nil, eventsMaximum: Int? = nil, eventCount: Int = 0, endReason: String? = nil,
    endedAt: Timestamp? = nil
  ) {
    self.id = id
    self.kind = kind
    self.backendID = backendID
    self.api = api
    self.version = version
    self.operation = operation
    self.client = client
    self.subject = subject
    self.isNamedByClient = isNamedByClient
    self.grantedAt = grantedAt
    self.purpose = purpose
    self.scopes = scopes
    self.types = types
    self.sink = sink
    self.credential = credential
    self.status = status
    self.document = document
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.eventsMaximum = eventsMaximum
    self.eventCount = eventCount
    self.endReason = endReason
    self.endedAt = endedAt
  }
}

/// How the gateway shows itself to a client's sink. A secret of the client's: sealed at rest, never in an answer, a log or the ledger.
public enum SinkCredential: Sendable, Equatable {
  /// Sent as `Authorization: Bearer`, until it expires.
  case accessToken(String, expiresAt: Timestamp)
  /// The gateway asks for a token itself, at the client's token endpoint, with a signed assertion (RFC 7523).
  case privateKeyJWT(clientID: String, tokenURI: String)

  public var expiresAt: Timestamp? { if case .accessToken(_, let expiresAt) = self { expiresAt } else { nil } }
}
