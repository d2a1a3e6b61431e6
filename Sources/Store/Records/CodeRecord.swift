import Bytes
import Identifiers
import JOSE

/// What an authorization code stands for. The code itself is nowhere, only its digest.
public struct CodeRecord: Sendable, Equatable {
  /// SHA-256 of the code as it was sent.
  public var digest: Digest32
  public var client: ClientID
  /// The redirect URI of the request; the redemption must name the same.
  public var redirectURI: String
  /// The S256 challenge (RFC 7636 §4.2), when there was one.
  public var codeChallenge: String?
  public var nonce: String?
  public var grant: GrantID
  public var scopes: ScopeSet
  public var expiresAt: Timestamp
  /// The thumbprint of the key that must be proven when the code is redeemed (RFC 9449 §10), when there is one.
  public var proofKey: String?

  public init(
    digest: Digest32, client: ClientID, redirectURI: String, codeChallenge: String?, nonce: String?, grant: GrantID,
    scopes: ScopeSet, expiresAt: Timestamp, proofKey: String? = nil
  ) {
    self.digest = digest
    self.client = client
    self.redirectURI = redirectURI
    self.codeChallenge = codeChallenge
    self.nonce = nonce
    self.grant = grant
    self.scopes = scopes
    self.expiresAt = expiresAt
    self.proofKey = proofKey
  }
}
