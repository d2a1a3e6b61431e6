import Identifiers
import Ledger
import Store

/// What this server writes into the ledger: each token that it issues, and each refusal of a client that it knows. The entry is
/// durable before the answer leaves; what cannot be recorded does not happen.
extension AuthorizationServer {
  /// Who said how it stands with the consent; nothing for the register here.
  private var consentSource: [LedgerEntry.Detail] {
    dependencies.consents.sourceWord.map { [.init("consent_source", $0.description)] } ?? []
  }

  /// - Throws: `temporarily_unavailable` when the ledger cannot take the entry; the token must not leave then.
  func recordIssue(_ token: IssuedToken, grant: GrantRecord, scopes: ScopeSet) async throws(Refusal) {
    let entry = LedgerEntry(
      event: "token.issued", clientID: grant.client.rawValue, subject: grant.subject?.rawValue,
      scopes: scopes.map(\.rawValue), purpose: grant.purpose?.rawValue, consentID: grant.consent?.rawValue,
      decision: "allowed",
      detail: [.init("flow", grant.flow), .init("grant_id", grant.id.rawValue), .init("jti", token.jti)]
        + (grant.subject == nil ? [] : consentSource))
    do { _ = try await dependencies.ledger.append(entry) } catch { throw .unavailable("the ledger failed") }
  }

  /// A backchannel request that was accepted: the subscriber has been asked, or need not be.
  func recordBackchannel(_ record: BackchannelRecord) async throws(Refusal) {
    let entry = LedgerEntry(
      event: "backchannel.accepted", clientID: record.client.rawValue, subject: record.subject.rawValue,
      scopes: record.scopes.map(\.rawValue), purpose: record.purpose.rawValue, decision: "allowed",
      detail: [.init("flow", Flow.ciba.word), .init("asks", record.status == .pending ? "yes" : "no")])
    do { _ = try await dependencies.ledger.append(entry) } catch { throw .unavailable("the ledger failed") }
  }

  /// A grant that its client ended.
  func recordRevocation(of grant: GrantRecord) async throws(Refusal) {
    let entry = LedgerEntry(
      event: "token.revoked", clientID: grant.client.rawValue, subject: grant.subject?.rawValue,
      purpose: grant.purpose?.rawValue, consentID: grant.consent?.rawValue, decision: "allowed",
      detail: [.init("grant_id", grant.id.rawValue)])
    do { _ = try await dependencies.ledger.append(entry) } catch { throw .unavailable("the ledger failed") }
  }

  /// False when the ledger cannot take the entry.
  @discardableResult
  func recordRefusal(
    _ refusal: Refusal, client: ClientID, subject: SubjectPseudonym? = nil, flow: Flow
  ) async -> Bool {
    let entry = LedgerEntry(
      event: "token.refused", clientID: client.rawValue, subject: subject?.rawValue, decision: "refused",
      reason: refusal.error.code, status: refusal.error.status(at: flow),
      detail: [.init("flow", flow.word), .init("detail", refusal.detail)])
    do {
      _ = try await dependencies.ledger.append(entry)
      return true
    } catch { return false }
  }
}
