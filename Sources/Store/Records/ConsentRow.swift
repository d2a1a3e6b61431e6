import Bytes
import Identifiers
import JOSE

/// The present state of one consent: what all its events add up to.
public struct ConsentRow: Sendable, Equatable {
  public var id: ConsentID
  public var subject: SubjectPseudonym
  public var client: ClientID
  public var purpose: Purpose
  public var scopes: ScopeSet
  /// The data categories agreed to, sorted.
  public var categories: [CategoryID]
  public var legalBasis: String
  /// `pending`, `granted`, `denied`, `revoked`, `expired` or `objected`, as the last event left it. A granted one may have run
  /// out since: ask `status(at:)`.
  public var status: String
  public var grantedAt: Timestamp?
  /// Nil: until withdrawn.
  public var expiresAt: Timestamp?
  public var updatedAt: Timestamp
  /// When it last ceased to stand by a decision: withdrawn, objected to, or denied to the last scope. What was granted to a client
  /// before then stays dead, whatever the subscriber agrees to later.
  public var withdrawnAt: Timestamp?
  /// When the subscriber objected to processing without consent (GDPR article 21). It outlives every later decision on consent;
  /// only the subscriber takes it back.
  public var objectedAt: Timestamp?

  public init(
    id: ConsentID, subject: SubjectPseudonym, client: ClientID, purpose: Purpose, scopes: ScopeSet,
    categories: [CategoryID], legalBasis: String, status: String, grantedAt: Timestamp?, expiresAt: Timestamp?,
    updatedAt: Timestamp, withdrawnAt: Timestamp? = nil, objectedAt: Timestamp? = nil
  ) {
    self.id = id
    self.subject = subject
    self.client = client
    self.purpose = purpose
    self.scopes = scopes
    self.categories = categories
    self.legalBasis = legalBasis
    self.status = status
    self.grantedAt = grantedAt
    self.expiresAt = expiresAt
    self.updatedAt = updatedAt
    self.withdrawnAt = withdrawnAt
    self.objectedAt = objectedAt
  }

  /// The status by the clock: a granted consent that ran out is `expired`, whether or not anybody noted it.
  public func status(at time: Timestamp) -> String {
    guard status == "granted", let expiresAt, time >= expiresAt else { return status }
    return "expired"
  }

  /// Agreed to here, and not in force: a consent master has not taken it yet. What was agreed to before it was last withdrawn or
  /// objected to is nothing that is waited for.
  public var isAwaited: Bool {
    guard status == "pending", let grantedAt, !scopes.isEmpty else { return false }
    return withdrawnAt.map { $0 < grantedAt } ?? true
  }

  /// There is something to withdraw: it stands, or will once a consent master has taken it.
  public func isWithdrawable(at time: Timestamp) -> Bool { status(at: time) == "granted" || isAwaited }
}

/// One thing that happened to a consent. Events are added and never changed.
public struct ConsentEventRow: Sendable, Equatable {
  /// The kinds, and the status that each leaves behind when nothing else stands.
  public static let kinds = ["requested", "granted", "denied", "revoked", "objected", "expired"]

  /// The consent. For the first event of a subject, client and purpose: the id to give it. When there is one already, that
  /// one is meant, whatever stands here.
  public var consent: ConsentID
  public var subject: SubjectPseudonym
  public var client: ClientID
  public var purpose: Purpose
  public var legalBasis: String
  /// One of `kinds`.
  public var kind: String
  public var at: Timestamp
  /// What was agreed to (kind `granted`).
  public var scopes: ScopeSet
  public var categories: [CategoryID]
  /// What the page showed: the part of the record that a decision replaces. Nil: all of it.
  public var shownScopes: ScopeSet?
  public var shownCategories: [CategoryID]?
  /// How it came: the grant type, `page`, `command`, ...
  public var flow: String
  public var pageVersion: String?
  public var language: String?
  /// The digest of the text that was shown, in whatever form the page gives it.
  public var textDigest: String?
  /// Who did it: `subscriber`, `operator`, ...; never a number.
  public var actor: String
  public var reason: String?
  /// Until when the decision holds (kind `granted`); nil: until withdrawn.
  public var expiresAt: Timestamp?

  public init(
    consent: ConsentID, subject: SubjectPseudonym, client: ClientID, purpose: Purpose, legalBasis: String = "consent",
    kind: String, at: Timestamp, scopes: ScopeSet = [], categories: [CategoryID] = [], shownScopes: ScopeSet? = nil,
    shownCategories: [CategoryID]? = nil, flow: String, pageVersion: String? = nil, language: String? = nil,
    textDigest: String? = nil, actor: String, reason: String? = nil, expiresAt: Timestamp? = nil
  ) {
    self.consent = consent
    self.subject = subject
    self.client = client
    self.purpose = purpose
    self.legalBasis = legalBasis
    self.kind = kind
    self.at = at
    self.scopes = scopes
    self.categories = categories
    self.shownScopes = shownScopes
    self.shownCategories = shownCategories
    self.flow = flow
    self.pageVersion = pageVersion
    self.language = language
    self.textDigest = textDigest
    self.actor = actor
    self.reason = reason
    self.expiresAt = expiresAt
  }
}

/// Which consents a search gives. What is nil does not matter.
public struct ConsentFilter: Sendable {
  public static let limitMaximum = 10_000

  public var subject: SubjectPseudonym?
  public var client: ClientID?
  public var purpose: Purpose?
  /// By the clock: `granted` leaves out what has run out, `expired` has it.
  public var status: String?
  /// Rows at most, up to `limitMaximum`.
  public var limit: Int
  /// The last id of the page before.
  public var after: ConsentID?

  public init(
    subject: SubjectPseudonym? = nil, client: ClientID? = nil, purpose: Purpose? = nil, status: String? = nil,
    limit: Int = 100, after: ConsentID? = nil
  ) {
    self.subject = subject
    self.client = client
    self.purpose = purpose
    self.status = status
    self.limit = limit
    self.after = after
  }
}

extension ConsentID {
  /// For a new record; nobody else's.
  public static func random() -> ConsentID { ConsentID(rawValue: Random.token(byteCount: 16))! }  // base64url is visible ASCII
}
