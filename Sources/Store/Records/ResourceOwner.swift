import Identifiers

/// Who made a resource, and so sees it.
public struct ResourceOwner: Equatable, Sendable {
  public var client: ClientID
  /// The subscriber whom it is about; nil for one that is about nobody.
  public var subject: SubjectPseudonym?
  /// The client named the subscriber itself, so that naming them again tells it nothing.
  public var isNamedByClient: Bool

  public init(client: ClientID, subject: SubjectPseudonym?, isNamedByClient: Bool) {
    self.client = client
    self.subject = subject
    self.isNamedByClient = isNamedByClient
  }
}

/// What became of a resource that was to be kept.
public enum ResourceKeeping: Equatable, Sendable {
  case kept
  /// Somebody else made one of the same name.
  case ofAnother
  /// The client has as many as it may have.
  case tooMany
}
