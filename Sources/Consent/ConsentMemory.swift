import Bytes
import Identifiers
import Policy
import Store

/// The consent records that one loop has looked at lately. Bounded; each is good as long as the change board says that nothing
/// under its key has changed. Confined to its loop.
public final class ConsentMemory: @unchecked Sendable {
  private struct Key: Hashable {
    let subject: SubjectPseudonym
    let client: ClientID
    let purpose: Purpose
  }

  private struct Entry {
    let record: ConsentRecord?
    let stamp: UInt64
    let hash: UInt64
  }

  private let register: ConsentRegister
  private let generationCountMaximum: Int
  // Two generations: when the young one is full it becomes the old one, and what was not asked for since then falls out.
  private var young: [Key: Entry] = [:]
  private var old: [Key: Entry] = [:]

  init(register: ConsentRegister, countMaximum: Int) {
    self.register = register
    generationCountMaximum = max(1, countMaximum / 2)
  }

  /// Records held now.
  var count: Int { young.count + old.count }

  /// The decision for one call.
  ///
  /// - Parameters:
  ///   - subject: nil when the call is about nobody, or about a number that has never been seen here.
  ///   - grantedAt: when the grant of a 3-legged token was made; nil for a 2-legged one.
  /// - Throws: `StoreError` when the record cannot be read; the call is then refused.
  public func decide(
    operation: OperationPolicy, scopes: ScopeSet, subject: SubjectPseudonym?, client: ClientID, purpose: Purpose?,
    grantedAt: Timestamp?, now: Timestamp
  ) throws -> Decision {
    guard operation.personalData, let purpose else {
      return DecisionFunction.decide(
        operation: operation, scopes: scopes, basis: nil, record: nil, grantedAt: grantedAt, now: now)
    }
    let basis = register.catalogue.legalBases.basis(api: operation.api, purpose: purpose, client: client)
    let record = try subject.flatMap { try self.record(Key(subject: $0, client: client, purpose: purpose)) }
    return DecisionFunction.decide(
      operation: operation, scopes: scopes, basis: basis, record: record, grantedAt: grantedAt, now: now)
  }

  private func record(_ key: Key) throws -> ConsentRecord? {
    if let entry = young[key], entry.stamp == register.changes.stamp(entry.hash) { return entry.record }
    if let entry = old[key], entry.stamp == register.changes.stamp(entry.hash) {
      remember(entry, key)
      return entry.record
    }
    let hash = ConsentRegister.changeHash(key.subject, key.client, key.purpose)
    // The stamp comes before the reading: a change in between is then seen at the next question.
    let stamp = register.changes.stamp(hash)
    let record = try register.record(subject: key.subject, client: key.client, purpose: key.purpose)
    remember(Entry(record: record, stamp: stamp, hash: hash), key)
    return record
  }

  private func remember(_ entry: Entry, _ key: Key) {
    if young.count >= generationCountMaximum {
      old = young
      young = [:]
    }
    young[key] = entry
  }
}
