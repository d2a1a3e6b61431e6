import Bytes
import Identifiers
import JOSE

/// What a refresh token stands for. The token itself is nowhere, only its digest.
public struct RefreshTokenRecord: Sendable, Equatable {
  /// SHA-256 of the token as it was sent.
  public var digest: Digest32
  /// The grant, which is also the family: all tokens that came from one another share it.
  public var grant: GrantID
  public var client: ClientID
  /// What the client may ask for with it: no more than was granted.
  public var scopes: ScopeSet
  public var createdAt: Timestamp
  public var expiresAt: Timestamp
  /// When it was rotated or revoked; it is good for nothing from then on.
  public var usedAt: Timestamp?

  public init(
    digest: Digest32, grant: GrantID, client: ClientID, scopes: ScopeSet, createdAt: Timestamp, expiresAt: Timestamp,
    usedAt: Timestamp? = nil
  ) {
    self.digest = digest
    self.grant = grant
    self.client = client
    self.scopes = scopes
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.usedAt = usedAt
  }
}
