import Bytes
import Consent
import Identifiers
import Policy

/// Stage 9: the one decision function, with subscriber, client, purpose and operation. Refused: 403, and nothing reaches the
/// backend. A number that is not known here is refused as one that did not consent (A44).
struct ConsentCheck {
  let catalogue: Catalogue

  /// What there is to decide with, at once.
  func run(
    _ memory: ConsentMemory, _ operation: OperationPolicy, _ token: AccessToken, _ subject: CallSubject?, needed: [Scope],
    now: Timestamp, monotonic: UInt64
  ) throws(APIError) -> ConsentAnswer {
    do {
      return try memory.decide(
        operation: operation, scopes: token.claims.scopes, subject: subject?.pseudonym, client: token.claims.client,
        purpose: token.claims.purpose, grantedAt: token.subject == nil ? nil : token.grant.createdAt, needed: needed, now: now,
        monotonic: monotonic)
    } catch { throw APIError(.unavailable, "consent_store_failed") }
  }

  /// The same, where a consent master has to be asked first.
  func ask(
    _ memory: ConsentMemory, _ question: ConsentQuestion, time: any TimeSource
  ) async throws(APIError) -> ConsentAnswer {
    do { return try await memory.ask(question, time: time) } catch { throw APIError(.unavailable, "consent_master_unavailable") }
  }

  func permission(_ decision: Decision) throws(APIError) -> Permission {
    switch decision {
    case .permitted(let permission): return permission
    case .refused(let refusal): throw APIError(.permissionDenied, refusal.reason)
    }
  }
}
