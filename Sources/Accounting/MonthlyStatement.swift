import Bytes
import Identifiers
import JOSE
import Store

/// What one client used in one month, and what it owes for it.
///
/// Every line is exact. A total is rounded once, at the end, to what can be paid in its currency (half away from zero); it is never a sum
/// of rounded lines.
public struct MonthlyStatement: Sendable, Equatable {
  /// Calls of one operation at one price.
  public struct Line: Sendable, Equatable {
    public var api: String
    public var operation: String
    /// Nil: the list prices.
    public var plan: String?
    public var planVersion: String?
    public var charging: Charging
    public var isFree: Bool
    public var price: Amount
    public var quantity: Int
    public var currency: Currency
    public var amount: Amount { price * quantity }
  }

  public struct Operation: Sendable, Equatable {
    public var api: String
    public var operation: String
    public var counts = UsageCounts()
  }

  public struct Total: Sendable, Equatable {
    public var currency: Currency
    public var exact: Amount
    public var rounded: Amount { exact.rounded(to: currency) }
  }

  public let client: ClientID
  public let clientName: String?
  public let month: Month
  public let madeAt: Timestamp
  /// The last entry of the ledger that is in it.
  public let countedUpTo: UInt64
  /// The month is over: nothing is added any more.
  public var isFinal: Bool { Int(madeAt.seconds) / 3600 >= month.endHour }
  /// False for a month to come, of which there is nothing.
  public var hasBegun: Bool { Int(madeAt.seconds) / 3600 >= month.startHour }
  public let operations: [Operation]
  public let lines: [Line]
  /// One for each day of the month.
  public let days: [UsageCounts]
  public let totals: [Total]
  /// SHA-256 over all prices that were used, in hexadecimal: two statements that have it in common, and the usage, are the same.
  public let pricesDigest: String

  /// The rule, for who reads a statement.
  public static let rounding = "lines are exact; each total is rounded once to the currency's smallest unit, half away from zero"
}

extension AccountBook {
  /// Makes the statement of a client for a month, from what is counted now. Blocks; never on a loop.
  ///
  /// - Throws: `AccountingError` when there is no such client or its plan cannot be; `StoreError`.
  public func statement(of client: ClientID, month: Month, at now: Timestamp) throws -> MonthlyStatement {
    let record = try clients.client(client)
    let countedUpTo = try usage.position().sequence
    var sheet = StatementSheet(month: month)
    try rated(client, UsageFilter(client: client, fromHour: month.startHour, toHour: month.endHour)) { sheet.add($0) }
    guard try record != nil || !sheet.isEmpty || usage.clients().contains(client) else { throw AccountingError.unknownClient }
    return MonthlyStatement(
      client: client, clientName: record?.name, month: month, madeAt: now, countedUpTo: countedUpTo,
      operations: sheet.operations.values.sorted { ($0.api, $0.operation) < ($1.api, $1.operation) }, lines: sheet.lines,
      days: sheet.days, totals: sheet.totals, pricesDigest: sheet.pricesDigest)
  }
}

/// A statement that is being added up.
private struct StatementSheet {
  private struct Item: Hashable {
    var api: String
    var operation: String
    var price: ClientPlans.Price
    var isFree: Bool
    var unit: Amount
  }

  let month: Month
  private let startHour: Int
  private(set) var days: [UsageCounts]
  private(set) var operations: [String: MonthlyStatement.Operation] = [:]
  private var quantities: [Item: Int] = [:]
  /// In the order in which they came up: by time, and so by plan and tier.
  private var items: [Item] = []

  init(month: Month) {
    self.month = month
    startHour = month.startHour
    days = [UsageCounts](repeating: UsageCounts(), count: month.days)
  }

  var isEmpty: Bool { operations.isEmpty }

  mutating func add(_ row: RatedRow) {
    let usage = row.usage
    days[(usage.hour - startHour) / 24].add(usage)
    let name = usage.api + " " + usage.operation
    operations[name, default: MonthlyStatement.Operation(api: usage.api, operation: usage.operation)].counts.add(usage)
    guard let price = row.price else { return }
    for portion in row.portions {
      let item = Item(
        api: usage.api, operation: usage.operation, price: price, isFree: portion.isFree, unit: portion.price)
      if quantities[item] == nil { items.append(item) }
      quantities[item, default: 0] += portion.count
    }
  }

  /// By operation; within it in the order of time.
  var lines: [MonthlyStatement.Line] {
    let order = items.enumerated().sorted {
      ($0.element.api, $0.element.operation, $0.offset) < ($1.element.api, $1.element.operation, $1.offset)
    }
    return order.map { _, item in
      MonthlyStatement.Line(
        api: item.api, operation: item.operation, plan: item.price.plan, planVersion: item.price.version,
        charging: item.price.tariff.charging, isFree: item.isFree, price: item.unit, quantity: quantities[item]!,
        currency: item.price.tariff.currency)
    }
  }

  var totals: [MonthlyStatement.Total] {
    var sums: [Currency: Amount] = [:]
    for line in lines { sums[line.currency, default: .zero] += line.amount }
    return sums.sorted { $0.key < $1.key }.map { MonthlyStatement.Total(currency: $0.key, exact: $0.value) }
  }

  var pricesDigest: String {
    let texts = Set(items.map { "\($0.api) \($0.operation) \(text($0.price))" })
    return SHA256.digest(Array(texts.sorted().joined(separator: "\n").utf8)).hex
  }

  private func text(_ price: ClientPlans.Price) -> String {
    let tariff = price.tariff
    let steps = tariff.steps.map { "\($0.from):\($0.price)" }.joined(separator: ",")
    return
      "\(price.plan ?? "") \(price.version ?? "") \(tariff.currency) \(tariff.charging.rawValue) \(tariff.freePerMonth) \(steps)"
  }
}
