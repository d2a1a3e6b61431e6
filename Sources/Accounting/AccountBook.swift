import Bytes
import Identifiers
import Store

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
