import Bytes
import Identifiers
import JOSE
import Policy
import Store

/// What happened to a consent, for the ledger.
public struct ConsentChange: Sendable {
  /// What happened.
  public let event: ConsentEventRow
  /// The record after it.
  public let row: ConsentRow
}

/// Who must know of each change before it is acknowledged: the ledger.
public protocol ConsentObserver: Sendable {
  func consentChanged(_ change: ConsentChange) async throws
}

/// A change of consent that could not be done, or not be recorded.
public enum ConsentError: Error, CustomStringConvertible {
  case unknown
  /// The ledger did not take the entry: what was agreed to does not count.
  case notRecorded
  /// The ledger did not take the entry; the withdrawal holds all the same.
  case withdrawnButNotRecorded

  public var description: String {
    switch self {
    case .unknown: "there is no such consent"
    case .notRecorded: "the ledger cannot be written; nothing was changed"
    case .withdrawnButNotRecorded: "the consent is withdrawn, but the ledger cannot be written: repeat this when it can"
    }
  }
}

/// What the decision function says of one scope that a token is asked for.
public enum ScopeOutcome: Sendable, Equatable {
  /// It may be granted; the consent that it rests on, when it rests on one.
  case granted(ConsentID?)
  /// It may be granted once the subscriber agrees.
  case needsConsent
  /// Nobody can agree to it here.
  case refused
}

/// The records of consent, and the way to change them. Safe from any thread.
public final class ConsentRegister: Sendable {
  let catalogue: Catalogue
  /// Marked after each change, before it is acknowledged.
  let changes = ChangeBoard()
  let store: any ConsentStore
  private let refreshTokens: any RefreshTokenStore
  let time: any TimeSource
  private let observer: any ConsentObserver

  public init(
    store: any ConsentStore, refreshTokens: any RefreshTokenStore, catalogue: Catalogue, time: any TimeSource,
    observer: any ConsentObserver
  ) {
    self.store = store
    self.refreshTokens = refreshTokens
    self.catalogue = catalogue
    self.time = time
    self.observer = observer
  }

  /// Whatever is remembered must be read again: another process has written.
  public func changedElsewhere() { changes.changedEverything() }

  /// A memory for one event loop.
  public func memory(countMaximum: Int) -> ConsentMemory { ConsentMemory(register: self, countMaximum: countMaximum) }

  /// The record of a subscriber, a client and a purpose, from the store.
  public func record(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> ConsentRecord? {
    try store.record(subject: subject, client: client, purpose: purpose).map { ConsentRecord($0, catalogue) }
  }

  /// What happened to a consent, oldest first.
  public func events(of id: ConsentID) throws -> [ConsentEventRow] { try store.events(of: id) }

  var now: Timestamp { time.now() }

  // MARK: Deciding, for the authorization server

  /// What may be granted of some scopes of APIs: the decision function, scope by scope. A scope is granted when at least one of
  /// the operations that it opens is permitted.
  ///
  /// - Parameter grantedAt: when the grant was made of which more is wanted (a code, a refresh token); nil for a new one.
  public func decide(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, scopes: ScopeSet, grantedAt: Timestamp? = nil
  ) throws -> [(Scope, ScopeOutcome)] {
    let record = try record(subject: subject, client: client, purpose: purpose)
    let now = time.now()
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

  // MARK: Changing

  /// Appends what a subscriber decided.
  ///
  /// - Throws: `ConsentError.notRecorded` when the ledger does not take it: the decision is then taken back.
  @discardableResult
  public func append(_ event: ConsentEventRow) async throws -> ConsentRow {
    let row = try await write(event)
    do { try await observer.consentChanged(ConsentChange(event: event, row: row)) } catch {
      guard event.kind == "granted" else { throw ConsentError.withdrawnButNotRecorded }
      _ = try await write(
        ConsentEventRow(
          consent: row.id, subject: row.subject, client: row.client, purpose: row.purpose, kind: "revoked", at: time.now(),
          flow: event.flow, actor: "gateway", reason: "ledger_failed"))
      throw ConsentError.notRecorded
    }
    return row
  }

  /// Consent that an operator enters for a subscriber, with the reason and the channel over which it came (`shop`, `letter`, ...).
  public func grantOnBehalf(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, scopes: ScopeSet, categories: [CategoryID], reason: String,
    channel: String = "operator", expiresAt: Timestamp
  ) async throws -> ConsentRow {
    try await append(
      ConsentEventRow(
        consent: ConsentID(rawValue: Random.token(byteCount: 16))!, subject: subject, client: client, purpose: purpose,
        kind: "granted", at: time.now(), scopes: scopes, categories: categories.sorted(), shownScopes: scopes,
        shownCategories: catalogue.categories(of: scopes), flow: channel, actor: "operator", reason: reason,
        expiresAt: expiresAt))
  }

  /// Withdraws a consent. When this returns, or throws `withdrawnButNotRecorded`, the next call on any connection is refused.
  public func revoke(_ id: ConsentID, actor: String, reason: String, channel: String? = nil) async throws -> ConsentRow {
    guard let row = try store.record(id) else { throw ConsentError.unknown }
    return try await append(
      ConsentEventRow(
        consent: id, subject: row.subject, client: row.client, purpose: row.purpose, legalBasis: row.legalBasis, kind: "revoked",
        at: time.now(), scopes: row.scopes, categories: row.categories, flow: channel ?? actor, actor: actor, reason: reason))
  }

  /// The subscriber objects to what is done without their consent (GDPR article 21). It holds like a withdrawal, and outlives
  /// every later consent.
  public func object(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, actor: String, reason: String, channel: String? = nil
  ) async throws -> ConsentRow {
    try await append(
      ConsentEventRow(
        consent: ConsentID(rawValue: Random.token(byteCount: 16))!, subject: subject, client: client, purpose: purpose,
        legalBasis: LegalBasis.legitimateInterest.rawValue, kind: "objected", at: time.now(), flow: channel ?? actor,
        actor: actor,
        reason: reason))
  }

  /// Takes in a history that was kept elsewhere, after the ledger has it. What it ends is ended here at once, too.
  ///
  /// - Parameter adding: gives, of the events that are here, those to add; what it throws is thrown, and nothing is added.
  public func adopt(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose,
    adding: @escaping @Sendable (_ here: [ConsentEventRow]) throws -> [ConsentEventRow]
  ) async throws {
    let (row, added) = try await store.adopt(subject: subject, client: client, purpose: purpose, adding: adding) { [changes] in
      changes.changed(Self.changeHash(subject, client, purpose))
    }
    if let row, added.contains(where: { $0.kind == "revoked" || $0.kind == "objected" }) {
      try await refreshTokens.end(consent: row.id)
    }
  }

  /// The store first, then the board, on the writer's thread: a caller that is busy holds no withdrawal up. Who asks after this
  /// has returned gets the new record.
  private func write(_ event: ConsentEventRow) async throws -> ConsentRow {
    let row = try await store.append(event) { [changes] in
      changes.changed(Self.changeHash(event.subject, event.client, event.purpose))
    }
    // A later consent is for other grants: what was withdrawn is not refreshed back to life.
    if event.kind == "revoked" || event.kind == "objected" { try await refreshTokens.end(consent: row.id) }
    return row
  }

  static func changeHash(_ subject: SubjectPseudonym, _ client: ClientID, _ purpose: Purpose) -> UInt64 {
    ChangeBoard.hash(subject.rawValue, client.rawValue, purpose.rawValue)
  }
}
