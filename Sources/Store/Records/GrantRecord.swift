import Bytes
import Identifiers

/// What one client was granted, by whom (if anybody), for what, and until when.
public struct GrantRecord: Sendable, Equatable {
  public var id: GrantID
  public var client: ClientID
  /// Nil for client credentials: nobody's data, or a number that comes in the body.
  public var subject: SubjectPseudonym?
  public var purpose: Purpose?
  public var scopes: ScopeSet
  /// The consent it rests on; nil when its legal basis is another.
  public var consent: ConsentID?
  /// The grant type that made it: `authorization_code`, `client_credentials`, ...
  public var flow: String
  /// How the subscriber was recognised (RFC 8176 and the network's own values); words without spaces.
  public var amr: [String]
  public var authenticatedAt: Timestamp?
  public var createdAt: Timestamp
  /// After it no token of the grant is good.
  public var expiresAt: Timestamp
  public var endedAt: Timestamp?
  /// A word for ledger and log: `consent_revoked`, `code_reused`, ...
  public var endedReason: String?

  public init(
    id: GrantID, client: ClientID, subject: SubjectPseudonym? = nil, purpose: Purpose? = nil, scopes: ScopeSet,
    consent: ConsentID? = nil, flow: String, amr: [String] = [], authenticatedAt: Timestamp? = nil, createdAt: Timestamp,
    expiresAt: Timestamp, endedAt: Timestamp? = nil, endedReason: String? = nil
  ) {
    self.id = id
    self.client = client
    self.subject = subject
    self.purpose = purpose
    self.scopes = scopes
    self.consent = consent
    self.flow = flow
    self.amr = amr
    self.authenticatedAt = authenticatedAt
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.endedAt = endedAt
    self.endedReason = endedReason
  }

  /// True when tokens of the grant are good at that time.
  public func isActive(at time: Timestamp) -> Bool { endedAt == nil && time < expiresAt }
}
