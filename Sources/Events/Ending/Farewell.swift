import Bytes
import Policy
import Store

/// What a sink is told of an end: the `data` of the event `subscription-ended` (event guide, section 3.2).
struct Farewell {
  private let record: SubscriptionRecord
  private let idName: [JSONName]
  private let backendID: String
  private let cause: EndCause

  init(_ record: SubscriptionRecord, _ idName: [JSONName], _ backendID: String, _ cause: EndCause) {
    (self.record, self.idName, self.backendID, self.cause) = (record, idName, backendID, cause)
  }

  /// Some APIs repeat what the subscription was about (geofencing its `area`): that is taken from the subscription as its backend showed it,
  /// as far as the policy lets it pass. Nobody is asked for consent here, so that nothing passes that would want it.
  func data(_ policy: EventPolicy?) -> [UInt8] {
    let short = written(detail: nil)
    guard let policy, let document = record.document else { return short }
    let whole = written(detail: document)
    var (tape, output) = (JSONTape(), [UInt8]())
    guard (try? tape.parse(whole.span)) != nil,
      case .complete = policy.filter(whole.span, tape: tape, allowed: 0, named: [], into: &output)
    else { return short }
    return output
  }

  private func written(detail document: [UInt8]?) -> [UInt8] {
    var (writer, names) = (JSONWriter(), ["terminationReason", "terminationDescription"])
    writer.beginObject()
    for name in idName.dropLast() {
      writer.key(name.text)
      writer.beginObject()
    }
    if let last = idName.last {
      writer.key(last.text)
      writer.string(backendID)
    }
    for _ in idName.dropLast() { writer.endObject() }
    if let first = idName.first { names.append(first.text) }
    writer.field("terminationReason", cause.terminationReason)
    if let description = cause.description { writer.field("terminationDescription", description) }
    if let document, let root = try? JSONDocument(document).root, let detail = root["config"]?["subscriptionDetail"] {
      for member in detail.keys where !names.contains(member.name) {
        writer.key(member.name)
        writer.raw(member.value.strictJSON())
      }
    }
    writer.endObject()
    return writer.bytes
  }
}
