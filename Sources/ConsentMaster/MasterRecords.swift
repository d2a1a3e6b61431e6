import Bytes
import Consent
import Identifiers
import Store
import Synchronization

/// The master's records, as the register's are asked for. Equal questions that are under way are one. Safe from any thread.
public final class MasterRecords: ConsentSource {
  /// Equal only while nothing is known to have changed: who asks after a change must not be given an answer from before it.
  private struct Question: Hashable {
    let key: ConsentKey
    let stamp: UInt64
  }

  private typealias Answer = Result<ConsentRow?, any Error>
  private enum Step {
    case ask
    case wait
    case refuse
  }

  private let connection: MasterConnection
  private let outbox: MasterOutbox
  private let store: any ConsentOutboxStore
  private let subjects: any SubjectStore
  private let settings: ConsentMasterSettings
  /// Those who wait for the answer to each question that is under way.
  private let underWay = Mutex<[Question: [CheckedContinuation<Answer?, Never>]]>([:])

  init(
    connection: MasterConnection, outbox: MasterOutbox, store: any ConsentOutboxStore, subjects: any SubjectStore,
    settings: ConsentMasterSettings
  ) {
    self.connection = connection
    self.outbox = outbox
    self.store = store
    self.subjects = subjects
    self.settings = settings
  }

  public var word: StaticString? { "master" }

  public var validity: ConsentValidity? {
    ConsentValidity(rememberedSeconds: settings.rememberedSeconds, overdueSeconds: settings.overdueSeconds)
  }

  public func look(_ key: ConsentKey) throws -> ConsentLook { .mustAsk }

  /// What the master says, less what was taken back here and is still on its way there.
  ///
  /// - Throws: `MasterFailure`, `StoreError`: nothing may be decided then.
  public func row(_ key: ConsentKey, stamp: UInt64) async throws -> ConsentRow? {
    let question = Question(key: key, stamp: stamp)
    switch begin(question) {
    case .refuse: throw MasterFailure.tooManyQuestions
    case .ask:
      let answer = await ask(key)
      let waiting = underWay.withLock { $0.removeValue(forKey: question) ?? [] }
      for continuation in waiting { continuation.resume(returning: answer) }
      return try answer.get()
    case .wait:
      let answer = await withCheckedContinuation { (continuation: CheckedContinuation<Answer?, Never>) in
        let isUnderWay = underWay.withLock { questions in
          guard questions[question] != nil else { return false }
          questions[question]?.append(continuation)
          return true
        }
        if !isUnderWay { continuation.resume(returning: nil) }
      }
      // The answer came in between, for those who asked before.
      guard let answer else { return try await row(key, stamp: stamp) }
      return try answer.get()
    }
  }

  public func rows(of subject: SubjectPseudonym) async throws -> [ConsentRow] {
    guard let number = try subjects.number(of: subject) else { return [] }
    // Before the master is asked: what leaves the outbox meanwhile, the master had before it answered.
    var waiting = Dictionary(grouping: try store.waiting(subject: subject), by: ConsentKey.init)
    let rows = try await connection.records(number, subject: subject, client: nil, purpose: nil)
    let known = rows.compactMap { row in Self.shown(row, by: waiting.removeValue(forKey: ConsentKey(row)) ?? []) }
    return known + waiting.values.compactMap { Self.shown(nil, by: $0) }
  }

  /// What gives more than before counts once the master has it; what takes away counts already.
  public func took(_ event: ConsentEventRow) async {
    outbox.wake()
    guard event.kind == "granted" else { return }
    await outbox.delivered(ConsentKey(subject: event.subject, client: event.client, purpose: event.purpose))
  }

  public func wake() { outbox.wake() }

  public func isSettled(_ subject: SubjectPseudonym) async throws -> Bool {
    outbox.wake()
    await outbox.delivered(subject)
    return try store.backlog(subject: subject).count == 0
  }

  private func begin(_ question: Question) -> Step {
    underWay.withLock { questions in
      if questions[question] != nil { return .wait }
      guard questions.count < settings.requestsMaximum + settings.waitingMaximum else { return .refuse }
      questions[question] = []
      return .ask
    }
  }

  private func ask(_ key: ConsentKey) async -> Answer {
    do {
      // Before the master is asked: what leaves the outbox meanwhile, the master had before it answered.
      let waiting = try store.waiting(subject: key.subject, client: key.client, purpose: key.purpose)
      // Somebody who was erased has agreed to nothing.
      guard let number = try subjects.number(of: key.subject) else { return .success(nil) }
      let rows = try await connection.records(number, subject: key.subject, client: key.client, purpose: key.purpose)
      return .success(Self.narrowed(rows.first, by: waiting))
    } catch { return .failure(error) }
  }

  /// The record as people look at it: what was agreed to here and waits for the master is `pending`, so that they see it and can
  /// withdraw it. Pure.
  static func shown(_ row: ConsentRow?, by waiting: [ConsentEventRow]) -> ConsentRow? {
    let narrowed = narrowed(row, by: waiting)
    guard let last = waiting.last, narrowed?.status(at: last.at) != "granted",
      var awaited = waiting.reduce(row, { ConsentRow.adding($1, to: $0) }), awaited.status == "granted"
    else { return narrowed }
    awaited.status = "pending"
    return awaited
  }

  /// A record without what these events take away from it; what they would add does not count yet. Pure.
  static func narrowed(_ row: ConsentRow?, by waiting: [ConsentEventRow]) -> ConsentRow? {
    guard !waiting.isEmpty else { return row }
    guard let row else {
      // An objection, or a withdrawal, of what the master has never heard of.
      guard var ended = ConsentRow.sum(waiting), ended.objectedAt != nil || ended.withdrawnAt != nil else { return nil }
      (ended.scopes, ended.categories) = ([], [])
      if ended.status == "granted" { ended.status = "pending" }
      return ended
    }
    let after = waiting.reduce(row) { ConsentRow.adding($1, to: $0) }
    var narrowed = row
    narrowed.withdrawnAt = max(row.withdrawnAt, after.withdrawnAt)
    narrowed.objectedAt = row.objectedAt ?? after.objectedAt
    if row.status == "granted", after.status != "granted" {
      (narrowed.status, narrowed.updatedAt) = (after.status, after.updatedAt)
    }
    // Never granted by the master and then withdrawn here is withdrawn: legitimate interest ends with it, too.
    if row.status != "granted", ["revoked", "objected"].contains(after.status) { narrowed.status = after.status }
    guard narrowed.status == "granted" else { return narrowed }
    narrowed.scopes = row.scopes.intersection(after.scopes)
    narrowed.categories = row.categories.filter(after.categories.contains)
    if let end = after.expiresAt { narrowed.expiresAt = min(row.expiresAt ?? end, end) }
    return narrowed
  }
}

extension ConsentKey {
  fileprivate init(_ event: ConsentEventRow) { self.init(subject: event.subject, client: event.client, purpose: event.purpose) }
  fileprivate init(_ row: ConsentRow) { self.init(subject: row.subject, client: row.client, purpose: row.purpose) }
}

private func max(_ one: Timestamp?, _ other: Timestamp?) -> Timestamp? {
  guard let one, let other else { return one ?? other }
  return Swift.max(one, other)
}
