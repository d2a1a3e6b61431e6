import Bytes
import Identifiers
import JOSE
import Store

/// Subscriptions of a store, to which something happens right before one is ended.
final class PacedSubscriptions: SubscriptionStore {
  private let store: any SubscriptionStore
  private let beforeEnding: @Sendable (_ id: String) async throws -> Void

  init(_ store: any SubscriptionStore, beforeEnding: @escaping @Sendable (_ id: String) async throws -> Void) {
    (self.store, self.beforeEnding) = (store, beforeEnding)
  }

  func end(
    _ id: String, status: SubscriptionRecord.Status, reason: String, at: Timestamp, farewell: QueuedEvent?
  ) async throws -> Bool {
    try await beforeEnding(id)
    return try await store.end(id, status: status, reason: reason, at: at, farewell: farewell)
  }

  func insert(_ record: SubscriptionRecord, secret: Digest32) async throws { try await store.insert(record, secret: secret) }
  func made(_ id: String, backendID: String, expiresAt: Timestamp?, isActive: Bool, document: [UInt8]?) async throws {
    try await store.made(id, backendID: backendID, expiresAt: expiresAt, isActive: isActive, document: document)
  }
  func discard(_ id: String) async throws { try await store.discard(id) }
  func find(secret: Digest32) throws -> SubscriptionRecord? { try store.find(secret: secret) }
  func find(id: String) throws -> SubscriptionRecord? { try store.find(id: id) }
  func find(kind: String, backendIDs: [String]) throws -> [SubscriptionRecord?] {
    try store.find(kind: kind, backendIDs: backendIDs)
  }
  func runningOut(before time: Timestamp, limit: Int) throws -> [SubscriptionRecord] {
    try store.runningOut(before: time, limit: limit)
  }
  func neverMade(before time: Timestamp, limit: Int) throws -> [SubscriptionRecord] {
    try store.neverMade(before: time, limit: limit)
  }
  func live(subject: SubjectPseudonym, client: ClientID?) throws -> [SubscriptionRecord] {
    try store.live(subject: subject, client: client)
  }
  func live(client: ClientID, limit: Int) throws -> [SubscriptionRecord] { try store.live(client: client, limit: limit) }
  func liveOfDisabledClients(limit: Int) throws -> [SubscriptionRecord] { try store.liveOfDisabledClients(limit: limit) }
  func withdrawals(limit: Int) throws -> (of: [(subject: SubjectPseudonym, client: ClientID)], place: Int) {
    try store.withdrawals(limit: limit)
  }
  func seen(_ place: Int) async throws { try await store.seen(place) }
  func forgetDocuments(of subject: SubjectPseudonym) async throws { try await store.forgetDocuments(of: subject) }
  func search(_ filter: SubscriptionFilter) throws -> [SubscriptionRecord] { try store.search(filter) }
  func counts() throws -> [SubscriptionRecord.Status: Int] { try store.counts() }
}
