import Bytes
import Consent
import Identifiers
import JOSE
import Policy
import Store

/// What of an event may leave, and under which source.
struct EventBody {
  enum Outcome {
    case ready(body: [UInt8], categories: FieldMask)
    /// The subscriber did not agree to what the event cannot go out without.
    case withheld
    /// Its data are not what the API has: no later try will mend that.
    case broken(String)
  }

  let subjects: any SubjectStore
  let apiAddress: String

  /// The event with the fields that were agreed to.
  ///
  /// - Throws: `StoreError` when the subscriber's number cannot be read.
  func filtered(
    _ event: QueuedEvent, _ record: SubscriptionRecord, _ policy: EventPolicy, _ consented: ConsentedCategories,
    _ rules: EventRules
  ) throws -> Outcome {
    var tape = JSONTape()
    do { try tape.parse(event.data.span) } catch { return .broken("not_json") }
    var data: [UInt8] = []
    let outcome = policy.filter(
      event.data.span, tape: tape, allowed: consented.mask, named: try named(record), into: &data)
    switch outcome {
    case .complete(let released):
      return .ready(body: body(event, record, data, rules), categories: released)
    case .withheldRequired: return .withheld
    case .missingRequired: return .broken("field_missing")
    case .wrongShape: return .broken("shape")
    }
  }

  /// An event of the gateway's own, which tells of the subscription alone.
  func own(_ event: QueuedEvent) -> [UInt8] {
    CloudEvent(id: event.eventID, source: event.source, type: event.type, time: event.time, data: event.data).structured()
  }

  private func body(_ event: QueuedEvent, _ record: SubscriptionRecord, _ data: [UInt8], _ rules: EventRules) -> [UInt8] {
    CloudEvent(
      id: digest(record, [event.source, event.eventID]),
      source: "\(apiAddress)\(rules.basePath(of: record))?source=\(digest(record, [event.source]))", type: event.type,
      time: event.time, data: data
    ).structured()
  }

  /// The number that the client itself named: an event that names it again tells it nothing new.
  private func named(_ record: SubscriptionRecord) throws -> [[UInt8]] {
    guard record.isNamedByClient, let subject = record.subject, let number = try subjects.number(of: subject) else { return [] }
    return [Array(number.e164.utf8)]
  }

  /// Source and id of a backend are texts of its own, which may name a host of the operator's network as well as a subscriber's number, and no
  /// category stands for them: digests of them leave in their place, the same for each try. They are salted with the subscription's own id,
  /// which nobody knows, so that they cannot be tried out.
  private func digest(_ record: SubscriptionRecord, _ texts: [String]) -> String {
    var salted = Array(record.id.utf8)
    for text in texts {
      salted += Array(" \(text.utf8.count) ".utf8)
      salted += text.utf8
    }
    return String(SHA256.digest(salted).hex.prefix(32))
  }
}
