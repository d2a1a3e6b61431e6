import Bytes
import Identifiers
import Policy
import Store
import Telemetry

/// What a call wants decided, while its record is being asked for.
public struct ConsentQuestion: Sendable {
  let operation: OperationPolicy
  let scopes: ScopeSet
  let basis: LegalBasis
  let grantedAt: Timestamp?
  let needed: [Scope]
  let key: ConsentKey
}

/// What a memory has to say about a call.
public enum ConsentAnswer: Sendable {
  /// - source: who said how it stands with the consent, for the ledger; nil for the register here, and where nobody was asked.
  case decided(Decision, source: StaticString?)
  /// The record is somewhere else, and `ask` has to be awaited.
  case mustAsk(ConsentQuestion)
  /// The same, about somebody who has no pseudonym here yet.
  case mustName
}

/// The consent records that one loop has looked at lately. Bounded in number; each is good as long as the change board says that
/// nothing under its key has changed and, where another server said it, for so many seconds. Confined to its loop.
public final class ConsentMemory: @unchecked Sendable {
  /// The ledger's word for what the master said longer ago than it is believed, while it cannot be asked.
  public static let overdueWord: StaticString = "master_overdue"

  private struct Entry {
    let record: ConsentRecord?
    let stamp: UInt64
    let hash: UInt64
    let subjectHash: UInt64
    /// Monotonic; from before the question.
    let askedNanoseconds: UInt64
    /// Of the memory under whose catalogue the record was read.
    let edition: Int
  }

  private let register: ConsentRegister
  private let generationCountMaximum: Int
  private let meter: MemoryMeter
  /// One higher than that of the memory before it on the loop.
  private let edition: Int
  // Two generations: when the young one is full it becomes the old one, and what was not asked for since then falls out.
  private var young: [ConsentKey: Entry] = [:]
  private var old: [ConsentKey: Entry] = [:]

  init(register: ConsentRegister, countMaximum: Int, meter: MemoryMeter, succeeding before: ConsentMemory? = nil) {
    self.register = register
    self.meter = meter
    generationCountMaximum = max(1, countMaximum / 2)
    edition = (before?.edition ?? 0) + 1
    guard let before else { return }
    (young, old) = (before.young, before.old)
    (before.young, before.old) = ([:], [:])
  }

  /// Records held now.
  var count: Int { young.count + old.count }

  /// The decision for one call, when it can be made at once.
  ///
  /// - Parameters:
  ///   - subject: nil when the call is about nobody, or about a number that has never been seen here.
  ///   - grantedAt: when the grant of a 3-legged token was made; nil for a 2-legged one.
  ///   - needed: scopes that this very call needs beside those that open the operation.
  ///   - monotonic: nanoseconds of the loop's clock.
  /// - Throws: `StoreError` when the record cannot be read; the call is then refused.
  public func decide(
    operation: OperationPolicy, scopes: ScopeSet, subject: SubjectPseudonym?, client: ClientID, purpose: Purpose?,
    grantedAt: Timestamp?, needed: [Scope] = [], now: Timestamp, monotonic: UInt64
  ) throws -> ConsentAnswer {
    guard operation.personalData, let purpose else {
      return .decided(
        DecisionFunction.decide(
          operation: operation, scopes: scopes, basis: nil, record: nil, grantedAt: grantedAt, now: now), source: nil)
    }
    let basis = register.catalogue.legalBases.basis(api: operation.api, purpose: purpose, client: client)
    guard DecisionFunction.asksForRecord(basis) else {
      return .decided(
        DecisionFunction.decide(
          operation: operation, scopes: scopes, basis: basis, record: nil, grantedAt: grantedAt, needed: needed, now: now),
        source: nil)
    }
    guard let subject else {
      // A master may know somebody whom nobody has named here yet.
      guard register.source.word == nil else { return .mustName }
      return .decided(
        DecisionFunction.decide(
          operation: operation, scopes: scopes, basis: basis, record: nil, grantedAt: grantedAt, needed: needed, now: now),
        source: nil)
    }
    let question = ConsentQuestion(
      operation: operation, scopes: scopes, basis: basis, grantedAt: grantedAt, needed: needed,
      key: ConsentKey(subject: subject, client: client, purpose: purpose))
    guard let entry = try entry(question.key, monotonic) else { return .mustAsk(question) }
    return decided(question, entry.record, register.source.word, now)
  }

