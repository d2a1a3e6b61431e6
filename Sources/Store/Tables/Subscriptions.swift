import Bytes
import Identifiers
import JOSE

/// Subscriptions to events. Those that live, and those that ended, for as long as their clients may still read them.
public protocol SubscriptionStore: Sendable {
  /// Puts one there before its backend is asked; durable when it returns.
  ///
  /// - Parameter secret: SHA-256 of the secret in the address that the backend gets.
  func insert(_ record: SubscriptionRecord, secret: Digest32) async throws
  /// The backend made it: its name for it, when it ends, whether it is active yet, and what it said of it. One that has ended by then gets
  /// its name all the same, and stays ended.
  func made(_ id: String, backendID: String, expiresAt: Timestamp?, isActive: Bool, document: [UInt8]?) async throws
  /// The backend made nothing.
  func discard(_ id: String) async throws
  func find(secret: Digest32) throws -> SubscriptionRecord?
  func find(id: String) throws -> SubscriptionRecord?
  /// By the backend's names, in their order; nil for those that are not known.
  func find(kind: String, backendIDs: [String]) throws -> [SubscriptionRecord?]
  /// It is over. Of its queue all goes, in the same transaction, but `farewell`, the event that tells of it, which is queued when there is
  /// one. False when it had ended before; then nothing happens.
  func end(
    _ id: String, status: SubscriptionRecord.Status, reason: String, at: Timestamp, farewell: QueuedEvent?
  ) async throws -> Bool
  /// Live ones of which the time, or the sink's token, runs out before `time`, the first first.
  func runningOut(before time: Timestamp, limit: Int) throws -> [SubscriptionRecord]
  /// Live ones about a subscriber, of one client or of all.
  func live(subject: SubjectPseudonym, client: ClientID?) throws -> [SubscriptionRecord]
  /// Live ones of a client.
  func live(client: ClientID, limit: Int) throws -> [SubscriptionRecord]
  /// Live ones of clients that are disabled or gone.
  func liveOfDisabledClients(limit: Int) throws -> [SubscriptionRecord]
  /// Consents of which something was taken back since a place in their history: whose, and the place up to which that is said. The place is
  /// kept by `seen`.
  func withdrawals(limit: Int) throws -> (of: [(subject: SubjectPseudonym, client: ClientID)], place: Int)
  /// The withdrawals up to this place have been dealt with.
  func seen(_ place: Int) async throws
  /// For operators, newest first.
  func search(_ filter: SubscriptionFilter) throws -> [SubscriptionRecord]
  func counts() throws -> [SubscriptionRecord.Status: Int]
}

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
