import Bytes
import Identifiers
import JOSE
import Policy
import Store

/// What subscribers themselves look at and take back.
extension ConsentRegister {
  /// Every record about a subscriber, by id, whatever became of it.
  public func records(of subject: SubjectPseudonym) throws -> [ConsentRow] {
    var rows: [ConsentRow] = []
    while true {
      let page = try store.search(ConsentFilter(subject: subject, limit: ConsentFilter.limitMaximum, after: rows.last?.id))
      rows += page
      guard page.count == ConsentFilter.limitMaximum else { return rows }
    }
  }

  public func record(_ id: ConsentID) throws -> ConsentRow? { try store.record(id) }

  /// The subscriber takes an objection back: processing in somebody's interest may go on. It is no consent to anything.
  public func takeBackObjection(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, reason: String
  ) async throws -> ConsentRow {
    try await append(
      ConsentEventRow(
        consent: ConsentID(rawValue: Random.token(byteCount: 16))!, subject: subject, client: client, purpose: purpose,
        legalBasis: LegalBasis.legitimateInterest.rawValue, kind: "granted", at: time.now(), flow: "subscriber",
        actor: "subscriber", reason: reason))
  }
}
