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

/// What was counted, rated: the readings of `usage`.
public struct AccountBook: Sendable {
  let usage: any UsageStore
  let clients: any ClientStore
  let plans: PlanBook

  public init(usage: any UsageStore, clients: any ClientStore, plans: PlanBook) {
    self.usage = usage
    self.clients = clients
    self.plans = plans
  }

  /// All usage that the filter asks for, by period, client, API, operation and currency, however much there is. Blocks; never on a loop.
  ///
  /// - Throws: `AccountingError` when a client's plan cannot be; `StoreError`.
  public func report(_ filter: UsageFilter, by period: UsagePeriod) throws -> [UsageSum] {
    var sums: [UsageSum] = []
    for client in try filter.client.map({ [$0] }) ?? usage.clients() {
      var found: [SumKey: UsageSum] = [:]
      try rated(client, filter) { row in
        let start = period.start(of: row.usage.hour)
        let key = SumKey(
          start: start, api: row.usage.api, operation: row.usage.operation, currency: row.price?.tariff.currency)
        let empty = UsageSum(
          client: client, api: key.api, operation: key.operation, start: Timestamp(seconds: Int64(start) * 3600),
          currency: key.currency)
        found[key, default: empty].counts.add(row.usage)
        found[key]!.amount += row.amount
      }
      sums += found.values
    }
    return sums.sorted {
      ($0.start, $0.client, $0.api, $0.operation, $0.currency?.rawValue ?? "")
        < ($1.start, $1.client, $1.api, $1.operation, $1.currency?.rawValue ?? "")
    }
  }

  private struct SumKey: Hashable {
    var start: Int
    var api: String
    var operation: String
    var currency: Currency?
  }

  /// Gives a client's rated rows by ascending hour. Rating begins with the month, whatever the filter's first hour.
  func rated(_ client: ClientID, _ filter: UsageFilter, _ body: (RatedRow) -> Void) throws {
    let registered = try clients.client(client)?.plans ?? []
    var rating = Rating(plans: try plans.plans(of: client, registered: registered))
    var whole = filter
    whole.client = client
    whole.fromHour = filter.fromHour.map { Month(containing: $0).startHour }
    for row in try usage.rows(whole) {
      let rated = rating.rate(row)
      if row.hour >= filter.fromHour ?? .min { body(rated) }
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
