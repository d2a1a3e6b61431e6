/// Something about an upstream that its operator should know. Names targets and faults, nothing of a call.
public struct UpstreamNotice: Sendable, Equatable {
  public enum Kind: Sendable {
    /// A target gets no calls from now on.
    case out
    /// It gets calls again.
    case back
    /// Its name stands for other addresses.
    case moved
    /// Its name stands for none that could be found.
    case unresolved
    /// Its certificate, or its TLS, is no good.
    case untrusted
    /// It made something that could not be kept here.
    case orphaned
    /// Its answers break their API's schema.
    case invalid
  }

  public let kind: Kind
  /// One line for people.
  public let text: String

  public init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }
}
