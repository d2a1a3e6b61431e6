import Bytes

/// What a subscriber may buy on their bill.
struct Account: Sendable {
  /// How a payment or its reservation goes.
  enum Settlement: String, CaseIterable, Sendable {
    /// At once.
    case synchronous
    /// First `processing`, then well.
    case asynchronous
    /// First `processing`, then `denied`.
    case denied
    /// A reservation waits for a code that comes by SMS.
    case validated
  }

  /// Nothing can be bought at all.
  let isBarred: Bool
  let settlement: Settlement
  /// What payments of this simulator's life may add up to, in thousandths of the currency.
  let limitThousandths: Int

  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    isBarred = try reader.boolean("barred", default: false)
    let words = Settlement.allCases.map(\.rawValue)
    settlement = Settlement(rawValue: try reader.choice("settlement", of: words, default: Settlement.synchronous.rawValue))!
    limitThousandths = try reader.integer("limit", in: 0...1_000_000) * 1000
    try reader.finish()
  }
}

/// Whether codes can be sent to a subscriber by SMS: `"allowed"`, `"blocked"` or `"notAllowed"`.
enum MessageReception: String, CaseIterable, Sendable {
  case allowed, blocked, notAllowed

  init(_ value: JSONValue) throws(DocumentError) {
    guard let reception = value.string.flatMap(MessageReception.init(rawValue:)) else {
      throw value.error("\"messages\" wants one of \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    self = reception
  }
}
