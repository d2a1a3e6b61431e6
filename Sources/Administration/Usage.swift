import Bytes
import Dispatch
import Identifiers
import Ledger
import Store
import Wire

extension AdminAPI {
  /// `GET /admin/v1/usage?client_id=&api=&operation=&from=&to=&by=hour|day|month`: what was used, counted from the ledger up to
  /// its last durable entry.
  func reportUsage(_ request: AdminRequest) async throws -> HTTPResponse {
    var filter = UsageFilter()
    filter.client = try request.query["client_id"].map(Self.clientID)
    filter.api = request.query["api"]
    filter.operation = request.query["operation"]
    filter.fromHour = try request.query["from"].map(Self.hour)
    filter.toHour = try request.query["to"].map(Self.hour)
    guard let period = UsagePeriod(rawValue: request.query["by"] ?? "day") else {
      throw AdminError.invalid("by wants hour, day or month")
    }
    // Reading the ledger and a year of rows takes its time; the loop goes on meanwhile.
    return try await offLoop { [dependencies, filter] in
      _ = try dependencies.usage.advance()
      return HTTPResponse.json(200, UsageReport.json(try dependencies.stores.usage.sums(filter, by: period), by: period))
    }
  }

  /// Runs what blocks on a thread that may be blocked.
  func offLoop<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
    }
  }

  /// Hours since 1970, UTC.
  private static func hour(_ text: String) throws -> Int {
    guard let time = Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "T00:00:00Z") else {
      throw AdminError.invalid("a time wants the form 2026-01-31 or 2026-01-31T12:00:00Z")
    }
    return Int(time.seconds / 3600)
  }
}

/// Usage, summed over periods, for people and invoices.
enum UsageReport {
  static func json(_ sums: [UsageSum], by period: UsagePeriod) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for sum in sums { write(sum, name(sum.start, period), to: &writer) }
    writer.endArray()
    return writer.bytes
  }

  /// The start of a period, as RFC 3339 cut to what matters: `2026-11`, `2026-11-21`, `2026-11-21T14:00Z`.
  private static func name(_ start: Timestamp, _ period: UsagePeriod) -> String {
    switch period {
    case .month: String(start.rfc3339.prefix(7))
    case .day: String(start.rfc3339.prefix(10))
    case .hour: start.rfc3339.prefix(13) + ":00Z"
    }
  }

  /// The row of DESIGN section 8. The amount is a decimal number with as many digits as it needs: no binary fraction comes near
  /// money.
  private static func write(_ sum: UsageSum, _ period: String, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("client_id", sum.client.rawValue)
    writer.field("api", sum.api)
    writer.field("operation", sum.operation)
    writer.field("period", period)
    writer.field("calls", sum.calls)
    writer.field("succeeded", sum.succeeded)
    writer.field("refused", sum.refused)
    writer.field("failed", sum.failed)
    writer.key("amount")
    writer.raw(Array(decimal(micros: sum.amountMicros).utf8))
    if !sum.currency.isEmpty { writer.field("currency", sum.currency) }
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
