import Bytes
import Identifiers
import Store

/// One row of usage, with what it costs.
struct RatedRow: Equatable {
  let usage: UsageRow
  /// Nil when the operation has no price.
  let price: ClientPlans.Price?
  let portions: [Tariff.Portion]

  var amount: Amount { portions.reduce(.zero) { $0 + $1.price * $1.count } }
}

/// Turns counted calls into amounts, exactly.
///
/// The charged calls of a client to an operation are numbered in the order of their hours, from 1 in every UTC month; a plan that begins
/// within a month goes on counting where the one before it was, so that nobody reaches a tier, or a free quota, by changing plans. The
/// amount of an hour is what its own calls cost by their numbers: hours add up to days and days to the month's statement, to the last
/// millionth. Within an hour a charged call has no order, and all those of an operation are rated by one plan: plans change at midnight.
struct Rating {
  private struct Counter: Hashable {
    var month: Month
    var api: String
    var operation: String
  }

  private let plans: ClientPlans
  private var counted: [Counter: Int] = [:]
  private var month = Month(containing: 0)
  private var monthHours = 0..<0

  init(plans: ClientPlans) { self.plans = plans }

  /// Rates the next row.
  ///
  /// - Parameter row: rows of one client come by ascending hour, from the beginning of a month on.
  mutating func rate(_ row: UsageRow) -> RatedRow {
    if !monthHours.contains(row.hour) {
      month = Month(containing: row.hour)
      monthHours = month.startHour..<month.endHour
      counted.removeAll(keepingCapacity: true)
    }
    guard let price = plans.price(hour: row.hour, api: row.api, operation: row.operation) else {
      return RatedRow(usage: row, price: nil, portions: [])
    }
    let counter = Counter(month: month, api: row.api, operation: row.operation)
    let (before, count) = (counted[counter] ?? 0, price.tariff.charging.counts(row))
    counted[counter] = before + count
    return RatedRow(usage: row, price: price, portions: price.tariff.portions(after: before, count: count))
  }
}
