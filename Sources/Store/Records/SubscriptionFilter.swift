import Identifiers

/// Which subscriptions an operator looks for. What is nil does not matter.
public struct SubscriptionFilter: Sendable {
  public var client: ClientID?
  public var subject: SubjectPseudonym?
  public var kind: String?
  public var status: SubscriptionRecord.Status?
  public var limit: Int

  public init(
    client: ClientID? = nil, subject: SubjectPseudonym? = nil, kind: String? = nil, status: SubscriptionRecord.Status? = nil,
    limit: Int = 100
  ) {
    self.client = client
    self.subject = subject
    self.kind = kind
    self.status = status
    self.limit = limit
  }
}
