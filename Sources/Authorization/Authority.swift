import Bytes
import Identifiers
import Store

/// On whose word a token about a subscriber is asked for, and what for: what each of the flows comes down to before the decision
/// function is asked.
struct Authority: Sendable {
  let subject: SubjectPseudonym
  let purpose: Purpose
  /// All that the token may be for: scopes of APIs, `openid`, `offline_access` and the purpose.
  let scopes: ScopeSet
  let amr: [String]
  let authenticatedAt: Timestamp?
  /// When the subscriber's word was given that it rests on; nil for now. A withdrawal since then ends it, whatever was agreed to
  /// later (A22).
  let since: Timestamp?
}
