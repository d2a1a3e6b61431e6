import Bytes
import Consent
import Identifiers
import Policy
import Store

/// May an event be told, as the subscriber's consent is now? Asks the one decision function, over a memory of the loop's own. Confined to
/// the loop of the delivery.
final class EventJudge: @unchecked Sendable {
  /// What was asked, to ask it again.
  struct Question: Sendable {
    let record: SubscriptionRecord
    let operation: OperationPolicy
    let event: EventPolicy
    /// Under which rules it was asked: the categories of others may be other bits.
    fileprivate let edition: Int

    fileprivate init(_ record: SubscriptionRecord, _ operation: OperationPolicy, _ event: EventPolicy, _ edition: Int) {
      (self.record, self.operation, self.event, self.edition) = (record, operation, event, edition)
    }
  }

  /// Records that it remembers.
  private static let rememberedMaximum = 100_000

  private let time: any TimeSource
  private var memory: ConsentMemory
  private var edition = 0
  /// By which it judges. Whoever judges by them asks here for them, and nowhere else: elsewhere there may be newer ones already.
  private(set) var rules: EventRules

  init(rules: EventRules, time: any TimeSource) {
    self.time = time
    self.rules = rules
    memory = rules.consents.memory(countMaximum: Self.rememberedMaximum)
  }

  func use(_ rules: EventRules) {
    self.rules = rules
    edition += 1
    memory = rules.consents.memory(countMaximum: Self.rememberedMaximum, succeeding: memory)
  }

  /// - Parameters:
  ///   - operation: of `rules`, as they are now.
  ///   - event: of the same.
  func question(_ record: SubscriptionRecord, _ operation: OperationPolicy, _ event: EventPolicy) -> Question {
    Question(record, operation, event, edition)
  }

  /// - Returns: the decision, and who said how it stands with the consent, for the ledger.
  /// - Throws: whatever keeps it from being known; nothing may be told then.
  func decide(_ question: Question) async throws -> (decision: Decision, source: StaticString?) {
    switch try answer(question) {
    case .decided(let decision, let source): return (decision, source)
    // What is about nobody whom we know rests on nobody's consent.
    case .mustName: return (.refused(.noConsent), nil)
    case .mustAsk(let asked):
      guard case .decided(let decision, let source) = try await memory.ask(asked, time: time) else {
        return (.refused(.noConsent), nil)
      }
      return (decision, source)
    }
  }

  /// True when the same is permitted still, under the same rules, with nothing taken back meanwhile. At once: what would have to be asked
  /// elsewhere is false.
  func stillPermits(_ question: Question, _ permission: Permission) -> Bool {
    guard question.edition == edition, case .decided(.permitted(let now), _) = try? answer(question) else { return false }
    return now.categories.mask & permission.categories.mask == permission.categories.mask
  }

  /// True when events of at least one of the types that a subscription is for may be told.
  func permitsAny(_ record: SubscriptionRecord) async throws -> Bool {
    // What is not served any more asks nobody and tells nothing; it may be served again.
    guard let (operation, subscription) = rules.policy(of: record) else { return true }
    let edition = edition
    let types = record.types.isEmpty ? subscription.events.filter { $0.lifecycle == nil }.map(\.type) : record.types
    for event in types.compactMap(subscription.event(type:)) {
      // Others rule since: what was the last word is not any more.
      guard edition == self.edition else { return true }
      let decision = try await decide(question(record, operation, event)).decision
      if case .permitted(let permission) = decision, event.required & ~permission.categories.mask == 0 { return true }
    }
    return false
  }

  private func answer(_ question: Question) throws -> ConsentAnswer {
    let record = question.record
    return try memory.decide(
      operation: question.operation, scopes: record.scopes, subject: record.subject, client: record.client,
      purpose: record.purpose, grantedAt: record.grantedAt, needed: question.event.scope.map { [$0] } ?? [], now: time.now(),
      monotonic: time.monotonicNanoseconds())
  }
}
