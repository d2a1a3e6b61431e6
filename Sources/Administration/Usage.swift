import Bytes
import Identifiers
import Ledger
import Store
import Wire

extension AdminAPI {
  /// `GET /admin/v1/usage?client_id=&api=&operation=&from=&to=&by=hour|day|month`: what was used, counted from the ledger up to
  /// its last durable entry.
  func reportUsage(_ request: AdminRequest) throws -> HTTPResponse {
    _ = try dependencies.usage.advance()
    var filter = UsageFilter()
    filter.client = try request.query["client_id"].map(Self.clientID)
    filter.api = request.query["api"]
    filter.fromHour = try request.query["from"].map(Self.hour)
    filter.toHour = try request.query["to"].map(Self.hour)
    guard let period = UsageReport.Period(rawValue: request.query["by"] ?? "day") else {
      throw AdminError.invalid("by wants hour, day or month")
    }
    return HTTPResponse.json(200, UsageReport.json(try dependencies.stores.usage.rows(filter), by: period))
  }

  /// Hours since 1970, UTC.
  private static func hour(_ text: String) throws -> Int {
    guard let time = Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "T00:00:00Z") else {
      throw AdminError.invalid("a time wants the form 2026-01-31 or 2026-01-31T12:00:00Z")
    }
    return Int(time.seconds / 3600)
  }
}

/// Usage, summed over periods for people and invoices.
enum UsageReport {
  enum Period: String {
    case hour, day, month

    /// The start of the period of an hour, as RFC 3339 cut to what matters: `2026-11`, `2026-11-21`, `2026-11-21T14:00Z`.
    func name(_ time: Timestamp) -> String {
      let text = time.rfc3339
      switch self {
      case .month: return String(text.prefix(7))
      case .day: return String(text.prefix(10))
      case .hour: return text.prefix(13) + ":00Z"
      }
    }
  }

  private struct Key: Hashable, Comparable {
    var period, client, api, operation, currency: String

    func isSame(as other: Key) -> Bool {
      (period, client, api, operation) == (other.period, other.client, other.api, other.operation)
    }

    static func < (left: Key, right: Key) -> Bool {
      (left.period, left.client, left.api, left.operation, left.currency)
        < (right.period, right.client, right.api, right.operation, right.currency)
    }
  }

  private struct Sum {
    var calls = 0
    var succeeded = 0
    var refused = 0
    var failed = 0
    var amountMicros = 0
  }

  static func json(_ rows: [UsageRow], by period: Period) -> [UInt8] {
    var sums: [Key: Sum] = [:]
    // What cost nothing has no currency of its own: it is counted in the row of what did.
    for row in rows.sorted(by: { $0.currency > $1.currency }) {
      var key = Key(
        period: period.name(row.period), client: row.client.rawValue, api: row.api, operation: row.operation,
        currency: row.currency)
      if key.currency.isEmpty, let priced = sums.keys.first(where: { $0.isSame(as: key) }) { key = priced }
      var sum = sums[key] ?? Sum()
      sum.calls += row.calls
      sum.succeeded += row.succeeded
      sum.refused += row.refused
      sum.failed += row.failed
      sum.amountMicros += row.amountMicros
      sums[key] = sum
    }
    var writer = JSONWriter()
    writer.beginArray()
    for (key, sum) in sums.sorted(by: { $0.key < $1.key }) { write(key, sum, to: &writer) }
    writer.endArray()
    return writer.bytes
  }

  /// The row of DESIGN section 8. The amount is a decimal number with as many digits as it needs: no binary fraction comes near
  /// money.
  private static func write(_ key: Key, _ sum: Sum, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("client_id", key.client)
    writer.field("api", key.api)
    writer.field("operation", key.operation)
    writer.field("period", key.period)
    writer.field("calls", sum.calls)
    writer.field("succeeded", sum.succeeded)
    writer.field("refused", sum.refused)
    writer.field("failed", sum.failed)
    writer.key("amount")
    writer.raw(Array(decimal(micros: sum.amountMicros).utf8))
    if !key.currency.isEmpty { writer.field("currency", key.currency) }
    writer.endObject()
  }

  static func decimal(micros: Int) -> String {
    let (whole, rest) = micros.quotientAndRemainder(dividingBy: 1_000_000)
    guard rest != 0 else { return "\(whole)" }
    var digits = String(rest)
    digits = String(repeating: "0", count: 6 - digits.utf8.count) + digits
    while digits.hasSuffix("0") { digits.removeLast() }
    return "\(whole).\(digits)"
  }
}