  /// The decision for a call whose record is somewhere else. On the loop.
  ///
  /// - Throws: whatever keeps the record from being known; the call is then refused.
  public func ask(_ question: ConsentQuestion, time: any TimeSource) async throws -> ConsentAnswer {
    let asked = time.monotonicNanoseconds()
    let key = question.key
    do {
      let found = try await register.find(key)
      remember(
        Entry(
          record: found.record, stamp: found.stamp, hash: key.changeHash, subjectHash: key.subject.changeHash,
          askedNanoseconds: asked, edition: edition), key)
      return decided(question, found.record, register.source.word, time.now())
    } catch {
      guard let validity = register.source.validity, let entry = known(key),
        time.monotonicNanoseconds() &- entry.askedNanoseconds < validity.rememberedNanoseconds + validity.overdueNanoseconds
      else { throw error }
      return decided(question, entry.record, Self.overdueWord, time.now())
    }
  }

  private func decided(
    _ question: ConsentQuestion, _ record: ConsentRecord?, _ source: StaticString?, _ now: Timestamp
  ) -> ConsentAnswer {
    .decided(
      DecisionFunction.decide(
        operation: question.operation, scopes: question.scopes, basis: question.basis, record: record,
        grantedAt: question.grantedAt, needed: question.needed, now: now), source: source)
  }

  /// What is remembered, or can be had at once.
  private func entry(_ key: ConsentKey, _ monotonic: UInt64) throws -> Entry? {
    if let entry = known(key), isBelieved(entry, monotonic) {
      meter.count(hit: true)
      return entry
    }
    meter.count(hit: false)
    let (hash, subjectHash) = (key.changeHash, key.subject.changeHash)
    // The stamp comes before the reading: a change in between is then seen at the next question.
    let stamp = register.changes.stamp(hash, subjectHash)
    guard case .known(let row) = try register.source.look(key) else { return nil }
    let entry = Entry(
      record: row.map { ConsentRecord($0, register.catalogue) }, stamp: stamp, hash: hash, subjectHash: subjectHash,
      askedNanoseconds: monotonic, edition: edition)
    remember(entry, key)
    return entry
  }

  private func isBelieved(_ entry: Entry, _ monotonic: UInt64) -> Bool {
    guard let validity = register.source.validity else { return true }
    return monotonic &- entry.askedNanoseconds < validity.rememberedNanoseconds
  }

  /// What is remembered and has not changed since, however old.
  private func known(_ key: ConsentKey) -> Entry? {
    if let entry = young[key] {
      guard isUnchanged(entry) else { return nil }
      return entry.edition == edition ? entry : renewed(entry, key)
    }
    guard let entry = old[key], isUnchanged(entry) else { return nil }
    guard entry.edition == edition else { return renewed(entry, key) }
    remember(entry, key)
    return entry
  }

  private func isUnchanged(_ entry: Entry) -> Bool { entry.stamp == register.changes.stamp(entry.hash, entry.subjectHash) }

  /// What was read under another catalogue, under this one: the same record, whose categories may be other bits now.
  private func renewed(_ entry: Entry, _ key: ConsentKey) -> Entry {
    let renewed = Entry(
      record: entry.record.map { ConsentRecord($0.row, register.catalogue) }, stamp: entry.stamp, hash: entry.hash,
      subjectHash: entry.subjectHash, askedNanoseconds: entry.askedNanoseconds, edition: edition)
    remember(renewed, key)
    return renewed
  }

  private func remember(_ entry: Entry, _ key: ConsentKey) {
    if young.count >= generationCountMaximum {
      old = young
      young = [:]
    }
    young[key] = entry
  }
}
