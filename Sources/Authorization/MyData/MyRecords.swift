import Bytes
import Consent
import Identifiers
import Ledger
import Policy
import Store

/// All that the pages show a subscriber.
public struct MyRecords: Sendable {
  public let number: MSISDN
  /// What stands and what was, by application and purpose; what changed last comes first.
  public let records: [MyRecord]
  public let uses: MyUses
}

/// One application and one purpose.
public struct MyRecord: Sendable {
  public let client: ClientID
  /// The application's name; its id when it is not registered any more.
  public let name: String
  public let address: String?
  public let purpose: Purpose
  /// Nil when nobody was ever asked and nothing was objected to: another legal basis let the application use data.
  public let consent: ConsentRow?
  /// `consent.status` by the clock.
  public let status: String
  /// Oldest first.
  public let events: [ConsentEventRow]
  /// On what the application's use for this purpose rests now, without consent.
  public let otherBases: [LegalBasis]
  /// As far as was looked.
  public let lastUse: MyUse?
  public let lastRefusal: MyUse?
  /// The data of its last use, or of its consent.
  public let categories: [CategoryID]

  public var isGranted: Bool { status == "granted" }
  public var isObjected: Bool { consent?.objectedAt != nil }
  public var mayObject: Bool { otherBases.contains(.legitimateInterest) && !isObjected }
  /// Agreed to, and not in force yet: the operator's consent master has not taken it.
  public var isAwaited: Bool { consent?.isAwaited == true }
  public var isWithdrawable: Bool { isGranted || isAwaited }
  /// Something may be used now, or once the consent master knows of it.
  public var isCurrent: Bool {
    if isWithdrawable { return true }
    return otherBases.contains { $0 != .legitimateInterest || !(isObjected || status == "revoked") }
  }
}

/// What applications asked for about the subscriber.
public struct MyUses: Sendable {
  /// Newest first; nil when the ledger could not be asked just now.
  public let uses: [MyUse]?
  /// Everything from this moment on was looked at; nil: everything there is.
  public let since: Timestamp?
}

/// One call of an API about the subscriber, as the ledger has it.
public struct MyUse: Sendable {
  public let at: Timestamp
  public let client: ClientID
  public let purpose: Purpose?
  public let api: String
  public let operation: String
  /// What was released.
  public let categories: [String]
  /// `allowed`, `refused` or `failed`.
  public let decision: String
  public let legalBasis: String?

  init?(_ row: LedgerRow) {
    guard row.entry.isUse, let client = row.entry.clientID.flatMap(ClientID.init(rawValue:)) else { return nil }
    at = row.time
    self.client = client
    purpose = row.entry.purpose.flatMap(Purpose.init(rawValue:))
    api = row.entry.api ?? ""
    operation = row.entry.operation ?? ""
    categories = row.entry.categories ?? []
    decision = row.entry.decision ?? ""
    legalBasis = row.entry.legalBasis
  }
}

/// How far back the ledger is read where it is not indexed yet.
public struct MyLookback: Sendable {
  let usesMaximum: Int
  let bytesMaximum: Int
  let secondsMaximum: Int

  /// For a page: a blink.
  public static let page = MyLookback(usesMaximum: 2000, bytesMaximum: 64 << 20, secondsMaximum: 2)
  /// For what the person takes along.
  public static let download = MyLookback(usesMaximum: 20_000, bytesMaximum: 2 << 30, secondsMaximum: 10)
}

extension MyData {
  /// What there is about the subscriber of a session.
  public func records(of session: MySession, _ lookback: MyLookback) async throws(InteractionRefusal) -> MyRecords {
    guard let subject = session.subscriber?.pseudonym else { throw .unknown }
    let number: MSISDN? = try orUnavailable { () throws -> MSISDN? in try dependencies.subjects.number(of: subject) }
    // Erased while the page was open.
    guard let number else { throw .unknown }
    let uses = await self.uses(of: subject, lookback)
    let made = try await orUnavailable { () async throws -> [MyRecord] in try await self.records(of: subject, uses.uses ?? []) }
    return MyRecords(number: number, records: made, uses: uses)
  }

