import Bytes
import Consent
import Identifiers
import Policy

/// Stage 9: the one decision function, with subscriber, client, purpose and operation. Refused: 403, and nothing reaches the
/// backend. A number that is not known here is refused as one that did not consent (A44).
struct ConsentCheck {
  let catalogue: Catalogue

  func run(
    _ memory: ConsentMemory, _ operation: OperationPolicy, _ token: AccessToken, _ subject: CallSubject?, now: Timestamp
  ) throws(APIError) -> Permission {
    let decision: Decision
    do {
      decision = try memory.decide(
        operation: operation, scopes: token.claims.scopes, subject: subject?.pseudonym, client: token.claims.client,
        purpose: token.claims.purpose, grantedAt: token.subject == nil ? nil : token.grant.createdAt, now: now)
    } catch { throw APIError(.unavailable, "consent_store_failed") }
    switch decision {
    case .permitted(let permission): return permission
    case .refused(let refusal): throw APIError(.permissionDenied, refusal.reason)
    }
  }
}
