import Bytes
import Identifiers
import Store

/// The calls of one client to one operation in one period, with what they cost in one currency.
public struct UsageSum: Sendable, Equatable {
  public var client: ClientID
  public var api: String
  public var operation: String
  /// The start of the period.
  public var start: Timestamp
  public var counts = UsageCounts()
  public var amount = Amount.zero
  /// Nil when the operation has no price.
  public var currency: Currency?
}

/// Calls, by how they ended.
public struct UsageCounts: Sendable, Equatable {
  /// `succeeded + refused + failed`.
  public var calls = 0
  public var succeeded = 0
  public var refused = 0
  public var failed = 0

  public init() {}

  public mutating func add(_ row: UsageRow) {
    calls += row.calls
    succeeded += row.succeeded
    refused += row.refused
    failed += row.failed
  }
}

/// Over what usage is summed, in UTC.
public enum UsagePeriod: String, Sendable {
  case hour, day, month

  func start(of hour: Int) -> Int {
    switch self {
    case .hour: hour
    case .day: hour - hour % 24
    case .month: Month(containing: hour).startHour
    }
  }

  /// RFC 3339 cut to what matters: `2026-11`, `2026-11-21`, `2026-11-21T14:00Z`.
  func name(_ start: Timestamp) -> String {
    switch self {
    case .month: String(start.rfc3339.prefix(7))
    case .day: String(start.rfc3339.prefix(10))
    case .hour: start.rfc3339.prefix(13) + ":00Z"
    }
  }
}

/// Usage as JSON: the row of `usage report --json`.
public enum UsageReport {
  public static func json(_ sums: [UsageSum], by period: UsagePeriod) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for sum in sums {
      writer.beginObject()
      writer.field("client_id", sum.client.rawValue)
      writer.field("api", sum.api)
      writer.field("operation", sum.operation)
      writer.field("period", period.name(sum.start))
      writer.counts(sum.counts)
      // A number with as many digits as it needs.
      writer.key("amount")
      writer.raw(Array(sum.amount.description.utf8))
      if let currency = sum.currency { writer.field("currency", currency.rawValue) }
      writer.endObject()
    }
    writer.endArray()
    return writer.bytes
  }
}

extension JSONWriter {
  mutating func counts(_ counts: UsageCounts) {
    field("calls", counts.calls)
    field("succeeded", counts.succeeded)
    field("refused", counts.refused)
    field("failed", counts.failed)
  }
}
