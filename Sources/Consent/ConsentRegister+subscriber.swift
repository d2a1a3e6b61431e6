import Bytes
import Identifiers
import Policy
import Store

/// What subscribers themselves look at and take back.
extension ConsentRegister {
  /// Every record about a subscriber, whatever became of it.
  public func records(of subject: SubjectPseudonym) async throws -> [ConsentRow] { try await source.rows(of: subject) }

  /// By id, at most `filter.limit` rows: of one subscriber as it is, of others what the store here has. With a consent master that is
  /// what was decided here.
  public func search(_ filter: ConsentFilter) async throws -> [ConsentRow] {
    try await search(filter) { filter.status == nil || filter.status == $0.status(at: now) }
  }

  /// The same of what there is to withdraw, whatever `filter.status` says: also what was agreed to and waits for a consent master.
  public func withdrawable(_ filter: ConsentFilter) async throws -> [ConsentRow] {
    var filter = filter
    // Agreed to is granted in the store here, whether or not a master has taken it.
    filter.status = "granted"
    return try await search(filter) { $0.isWithdrawable(at: now) }
  }

  private func search(_ filter: ConsentFilter, _ isWanted: (ConsentRow) -> Bool) async throws -> [ConsentRow] {
    guard source.word != nil, let subject = filter.subject else { return try store.search(filter) }
    let rows = try await records(of: subject).sorted { $0.id < $1.id }.filter { row in
      (filter.client.map { $0 == row.client } ?? true) && (filter.purpose.map { $0 == row.purpose } ?? true) && isWanted(row)
        && (filter.after.map { $0 < row.id } ?? true)
    }
    return Array(rows.prefix(max(0, min(filter.limit, ConsentFilter.limitMaximum))))
  }

  /// True once a consent master knows all that was decided here about a subscriber.
  public func isSettled(_ subject: SubjectPseudonym) async throws -> Bool { try await source.isSettled(subject) }

  /// The subscriber takes an objection back: processing in somebody's interest may go on. It is no consent to anything.
  public func takeBackObjection(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, reason: String
  ) async throws -> ConsentRow {
    try await append(
      ConsentEventRow(
        consent: .random(), subject: subject, client: client, purpose: purpose,
        legalBasis: LegalBasis.legitimateInterest.rawValue, kind: "granted", at: time.now(), flow: "subscriber",
        actor: "subscriber", reason: reason))
  }
}
