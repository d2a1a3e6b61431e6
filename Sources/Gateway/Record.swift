import Bytes
import Consent
import Identifiers
import Policy

/// Stage 12: the ledger entry of a call, written as JSON members into reused bytes. The ledger adds sequence, time and chain.
struct CallRecord {
  /// How a call ended, as the ledger names it.
  enum Verdict {
    /// The backend's answer was released.
    case allowed
    /// The gateway or the backend refused; nothing was released.
    case refused
    /// It was forwarded, or should have been, and something failed.
    case failed

    /// - Parameter status: what the API's codes make of the error.
    init(_ error: APIError, status: Int) { self = status >= 500 || error.isBackends ? .failed : .refused }

    var name: StaticString {
      switch self {
      case .allowed: "allowed"
      case .refused: "refused"
      case .failed: "failed"
      }
    }
  }

  let categoryNames: [[UInt8]]

  /// - Parameter catalogue: gives the categories their names, by bit.
  init(catalogue: Catalogue) { categoryNames = catalogue.categories.map { Array("\"\($0.id.rawValue)\"".utf8) } }

  /// What the stages learnt, as far as the call came.
  struct Facts {
    var operation: OperationPolicy
    var token: AccessToken?
    var subject: CallSubject?
    var permission: Permission?
    /// Who said how it stands with the consent; nil for the register here.
    var consentSource: StaticString?
    var verdict: Verdict
    var reason: StaticString?
    var categories: FieldMask
    var status: Int
    var upstreamStatus: Int?
    var durationMicroseconds: Int
    var requestBytes: Int
    var responseBytes: Int
  }

  func write(_ facts: Facts, correlator: [UInt8], into entry: inout LedgerMembers) {
    entry.removeAll()
    entry.plain("event", "api.call")
    if let token = facts.token { entry.members(token.ledgerMembers) }
    // Whom the call was about, be it without a name; before that was known, whom the token is about.
    let subject = facts.subject.map(\.pseudonym) ?? facts.token?.subject
    if let subject { entry.subject(subject) }
    entry.members(facts.operation.ledgerMembers)
    if let permission = facts.permission {
      if let basis = permission.basis { entry.text("legal_basis", basis.rawValue) }
      if let consent = permission.consent { entry.text("consent_id", consent.rawValue) }
    }
    if let source = facts.consentSource { entry.plain("consent_source", source) }
    entry.plain("decision", facts.verdict.name)
    if let reason = facts.reason { entry.plain("reason", reason) }
    if facts.categories != 0 { entry.names("categories", categoryNames, facts.categories) }
    entry.integer("status", facts.status)
    if let status = facts.upstreamStatus { entry.integer("upstream_status", status) }
    entry.integer("duration_us", facts.durationMicroseconds)
    entry.integer("request_bytes", facts.requestBytes)
    entry.integer("response_bytes", facts.responseBytes)
    entry.correlator(correlator)
  }
}
