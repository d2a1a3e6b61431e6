import Bytes
import Identifiers
import JOSE

/// A backchannel authentication request (CIBA Core §7): a client waits while its subscriber decides on another device.
public struct BackchannelRecord: Sendable, Equatable {
  public enum Status: String, Sendable {
    /// The subscriber has not decided.
    case pending
    case granted
    case denied
    /// The client has its tokens.
    case redeemed
  }

  /// SHA-256 of the `auth_req_id`.
  public var digest: Digest32
  public var client: ClientID
  public var subject: SubjectPseudonym
  public var purpose: Purpose
  /// What was asked for.
  public var scopes: ScopeSet
  public var status: Status
  /// How the subscriber was recognised (RFC 8176).
  public var amr: [String]
  public var authenticatedAt: Timestamp
  /// Seconds that the client has to wait between two polls; grows with each `slow_down`.
  public var intervalSeconds: Int
  public var polledAt: Timestamp?
  public var createdAt: Timestamp
  public var expiresAt: Timestamp

  public init(
    digest: Digest32, client: ClientID, subject: SubjectPseudonym, purpose: Purpose, scopes: ScopeSet, status: Status,
    amr: [String], authenticatedAt: Timestamp, intervalSeconds: Int, polledAt: Timestamp? = nil, createdAt: Timestamp,
    expiresAt: Timestamp
  ) {
    self.digest = digest
    self.client = client
    self.subject = subject
    self.purpose = purpose
    self.scopes = scopes
    self.status = status
    self.amr = amr
    self.authenticatedAt = authenticatedAt
    self.intervalSeconds = intervalSeconds
    self.polledAt = polledAt
    self.createdAt = createdAt
    self.expiresAt = expiresAt
  }
}