  /// What the subscriber decided, without what the ledger says of uses: for acts, which must not wait for it.
  public func consents(of session: MySession) async throws(InteractionRefusal) -> [MyRecord] {
    guard let subject = session.subscriber?.pseudonym else { throw .unknown }
    return try await orUnavailable { () async throws -> [MyRecord] in try await self.records(of: subject, []) }
  }

  /// The same of one application and purpose, whether or not there was ever a decision.
  public func record(
    of session: MySession, client: ClientID, purpose: Purpose
  ) async throws(InteractionRefusal) -> MyRecord {
    guard let subject = session.subscriber?.pseudonym else { throw .unknown }
    return try await orUnavailable { () async throws -> MyRecord in
      let row = try await dependencies.consents.record(subject: subject, client: client, purpose: purpose)?.row
      return try record(Key(client: client, purpose: purpose), row, nil, nil)
    }
  }

  private func uses(of subject: SubjectPseudonym, _ bounds: MyLookback) async -> MyUses {
    var filter = LedgerFilter(subject: subject.rawValue, limit: bounds.usesMaximum)
    filter.events = LedgerEvents.uses
    let lookback = LedgerLookback(
      directory: dependencies.ledger.directory, filter: filter, bytesMaximum: bounds.bytesMaximum,
      secondsMaximum: bounds.secondsMaximum,
      index: LedgerIndex(directory: dependencies.ledger.directory, key: dependencies.keys.lookup))
    guard let finding = try? await lookback.run() else { return MyUses(uses: nil, since: nil) }
    return MyUses(uses: finding.rows.compactMap(MyUse.init), since: finding.since)
  }

  private struct Key: Hashable {
    let client: ClientID
    let purpose: Purpose
  }

  private func records(of subject: SubjectPseudonym, _ uses: [MyUse]) async throws -> [MyRecord] {
    var rows: [Key: ConsentRow] = [:]
    for row in try await dependencies.consents.records(of: subject) { rows[Key(client: row.client, purpose: row.purpose)] = row }
    var lastUses: [Key: MyUse] = [:]
    var lastRefusals: [Key: MyUse] = [:]
    for use in uses.reversed() {
      guard let purpose = use.purpose else { continue }
      let key = Key(client: use.client, purpose: purpose)
      if use.decision == "allowed" { lastUses[key] = use } else if use.decision == "refused" { lastRefusals[key] = use }
    }
    // Without a record and without a use there is nothing to show: a refusal alone told nobody anything.
    var records: [MyRecord] = []
    for key in Set(rows.keys).union(lastUses.keys) {
      records.append(try record(key, rows[key], lastUses[key], lastRefusals[key]))
    }
    return records.sorted { one, other in
      (Self.changedAt(one), other.client, other.purpose) > (Self.changedAt(other), one.client, one.purpose)
    }
  }

  private func record(_ key: Key, _ row: ConsentRow?, _ lastUse: MyUse?, _ lastRefusal: MyUse?) throws -> MyRecord {
    let client = try dependencies.clients.client(key.client)
    var categories = row?.categories ?? []
    if categories.isEmpty { categories = lastUse?.categories.compactMap(CategoryID.init(rawValue:)) ?? [] }
    return MyRecord(
      client: key.client, name: client?.name ?? key.client.rawValue, address: client?.clientURI, purpose: key.purpose,
      consent: row, status: row?.status(at: dependencies.time.now()) ?? "pending",
      events: try row.map { try dependencies.consents.events(of: $0) } ?? [], otherBases: otherBases(client, key.purpose),
      lastUse: lastUse, lastRefusal: lastRefusal, categories: categories)
  }

  private static func changedAt(_ record: MyRecord) -> Timestamp {
    record.consent?.updatedAt ?? record.lastUse?.at ?? Timestamp(microseconds: 0)
  }

  /// The legal bases but consent that hold for what the client may call for the purpose.
  private func otherBases(_ client: ClientRecord?, _ purpose: Purpose) -> [LegalBasis] {
    guard let client, client.isEnabled, client.purposes.contains(purpose) else { return [] }
    let operations = client.scopes.flatMap { dependencies.catalogue.operations($0) }.filter(\.personalData)
    let bases = Set(
      operations.map { dependencies.catalogue.legalBases.basis(api: $0.api, purpose: purpose, client: client.id) })
    return LegalBasis.allCases.filter { $0 != .consent && bases.contains($0) }
  }
}
