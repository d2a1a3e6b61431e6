import Bytes
import Identifiers
import Policy
import Store
import Telemetry

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
  /// The record changed again and again while it was asked for.
  case unsettled
  /// The ledger did not take the entry: what was agreed to does not count.
  case notRecorded
  /// The ledger did not take the entry; the withdrawal holds all the same.
  case withdrawnButNotRecorded

  public var description: String {
    switch self {
    case .unknown: "there is no such consent"
    case .unsettled: "the consent changes all the time"
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
  let changes: ChangeBoard
  /// Who says how it stands with a consent.
  let source: any ConsentSource
  let store: any ConsentStore
  private let refreshTokens: any RefreshTokenStore
  let time: any TimeSource
  private let observer: any ConsentObserver

  /// - Parameters:
  ///   - source: the consent master, where there is one; the store holds then what was decided here.
  ///   - changes: marked by the source, too.
  public init(
    store: any ConsentStore, refreshTokens: any RefreshTokenStore, catalogue: Catalogue, time: any TimeSource,
    observer: any ConsentObserver, source: (any ConsentSource)? = nil, changes: ChangeBoard = ChangeBoard()
  ) {
    self.store = store
    self.source = source ?? RegisterSource(store: store)
    self.changes = changes
    self.refreshTokens = refreshTokens
    self.catalogue = catalogue
    self.time = time
    self.observer = observer
  }

  /// A memory for one event loop.
  ///
  /// - Parameters:
  ///   - meter: counts how often it had the record that was wanted.
  ///   - before: the loop's memory until now, under another catalogue; it is empty afterwards. On its loop.
  public func memory(
    countMaximum: Int, meter: MemoryMeter = MemoryMeter(), succeeding before: ConsentMemory? = nil
  ) -> ConsentMemory {
    ConsentMemory(register: self, countMaximum: countMaximum, meter: meter, succeeding: before)
  }

  var now: Timestamp { time.now() }

  // MARK: Changing

  /// Appends what a subscriber decided.
  ///
  /// - Throws: `ConsentError.notRecorded` when the ledger does not take it: the decision is then taken back.
  @discardableResult
  public func append(_ event: ConsentEventRow) async throws -> ConsentRow {
    let row = try await write(event)
    do { try await conclude(event, row) } catch {
      // It is in the store, whatever became of the rest: a consent master has to learn it.
      source.wake()
      throw error
    }
    await source.took(event)
    return row
  }

  /// What follows from an event that is in the store: the end of what rests on it, and its entry.
  private func conclude(_ event: ConsentEventRow, _ row: ConsentRow) async throws {
    try await endRefreshTokens(event, row)
    do { try await observer.consentChanged(ConsentChange(event: event, row: row)) } catch {
      guard event.kind == "granted" else { throw ConsentError.withdrawnButNotRecorded }
      let revocation = ConsentEventRow(
        consent: row.id, subject: row.subject, client: row.client, purpose: row.purpose, kind: "revoked", at: time.now(),
        flow: event.flow, actor: "gateway", reason: "ledger_failed")
      try await endRefreshTokens(revocation, write(revocation))
      throw ConsentError.notRecorded
    }
  }

  /// A later consent is for other grants: what was withdrawn is not refreshed back to life. Grants that rest on a master's record
  /// have its id and not that of the record here.
  private func endRefreshTokens(_ event: ConsentEventRow, _ row: ConsentRow) async throws {
    guard event.kind == "revoked" || event.kind == "objected" else { return }
    for id in Set([row.id, event.consent]) { try await refreshTokens.end(consent: id, subject: row.subject) }
  }

  /// Consent that an operator enters for a subscriber, with the reason and the channel over which it came (`shop`, `letter`, ...).
  public func grantOnBehalf(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, scopes: ScopeSet, categories: [CategoryID], reason: String,
    channel: String = "operator", expiresAt: Timestamp
  ) async throws -> ConsentRow {
    try await append(
      ConsentEventRow(
        consent: .random(), subject: subject, client: client, purpose: purpose,
        kind: "granted", at: time.now(), scopes: scopes, categories: categories.sorted(), shownScopes: scopes,
        shownCategories: catalogue.categories(of: scopes), flow: channel, actor: "operator", reason: reason,
        expiresAt: expiresAt))
  }

  /// Withdraws a consent. When this returns, or throws `withdrawnButNotRecorded`, the next call on any connection is refused.
  public func revoke(_ id: ConsentID, actor: String, reason: String, channel: String? = nil) async throws -> ConsentRow {
    guard let row = try store.record(id) else { throw ConsentError.unknown }
    return try await revoke(row, actor: actor, reason: reason, channel: channel)
  }

  /// The same of a record that was just read, be it from a consent master.
  public func revoke(_ row: ConsentRow, actor: String, reason: String, channel: String? = nil) async throws -> ConsentRow {
    try await append(
      ConsentEventRow(
        consent: row.id, subject: row.subject, client: row.client, purpose: row.purpose, legalBasis: row.legalBasis,
        kind: "revoked",
        at: time.now(), scopes: row.scopes, categories: row.categories, flow: channel ?? actor, actor: actor, reason: reason))
  }

  /// The subscriber objects to what is done without their consent (GDPR article 21). It holds like a withdrawal, and outlives
  /// every later consent.
  public func object(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, actor: String, reason: String, channel: String? = nil
  ) async throws -> ConsentRow {
    try await append(
      ConsentEventRow(
        consent: .random(), subject: subject, client: client, purpose: purpose,
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
      changes.changed(ConsentKey(subject: subject, client: client, purpose: purpose).changeHash)
    }
    if let row, added.contains(where: { $0.kind == "revoked" || $0.kind == "objected" }) {
      try await refreshTokens.end(consent: row.id, subject: subject)
    }
  }

  /// The store first, then the board, on the writer's thread: a caller that is busy holds no withdrawal up. Who asks after this
  /// has returned gets the new record.
  private func write(_ event: ConsentEventRow) async throws -> ConsentRow {
    try await store.append(event) { [changes] in
      changes.changed(ConsentKey(subject: event.subject, client: event.client, purpose: event.purpose).changeHash)
    }
  }
}
