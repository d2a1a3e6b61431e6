import Bytes
import JOSE

/// An authorization request that waits for a person.
public struct InteractionRecord: Sendable, Equatable {
  /// SHA-256 of the handle in the page's address.
  public var digest: Digest32
  /// SHA-256 of the browser's session cookie; nothing but that browser may go on with it.
  public var sessionDigest: Digest32?
  /// What the authorization server needs to go on, as it wrote it. Clear here, sealed on the disk.
  public var payload: [UInt8]
  public var createdAt: Timestamp
  public var expiresAt: Timestamp
  /// When the person decided; it cannot be decided again.
  public var finishedAt: Timestamp?

  public init(
    digest: Digest32, sessionDigest: Digest32?, payload: [UInt8], createdAt: Timestamp, expiresAt: Timestamp,
    finishedAt: Timestamp? = nil
  ) {
    self.digest = digest
    self.sessionDigest = sessionDigest
    self.payload = payload
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.finishedAt = finishedAt
  }
}
