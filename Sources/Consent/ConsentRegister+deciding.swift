import Bytes
import Identifiers
import Policy
import Store

/// What the authorization server asks.
extension ConsentRegister {
  /// Of one question; a record that changes again and again while it is asked for is not known.
  private static let attemptsMaximum = 3

  /// The ledger's word for who decides: nil for the register here.
  public var sourceWord: StaticString? { source.word }

  /// The record of a subscriber, a client and a purpose, as it is now.
  ///
  /// - Throws: `StoreError`, or whatever keeps a consent master from saying it; nothing may be decided then.
  public func record(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) async throws -> ConsentRecord? {
    try await find(ConsentKey(subject: subject, client: client, purpose: purpose)).record
  }

  /// The record, and the stamp under which it is true.
  func find(_ key: ConsentKey) async throws -> (record: ConsentRecord?, stamp: UInt64) {
    let (hash, subjectHash) = (key.changeHash, key.subject.changeHash)
    for _ in 0..<Self.attemptsMaximum {
      let stamp = changes.stamp(hash, subjectHash)
      let row = try await source.row(key, stamp: stamp)
      // An answer may have been on its way while its record changed.
      if source.validity == nil || changes.stamp(hash, subjectHash) == stamp {
        return (row.map { ConsentRecord($0, catalogue) }, stamp)
      }
    }
    throw ConsentError.unsettled
  }

  /// What happened here to a consent, oldest first; a consent master may know more.
  public func events(of row: ConsentRow) throws -> [ConsentEventRow] {
    guard source.word != nil else { return try store.events(of: row.id) }
    let here = try store.record(subject: row.subject, client: row.client, purpose: row.purpose)
    return try here.map { try store.events(of: $0.id) } ?? []
  }

  /// What may be granted of some scopes of APIs: the decision function, scope by scope. A scope is granted when at least one of
  /// the operations that it opens is permitted.
  ///
  /// - Parameter grantedAt: when the grant was made of which more is wanted (a code, a refresh token); nil for a new one.
  public func decide(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, scopes: ScopeSet, grantedAt: Timestamp? = nil
  ) async throws -> [(Scope, ScopeOutcome)] {
    let record =
      asksForRecord(scopes, client, purpose) ? try await self.record(subject: subject, client: client, purpose: purpose) : nil
    let now = self.now
    return scopes.map { scope in
      let operations = catalogue.operations(scope)
      let decisions = operations.map { operation in
        DecisionFunction.decide(
          operation: operation, scopes: scopes,
          basis: catalogue.legalBases.basis(api: operation.api, purpose: purpose, client: client), record: record,
          grantedAt: grantedAt, now: now)
      }
      for case .permitted(let permission) in decisions { return (scope, .granted(permission.consent)) }
      let isAskable = operations.contains {
        $0.personalData && catalogue.legalBases.basis(api: $0.api, purpose: purpose, client: client) == .consent
      }
      return (scope, isAskable ? .needsConsent : .refused)
    }
  }

  private func asksForRecord(_ scopes: ScopeSet, _ client: ClientID, _ purpose: Purpose) -> Bool {
    scopes.contains { scope in
      catalogue.operations(scope).contains {
        $0.personalData
          && DecisionFunction.asksForRecord(catalogue.legalBases.basis(api: $0.api, purpose: purpose, client: client))
      }
    }
  }
}
