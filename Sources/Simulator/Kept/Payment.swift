import Bytes
import JOSE

/// An amount in thousandths, which is as fine as CAMARA's payments are.
struct Thousandths: Sendable, Comparable {
  let count: Int

  init(_ count: Int) { self.count = count }

  /// Reads a JSON number with three digits behind the point at most; nil for another.
  init?(_ value: JSONValue?) {
    guard let value, value.kind == .number, let micros = DecimalMicros.parse(String(decoding: value.raw, as: UTF8.self)),
      micros % 1000 == 0
    else { return nil }
    count = micros / 1000
  }

  var json: JSON { .raw(Array(DecimalMicros.text(Int128(count) * 1000).utf8)) }

  static func < (a: Thousandths, b: Thousandths) -> Bool { a.count < b.count }
  static func + (a: Thousandths, b: Thousandths) -> Thousandths { Thousandths(a.count + b.count) }
  static func - (a: Thousandths, b: Thousandths) -> Thousandths { Thousandths(a.count - b.count) }
}

/// Something bought on a subscriber's bill (carrier-billing).
struct Payment: Resource {
  /// What a request says of the money.
  struct Charge: Sendable {
    let amount: Thousandths
    let currency: String
    let isTaxIncluded: Bool
    /// Ids and amounts of what it is made up of.
    let items: [String: Thousandths]
  }

  let id = Random.uuid()
  let number: String
  let client: String
  let correlator: String?
  let merchant: String?
  let charge: Charge
  /// `amountTransaction` as the answers show it.
  let transaction: JSON
  let sink: EventSink?
  let created: Timestamp
  /// The code that a reservation waits for, and the id under which it is said.
  let authorization: (id: String, code: String)?
  var wrongCodes = 0
  var progress: Progress

  static let keptSeconds = 400 * 86_400
  var isOver: Bool { ["succeeded", "denied", "cancelled"].contains(progress.status) }
  /// What it takes, or may take, of the subscriber's limit.
  var weighs: Thousandths { ["denied", "cancelled"].contains(progress.status) ? Thousandths(0) : charge.amount }

  var json: JSON {
    [
      "paymentId": .string(id), "amountTransaction": transaction, "paymentStatus": .string(progress.status),
      "paymentCreationDate": .time(created), "paymentDate": progress.status == "succeeded" ? .time(progress.since) : nil,
      "sink": sink.map { .string($0.text) },
    ]
  }

  /// The answer to `preparePayment`, which has no `paymentDate`.
  var preparedJSON: JSON {
    let validation: JSON? = authorization.map { ["action": .string("validate"), "authorizationId": .string($0.id)] }
    return [
      "paymentId": .string(id), "amountTransaction": transaction, "paymentStatus": .string(progress.status),
      "paymentCreationDate": .time(created), "validationInfo": validation, "sink": sink.map { .string($0.text) },
    ]
  }
}

/// Money given back (carrier-billing-refund).
struct Refund: Resource {
  let id = Random.uuid()
  let payment: String
  /// Of the subscriber who gets the money.
  let number: String
  let client: String
  let correlator: String?
  let merchant: String?
  /// `total` or `partial`.
  let type: String
  let amount: Thousandths
  let reason: String?
  let transaction: JSON
  let sink: EventSink?
  let created: Timestamp
  var progress: Progress

  static let keptSeconds = 400 * 86_400
  var isOver: Bool { progress.status != "processing" }

  var json: JSON {
    [
      "refundId": .string(id), "refundStatus": .string(progress.status), "type": .string(type),
      "refundCreationDate": .time(created),
      "refundDate": progress.status == "succeeded" ? .time(progress.since) : nil, "reason": reason.map(JSON.string),
      "sink": sink.map { .string($0.text) }, "amountTransaction": transaction,
    ]
  }
}
