import Bytes
import Identifiers
import JOSE

/// An address that a client was given, at which its subscriber can agree to what was asked for (CAMARA Consent Info, `captureUrl`).
public struct CaptureRecord: Sendable, Equatable {
  /// SHA-256 of the secret in the address.
  public var digest: Digest32
  public var client: ClientID
  /// Who may decide there, and nobody else.
  public var subject: SubjectPseudonym
  public var purpose: Purpose
  /// What is asked for.
  public var scopes: ScopeSet
  /// Where the browser goes afterwards; nil: nowhere.
  public var callbackURL: String?
  /// SHA-256 of the session of the browser in which the subscriber opened it first; no other may go on.
  public var sessionDigest: Digest32?
  public var createdAt: Timestamp
  /// Until when it may be opened; once it is, until when the subscriber may decide.
  public var expiresAt: Timestamp
  /// When the subscriber decided.
  public var finishedAt: Timestamp?

  public init(
    digest: Digest32, client: ClientID, subject: SubjectPseudonym, purpose: Purpose, scopes: ScopeSet, callbackURL: String?,
    sessionDigest: Digest32? = nil, createdAt: Timestamp, expiresAt: Timestamp, finishedAt: Timestamp? = nil
  ) {
    self.digest = digest
    self.client = client
    self.subject = subject
    self.purpose = purpose
    self.scopes = scopes
    self.callbackURL = callbackURL
    self.sessionDigest = sessionDigest
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.finishedAt = finishedAt
  }
}
